/**
 * Which of a process' messages answers a message that was sent to it. Two conventions name it: the fleet's library and many others
 * carry the `Correlation-Id` of the request (or its id where it had none), and aos' own `msg.reply` carries the request's `Reference`
 * as `X-Reference`. What a program of aos 1.x, or one that answers with `ao.send`, says by neither is known only by where it was
 * said: in the evaluation of the request, or of a message that was pushed for it. Pure.
 */
import type { OutMessage, Tags } from "./port.ts";

/** A message that was sent, by all that a reply may name it with. */
export interface Asked {
  /** Who sent it, and so who is answered. */
  readonly address: string;
  readonly messageId: string;
  /** Its tags. */
  readonly tags: Tags;
}

/**
 * `ours`: it names the request · `unnamed`: it goes to who asked and names no request · `other`: it goes to somebody else, answers
 * another request, or is a notice that answers none.
 */
export type Relation = "ours" | "unnamed" | "other";

/** How a message of the process' outbox relates to a request. */
export function relationOf({ target, tags }: OutMessage, asked: Asked): Relation {
  if (target !== asked.address || tags["Fleet-Notice"] !== undefined) return "other";
  const correlation = tags["Correlation-Id"] || undefined;
  const reference = tags["X-Reference"] || undefined;
  if (correlation !== undefined && [asked.tags["Correlation-Id"], asked.messageId].includes(correlation))
    return "ours";
  // aos answers with the reference that a forwarder passed on, where there was one.
  if (reference !== undefined && reference === (asked.tags["X-Reference"] ?? asked.tags.Reference))
    return "ours";
  return correlation === undefined && reference === undefined ? "unnamed" : "other";
}

/** The reply in the request's own evaluation, or in that of a message that was pushed for it: one that names it, else one that names none. */
export function replyAmong(messages: readonly OutMessage[], asked: Asked): OutMessage | undefined {
  const named = replyNaming(messages, asked);
  return (
    named ??
    preferred(
      messages.filter((message) => relationOf(message, asked) === "unnamed"),
      asked,
    )
  );
}

/** The reply among messages of any evaluation: only one that names the request. */
export function replyNaming(messages: readonly OutMessage[], asked: Asked): OutMessage | undefined {
  return preferred(
    messages.filter((message) => relationOf(message, asked) === "ours"),
    asked,
  );
}

/** Of several, the one whose action says that it is the answer; else the first. */
function preferred(messages: readonly OutMessage[], { tags }: Asked): OutMessage | undefined {
  const answers = [`${tags.Action}-Response`, "Error-Response"];
  return messages.find((message) => answers.includes(message.tags.Action ?? "")) ?? messages[0];
}

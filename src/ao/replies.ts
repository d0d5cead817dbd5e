/**
 * Finds the reply to a request among a process' messages. Two conventions name the request: the fleet's library and many others
 * repeat its `Correlation-Id` (or its id if it had none), and aos' own `msg.reply` repeats its `Reference` as `X-Reference`. Replies
 * of aos 1.x programs, and those sent with `ao.send`, follow neither and are recognised only by where they are: in the evaluation of
 * the request, or of a message that was pushed for it. Pure.
 */
import type { OutMessage, Tags } from "./port.ts";

/** A request, with everything that a reply can refer to. */
export interface SentRequest {
  /** The sender, and so the recipient of the reply. */
  readonly address: string;
  readonly messageId: string;
  /** Its tags. */
  readonly tags: Tags;
}

/**
 * `ours`: it names the request · `unnamed`: it goes to the requester and names no request · `other`: it goes to another address,
 * answers another request, or is a notice that answers none.
 */
type Relation = "ours" | "unnamed" | "other";

/** How a message of the process' outbox relates to a request. */
export function relationOf({ target, tags }: OutMessage, asked: SentRequest): Relation {
  if (target !== asked.address || tags["Fleet-Notice"] !== undefined) return "other";
  const correlation = tags["Correlation-Id"] || undefined;
  const reference = tags["X-Reference"] || undefined;
  if (correlation !== undefined && [asked.tags["Correlation-Id"], asked.messageId].includes(correlation))
    return "ours";
  // aos replies with the reference that a forwarder passed on, if there was one.
  if (reference !== undefined && reference === (asked.tags["X-Reference"] ?? asked.tags.Reference))
    return "ours";
  return correlation === undefined && reference === undefined ? "unnamed" : "other";
}

/** The reply in the request's own evaluation, or in that of a message pushed for it: one that names the request, else one that names none. */
export function replyAmong(messages: readonly OutMessage[], asked: SentRequest): OutMessage | undefined {
  const named = replyNaming(messages, asked);
  return (
    named ??
    preferred(
      messages.filter((message) => relationOf(message, asked) === "unnamed"),
      asked,
    )
  );
}

/** The reply in any other evaluation: only a message that names the request. */
export function replyNaming(messages: readonly OutMessage[], asked: SentRequest): OutMessage | undefined {
  return preferred(
    messages.filter((message) => relationOf(message, asked) === "ours"),
    asked,
  );
}

/** Of several candidates, the one whose action marks it as a response; else the first. */
function preferred(messages: readonly OutMessage[], { tags }: SentRequest): OutMessage | undefined {
  const answers = [`${tags.Action}-Response`, "Error-Response"];
  return messages.find((message) => answers.includes(message.tags.Action ?? "")) ?? messages[0];
}

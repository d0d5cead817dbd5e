/**
 * Finds the reply to a request among a process' messages. Two conventions name the request: the fleet's library and many others
 * repeat its `Correlation-Id` (or its id if it had none), and aos' own `msg.reply` repeats its `Reference` as `X-Reference`. Replies
 * of aos 1.x programs, and those sent with `ao.send`, follow neither and are recognised only by where they are: in the evaluation of
 * the request, or of a message that was pushed for it. What the library says was sent for another request is a reply to none of them. Pure.
 */
import type { OutMessage, Tags } from "./port.ts";

/** A request, with everything that a reply can refer to. */
export interface SentRequest {
  /** The sender, and so the recipient of the reply. */
  readonly address: string;
  readonly messageId: string;
  /** Its tags. */
  readonly tags: Tags;
  /** False if the process has no library: what its messages say of the request that they were sent for may be copied from another message. */
  readonly lib?: false | undefined;
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

/**
 * The reply in the request's own evaluation, or in that of a message pushed for it: one that names the request, else one that names none. Neither if the
 * library says that it was sent for another request, such as by a handler of somebody else that waited for any message.
 */
export function replyAmong(messages: readonly OutMessage[], asked: SentRequest): OutMessage | undefined {
  // A node evaluates a dry run, which has no id, as the message of somebody else.
  const isDry = asked.messageId === "";
  const own = messages.filter(({ tags }) => isDry || saysSentFor(tags, asked) !== false);
  const unnamed = own.filter((message) => relationOf(message, asked) === "unnamed");
  return replyNaming(own, asked) ?? preferred(unnamed, asked);
}

/** Of messages sent for the request, the one that names it. */
function replyNaming(messages: readonly OutMessage[], asked: SentRequest): OutMessage | undefined {
  return preferred(
    messages.filter((message) => relationOf(message, asked) === "ours"),
    asked,
  );
}

/**
 * The reply in any other evaluation: a message that names the request, and that the process' library says was sent for it. The ids of a request are
 * public, and anybody can have a plain program send a message with any ids to any address, by `Reply-To` and `X-Reference`.
 *
 * @param chains whether the network names the chain of each message (`Ao.chains`), so that a reply without that tag is found there. Elsewhere
 *   the ids are all there is of a reply of a program without the library.
 */
export function replyElsewhere(
  messages: readonly OutMessage[],
  asked: SentRequest,
  chains: boolean,
): OutMessage | undefined {
  return replyNaming(
    messages.filter(({ tags }) => saysSentFor(tags, asked) ?? !chains),
    asked,
  );
}

/** The tag by which the library names the request that a message was sent for (`src/runtime/fleet/sent-for.lua`). */
const SENT_FOR = "Fleet-Sent-For";

/** Whether the library of the process says that a message was sent for the request; undefined if no library says anything. */
export function saysSentFor({ [SENT_FOR]: said }: Tags, asked: SentRequest): boolean | undefined {
  if (asked.lib === false || said === undefined) return undefined;
  // The sender of the request, the sender's number of it, and the message that was handled; "-" stands for none.
  const [from, reference = "", messageId = "", ...more] = said.split(" ");
  const isWhole = messageId !== "" && more.length === 0;
  return isWhole && from === asked.address && [asked.tags.Reference ?? "-", "-"].includes(reference);
}

/** Of several candidates, the one whose action marks it as a response; else the first. */
function preferred(messages: readonly OutMessage[], { tags }: SentRequest): OutMessage | undefined {
  const answers = [`${tags.Action}-Response`, "Error-Response"];
  return messages.find((message) => answers.includes(message.tags.Action ?? "")) ?? messages[0];
}

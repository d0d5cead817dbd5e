import type { Scheduled } from "../port.ts";
import { firstOf, type TagList } from "./tags.ts";

/**
 * The signer of a message, and the process that its first `From-Process` tag names. Anybody can write that tag, so the name is a claim
 * until `withSenders` has judged it. Pure.
 */
export function claimedSender(tags: Readonly<TagList>, signer: string): Pick<Scheduled, "from" | "claims"> {
  const named = firstOf(tags, "From-Process") || signer;
  return named === signer || signer === "" ? { from: named } : { from: signer, claims: named };
}

/** The process that a message was sent to, if that is not the one that has it in its order. An upload was sent to none. Pure. */
export const sentElsewhere = (
  target: string | null | undefined,
  processId: string,
): Pick<Scheduled, "sentTo"> => (target && target !== processId ? { sentTo: target } : {});

/**
 * Believes a claim, and what a message says of its chain, only if an authority of the receiving process pushed it, as aos does: every other sender
 * is the signer.
 *
 * @param authorities reads the receiver's authorities; called only if a message has a claim
 */
export async function withSenders(
  messages: readonly Scheduled[],
  authorities: () => Promise<ReadonlySet<string>>,
): Promise<Scheduled[]> {
  const hasClaims = messages.some(({ claims }) => claims !== undefined);
  const trusted = hasClaims ? await authorities() : new Set<string>();
  return messages.map((message) => {
    const { claims, pushedFor, ...rest } = message;
    if (claims === undefined) return rest;
    if (!trusted.has(message.from)) return { ...rest, claims };
    return { ...rest, from: claims, ...(pushedFor === undefined ? {} : { pushedFor }) };
  });
}

/** What a message says of its chain: a messenger's own is the last tag of all. For what a cron caused it appends none, so another one is the program's. Pure. */
export function claimedChain(tags: Readonly<TagList>): Pick<Scheduled, "pushedFor"> {
  const last = tags.at(-1);
  return last?.name === "Pushed-For" ? { pushedFor: last.value } : {};
}

/** The authorities that a spawn names: each tag, and each address of a list. Pure. */
export const authoritiesIn = (tags: Readonly<TagList>): ReadonlySet<string> =>
  new Set(
    tags
      .filter(({ name }) => name.toLowerCase() === "authority")
      .flatMap(({ value }) => value.split(/[\s,"]+/))
      .filter((address) => address !== ""),
  );

import type { Assignment, EvaluatedMessage, ItemRecord, Tag } from "../types.ts";

const text = new TextDecoder("utf-8", { fatal: true });

/** Who a message is from: the process that a messenger unit speaks for, else the signer. Trust is the process' own matter. */
export function fromOf(tags: readonly Tag[], owner: string): string {
  return tags.find(({ name }) => name === "From-Process")?.value || owner;
}

/** A message as a module's `handle` gets it. */
export function evaluatedMessage(
  assignment: Assignment,
  item: ItemRecord,
  data: Uint8Array,
): EvaluatedMessage {
  const forwarded = item.tags.some(({ name }) => name === "From-Process");
  const content = assignment.exclude.includes("Data") ? undefined : asText(data);
  return {
    Id: item.id,
    Signature: item.signature,
    ...(content === undefined ? {} : { Data: content }),
    Owner: item.owner,
    // An assigned message keeps its own recipient: that is how a process recognises an assignment.
    Target: assignment.assigned ? item.target : assignment.process,
    Anchor: item.anchor,
    From: fromOf(item.tags, item.owner),
    ...(forwarded ? { "Forwarded-By": item.owner } : {}),
    // `From` and `Owner` as tags would let a sender pose as another.
    Tags: item.tags.filter(({ name }) => name !== "From" && name !== "Owner"),
    Epoch: 0,
    Nonce: assignment.nonce,
    Timestamp: assignment.timestamp,
    "Block-Height": assignment.height,
    "Hash-Chain": assignment.hashChain,
    Cron: false,
  };
}

/** Data as text; undefined when it is none, as a scheduler unit leaves it out then. */
export function asText(data: Uint8Array): string | undefined {
  try {
    return text.decode(data);
  } catch {
    return undefined;
  }
}

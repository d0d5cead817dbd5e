import type { Assignment, EvaluatedMessage, ItemRecord, Tag } from "../types.ts";

const text = new TextDecoder("utf-8", { fatal: true });

/** The sender of a message: the process that a messenger unit pushes for, else the signer. The process itself decides about trust. */
export function fromOf(tags: readonly Tag[], owner: string): string {
  return tags.find(({ name }) => name === "From-Process")?.value || owner;
}

/** A message as passed to a module's `handle`. */
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
    // An assigned message keeps its own recipient, by which a process recognises an assignment.
    Target: assignment.assigned ? item.target : assignment.process,
    Anchor: item.anchor,
    From: fromOf(item.tags, item.owner),
    ...(forwarded ? { "Forwarded-By": item.owner } : {}),
    // Tags named `From` or `Owner` would let a sender impersonate another.
    Tags: item.tags.filter(({ name }) => name !== "From" && name !== "Owner"),
    Epoch: 0,
    Nonce: assignment.nonce,
    Timestamp: assignment.timestamp,
    "Block-Height": assignment.height,
    "Hash-Chain": assignment.hashChain,
    Cron: false,
  };
}

/** Data as text; undefined if it is not text, because scheduler units then omit it. */
export function asText(data: Uint8Array): string | undefined {
  try {
    return text.decode(data);
  } catch {
    return undefined;
  }
}

import { createHash } from "node:crypto";
import type { Assignment, Tag } from "../types.ts";

/** The place of the next entry in a process' order. Pure: the same past yields the same place. */
interface Place {
  readonly nonce: number;
  readonly hashChain: string;
  /** Milliseconds, never before the entry that precedes it. */
  readonly timestamp: number;
}

export function nextPlace(last: ChainEntry | undefined, now: number): Place {
  if (last === undefined) return { nonce: 0, hashChain: "", timestamp: now };
  return {
    nonce: last.nonce + 1,
    hashChain: linkAfter(last),
    timestamp: Math.max(now, last.timestamp),
  };
}

/** The part of an entry that the next one depends on. */
export type ChainEntry = Pick<Assignment, "id" | "nonce" | "hashChain" | "timestamp">;

/** The hash chain of the next entry. */
function linkAfter({ hashChain, id }: ChainEntry): string {
  const link = Buffer.concat([Buffer.from(hashChain, "base64url"), Buffer.from(id, "base64url")]);
  return createHash("sha256").update(link).digest("base64url");
}

/** Whether an entry continues the chain of the previously evaluated one. */
export function isNextInChain(earlier: ChainEntry | undefined, next: ChainEntry): boolean {
  return earlier === undefined ? next.nonce === 0 : next.hashChain === linkAfter(earlier);
}

/** The tags of an assignment item, as a scheduler unit signs them. */
export function assignmentTags(input: {
  readonly process: string;
  readonly message: string | null;
  readonly place: Place;
  readonly height: number;
  readonly exclude: readonly string[];
}): Tag[] {
  const { process, message, place, height, exclude } = input;
  return [
    { name: "Process", value: process },
    { name: "Epoch", value: "0" },
    { name: "Nonce", value: String(place.nonce) },
    { name: "Hash-Chain", value: place.hashChain },
    { name: "Block-Height", value: paddedHeight(height) },
    { name: "Timestamp", value: String(place.timestamp) },
    { name: "Data-Protocol", value: "ao" },
    { name: "Type", value: "Assignment" },
    { name: "Variant", value: "ao.TN.1" },
    ...(message === null ? [] : [{ name: "Message", value: message }]),
    ...exclude.map((value) => ({ name: "Exclude", value })),
  ].filter(({ value }) => value !== "");
}

/** `000001500000`: scheduler units write heights with twelve digits. */
export function paddedHeight(height: number): string {
  return String(height).padStart(12, "0");
}

/** Identity of a pushed message by its content: the same push, signed twice, is one message. */
export function deepHash(item: {
  readonly target: string;
  readonly anchor: string;
  readonly tags: readonly Tag[];
  readonly data: Uint8Array;
}): string {
  const tags = item.tags
    .filter(({ name }) => name !== "Pushed-For")
    .map(({ name, value }) => [name, value])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0));
  return createHash("sha256")
    .update(JSON.stringify([item.target, item.anchor, tags]))
    .update(item.data)
    .digest("base64url");
}

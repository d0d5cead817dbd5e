import { createHash } from "node:crypto";
import { isExactNumber } from "./json.ts";

/** Lower-case hex sha256 of a string (as UTF-8) or of bytes. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

const SURROGATE = /[\ud800-\udfff]/;

/** By code point, as languages with byte strings sort UTF-8; JavaScript's own order differs beyond U+FFFF. */
export function byCodePoint(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** JSON with keys sorted by code point and no white space: equal data gives equal strings. `undefined` members are omitted. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== "object" || isExactNumber(value))
    return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => byCodePoint(a, b))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

/** The content address of plain data. */
export function hashOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** A hash in a sentence: its first eight characters, or `none`. */
export const shortHash = (hash: string): string => (hash === "" ? "none" : hash.slice(0, 8));

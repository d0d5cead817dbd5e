/**
 * ANS-104 data items: their bytes, and what their signature signs. A message, a spawn and a published file are such items.
 *
 * | bytes | content |
 * |---|---|
 * | 2 | type of the signature |
 * | by type | signature, then public key of the owner |
 * | 1 or 33 | 1 and the target, or 0 |
 * | 1 or 33 | 1 and the anchor, or 0 |
 * | 8, 8 | number of tags, their bytes |
 * | | tags (an Avro array of pairs of strings), then data |
 */
import { createHash, createPublicKey, verify } from "node:crypto";

/** A tag of an item. */
interface ItemTag {
  readonly name: string;
  readonly value: string;
}

/** The parts of an item, as they are in its bytes. */
export interface Item {
  readonly signatureType: number;
  readonly signature: Buffer;
  /** The public key. */
  readonly owner: Buffer;
  /** 32 bytes, or none. */
  readonly target: Buffer;
  /** 32 bytes, or none. */
  readonly anchor: Buffer;
  readonly tagCount: number;
  /** The encoded tags. */
  readonly rawTags: Buffer;
  readonly data: Buffer;
  readonly dataOffset: number;
}

/** Lengths of signature and public key in bytes, by the type of the signature. */
const SIGNATURES: Readonly<Record<number, { readonly signature: number; readonly owner: number }>> = {
  /** Arweave: RSA-PSS with 4,096 bits. */
  1: { signature: 512, owner: 512 },
  /** Ed25519. */
  2: { signature: 64, owner: 32 },
  /** Ethereum: secp256k1. */
  3: { signature: 65, owner: 65 },
  /** Solana: Ed25519. */
  4: { signature: 64, owner: 32 },
};

/** The maximum size of an item's encoded tags in bytes. */
const MAX_TAG_BYTES = 4096;

/** The id of an item: base64url of the sha256 of its signature. */
export const itemId = (signature: Uint8Array): string =>
  createHash("sha256").update(signature).digest("base64url");

/** Reads the parts of an item. @throws Error if the bytes are not an item with a signature of a known type */
export function readItem(raw: Uint8Array): Item {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error("the item ends too early");
    at += length;
    return bytes.subarray(at - length, at);
  };
  const signatureType = take(2).readUInt16LE();
  const lengths = SIGNATURES[signatureType];
  if (lengths === undefined) throw new Error(`unknown type of signature: ${signatureType}`);
  const signature = take(lengths.signature);
  const owner = take(lengths.owner);
  const optional = () => (take(1)[0] === 1 ? take(32) : Buffer.alloc(0));
  const target = optional();
  const anchor = optional();
  const tagCount = Number(take(8).readBigUInt64LE());
  const rawTags = take(Number(take(8).readBigUInt64LE()));
  const data = bytes.subarray(at);
  return { signatureType, signature, owner, target, anchor, tagCount, rawTags, data, dataOffset: at };
}

/** The tags of an item. @throws Error if they are not encoded as ANS-104 requires */
export function itemTags({ tagCount, rawTags }: Pick<Item, "tagCount" | "rawTags">): ItemTag[] {
  if (tagCount === 0) return [];
  const tags: ItemTag[] = [];
  let at = 0;
  const long = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = rawTags[at++];
      if (byte === undefined || shift > 63n) throw new Error("the tags end too early");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
    }
  };
  const text = (): string => {
    const length = long();
    if (length < 0 || at + length > rawTags.length) throw new Error("the tags end too early");
    at += length;
    return rawTags.toString("utf8", at - length, at);
  };
  for (let count = long(); count !== 0; count = long()) {
    // A negative count is followed by the block's size.
    if (count < 0) long();
    for (let left = Math.abs(count); left > 0; left -= 1) tags.push({ name: text(), value: text() });
  }
  return tags;
}

/** Encodes tags. @throws Error beyond 4,096 bytes */
function encodeTags(tags: readonly ItemTag[]): Buffer {
  if (tags.length === 0) return Buffer.alloc(0);
  const parts: Buffer[] = [];
  const long = (value: number) => {
    const bytes: number[] = [];
    let rest = BigInt(value) * 2n;
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    parts.push(Buffer.from(bytes));
  };
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    long(bytes.length);
    parts.push(bytes);
  };
  long(tags.length);
  for (const { name, value } of tags) {
    text(name);
    text(value);
  }
  long(0);
  const encoded = Buffer.concat(parts);
  if (encoded.length > MAX_TAG_BYTES)
    throw new Error(`Too many tag bytes (${encoded.length} > ${MAX_TAG_BYTES})`);
  return encoded;
}

/** The fields of an item before it is signed. */
export interface UnsignedItem {
  readonly data: string | Uint8Array;
  readonly tags: readonly ItemTag[];
  /** base64url of 32 bytes. */
  readonly target?: string | undefined;
  /** 32 bytes as text. */
  readonly anchor?: string | undefined;
}

/** What signs an item. */
export interface ItemKey {
  readonly signatureType: number;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** Signs an item. @returns its bytes. @throws Error for a target or an anchor that is not 32 bytes, and for too many tags */
export function signItem(fields: UnsignedItem, key: ItemKey): Buffer {
  const owner = Buffer.from(key.publicKey);
  const target = Buffer.from(fields.target ?? "", "base64url");
  const anchor = Buffer.from(fields.anchor ?? "");
  for (const [name, bytes] of [["Target", target] as const, ["Anchor", anchor] as const])
    if (bytes.length !== 0 && bytes.length !== 32)
      throw new Error(`${name} must be 32 bytes but was incorrectly ${bytes.length}`);
  const rawTags = encodeTags(fields.tags);
  const data = typeof fields.data === "string" ? Buffer.from(fields.data) : Buffer.from(fields.data);
  const parts = { signatureType: key.signatureType, owner, target, anchor, rawTags, data };
  const optional = (bytes: Buffer) => [Buffer.from([bytes.length === 0 ? 0 : 1]), bytes];
  const type = Buffer.alloc(2);
  type.writeUInt16LE(key.signatureType);
  const counts = Buffer.alloc(16);
  counts.writeBigUInt64LE(BigInt(fields.tags.length));
  counts.writeBigUInt64LE(BigInt(rawTags.length), 8);
  const signature = Buffer.from(key.sign(signedMessage(parts)));
  return Buffer.concat([
    type,
    signature,
    owner,
    ...optional(target),
    ...optional(anchor),
    counts,
    rawTags,
    data,
  ]);
}

/** The bytes that an item's signature signs: a deep hash of its parts. */
export function signedMessage(
  item: Pick<Item, "signatureType" | "owner" | "target" | "anchor" | "rawTags" | "data">,
): Buffer {
  const { signatureType, owner, target, anchor, rawTags, data } = item;
  const parts = ["dataitem", "1", String(signatureType), owner, target, anchor, rawTags, data];
  const sha384 = (...bytes: readonly (string | Uint8Array)[]): Buffer => {
    const hash = createHash("sha384");
    for (const each of bytes) hash.update(each);
    return hash.digest();
  };
  return parts.reduce<Buffer>(
    (all, part) => {
      const length = typeof part === "string" ? Buffer.byteLength(part) : part.length;
      return sha384(all, sha384(sha384(`blob${length}`), sha384(part)));
    },
    sha384(`list${parts.length}`),
  );
}

/** Whether the tags of an item are those that it counts, and not too many. */
export function hasValidTags(item: Item): boolean {
  try {
    return item.rawTags.length <= MAX_TAG_BYTES && itemTags(item).length === item.tagCount;
  } catch {
    return false;
  }
}

const SPKI_ED25519 = Buffer.from("302a300506032b6570032100", "hex");
const RSA_PSS = { padding: 6 /* RSA_PKCS1_PSS_PADDING */, saltLength: -2 /* RSA_PSS_SALTLEN_AUTO */ };

/** Whether an item's signature is its owner's; undefined for a type that is not checked here. */
export function hasValidSignature(item: Item): boolean | undefined {
  const message = signedMessage(item);
  if (item.signatureType === 1) {
    const jwk = { kty: "RSA", n: item.owner.toString("base64url"), e: "AQAB" };
    return verify(
      "sha256",
      message,
      { key: createPublicKey({ key: jwk, format: "jwk" }), ...RSA_PSS },
      item.signature,
    );
  }
  if (item.signatureType !== 2 && item.signatureType !== 4) return undefined;
  const key = createPublicKey({
    key: Buffer.concat([SPKI_ED25519, item.owner]),
    format: "der",
    type: "spki",
  });
  // Solana's wallets sign the message as text.
  const text = Buffer.from(message.toString("hex"));
  return verify(null, item.signatureType === 4 ? text : message, key, item.signature);
}

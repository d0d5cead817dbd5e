import { createHash, createPrivateKey, createPublicKey, sign as signBytes } from "node:crypto";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import {
  hasValidSignature,
  hasValidTags,
  type Item,
  itemId,
  itemTags,
  readItem,
  signedMessage,
  signItem,
  type UnsignedItem,
} from "../core/ans104.ts";
import type { Tag } from "./types.ts";

export type { UnsignedItem as ItemFields } from "../core/ans104.ts";

/** A parsed ANS-104 data item. */
export interface ParsedItem {
  readonly id: string;
  readonly owner: string;
  readonly ownerKey: string;
  readonly signature: string;
  readonly target: string;
  readonly anchor: string;
  readonly tags: readonly Tag[];
  readonly raw: Buffer;
  readonly dataOffset: number;
}

/** True if the bytes are a data item with a valid signature. Never throws. */
export async function isSigned(raw: Uint8Array): Promise<boolean> {
  try {
    const item = readItem(raw);
    return hasValidTags(item) && (hasValidSignature(item) ?? isSignedByEthereum(item));
  } catch {
    return false;
  }
}

/** Whether a wallet of Ethereum signed the item, as a personal message (ERC-191). */
function isSignedByEthereum(item: Item): boolean {
  const message = signedMessage(item);
  const text = Buffer.from(`\x19Ethereum Signed Message:\n${message.length}`);
  const hash = keccak_256(Buffer.concat([text, message]));
  // Without its last byte, by which a key could be recovered.
  return secp256k1.verify(item.signature.subarray(0, 64), hash, item.owner, { prehash: false });
}

/** Parses a data item; throws if the bytes are not one. Does not check the signature: see `isSigned`. */
export function parseItem(bytes: Uint8Array): ParsedItem {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const item = readItem(raw);
  return {
    id: itemId(item.signature),
    owner: addressOf(item.owner),
    ownerKey: item.owner.toString("base64url"),
    signature: item.signature.toString("base64url"),
    target: item.target.toString("base64url"),
    anchor: item.anchor.toString("utf8"),
    tags: itemTags(item),
    raw,
    dataOffset: item.dataOffset,
  };
}

/** base64url sha256 of a public key. */
function addressOf(publicKey: Uint8Array): string {
  return createHash("sha256").update(publicKey).digest("base64url");
}

/** Signs data items. The same fields always yield the same bytes, so repeating an operation creates no second item. */
export interface ItemSigner {
  readonly address: string;
  sign(fields: UnsignedItem): Promise<ParsedItem>;
}

const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * A signer from 32 secret bytes (hex). Ed25519 (ANS-104 signature type 2), not RSA: keys are cheap to generate, and the
 * signatures are deterministic, which makes every push of the units idempotent across a crash.
 */
export function itemSigner(seed: string): ItemSigner {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, Buffer.from(seed, "hex")]),
    format: "der",
    type: "pkcs8",
  });
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const sign = (message: Uint8Array) => signBytes(null, message, key);
  return {
    address: addressOf(publicKey),
    sign: async (fields) => parseItem(signItem(fields, { signatureType: 2, publicKey, sign })),
  };
}

import { createHash, createPrivateKey, createPublicKey, sign as signBytes } from "node:crypto";
import { createData, DataItem, type Signer } from "@dha-team/arbundles";
import type { Tag } from "./types.ts";

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
    return await DataItem.verify(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength));
  } catch {
    return false;
  }
}

/** Parses a data item; throws if the bytes are not one. Does not check the signature: see `isSigned`. */
export function parseItem(bytes: Uint8Array): ParsedItem {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const item = new DataItem(raw);
  return {
    id: item.id,
    owner: addressOf(item.rawOwner),
    ownerKey: item.owner,
    signature: item.signature,
    target: item.target,
    anchor: item.rawAnchor.toString("utf8"),
    tags: item.tags.map(({ name, value }) => ({ name, value })),
    raw,
    dataOffset: item.getStartOfData(),
  };
}

/** base64url sha256 of a public key. */
function addressOf(publicKey: Uint8Array): string {
  return createHash("sha256").update(publicKey).digest("base64url");
}

export interface ItemFields {
  readonly data: string | Uint8Array;
  readonly tags: readonly Tag[];
  readonly target?: string;
  /** 32 bytes. */
  readonly anchor?: string;
}

/** Signs data items. The same fields always yield the same bytes, so repeating an operation creates no second item. */
export interface ItemSigner {
  readonly address: string;
  sign(fields: ItemFields): Promise<ParsedItem>;
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
  const signer: Signer = {
    publicKey,
    signatureType: 2,
    signatureLength: 64,
    ownerLength: 32,
    sign: (message: Uint8Array) => signBytes(null, message, key),
  };
  return {
    address: addressOf(publicKey),
    async sign(fields) {
      const item = createData(fields.data, signer, {
        tags: fields.tags.map(({ name, value }) => ({ name, value })),
        ...(fields.target === undefined ? {} : { target: fields.target }),
        ...(fields.anchor === undefined ? {} : { anchor: fields.anchor }),
      });
      await item.sign(signer);
      return parseItem(item.getRaw());
    },
  };
}

import { createHash } from "node:crypto";

/** The fields of an ANS-104 data item, before it is signed. */
export interface ItemFields {
  /** The body. */
  readonly data: string | Uint8Array;
  /** Name and value pairs, in order. At most 4,096 bytes in total. */
  readonly tags: readonly { readonly name: string; readonly value: string }[];
  /** The recipient process; none for a spawn. */
  readonly target?: string | undefined;
  /** 32 bytes chosen by the sender; none by default. */
  readonly anchor?: string | undefined;
}

/** A signed data item. */
export interface SignedItem {
  /** base64url of the sha256 of the signature: known before the item is sent. */
  readonly id: string;
  /** The bytes that are sent. */
  readonly raw: Uint8Array;
}

/** The signer of everything that a fleet does. The key itself cannot be read from it. */
export interface Wallet {
  /** base64url sha256 of the public modulus. */
  readonly address: string;
  /** Signs a data item. Signing twice yields two different items, because the signature is salted. */
  sign(fields: ItemFields): Promise<SignedItem>;
}

/** Bytes of an RSA-4096 modulus, and of a signature by such a key. */
export const KEY_BYTES = 512;

/** The number of Arweave's keys and signatures in ANS-104. */
const ARWEAVE = 1;

/** The wallet of a public key. @param signature signs bytes: RSA-PSS with SHA-256, 512 bytes */
export function walletOf(modulus: Buffer, signature: (bytes: Uint8Array) => Promise<Uint8Array>): Wallet {
  return {
    address: createHash("sha256").update(modulus).digest("base64url"),
    async sign({ data, tags, target, anchor }) {
      // Loaded at the first signature: a preview signs no message and should not wait for the library.
      const { createData } = await import("@dha-team/arbundles");
      const signer = {
        ...{ publicKey: modulus, signatureType: ARWEAVE, ownerLength: KEY_BYTES, signatureLength: KEY_BYTES },
        sign: signature,
      };
      const item = createData(data, signer, {
        tags: tags.map(({ name, value }) => ({ name, value })),
        ...(target === undefined ? {} : { target }),
        ...(anchor === undefined ? {} : { anchor }),
      });
      await item.sign(signer);
      return { id: item.id, raw: new Uint8Array(item.getRaw()) };
    },
  };
}

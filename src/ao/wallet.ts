import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { FleetError, type Problem } from "../core/errors.ts";

/** The fields of an ANS-104 data item, before it is signed. */
export interface ItemFields {
  /** The body. */
  readonly data: string | Uint8Array;
  /** Name and value pairs, in order. At most 4,096 bytes together. */
  readonly tags: readonly { readonly name: string; readonly value: string }[];
  /** The process that it is for; none for a spawn. */
  readonly target?: string | undefined;
  /** 32 bytes of the sender's choice; none by default. */
  readonly anchor?: string | undefined;
}

/** A signed data item. */
export interface SignedItem {
  /** base64url of the sha256 of the signature: known before any network saw the item. */
  readonly id: string;
  /** The bytes that are sent. */
  readonly raw: Uint8Array;
}

/** The signer of everything that a fleet does. The key itself cannot be read from it. */
export interface Wallet {
  /** base64url sha256 of the public modulus. */
  readonly address: string;
  /** Signs a data item. Signing twice gives two different items: the signature is salted. */
  sign(fields: ItemFields): Promise<SignedItem>;
}

/** Where the key comes from: a file, or its content (an object or the JSON text of it). */
export type WalletSource = { readonly path: string } | { readonly jwk: unknown };

const part = z.string().regex(/^[A-Za-z0-9_-]+$/);
const JwkSchema = z.object({
  kty: z.literal("RSA"),
  n: part,
  e: part,
  d: part,
  p: part,
  q: part,
  dp: part,
  dq: part,
  qi: part,
});
type Jwk = z.infer<typeof JwkSchema>;

/**
 * Reads and checks an Arweave wallet (an RSA-4096 private key as JWK, RFC 7517).
 *
 * @throws FleetError `WALLET_MISSING`, `WALLET_UNREADABLE`, `WALLET_EXPOSED` (others of the machine may read the file) or
 * `WALLET_INVALID`. No text of an error holds any part of the key.
 */
export async function loadWallet(source: WalletSource): Promise<Wallet> {
  const at = "path" in source ? source.path : "the wallet that was given";
  const jwk = parseJwk("path" in source ? await readPrivate(source.path) : source.jwk, at);
  const address = createHash("sha256").update(Buffer.from(jwk.n, "base64url")).digest("base64url");
  return {
    address,
    async sign({ data, tags, target, anchor }) {
      // Loaded at the first signature: the library takes longer to load than a preview that signs nothing should wait.
      const { ArweaveSigner, createData } = await import("@dha-team/arbundles");
      const signer = new ArweaveSigner(jwk);
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

async function readPrivate(path: string): Promise<string> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      throw walletError({
        code: "WALLET_EXPOSED",
        what: `The wallet ${path} can be read or written by other users of this machine`,
        got: `mode ${(mode & 0o777).toString(8)}`,
        expected: "a file that only its owner may read (mode 600)",
        remedy: `Run: chmod 600 ${path}`,
      });
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof FleetError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    if (code === "ENOENT") {
      throw walletError({
        code: "WALLET_MISSING",
        what: `There is no wallet at ${path}`,
        expected: "an Arweave key file (JWK, JSON)",
        remedy: "Give the path of your key file, or export one from your Arweave wallet.",
      });
    }
    throw walletError({
      code: "WALLET_UNREADABLE",
      what: `The wallet ${path} could not be read`,
      got: code,
      expected: "a readable file",
      remedy: "Check the path and that you own the file.",
    });
  }
}

function parseJwk(given: unknown, at: string): Jwk {
  const invalid = (got: string) =>
    walletError({
      code: "WALLET_INVALID",
      what: `${at} is not an Arweave wallet`,
      got,
      expected: "an RSA private key of 4,096 bits as JWK: JSON with kty, n, e, d, p, q, dp, dq, qi",
      remedy: "Give the key file that your Arweave wallet exported.",
    });
  let value = given;
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch {
      throw invalid("something that is not JSON");
    }
  }
  const parsed = JwkSchema.safeParse(value);
  if (!parsed.success) {
    const fields = [...new Set(parsed.error.issues.map(({ path }) => path.join(".") || "the whole value"))];
    throw invalid(`missing or malformed: ${fields.join(", ")}`);
  }
  const bits = Buffer.from(parsed.data.n, "base64url").length * 8;
  if (bits !== 4096) throw invalid(`a key of ${bits} bits`);
  try {
    const key = createPrivateKey({ key: parsed.data, format: "jwk" });
    // The numbers are not compared when they are read: a signature is what shows that they belong together.
    const probe = Buffer.from("ao-fleet");
    const isPair = verify("sha256", probe, createPublicKey(key), sign("sha256", probe, key));
    if (!isPair) throw new Error("not a pair");
  } catch {
    // The cause is dropped on purpose: its text may quote the key.
    throw invalid("numbers that do not make an RSA key");
  }
  return parsed.data;
}

const walletError = (problem: Problem) => new FleetError(problem);

import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { FleetError, type Problem } from "../core/errors.ts";

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

/** The source of the key: a file, or its content (an object or a JSON string). */
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
 * @throws FleetError `WALLET_MISSING`, `WALLET_UNREADABLE`, `WALLET_EXPOSED` (other users of the machine can read the file) or
 * `WALLET_INVALID`. No error contains any part of the key.
 */
export async function loadWallet(source: WalletSource): Promise<Wallet> {
  const at = "path" in source ? source.path : "the given wallet";
  const jwk = parseJwk("path" in source ? await readPrivate(source.path) : source.jwk, at);
  const address = createHash("sha256").update(Buffer.from(jwk.n, "base64url")).digest("base64url");
  return {
    address,
    async sign({ data, tags, target, anchor }) {
      // Loaded at the first signature: a preview signs nothing and should not wait for the library.
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
        what: `The wallet ${path} can be read or written by other users of this machine.`,
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
        what: `No wallet found at ${path}.`,
        expected: "an Arweave key file (JWK, JSON)",
        remedy: "Set the path of your key file, or export one from your Arweave wallet.",
      });
    }
    throw walletError({
      code: "WALLET_UNREADABLE",
      what: `Cannot read the wallet ${path}.`,
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
      what: `${at} is not an Arweave wallet.`,
      got,
      expected: "an RSA private key of 4,096 bits as JWK: JSON with kty, n, e, d, p, q, dp, dq, qi",
      remedy: "Use the key file that your Arweave wallet exported.",
    });
  let value = given;
  if (typeof value === "string") {
    try {
      value = JSON.parse(value);
    } catch {
      throw invalid("invalid JSON");
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
    // Importing a key does not check that its numbers match; a signature does.
    const probe = Buffer.from("ao-fleet");
    const isPair = verify("sha256", probe, createPublicKey(key), sign("sha256", probe, key));
    if (!isPair) throw new Error("not a pair");
  } catch {
    // The cause is dropped on purpose: its message may quote the key.
    throw invalid("numbers that do not form an RSA key");
  }
  return parsed.data;
}

const walletError = (problem: Problem) => new FleetError(problem);

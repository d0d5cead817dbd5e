import { constants, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { FleetError, type Problem } from "../core/errors.ts";
import { type SignerCommand, signerWallet } from "./signer.ts";
import { type Wallet, walletOf } from "./signing.ts";
import { runWalletCommand, type WalletCommand } from "./wallet-command.ts";

export type { ItemFields, SignedItem, Wallet } from "./signing.ts";

/** The source of the key: a file, its content (an object or a JSON string), a command that prints it, or a command that signs. */
export type WalletSource =
  | { readonly path: string }
  | { readonly jwk: unknown; readonly from?: string }
  | { readonly printedBy: WalletCommand }
  | { readonly signer: SignerCommand };

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

/**
 * Reads and checks an Arweave wallet (an RSA-4096 private key as JWK, RFC 7517), or the public key of a command that signs.
 *
 * @param proves whether a command that signs is called once, as before a deployment. A key that can be read is always proved. @default false
 * @throws FleetError `WALLET_MISSING`, `WALLET_UNREADABLE`, `WALLET_EXPOSED` (other users of the machine can read the file),
 * `WALLET_INVALID`; as `runWalletCommand` and `signerWallet`. No error contains any part of the key.
 */
export async function loadWallet(source: WalletSource, { proves = false } = {}): Promise<Wallet> {
  if ("signer" in source) return signerWallet(source.signer, proves);
  const { key, n } = privateKeyOf(await keyOf(source), nameOf(source));
  const padding = { key, padding: constants.RSA_PKCS1_PSS_PADDING };
  return walletOf(Buffer.from(n, "base64url"), async (bytes) => sign("sha256", bytes, padding));
}

/** The private key as its source has it: JSON, or an object that was given. @throws FleetError as `loadWallet` */
export async function keyOf(source: Exclude<WalletSource, { signer: unknown }>): Promise<unknown> {
  if ("path" in source) return readPrivate(source.path);
  return "jwk" in source ? source.jwk : (await runWalletCommand(source.printedBy)).toString("utf8");
}

const nameOf = (source: Exclude<WalletSource, { signer: unknown }>): string =>
  "path" in source
    ? source.path
    : "jwk" in source
      ? (source.from ?? "The given wallet")
      : `What ${source.printedBy.command[0]} prints`;

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

function privateKeyOf(given: unknown, at: string): { readonly key: KeyObject; readonly n: string } {
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
    return { key, n: parsed.data.n };
  } catch {
    // The cause is dropped on purpose: its message may quote the key.
    throw invalid("numbers that do not form an RSA key");
  }
}

const walletError = (problem: Problem) => new FleetError(problem);

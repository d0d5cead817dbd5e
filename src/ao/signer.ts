import { constants, createPublicKey, type KeyObject, randomBytes, verify } from "node:crypto";
import { FleetError } from "../core/errors.ts";
import { KEY_BYTES, type Wallet, walletOf } from "./signing.ts";
import { runWalletCommand, type WalletCommand } from "./wallet-command.ts";

/** A command that signs with a key that it does not give away: a key service, a hardware token. */
export interface SignerCommand extends WalletCommand {
  /** The address that the key must have. @default any */
  readonly address?: string | undefined;
}

/**
 * The wallet of a command that signs. The protocol has two calls, each a process of its own:
 *
 * - `<command> public-key` prints the public key as PEM (`BEGIN PUBLIC KEY`).
 * - `<command> sign` gets the bytes to sign on stdin and prints the signature, 512 raw bytes: RSA-PSS with SHA-256, salt of any length.
 *
 * Every signature is verified with the public key before it is used.
 *
 * @param proves whether to sign random bytes once, to find a signature that does not fit before anything is sent
 * @throws FleetError SIGNER_KEY_INVALID, SIGNER_KEY_OTHER, SIGNATURE_INVALID, and as `runWalletCommand`
 */
export async function signerWallet(signer: SignerCommand, proves: boolean): Promise<Wallet> {
  const program = signer.command[0] ?? "";
  const printed = await runWalletCommand(signer, ["public-key"]);
  const { key, modulus } = publicKeyIn(printed.toString("latin1"), program);
  const signature = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const made = await runWalletCommand(signer, ["sign"], bytes);
    assertSignature(made, bytes, key, program);
    return made;
  };
  const wallet = walletOf(modulus, signature);
  if (signer.address !== undefined && signer.address !== wallet.address)
    throw new FleetError({
      code: "SIGNER_KEY_OTHER",
      what: `${program}, the signer of the stack's wallet, has another key than the setting expects.`,
      at: "signer.address",
      got: wallet.address,
      expected: signer.address,
      remedy: "Select that key in the command, or fix the address.",
    });
  if (proves) await signature(randomBytes(48));
  return wallet;
}

function publicKeyIn(pem: string, program: string): { key: KeyObject; modulus: Buffer } {
  const invalid = (got: string) =>
    new FleetError({
      code: "SIGNER_KEY_INVALID",
      what: `${program}, the signer of the stack's wallet, printed no public key of an Arweave wallet.`,
      got,
      expected: "an RSA public key of 4,096 bits with the exponent 65,537, as PEM (BEGIN PUBLIC KEY)",
      remedy: "Fix what the command prints for the argument public-key.",
    });
  // Node would derive the public key of a private one: a command that gives its key away is not accepted.
  if (!/^\s*-----BEGIN PUBLIC KEY-----/.test(pem)) throw invalid("something else than BEGIN PUBLIC KEY");
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw invalid("PEM that is not a key");
  }
  const { n = "", e } = key.export({ format: "jwk" });
  if (key.asymmetricKeyType !== "rsa") throw invalid(`a key of the type ${key.asymmetricKeyType}`);
  const modulus = Buffer.from(n, "base64url");
  if (modulus.length !== KEY_BYTES) throw invalid(`a key of ${modulus.length * 8} bits`);
  if (e !== "AQAB") throw invalid("another exponent");
  return { key, modulus };
}

function assertSignature(made: Buffer, bytes: Uint8Array, key: KeyObject, program: string): void {
  const fits =
    made.length === KEY_BYTES &&
    verify("sha256", bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING }, made);
  if (fits) return;
  throw new FleetError(
    {
      code: "SIGNATURE_INVALID",
      what: `${program}, the signer of the stack's wallet, printed a signature that does not fit.`,
      got:
        made.length === KEY_BYTES ? "a signature by another key or of another kind" : `${made.length} bytes`,
      expected: `${KEY_BYTES} raw bytes, without encoding or newline: RSA-PSS with SHA-256 of stdin, by the key of public-key`,
      remedy: "Fix what the command prints for the argument sign.",
    },
    { isLocal: true },
  );
}

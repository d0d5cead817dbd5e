import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { loadWallet, type Wallet } from "../../src/ao/wallet.ts";

/** A key of the kind that Arweave uses, generated for the test. */
export async function makeJwk(bits = 4096): Promise<Record<string, string>> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: bits,
    publicExponent: 0x10001,
  });
  return privateKey.export({ format: "jwk" }) as Record<string, string>;
}

export const makeWallet = async (): Promise<Wallet> => loadWallet({ jwk: await makeJwk() });

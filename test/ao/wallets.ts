import { generateKeyPair } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { loadWallet, type Wallet } from "../../src/ao/wallet.ts";
import { KEYS } from "../setup/shared.ts";

/** Number of keys that this process has taken. */
let taken = 0;

/**
 * A key of the kind that Arweave uses, another one at each call. It was generated in this run of the tests, by the first file that took as many
 * keys: all files take the same ones, because generating one takes seconds of computing.
 */
export async function makeJwk(bits = 4096): Promise<Record<string, string>> {
  const folder = process.env[KEYS];
  if (folder === undefined) return newJwk(bits);
  taken += 1;
  const path = join(folder, `${bits}-${taken}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Record<string, string>;
  const jwk = await newJwk(bits);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const whole = `${path}.${process.pid}`;
  writeFileSync(whole, JSON.stringify(jwk), { mode: 0o600 });
  renameSync(whole, path);
  return jwk;
}

/** A key that no other process has. */
async function newJwk(modulusLength: number): Promise<Record<string, string>> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength, publicExponent: 0x10001 });
  return privateKey.export({ format: "jwk" }) as Record<string, string>;
}

export const makeWallet = async (): Promise<Wallet> => loadWallet({ jwk: await makeJwk() });

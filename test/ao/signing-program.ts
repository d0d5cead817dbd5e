import { createPrivateKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeJwk } from "./wallets.ts";

/** A program that signs by the protocol of `signer`, as a key service's client would: `program` is its JavaScript. */
const PROGRAM = `const { constants, createPublicKey, sign } = require("node:crypto");
const { readFileSync } = require("node:fs");
const key = readFileSync(process.argv[2], "utf8");
const call = process.argv[3];
if (call === "public-key") process.stdout.write(createPublicKey(key).export({ type: "spki", format: "pem" }));
else if (call === "sign")
  process.stdout.write(sign("sha256", readFileSync(0), { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }));
else process.exit(9);
`;

/**
 * Writes the program and a key that only it reads.
 *
 * @param jwk @default another key at each call
 * @returns the words of the command
 */
export async function signingProgram(folder: string, jwk?: Record<string, string>): Promise<string[]> {
  const key = createPrivateKey({ key: jwk ?? (await makeJwk()), format: "jwk" });
  const [program, pem] = [join(folder, "signer.cjs"), join(folder, `${Math.random()}.pem`)];
  writeFileSync(program, PROGRAM);
  writeFileSync(pem, key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return [process.execPath, program, pem];
}

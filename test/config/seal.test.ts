import {
  createCipheriv,
  createHash,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { compactDecrypt, decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { isSealed, open, seal } from "../../src/fleet/config/seal.ts";

const SECRET = "wert with ünïcode and \n a line";
const x25519 = generateKeyPairSync("x25519");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pairs = [
  ["X25519", x25519, "ECDH-ES"],
  ["RSA", rsa, "RSA-OAEP-256"],
] as const;
const pem = ({ publicKey, privateKey }: typeof x25519) => ({
  publicKey: publicKey.export({ format: "pem", type: "spki" }).toString(),
  privateKey: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
});
const jwk = ({ publicKey, privateKey }: typeof x25519) => ({
  publicKey: JSON.stringify(publicKey.export({ format: "jwk" })),
  privateKey: JSON.stringify(privateKey.export({ format: "jwk" })),
});

describe.each(pairs)("a string sealed to an %s key", (_name, pair, alg) => {
  test.each([
    ["PEM", pem(pair)],
    ["JWK", jwk(pair)],
  ])("opens with its private key (%s) and with no other", async (_format, keys) => {
    const sealed = await seal(SECRET, keys.publicKey);
    expect(await open(sealed, keys.privateKey)).toBe(SECRET);
    for (const [, other] of pairs)
      if (other !== pair) expect(await open(sealed, pem(other).privateKey)).toBeUndefined();
    const same =
      pair === rsa ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("x25519");
    expect(await open(sealed, pem(same).privateKey)).toBeUndefined();
  });

  test("is a standard JWE that names its key", async () => {
    const sealed = await seal(SECRET, pem(pair).publicKey);
    expect(decodeProtectedHeader(sealed)).toMatchObject({ alg, enc: "A256GCM", kid: expect.any(String) });
    const { plaintext } = await compactDecrypt(sealed, pair.privateKey);
    expect(new TextDecoder().decode(plaintext)).toBe(SECRET);
  });

  test("differs each time, and does not open after a change of any of its parts", async () => {
    const keys = pem(pair);
    const sealed = await seal(SECRET, keys.publicKey);
    expect(await seal(SECRET, keys.publicKey)).not.toBe(sealed);
    const parts = sealed.split(".");
    for (const [at, part] of parts.entries()) {
      const changed = part.startsWith("A") ? `B${part.slice(1)}` : `A${part.slice(1)}`;
      const text = parts.map((own, index) => (index === at ? changed : own)).join(".");
      expect(await open(text, keys.privateKey), `part ${at}`).toBeUndefined();
    }
  });
});

test("only a sealed string is shown as sealed", async () => {
  expect(isSealed(await seal("x", pem(x25519).publicKey))).toBe(true);
  expect(isSealed("sealed:1:a:b:c:d")).toBe(true);
  const header = Buffer.from('{"alg":"none"}').toString("base64url");
  for (const value of ["", "plain", "a.b.c.d.e", `${header}.b.c.d.e`, "eyJ.b.c.d.e", 5, undefined])
    expect(isSealed(value)).toBe(false);
});

describe("a string that 0.1.0 sealed", () => {
  /** As 0.1.0 wrote it: the string under `secret`, and what the key's owner needs to recover that. */
  function sealedBefore(owner: KeyObject, secret: Buffer, wrapped: Buffer): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", secret, nonce);
    const text = Buffer.concat([cipher.update(SECRET, "utf8"), cipher.final(), cipher.getAuthTag()]);
    const id = createHash("sha256")
      .update(owner.export({ format: "der", type: "spki" }))
      .digest()
      .subarray(0, 9);
    return `sealed:1:${[id, wrapped, nonce, text].map((part) => part.toString("base64url")).join(":")}`;
  }

  function wrappedBefore(): string {
    const secret = randomBytes(32);
    return sealedBefore(
      rsa.publicKey,
      secret,
      publicEncrypt({ key: rsa.publicKey, oaepHash: "sha256" }, secret),
    );
  }

  function agreedBefore(): string {
    const own = generateKeyPairSync("x25519");
    const sent = own.publicKey.export({ format: "der", type: "spki" });
    const shared = diffieHellman({ privateKey: own.privateKey, publicKey: x25519.publicKey });
    const secret = Buffer.from(hkdfSync("sha256", shared, sent, "fleet sealed setting", 32));
    return sealedBefore(x25519.publicKey, secret, sent);
  }

  test("still opens", async () => {
    expect(await open(wrappedBefore(), pem(rsa).privateKey)).toBe(SECRET);
    expect(await open(agreedBefore(), pem(x25519).privateKey)).toBe(SECRET);
  });

  test("does not open with another key, or after a change", async () => {
    expect(await open(wrappedBefore(), pem(x25519).privateKey)).toBeUndefined();
    expect(await open(agreedBefore(), pem(generateKeyPairSync("x25519")).privateKey)).toBeUndefined();
    expect(await open(`${wrappedBefore().slice(0, -8)}AAAAAAAA`, pem(rsa).privateKey)).toBeUndefined();
    expect(await open("sealed:1:cut", pem(rsa).privateKey)).toBeUndefined();
  });
});

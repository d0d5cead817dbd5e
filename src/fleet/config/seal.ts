import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";

/** What begins a sealed text: `sealed:1:<key id>:<wrapped key>:<nonce>:<text and tag>`, all base64url. */
const PREFIX = "sealed:1:";
const PADDING = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
const WHY =
  "an AO process has no private memory: what it is sent and holds can be read by everybody. A secret can only be sealed to a key " +
  "whose owner opens it off AO";

/** Whether a value is a sealed text. */
export const isSealed = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith(PREFIX);

/** Why a key cannot be sealed to; undefined when it can. */
export function publicKeyProblem(
  key: string | undefined,
): { readonly got: string; readonly expected: string } | undefined {
  if (key === undefined) return { got: "nothing", expected: `a public key (PEM or JWK), because ${WHY}` };
  if (/PRIVATE KEY/.test(key) || (isJson(key) && Object.hasOwn(JSON.parse(key), "d")))
    return { got: "a private key", expected: "the public one: a private key belongs into no declaration" };
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey(key);
    if (type === "x25519") return undefined;
    if (type !== "rsa") return { got: `a key of the kind ${type}`, expected: "RSA or X25519" };
    return (details?.modulusLength ?? 0) >= 2048
      ? undefined
      : { got: "an RSA key of fewer than 2048 bits", expected: "a longer one" };
  } catch {
    return {
      got: "no key that can be read",
      expected: "a public key as PEM or JWK, RSA (from 2048 bits) or X25519",
    };
  }
}

/** Seals a text: it can be opened with the private key alone. Twice the same gives two texts. */
export function seal(text: string, key: string): string {
  const to = publicKey(key);
  const { secret, wrapped } = to.asymmetricKeyType === "x25519" ? agree(to) : wrap(to);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", secret, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return PREFIX + [keyId(to), wrapped, nonce, sealed].map((part) => part.toString("base64url")).join(":");
}

/**
 * Opens a sealed text.
 *
 * @param key private key, PEM or JWK
 * @returns undefined when it was sealed to another key or changed on the way
 */
export function open(text: string, key: string): string | undefined {
  const parts = text
    .slice(PREFIX.length)
    .split(":")
    .map((part) => Buffer.from(part, "base64url"));
  const [id, wrapped, nonce, sealed] = parts;
  if (!isSealed(text) || !id || !wrapped || !nonce || !sealed) return undefined;
  const own = isJson(key) ? createPrivateKey({ key: JSON.parse(key), format: "jwk" }) : createPrivateKey(key);
  if (!id.equals(keyId(createPublicKey(own)))) return undefined;
  try {
    const secret =
      own.asymmetricKeyType === "x25519"
        ? derive(own, createPublicKey({ key: wrapped, format: "der", type: "spki" }), wrapped)
        : privateDecrypt({ key: own, ...PADDING }, wrapped);
    const decipher = createDecipheriv("aes-256-gcm", secret, nonce);
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

function wrap(to: KeyObject): { secret: Buffer; wrapped: Buffer } {
  const secret = randomBytes(32);
  return { secret, wrapped: publicEncrypt({ key: to, ...PADDING }, secret) };
}

function agree(to: KeyObject): { secret: Buffer; wrapped: Buffer } {
  const { privateKey, publicKey: own } = generateKeyPairSync("x25519");
  const wrapped = own.export({ format: "der", type: "spki" });
  return { secret: derive(privateKey, to, wrapped), wrapped };
}

const derive = (own: KeyObject, other: KeyObject, salt: Buffer): Buffer =>
  Buffer.from(
    hkdfSync(
      "sha256",
      diffieHellman({ privateKey: own, publicKey: other }),
      salt,
      "fleet sealed setting",
      32,
    ),
  );

const keyId = (key: KeyObject): Buffer =>
  createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest()
    .subarray(0, 9);

const isJson = (key: string): boolean => key.trimStart().startsWith("{");

const publicKey = (key: string): KeyObject =>
  isJson(key) ? createPublicKey({ key: JSON.parse(key), format: "jwk" }) : createPublicKey(key);

import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
} from "node:crypto";

/** The prefix of a string that 0.1.0 sealed: `sealed:1:<key id>:<wrapped key>:<nonce>:<text and tag>`, all base64url. */
const PREFIX = "sealed:1:";
const PADDING = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };

/** Whether a value is a sealed string in the format of 0.1.0, which processes and stacks may still contain. */
export const isSealedV1 = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith(PREFIX);

/** Opens a string in the format of 0.1.0; undefined if it was sealed to another key or changed. */
export function openV1(text: string, own: KeyObject): string | undefined {
  const [id, wrapped, nonce, sealed] = text
    .slice(PREFIX.length)
    .split(":")
    .map((part) => Buffer.from(part, "base64url"));
  if (!id || !wrapped || !nonce || !sealed || !id.equals(keyId(createPublicKey(own)))) return undefined;
  try {
    const secret =
      own.asymmetricKeyType === "x25519"
        ? agreedKey(own, wrapped)
        : privateDecrypt({ key: own, ...PADDING }, wrapped);
    const decipher = createDecipheriv("aes-256-gcm", secret, nonce);
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}

function agreedKey(privateKey: KeyObject, sender: Buffer): Buffer {
  const publicKey = createPublicKey({ key: sender, format: "der", type: "spki" });
  const shared = diffieHellman({ privateKey, publicKey });
  return Buffer.from(hkdfSync("sha256", shared, sender, "fleet sealed setting", 32));
}

const keyId = (key: KeyObject): Buffer =>
  createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest()
    .subarray(0, 9);

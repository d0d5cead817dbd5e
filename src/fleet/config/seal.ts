import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { CompactEncrypt, calculateJwkThumbprint, compactDecrypt, decodeProtectedHeader } from "jose";
import { isSealedV1, openV1 } from "./seal-v1.ts";

const CONTENT = "A256GCM";
const ALGORITHMS = { rsa: "RSA-OAEP-256", x25519: "ECDH-ES" } as const;
const WHY =
  "an AO process has no private memory: everybody can read its messages and its state. A secret can only be sealed to a key " +
  "whose owner decrypts it outside AO";

/** Whether a value is a sealed string: a JWE in compact serialization (RFC 7516), or the format of 0.1.0. */
export const isSealed = (value: unknown): value is string =>
  typeof value === "string" && (isSealedV1(value) || isJwe(value));

/** Why a key cannot be used for sealing; undefined if it can. */
export function publicKeyProblem(
  key: string | undefined,
): { readonly got: string; readonly expected: string } | undefined {
  if (key === undefined) return { got: "nothing", expected: `a public key (PEM or JWK), because ${WHY}` };
  if (/PRIVATE KEY/.test(key) || (isJson(key) && Object.hasOwn(JSON.parse(key), "d")))
    return { got: "a private key", expected: "the public key: a private key must not be in a declaration" };
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey(key);
    if (type === "x25519") return undefined;
    if (type !== "rsa") return { got: `a key of type ${type}`, expected: "RSA or X25519" };
    return (details?.modulusLength ?? 0) >= 2048
      ? undefined
      : { got: "an RSA key of fewer than 2048 bits", expected: "at least 2048 bits" };
  } catch {
    return {
      got: "an unreadable key",
      expected: "a public key as PEM or JWK, RSA (from 2048 bits) or X25519",
    };
  }
}

/**
 * Seals a string to a public key, as a JWE that every JOSE library can open: `RSA-OAEP-256` or `ECDH-ES` with `A256GCM`. Its header identifies the key
 * by its thumbprint (RFC 7638). Sealing the same string twice yields different results.
 *
 * @param key public key, PEM or JWK; see {@link publicKeyProblem}
 */
export async function seal(text: string, key: string): Promise<string> {
  const to = publicKey(key);
  const kid = await calculateJwkThumbprint(to.export({ format: "jwk" }));
  const alg = to.asymmetricKeyType === "x25519" ? ALGORITHMS.x25519 : ALGORITHMS.rsa;
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg, enc: CONTENT, kid })
    .encrypt(to);
}

/**
 * Opens a sealed value.
 *
 * @param key private key, PEM or JWK
 * @returns undefined if the string was sealed to another key or changed
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { openSealed } from "ao-fleet";
 *
 * declare const sealed: string; // a secret setting, as the process has it
 * const secret = await openSealed(sealed, await readFile("own.pem", "utf8"));
 * if (secret === undefined) throw new Error("sealed to another key, or changed");
 * ```
 */
export async function open(text: string, key: string): Promise<string | undefined> {
  const own = isJson(key) ? createPrivateKey({ key: JSON.parse(key), format: "jwk" }) : createPrivateKey(key);
  if (isSealedV1(text)) return openV1(text, own);
  try {
    const { plaintext } = await compactDecrypt(text, own, {
      keyManagementAlgorithms: Object.values(ALGORITHMS),
      contentEncryptionAlgorithms: [CONTENT],
    });
    return new TextDecoder().decode(plaintext);
  } catch {
    return undefined;
  }
}

function isJwe(text: string): boolean {
  if (!/^eyJ[\w-]*(\.[\w-]*){4}$/.test(text)) return false;
  try {
    return decodeProtectedHeader(text).enc !== undefined;
  } catch {
    return false;
  }
}

const isJson = (key: string): boolean => key.trimStart().startsWith("{");

const publicKey = (key: string): KeyObject =>
  isJson(key) ? createPublicKey({ key: JSON.parse(key), format: "jwk" }) : createPublicKey(key);

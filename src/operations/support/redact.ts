import { SECRET_PATTERNS, type Secret } from "../validate/secrets.ts";

/** The replacement for a secret. */
export const REDACTED = "[redacted]";

/** Keys whose values are always redacted. */
const PRIVATE_NAME =
  /(secret|passw|passphrase|token|credential|private|api[-_]?key|encryptionsalt|^secure$|^jwk$)/i;

/** Private members of a JSON Web Key (RFC 7518). */
const KEY_MEMBERS: ReadonlySet<string> = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k"]);

/** Redacts known secrets, and everything that looks like one, in a string. Pure. */
export function redactText(text: string, secrets: readonly Secret[] = []): string {
  let clean = text.replace(/-----BEGIN[\s\S]*?-----END [A-Z ]*KEY-----/g, REDACTED);
  for (const { value } of secrets) if (value.length >= 8) clean = clean.replaceAll(value, REDACTED);
  for (const [, shape] of SECRET_PATTERNS)
    clean = clean.replace(new RegExp(shape.source, `${shape.flags.replace("g", "")}g`), REDACTED);
  return clean;
}

/** Redacts plain data: known secrets, everything that looks like one, and every value under a private key. Pure. */
export function redact(value: unknown, secrets: readonly Secret[] = []): unknown {
  if (typeof value === "string") return redactText(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redact(item, secrets));
  if (typeof value !== "object" || value === null) return value;
  const isKey = "kty" in value;
  const isPrivate = (key: string) => PRIVATE_NAME.test(key) || (isKey && KEY_MEMBERS.has(key));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      redactText(key, secrets),
      isPrivate(key) && inner !== null && inner !== "" ? REDACTED : redact(inner, secrets),
    ]),
  );
}

/** Redacts a file: JSON as data, everything else line by line. Pure. */
export function redactFile(name: string, text: string, secrets: readonly Secret[]): string {
  if (name.endsWith(".json")) {
    try {
      return `${JSON.stringify(redact(JSON.parse(text), secrets), null, 2)}\n`;
    } catch {
      // A truncated JSON file is redacted as text.
    }
  }
  return redactText(text, secrets)
    .split("\n")
    .map((line) => {
      const [, head = "", key = ""] = /^([\s{,-]*"?([\w:.-]+)"?\s*[:=]\s*)\S/.exec(line) ?? [];
      return key !== "" && PRIVATE_NAME.test(key.split(":").at(-1) ?? "") ? `${head}${REDACTED}` : line;
    })
    .join("\n");
}

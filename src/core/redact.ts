import { exactJsonIn, isExactNumber } from "./json.ts";
import { type KnownSecrets, NO_SECRETS } from "./known-secrets.ts";

/** The replacement for a secret. */
export const REDACTED = "[redacted]";

/** Patterns of secrets that must not appear in any artifact, whoever owns them. */
export const SECRET_PATTERNS: readonly (readonly [string, RegExp])[] = [
  ["a private key (PEM)", /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/],
  ["a private key (JWK)", /\\*"d\\*"\s*:\s*\\*"[A-Za-z0-9_-]{80,}\\*"/],
  ["a Pulumi access token", /\bpul-[0-9a-f]{40}\b/],
  ["a GitHub token", /\bgh[pousr]_[A-Za-z0-9]{36,}\b/],
  ["an AWS access key", /\bAKIA[0-9A-Z]{16}\b/],
  ["a Slack token", /\bxox[abprs]-[A-Za-z0-9-]{20,}\b/],
];

/** Names of values that are always redacted, within longer names too: `clientSecret`, `NPM_TOKEN`, `_authToken`, `routing_key`. */
const NAMES =
  "secret|passw|passphrase|pwd|token|credential|private|(?:api|access|routing|integration|signing|encryption)[-_]?key|" +
  "encryptionsalt|_auth|authorization|cookie|bearer|webhook[-_]?url|jwk|mnemonic|seed[-_]?phrase";
const PRIVATE_NAME = new RegExp(`${NAMES}|^secure$|^auth$|^dsn$`, "i");

/** Private members of a JSON Web Key (RFC 7518). */
const KEY_MEMBERS: ReadonlySet<string> = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k"]);

/** Whether a value under this name is always redacted. Pure. */
export const isPrivateName = (name: string): boolean => PRIVATE_NAME.test(name);

/** A name in text, with what may be before and after it. All lengths are bounded: the text may be megabytes without a space. */
const NAME = `[\\w.@/:-]{0,64}(?:${NAMES})[\\w.-]{0,64}`;
/** Where a name begins. */
const START = "(?:^|[\\s\"'{,;(?&/\\\\])";
/** An unquoted value; a placeholder such as `<token>`, `$TOKEN` or `…` is none. */
const VALUE = `(?![<$%…[]|\\.\\.\\.)[^\\s"'\\\\<>]+`;
/** A slash, also as JSON may escape it. */
const SLASH = "\\\\?/";
const IN_HOST = `[^\\s"'<>\\\\/]`;
const IN_PATH = `[^\\s"'<>]`;

const shape = (source: string, flags: string, rest: string) => [new RegExp(source, flags), rest] as const;

/** Shapes of secrets, each with what remains of it. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  // A key that was cut has no end.
  shape(
    "-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----[\\s\\S]*?(?:-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|$)",
    "g",
    REDACTED,
  ),
  ...SECRET_PATTERNS.slice(1).map(([, { source }]) => shape(source, "g", REDACTED)),
  // A token of a web service (JWT, JWE), or any other JSON object in base64.
  shape("\\beyJ[\\w+/-]{12,}={0,2}(?:\\.[\\w-]*={0,2}){0,4}", "g", REDACTED),
  shape(
    `\\b(authorization|cookie)(\\\\*["']?\\s*[:=]\\s*\\\\*["']?)(?![<$%…[])[^"'\\\\\\n]+`,
    "gi",
    `$1$2${REDACTED}`,
  ),
  shape("\\b(Bearer|DPoP|ApiKey)\\s+(?![a-z]+\\b)[\\w.~+/=-]{6,}", "gi", `$1 ${REDACTED}`),
  shape("\\bBasic\\s+(?=[a-z]*[\\dA-Z=+/_])[A-Za-z0-9+/=_-]{8,}", "g", `Basic ${REDACTED}`),
  // A password in an address.
  shape(`\\b([a-z][a-z0-9+.-]{0,30}:${SLASH}${SLASH})[^\\s"'<>/?#]{1,500}@`, "gi", `$1${REDACTED}@`),
  // The path of a webhook is its secret.
  shape(
    `\\b(https?:${SLASH}${SLASH}(?:${IN_HOST}{0,200}\\.)?(?:hooks?|webhooks?)\\.${IN_HOST}{1,200})${SLASH}${IN_PATH}+`,
    "gi",
    `$1/${REDACTED}`,
  ),
  shape(
    `\\b(https?:${SLASH}${SLASH}${IN_HOST}{1,200})${SLASH}(?:${IN_PATH}{0,500}/)?(?:(?:web|incoming)?-?hooks?|incomingwebhook|integration|bot\\d+:[\\w-]+)(?:${SLASH}${IN_PATH}+|(?=\\?))`,
    "gi",
    `$1/${REDACTED}`,
  ),
  shape(
    `([?&#;](?:[\\w-]{0,64}(?:${NAMES}|signature)[\\w-]{0,64}|key|sig|auth)=)[^&#\\s"'<>\\\\]+`,
    "gi",
    `$1${REDACTED}`,
  ),
  // `"token": "…"`, also cut, and within strings that contain JSON.
  shape(`("${NAME}"\\s*:\\s*)(?:"(?:\\\\.|[^"\\\\])*(?:"|$)|-?\\d[\\d.eE+-]*)`, "gi", `$1"${REDACTED}"`),
  shape(`("${NAME}"\\s*:\\s*)[[{][^\\]}]*(?:[\\]}]|$)`, "gi", `$1"${REDACTED}"`),
  shape(`((\\\\+)"${NAME}\\2"\\s*:\\s*\\2")(?:(?!(?<!\\\\)\\2").)*`, "gi", `$1${REDACTED}`),
  shape(`('${NAME}'\\s*:\\s*)'[^'\\n]*'?`, "gi", `$1'${REDACTED}'`),
  // `token=…`, `token = "…"`, `<token>…</token>`, `--token …`.
  shape(`(${START}${NAME}\\s{0,8}=\\s{0,8})"[^"\\n]+"?`, "gim", `$1"${REDACTED}"`),
  shape(`(${START}${NAME}\\s{0,8}=\\s{0,8})'[^'\\n]+'?`, "gim", `$1'${REDACTED}'`),
  shape(`(${START}${NAME}=)${VALUE}`, "gim", `$1${REDACTED}`),
  shape(`(<${NAME}(?:\\s[^<>]{0,500})?>)[^<]+`, "gi", `$1${REDACTED}`),
  shape(
    `((?:^|\\s)--[\\w-]{0,64}(?:password|passphrase|token|(?<!--)secret|key)\\s+)(?!-)${VALUE}`,
    "gim",
    `$1${REDACTED}`,
  ),
  shape(`(config set (?:--\\S+ )*--secret \\S+ )(?!-)${VALUE}`, "gi", `$1${REDACTED}`),
  shape(
    `\\b((?:routing_key|x-api-key|x-auth-token|private-token|_authToken)\\s*:\\s*)${VALUE}`,
    "gi",
    `$1${REDACTED}`,
  ),
];

/**
 * Redacts known secrets, and everything that looks like one: JSON, and each line of JSON, by its names; the rest by its shape. Redact before
 * you cut: a part of a secret is not recognized by its shape. Pure.
 *
 * @param known the secrets of the stack. @default none
 */
export function redactText(text: string, known: KnownSecrets = NO_SECRETS): string {
  return text === "" ? text : withoutShapes(byStructure(withoutKnown(text, known), known));
}

function withoutKnown(text: string, known: KnownSecrets): string {
  let [clean, at] = ["", 0];
  for (const [start, end] of known.in(text)) {
    clean += text.slice(at, start) + REDACTED;
    at = end;
  }
  return clean + text.slice(at);
}

function withoutShapes(text: string): string {
  let clean = text;
  for (const [shape, rest] of SHAPES) clean = clean.replace(shape, rest);
  return clean;
}

/** JSON, or the lines of it in a string, with the values under private names redacted. Text without them stays as it is. */
function byStructure(text: string, known: KnownSecrets): string {
  const whole = structureIn(text, known);
  if (whole !== undefined || !text.includes("\n")) return whole ?? text;
  return text
    .split("\n")
    .map((line) => structureIn(line, known) ?? line)
    .join("\n");
}

function structureIn(text: string, known: KnownSecrets): string | undefined {
  if (!/^\s*(?:\{[\s\S]*\}|\[[\s\S]*\])\s*$/.test(text)) return undefined;
  const value = exactJsonIn(text);
  if (typeof value !== "object" || value === null) return undefined;
  const clean = JSON.stringify(redact(value, known));
  return clean === JSON.stringify(value) ? text : clean;
}

/** Redacts the strings in plain data, by what they contain; a name such as `secrets` may be that of a check. Pure. */
export function redactStrings(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (Array.isArray(value)) return value.map(redactStrings);
  if (typeof value !== "object" || value === null || isExactNumber(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redactStrings(inner)]));
}

/** Redacts plain data: known secrets, everything that looks like one, and every value under a private name. Pure. */
export function redact(value: unknown, known: KnownSecrets = NO_SECRETS): unknown {
  if (typeof value === "string") return redactText(value, known);
  if (Array.isArray(value)) return value.map((item) => redact(item, known));
  if (typeof value !== "object" || value === null || isExactNumber(value)) return value;
  const isKey = "kty" in value;
  const isPrivate = (name: string) => isPrivateName(name) || (isKey && KEY_MEMBERS.has(name));
  // Tags of messages are pairs of a name and a value.
  const isPair =
    "value" in value && "name" in value && typeof value.name === "string" && isPrivateName(value.name);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      redactText(name, known),
      (isPrivate(name) || (isPair && name === "value")) && inner !== null && inner !== ""
        ? REDACTED
        : redact(inner, known),
    ]),
  );
}

import { Document, isNode, isScalar, parseDocument, visit } from "yaml";
import { exactJsonIn, isExactNumber, isRecord } from "../../core/json.ts";
import type { KnownSecrets } from "../../core/known-secrets.ts";
import { printable, printableJson } from "../../core/printable.ts";
import { isPrivateName, REDACTED, redact, redactText } from "../../core/redact.ts";

/**
 * Redacts a file by its structure: JSON and YAML as data, everything else as text and line by line. What is left has no character that acts
 * on a terminal. Pure.
 */
export function redactFile(name: string, text: string, known: KnownSecrets): string {
  if (name.endsWith(".json")) {
    const value = exactJsonIn(text);
    if (value !== undefined)
      return `${printableJson(JSON.stringify(redact(withoutArguments(value), known), null, 2))}\n`;
    // A truncated JSON file is redacted as text.
  }
  const isYaml = /\.ya?ml$/.test(name);
  const clean = isYaml ? redactYaml(text, known) : undefined;
  // Of settings that are no valid YAML, the whole value may be arguments.
  const isPrivate = (key: string) =>
    isPrivateName(key) || (isYaml && clean === undefined && COMMANDS.has(key));
  return withoutPrivateLines(redactText(clean ?? text, known), isPrivate)
    .split("\n")
    .map((line) => printable(line.replaceAll("\t", "    ")))
    .join("\n");
}

/** Settings that name a program by its words: the arguments are the user's, and may be a token in spite of the documentation. */
const COMMANDS: ReadonlySet<string> = new Set(["signer", "walletFrom"]);

/** A key without the project's name before it. */
const lastOf = (key: string): string => key.split(":").at(-1) ?? "";

/** Plain data in which each command of a wallet is its program alone, also where a setting is a string of JSON. Pure. */
function withoutArguments(value: unknown, isWallet = false): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutArguments(item, isWallet));
  if (isWallet && typeof value === "string") {
    const said = exactJsonIn(value);
    return typeof said === "object" && said !== null ? JSON.stringify(withoutArguments(said, true)) : value;
  }
  if (!isRecord(value) || isExactNumber(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (isWallet && name === "command") return [name, programOf(inner)];
      return [name, withoutArguments(inner, isWallet || COMMANDS.has(lastOf(name)))];
    }),
  );
}

const programOf = (command: unknown): unknown =>
  Array.isArray(command) ? command.map((word, at) => (at === 0 ? word : REDACTED)) : REDACTED;

/** YAML with its comments, unless it has aliases; undefined if it is not valid. */
function redactYaml(text: string, known: KnownSecrets): string | undefined {
  const given = parseDocument(text);
  if (given.errors.length > 0) return undefined;
  let hasAlias = false;
  visit(given, {
    Alias() {
      hasAlias = true;
      return visit.BREAK;
    },
  });
  // What an alias means must stay known when its anchor is redacted.
  const document = hasAlias ? new Document(given.toJS(), { aliasDuplicateObjects: false }) : given;
  visit(document, {
    Pair(_, pair) {
      const name = lastOf(isScalar(pair.key) ? String(pair.key.value) : "");
      if (COMMANDS.has(name) && isNode(pair.value))
        pair.value = document.createNode(withoutArguments(pair.value.toJS(document), true));
      if (!isPrivateName(name) || isEmpty(pair.value)) return undefined;
      pair.value = document.createNode(REDACTED);
      return visit.SKIP;
    },
    Scalar(_, scalar) {
      if (typeof scalar.value === "string") scalar.value = redactText(scalar.value, known);
    },
  });
  return document.toString({ lineWidth: 0 });
}

const isEmpty = (value: unknown): boolean =>
  value === null || (isScalar(value) && (value.value === null || value.value === ""));

/** `name: value` and `name = value` at the start of a line, with the indented lines of the value. */
function withoutPrivateLines(text: string, isPrivateKey: (key: string) => boolean): string {
  let inset: number | undefined;
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const depth = line.search(/\S/);
    if (inset !== undefined && depth > inset) continue;
    const [, space = "", head = "", key = ""] =
      /^(\s*)([{,\s-]*["']?([\w:.@/-]{1,200})["']?\s*[:=]\s*)(?:\S|$)/.exec(line) ?? [];
    const isPrivate = key !== "" && isPrivateKey(lastOf(key));
    inset = isPrivate ? space.length : undefined;
    lines.push(isPrivate ? `${space}${head.trimEnd()} ${REDACTED}` : line);
  }
  return lines.join("\n");
}

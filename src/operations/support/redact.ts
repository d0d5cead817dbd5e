import { isScalar, parseDocument, visit } from "yaml";
import { exactJsonIn } from "../../core/json.ts";
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
    if (value !== undefined) return `${printableJson(JSON.stringify(redact(value, known), null, 2))}\n`;
    // A truncated JSON file is redacted as text.
  }
  const clean = /\.ya?ml$/.test(name) ? redactYaml(text, known) : undefined;
  return withoutPrivateLines(redactText(clean ?? text, known))
    .split("\n")
    .map((line) => printable(line.replaceAll("\t", "    ")))
    .join("\n");
}

/** YAML with its comments; undefined if it is not valid. */
function redactYaml(text: string, known: KnownSecrets): string | undefined {
  const document = parseDocument(text);
  if (document.errors.length > 0) return undefined;
  visit(document, {
    Pair(_, pair) {
      const name = isScalar(pair.key) ? String(pair.key.value) : "";
      if (!isPrivateName(name.split(":").at(-1) ?? "") || isEmpty(pair.value)) return undefined;
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
function withoutPrivateLines(text: string): string {
  let inset: number | undefined;
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const depth = line.search(/\S/);
    if (inset !== undefined && depth > inset) continue;
    const [, space = "", head = "", key = ""] =
      /^(\s*)([{,\s-]*["']?([\w:.@/-]{1,200})["']?\s*[:=]\s*)(?:\S|$)/.exec(line) ?? [];
    const isPrivate = key !== "" && isPrivateName(key.split(":").at(-1) ?? "");
    inset = isPrivate ? space.length : undefined;
    lines.push(isPrivate ? `${space}${head.trimEnd()} ${REDACTED}` : line);
  }
  return lines.join("\n");
}

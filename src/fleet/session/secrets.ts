/** The secrets of the stack's config, which must not appear in any line, log, event or ledger entry of a run. */
import type { Problem } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { projectFileIn, settingsIn, stackFilesIn, stackFolder } from "./pulumi-files.ts";
import type { StackSettings } from "./session.ts";

/** What Pulumi prints instead of a secret. */
export const SECRET = "[secret]";

/** The minimum length of a secret that is replaced, as in Pulumi: a shorter one occurs in ordinary text. */
const SHORTEST = 3;

/** Matches every secret of the run in this process. Undefined if there are none, or before `keepSecrets`. */
let secrets: RegExp | undefined;

/**
 * Keeps the secrets of the run for `withoutSecrets`. Pulumi does not tell a provider which values are secrets, so every value counts as one
 * unless a settings file of the project contains it in plain text.
 *
 * @param folder the project's. @default the working folder of every program and provider
 */
export function keepSecrets({ rawConfig }: Pick<StackSettings, "rawConfig">, folder = process.cwd()): void {
  if (rawConfig === undefined) return;
  const values = secretValues(rawConfig, plainValues(folder));
  secrets = values.length === 0 ? undefined : new RegExp(values.map(escaped).join("|"), "g");
}

/** The text with every secret replaced by `[secret]`, as in Pulumi's own output. */
export const withoutSecrets = (text: string): string =>
  secrets === undefined ? text : text.replace(secrets, SECRET);

/** A problem with the secrets in its texts replaced. Its code stays as it is, because code compares it. */
export function problemWithoutSecrets({ code, ...texts }: Problem): Problem {
  const entries = Object.entries(texts).map(([field, text]) => [field, withoutSecrets(String(text))]);
  return { code, ...(Object.fromEntries(entries) as typeof texts) };
}

/** Every string to replace, the longest first: the values, as they are and as JSON escapes them. Pure. */
function secretValues(
  config: Readonly<Record<string, unknown>>,
  plain: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(config)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const known = plain.get(nameOf(key));
    const secret = leavesOf(jsonIn(text) ?? text, text).filter((leaf) => known?.has(leaf) !== true);
    if (secret.length === 0) continue;
    for (const one of [text, ...secret]) {
      // The units' addresses are used without a slash at the end.
      for (const form of [one, one.replace(/\/+$/, ""), JSON.stringify(one).slice(1, -1)]) found.add(form);
    }
  }
  return [...found].filter(({ length }) => length >= SHORTEST).sort((a, b) => b.length - a.length);
}

/** The values in plain text in the settings of the project and of its stacks, by the names of their keys. */
function plainValues(folder: string): Map<string, Set<string>> {
  const plain = new Map<string, Set<string>>();
  const project = writtenIn(projectFileIn(folder));
  const files = stackFilesIn(stackFolder(folder, project?.stackConfigDir));
  for (const settings of [project, ...files.map(writtenIn)]) {
    for (const [key, value] of Object.entries(settings?.config ?? {})) {
      const values = plain.get(nameOf(key)) ?? new Set();
      for (const leaf of leavesOf(value)) {
        // An object may be set as JSON, as `pulumi config set` and `--config` do.
        for (const one of [leaf, ...leavesOf(jsonIn(leaf) ?? leaf, leaf)]) values.add(one);
      }
      plain.set(nameOf(key), values);
    }
  }
  return plain;
}

/** A settings file of Pulumi, with numbers as they are written; undefined if it is missing or cannot be read. */
function writtenIn(file: string | undefined): Record<string, unknown> | undefined {
  try {
    const content = settingsIn(file, "failsafe");
    return typeof content === "object" && content !== null ? { ...content } : undefined;
  } catch {
    return undefined;
  }
}

/** The key without its namespace, which is optional in Pulumi.yaml. */
const nameOf = (key: string): string => key.slice(key.indexOf(":") + 1);

/**
 * All values in data that are not objects, as strings.
 *
 * @param text the string for data that is not an object. @default as JavaScript converts it
 */
function leavesOf(data: unknown, text = String(data)): string[] {
  return typeof data === "object" && data !== null
    ? Object.values(data).flatMap((value) => leavesOf(value))
    : [text];
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

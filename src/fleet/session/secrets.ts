/** The secrets of the stack's config, which no line, log, event or ledger entry of a run may contain. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import type { Problem } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import type { StackSettings } from "./session.ts";

/** What Pulumi prints instead of a secret. */
export const SECRET = "[secret]";

/** Length of the shortest secret that is replaced, as in Pulumi: a shorter one is part of any text. */
const SHORTEST = 3;

/** Matches every secret of this process' run. Undefined if there is none, or none is known yet. */
let secrets: RegExp | undefined;

/**
 * Remembers the secrets of the run, for `withoutSecrets`. Pulumi does not tell a provider which values are secrets, so a value is one unless
 * it stands in clear in a file of the project's settings.
 *
 * @param folder the project's. @default the working folder of every program and provider
 */
export function keepSecrets({ rawConfig }: Pick<StackSettings, "rawConfig">, folder = process.cwd()): void {
  if (rawConfig === undefined) return;
  const values = secretValues(rawConfig, plainValues(folder));
  secrets = values.length === 0 ? undefined : new RegExp(values.map(escaped).join("|"), "g");
}

/** The same string with every secret replaced, as Pulumi does it in what it prints. */
export const withoutSecrets = (text: string): string =>
  secrets === undefined ? text : text.replace(secrets, SECRET);

/** The same for every text of a problem. Its code has none: it is compared. */
export function problemWithoutSecrets({ code, ...texts }: Problem): Problem {
  const entries = Object.entries(texts).map(([field, text]) => [field, withoutSecrets(String(text))]);
  return { code, ...(Object.fromEntries(entries) as typeof texts) };
}

/** Everything to replace, the longest first: the values, and the values as they are in JSON. Pure. */
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

/** The values that stand in clear in the settings of the project and of its stacks, by the names of their keys. */
function plainValues(folder: string): Map<string, Set<string>> {
  const plain = new Map<string, Set<string>>();
  const project = settingsIn(join(folder, "Pulumi.yaml")) ?? settingsIn(join(folder, "Pulumi.yml"));
  const stacks = resolve(folder, typeof project?.stackConfigDir === "string" ? project.stackConfigDir : ".");
  const files = existsSync(stacks)
    ? readdirSync(stacks).filter((name) => /^Pulumi\..+\.ya?ml$/.test(name))
    : [];
  for (const settings of [project, ...files.map((name) => settingsIn(join(stacks, name)))]) {
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

/** A file of Pulumi's settings with every number as it is written; undefined if there is none, or it cannot be read. */
function settingsIn(path: string): Record<string, unknown> | undefined {
  try {
    const content: unknown = parse(readFileSync(path, "utf8"), { schema: "failsafe" });
    return typeof content === "object" && content !== null ? { ...content } : undefined;
  } catch {
    return undefined;
  }
}

/** The key without its namespace, which Pulumi.yaml may leave out. */
const nameOf = (key: string): string => key.slice(key.indexOf(":") + 1);

/**
 * The values in data, as text.
 *
 * @param text the text of a value that is no object. @default as JavaScript writes it
 */
function leavesOf(data: unknown, text = String(data)): string[] {
  return typeof data === "object" && data !== null
    ? Object.values(data).flatMap((value) => leavesOf(value))
    : [text];
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

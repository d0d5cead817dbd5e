import { z } from "zod";
import { FleetError, type Problem, throwAll } from "../../core/errors.ts";
import { hashOf } from "../../core/hash.ts";
import { exactJsonIn } from "../../core/json.ts";
import type { Rule } from "../../fleet/config/rules.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import type { Live } from "./live.ts";

const EntrySchema = z.strictObject({
  configData: z.record(z.string(), z.unknown()),
  /** The version that the process held. */
  version: z.union([z.number(), z.string()]),
  /** sha256 of the data's canonical JSON. */
  hash: z.string(),
  /** The rules of a config type that the fleet defines itself. */
  rule: z.custom<Rule>((value) => typeof value === "object" && value !== null).optional(),
});
const MembersSchema = z.record(z.string(), z.record(z.string(), EntrySchema));

/** A settings file: `fleet config export` writes it and `fleet config import` reads it. Sealed secrets stay sealed. */
const ConfigFileSchema = z.strictObject({
  format: z.literal("ao-fleet config 1"),
  project: z.string(),
  stack: z.string(),
  /** ISO 8601. */
  exportedAt: z.string(),
  /** Member → config type → settings. */
  members: MembersSchema,
  /** Hash of `members`. */
  hash: z.string(),
});

export type ConfigFile = z.output<typeof ConfigFileSchema>;
type ConfigFileEntry = z.output<typeof EntrySchema>;

/** Adds format and hash. Pure. */
export const wholeFile = (file: Omit<ConfigFile, "format" | "hash">): ConfigFile => ({
  format: "ao-fleet config 1",
  ...file,
  hash: hashOf(file.members),
});

/** What processes hold as the contents of a settings file, with the rules of the types that the fleet declares. Pure. */
export function exportedSettings(
  { project, stack }: Pick<FleetSession, "project" | "stack">,
  live: readonly Live[],
  declared: Readonly<Record<string, DeclaredProcess>>,
  now: Date,
): Omit<ConfigFile, "format" | "hash"> {
  const members = live.map(({ member, reply }) => {
    const rules = declared[member.name]?.rules ?? {};
    const types = Object.entries(reply.held).map(([configType, held]): [string, ConfigFileEntry] => {
      const rule = rules[configType];
      const { data: configData, version, hash } = held;
      return [configType, { configData, version, hash, ...(rule === undefined ? {} : { rule }) }];
    });
    return [member.name, Object.fromEntries(types)] as const;
  });
  return { project, stack, exportedAt: now.toISOString(), members: Object.fromEntries(members) };
}

/** The file as a string. Pure. */
export const fileText = (file: Omit<ConfigFile, "format" | "hash">): string =>
  `${JSON.stringify(wholeFile(file), null, 2)}\n`;

/**
 * Parses a settings file and verifies its hashes. Pure.
 *
 * @throws FleetError CONFIG_FILE_INVALID, CONFIG_FILE_DAMAGED (one problem for every entry whose hash differs)
 */
export function readFileText(text: string, path: string): ConfigFile {
  const json = exactJsonIn(text);
  const parsed = ConfigFileSchema.safeParse(json);
  if (!parsed.success)
    throw new FleetError({
      code: "CONFIG_FILE_INVALID",
      what: "Not a settings file.",
      at: path,
      got: json === undefined ? "not JSON" : z.prettifyError(parsed.error),
      expected: "a file that npx fleet config export wrote",
      remedy: "Export the settings, or name another file.",
    });
  const file = parsed.data;
  const damaged = (at: string, got: string, expected: string): Problem => ({
    code: "CONFIG_FILE_DAMAGED",
    what: `${path} was changed after it was written.`,
    at,
    got,
    expected,
    remedy: "Use another copy. Make changes in index.ts, where they are checked and kept.",
  });
  const problems = Object.entries(file.members).flatMap(([member, types]) =>
    Object.entries(types).flatMap(([type, { configData, hash }]) => {
      const now = hashOf(configData);
      return now === hash ? [] : [damaged(`members.${member}.${type}`, now, hash)];
    }),
  );
  if (problems.length === 0 && hashOf(file.members) !== file.hash)
    problems.push(damaged("hash", hashOf(file.members), file.hash));
  throwAll(problems);
  return file;
}

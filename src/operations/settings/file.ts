import { z } from "zod";
import { FleetError, type Problem, throwAll } from "../../core/errors.ts";
import { hashOf } from "../../core/hash.ts";
import type { Rule } from "../../fleet/config/rules.ts";

const EntrySchema = z.strictObject({
  configData: z.record(z.string(), z.unknown()),
  /** As the process held it. */
  version: z.union([z.number(), z.string()]),
  /** sha256 of the data's canonical JSON. */
  hash: z.string(),
  /** What the settings of a type of the fleet's own may be. */
  rule: z.custom<Rule>((value) => typeof value === "object" && value !== null).optional(),
});
const MembersSchema = z.record(z.string(), z.record(z.string(), EntrySchema));

/** A file of settings: what `fleet config export` writes and `fleet config import` reads. Sealed secrets stay sealed in it. */
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
export type ConfigFileEntry = z.output<typeof EntrySchema>;

/** The file's text. Pure. */
export function fileText(file: Omit<ConfigFile, "format" | "hash">): string {
  const whole: ConfigFile = { format: "ao-fleet config 1", ...file, hash: hashOf(file.members) };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/**
 * The file in a text, if it is as it was written. Pure.
 *
 * @throws FleetError CONFIG_FILE_INVALID, CONFIG_FILE_DAMAGED (every entry whose hash is another)
 */
export function readFileText(text: string, path: string): ConfigFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const parsed = ConfigFileSchema.safeParse(json);
  if (!parsed.success)
    throw new FleetError({
      code: "CONFIG_FILE_INVALID",
      what: "This is no file of settings.",
      at: path,
      got: json === undefined ? "no JSON" : z.prettifyError(parsed.error),
      expected: "what npx fleet config export writes",
      remedy: "Export one, or name another file.",
    });
  const file = parsed.data;
  const damaged = (at: string, got: string, expected: string): Problem => ({
    code: "CONFIG_FILE_DAMAGED",
    what: `${path} is not as it was written.`,
    at,
    got,
    expected,
    remedy: "Take another copy. Edits belong into index.ts, where they are checked and kept.",
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

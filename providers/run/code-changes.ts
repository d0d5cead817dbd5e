/** What a preview can report about processes whose ids are not known yet. */
import { z } from "zod";
import { UNKNOWN } from "./inputs.ts";

/**
 * sha256 of the code of members whose new code gets its own process, by name. It is known in a preview, when the process is not known yet.
 */
export const CodeSchema = z.record(z.string(), z.string());

/** Members whose code changes, with the hash before (`was`, undefined for a new member) and after (`is`). Pure. */
export function codeChanges(
  before: Readonly<Record<string, string>>,
  after: unknown,
): { name: string; was: string | undefined; is: string }[] {
  const code = CodeSchema.safeParse(after);
  return Object.entries(code.data ?? {}).flatMap(([name, is]) => {
    const was = before[name];
    return was === is || is === UNKNOWN ? [] : [{ name, was, is }];
  });
}

/**
 * Names of the members whose code changes and was known before: they get another process. A member without a known code is skipped, because
 * it keeps its process when only its strategy changes. Pure.
 */
export const membersWithNewCode = (
  before: Readonly<Record<string, string>> | undefined,
  after: unknown,
): string[] =>
  codeChanges(before ?? {}, after)
    .filter(({ was }) => was !== undefined)
    .map(({ name }) => name);

/** The value of a member in a record, or the record itself if it is unknown as a whole. Pure. */
export const valueOfMember = (record: unknown, name: string): unknown =>
  typeof record === "object" && record !== null ? (record as Record<string, unknown>)[name] : record;

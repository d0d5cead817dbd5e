/** What a preview can say of processes that it does not know yet. */
import { z } from "zod";
import { UNKNOWN } from "./inputs.ts";

/**
 * sha256 of the code of members whose new code gets a process of its own, by name: known in a preview, when the process is not known yet.
 */
export const CodeSchema = z.record(z.string(), z.string());

/** Members whose code changes, with the hash before (undefined for a new member) and after. Pure. */
export function withOtherCode(
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
 * Names of the members whose code changes and was known before: they get another process. A member without a known code is left out,
 * since it keeps its process when only its strategy changes. Pure.
 */
export const othersIn = (before: Readonly<Record<string, string>> | undefined, after: unknown): string[] =>
  withOtherCode(before ?? {}, after)
    .filter(({ was }) => was !== undefined)
    .map(({ name }) => name);

/** The value of a member in a record that may not be known as a whole. Pure. */
export const memberIn = (record: unknown, name: string): unknown =>
  typeof record === "object" && record !== null ? (record as Record<string, unknown>)[name] : record;

/** What a preview can say of processes that it does not know yet. */
import { z } from "zod";
import { UNKNOWN } from "./inputs.ts";

/**
 * sha256 of the code of members whose new code gets a process of its own, by name: known in a preview, when the process is not known yet.
 */
export const CodeSchema = z.record(z.string(), z.string());

/** Members that are to run other code than before, each with the code of then, if there was any. Pure. */
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
 * Names among them whose code of then is known: they will be other processes. Of the others nothing is said: a member whose strategy alone
 * changes keeps its process. Pure.
 */
export const othersIn = (before: Readonly<Record<string, string>> | undefined, after: unknown): string[] =>
  withOtherCode(before ?? {}, after)
    .filter(({ was }) => was !== undefined)
    .map(({ name }) => name);

/** The value of a member in a record that may not be known as a whole. Pure. */
export const memberIn = (record: unknown, name: string): unknown =>
  typeof record === "object" && record !== null ? (record as Record<string, unknown>)[name] : record;

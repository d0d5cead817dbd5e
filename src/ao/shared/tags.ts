import { z } from "zod";
import { type Problem, throwAll } from "../../core/errors.ts";
import { isUtf8, startOf } from "../../core/unicode.ts";
import type { Tags } from "../port.ts";

/** A tag of a data item. */
export const TagSchema = z.object({ name: z.string(), value: z.string() });

/** A tag whose value may be a number or a boolean: Lua programs and nodes send them as they are. */
export const LooseTagSchema = TagSchema.extend({ value: z.coerce.string() });

/** Tags as data items have them. */
export type TagList = { name: string; value: string }[];

export const tagList = (tags: Tags): TagList =>
  Object.entries(tags).map(([name, value]) => ({ name, value }));

/**
 * Tags as a record. If a name occurs twice, the first value wins, as in the `msg.Tags` of aos. Who sent a message and what it does are
 * in the list (`claimedSender`, `actionOf`).
 */
export function tagsOf(tags: readonly { readonly name: string; readonly value: string }[]): Tags {
  const first = new Map<string, string>();
  for (const { name, value } of tags) if (!first.has(name)) first.set(name, value);
  return Object.fromEntries(first);
}

/** The value of the first tag with a name. */
export const firstOf = (tags: Readonly<TagList>, name: string) =>
  tags.find((tag) => tag.name === name)?.value;

/** The action of an entry of the message order: the last `Action`, which aos keeps in `msg.Action`. */
export const actionOf = (tags: Readonly<TagList>): string =>
  tags.findLast(({ name }) => name === "Action")?.value ??
  (firstOf(tags, "Type") === "Process" ? "(spawn)" : "");

/** The maximum total size of a data item's tags in bytes (arbundles and ANS-104). */
const TAG_BYTES = 4096;

/** What a protocol cannot carry in a tag of this name, and what it can; undefined if it can carry it. */
type NameCheck = (name: string) => { readonly what: string; readonly expected: string } | undefined;

/** @throws FleetError `TAGS_INVALID` with every tag that a network would refuse */
export const checkTags = (tags: Tags, at: string): void => throwAll(tagProblems(tags, at));

/**
 * Every tag that a network would refuse. Pure.
 *
 * @param nameProblem refuses names that the protocol cannot carry. @default none
 */
export function tagProblems(tags: Tags, at: string, nameProblem: NameCheck = () => undefined): Problem[] {
  const problem = (what: string, got: string, expected: string): Problem => ({
    code: "TAGS_INVALID",
    what,
    at,
    got,
    expected,
    remedy: "Change the tag; long content belongs in the data.",
  });
  const problems: Problem[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(tags)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
    if (name === "")
      problems.push(problem("A tag has no name.", `"": ${JSON.stringify(value.slice(0, 80))}`, "a name"));
    if (!isUtf8(name) || !isUtf8(value)) {
      problems.push(
        problem(
          `The tag ${name} contains half of a surrogate pair, which UTF-8 cannot express.`,
          JSON.stringify(value.slice(0, 80)),
          "text that UTF-8 can express",
        ),
      );
    }
    if (value === "") problems.push(problem(`The tag ${name} has no value.`, '""', "a value"));
    const unusable = nameProblem(name);
    if (unusable) problems.push(problem(unusable.what, name, unusable.expected));
    if (Buffer.byteLength(name) > 1024) {
      problems.push(
        problem(`The name of the tag ${startOf(name, 40)}… is too long.`, `${name.length}`, "1,024 bytes"),
      );
    }
    if (Buffer.byteLength(value) > 3072) {
      problems.push(
        problem(`The tag ${name} is too long.`, `${Buffer.byteLength(value)} bytes`, "3,072 bytes"),
      );
    }
  }
  // aoconnect and the spawn add about 400 bytes of their own.
  if (bytes > TAG_BYTES - 500) {
    problems.push(problem("The tags are too long in total.", `${bytes} bytes`, `${TAG_BYTES - 500} bytes`));
  }
  return problems;
}

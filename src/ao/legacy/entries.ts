/** Answers of scheduler units: entries of the message order of a process, and pages of it. */
import { z } from "zod";
import type { Answer } from "../shared/http.ts";
import { TagSchema } from "../shared/tags.ts";

/** An assignment with its message, which is missing if it was uploaded. A decision about what is scheduled needs no more than this. */
export const EntrySchema = z.looseObject({
  message: z.looseObject({ id: z.string() }).nullish(),
  assignment: z.looseObject({ id: z.string(), tags: z.array(TagSchema) }),
});

const isPlace = ({ name, value }: z.infer<typeof TagSchema>) => name === "Nonce" && /^\d+$/.test(value);

/** An entry with its place and the content of its message. */
export const FullEntrySchema = EntrySchema.extend({
  assignment: z.looseObject({
    id: z.string(),
    tags: z.array(TagSchema).refine((tags) => tags.some(isPlace), "a tag Nonce is missing"),
  }),
  message: z
    .looseObject({
      id: z.string(),
      owner: z.looseObject({ address: z.string() }),
      tags: z.array(TagSchema),
      data: z.string().nullish(),
    })
    .nullish(),
});

/**
 * The unit's own "not found". Its failures have status 400, too (`DatabaseError(…)`), a proxy's 404 says nothing about what the unit has, and
 * a cache's answer may be older than a post: only the name of its error is conclusive.
 */
export function isNotFound(answer: Answer): boolean {
  return NOT_FOUND.test(ownError(answer));
}

const NOT_FOUND =
  /^NotFound\(|^(?:Process not found|Message or Process not found|Latest message not available)$/;

/**
 * The unit's own "no message yet", in answer to a question for the latest one. Older units answer with the spawn then, and fail by name for
 * a spawn that has no place in the order (without `ENABLE_PROCESS_ASSIGNMENT`).
 */
export function hasNoMessage(answer: Answer): boolean {
  return isNotFound(answer) || NOT_IN_ORDER.test(ownError(answer));
}

const NOT_IN_ORDER = /^Json error: JsonError\("Process does not contain an assignment"\)$/;

/** The name of the error by which the unit itself refused the call; empty if there is none. */
function ownError({ status, json, isCached }: Answer): string {
  if (isCached || (status !== 400 && status !== 404)) return "";
  const error = (json as { error?: unknown } | null | undefined)?.error;
  return typeof error === "string" ? error : "";
}

/** A page of entries. Without `page_info`, a page would pass for the last one. */
export const pageOf = <T extends z.ZodType>(entry: T) =>
  z.looseObject({
    page_info: z.looseObject({ has_next_page: z.boolean() }),
    edges: z.array(z.looseObject({ cursor: z.string(), node: entry })),
  });

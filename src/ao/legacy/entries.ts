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
export function isNotFound({ status, json, isCached }: Answer): boolean {
  if (isCached || (status !== 400 && status !== 404)) return false;
  const error = (json as { error?: unknown } | null | undefined)?.error;
  return typeof error === "string" && NOT_FOUND.test(error);
}

const NOT_FOUND =
  /^NotFound\(|^(?:Process not found|Message or Process not found|Latest message not available)$/;

/** A page of entries. Without `page_info`, a page would pass for the last one. */
export const pageOf = <T extends z.ZodType>(entry: T) =>
  z.looseObject({
    page_info: z.looseObject({ has_next_page: z.boolean() }),
    edges: z.array(z.looseObject({ cursor: z.string(), node: entry })),
  });

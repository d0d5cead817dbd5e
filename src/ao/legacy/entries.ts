/** Answers of scheduler units: entries of the message order of a process, and pages of it. */
import { z } from "zod";
import { TagSchema } from "../shared/tags.ts";

/** An assignment with its message, which is missing if it was uploaded. A decision about what is scheduled needs no more than this. */
export const EntrySchema = z.looseObject({
  message: z.looseObject({ id: z.string() }).nullish(),
  assignment: z.looseObject({ id: z.string(), tags: z.array(TagSchema) }),
});

/** An entry with the content of its message. */
export const FullEntrySchema = EntrySchema.extend({
  message: z
    .looseObject({
      id: z.string(),
      owner: z.looseObject({ address: z.string() }),
      tags: z.array(TagSchema),
      data: z.string().nullish(),
    })
    .nullish(),
});

/** A page of entries. Without `page_info`, a page would pass for the last one. */
export const pageOf = <T extends z.ZodType>(entry: T) =>
  z.looseObject({
    page_info: z.looseObject({ has_next_page: z.boolean() }),
    edges: z.array(z.looseObject({ cursor: z.string(), node: entry })),
  });

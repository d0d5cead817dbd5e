import { z } from "zod";
import { TimeSchema } from "../../delivery/time.ts";
import { luaList } from "../protocol/lua.ts";

/**
 * The ranges of callers' keys of which a process with partitioned state refuses requests, because another revision has their state, or gets it:
 * buckets with one release's salt, from `from` (inclusive) to `to` (exclusive) of 10,000.
 */
export const SealedSchema = z.looseObject({
  salt: z.string(),
  ranges: luaList(
    z.looseObject({
      from: z.number(),
      to: z.number(),
      /** Scheduler's time, in milliseconds since 1970; absent if an earlier library sealed it. */
      at: TimeSchema.optional().catch(undefined),
    }),
  ),
});

export type Sealed = z.infer<typeof SealedSchema>;

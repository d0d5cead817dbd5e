import { z } from "zod";

/** Requests with a tag of this name and value. */
export const TestersSchema = z.strictObject({
  /** Name of the tag. */
  tag: z.string().min(1).max(64),
  /** Its value. */
  value: z.string().min(1).max(128),
});

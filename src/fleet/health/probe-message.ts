import { z } from "zod";

/** A message, and what the reply must say: that a process does with its peers what it is for. */
export const ProbeSchema = z.strictObject({
  /** Action of the message. It is sent at every wiring, so take one that changes nothing, or nothing that counts. */
  action: z.string().min(1).max(64),
  /** Its data. @default an empty object */
  data: z.record(z.string(), z.unknown()).default({}),
  /** Members that the reply must have, with these values; others do not matter. @default any reply that is no error */
  expect: z.record(z.string(), z.unknown()).default({}),
});

export type Probe = z.infer<typeof ProbeSchema>;

import { z } from "zod";

/** A message and its expected reply, which prove that a process works together with its peers. */
export const ProbeSchema = z.strictObject({
  /** Action of the message. It is sent at every wiring, so it must not change anything important. */
  action: z.string().min(1).max(64),
  /** Its data. @default an empty object */
  data: z.record(z.string(), z.unknown()).default({}),
  /** Members that the reply must have, with these values; others are ignored. @default any reply except an error */
  expect: z.record(z.string(), z.unknown()).default({}),
});

export type Probe = z.infer<typeof ProbeSchema>;

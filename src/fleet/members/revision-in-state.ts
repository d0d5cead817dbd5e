import { z } from "zod";

export const RevisionSchema = z.looseObject({
  processId: z.string(),
  sourceHash: z.string().default(""),
  version: z.string().optional(),
  generation: z.number().optional(),
  health: z.string().optional(),
  code: z.array(z.string()).optional(),
});

/** One revision of a member in the state. States of earlier versions have fewer fields. */
export type RevisionInState = z.output<typeof RevisionSchema>;

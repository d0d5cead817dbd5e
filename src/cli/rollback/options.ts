import { z } from "zod";

/** The options of `fleet rollback`. */
export const Options = z.looseObject({
  to: z.string().optional(),
  deploymentId: z.string().optional(),
  reason: z.string().max(1000).optional(),
  manual: z.boolean().default(false),
  emergency: z.boolean().default(false),
  preserveState: z.boolean().default(false),
  restoreState: z.boolean().default(false),
  only: z.array(z.string()).default([]),
  acceptDivergence: z.boolean().default(false),
  withoutBackup: z.boolean().default(false),
  clear: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  timeout: z.number().optional(),
  parallel: z.number(),
  yes: z.boolean().default(false),
});
export type RollbackOptions = z.output<typeof Options>;

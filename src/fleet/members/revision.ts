import { z } from "zod";
import { DriftCodeSchema } from "../health/kept-drift.ts";
import { HealthOutputSchema } from "../health/schema.ts";

/** One deployed version of a member. */
export const RevisionSchema = z.strictObject({
  /** The AO process that runs it. */
  processId: z.string(),
  /** sha256 of the bundle's text. */
  sourceHash: z.string(),
  /** Id of the one message that loaded it. */
  evalId: z.string(),
  /** Version that the process reports. */
  version: z.string(),
  /** When it was loaded, ISO 8601. */
  loadedAt: z.string(),
  /** The run that loaded it. */
  deploymentId: z.string(),
  /** Names of the handlers that it had then; what a refresh compares with. */
  handlers: z.array(z.string()).optional(),
  /** Without the library: handlers and functions that it had then, as `<kind> <sum> <name>`. */
  code: z.array(z.string()).optional(),
  /** The shape of its states then. */
  stateVersion: z.string().optional(),
  /** The rollback that put an earlier state back with it. */
  restored: z.string().optional(),
});

export type Revision = z.infer<typeof RevisionSchema>;

/** A revision that is held in a process of its own. */
export const HeldRevisionSchema = RevisionSchema.extend({
  /** Which of the member's AO processes it is. */
  generation: z.number().int().positive(),
  /** The AO module that the process was spawned with. */
  moduleId: z.string(),
  /** What it said of its health when it was last wanted. */
  health: HealthOutputSchema.shape.status,
  /** When another one came in its place, ISO 8601. */
  replacedAt: z.string().optional(),
  /**
   * Of one that has a part of the traffic beside the wanted one: what a refresh found wrong with it.
   * @default nothing, or it has no traffic
   */
  finding: z
    .strictObject({
      /** What it said of its health. */
      health: HealthOutputSchema,
      /** What was changed by hand, in words. */
      drift: z.array(z.string()),
      /** The code of each line of `drift`, in its order. @default none, in a state of version 0.1.0 */
      driftCodes: z.array(DriftCodeSchema).optional(),
    })
    .optional(),
});

export type HeldRevision = z.infer<typeof HeldRevisionSchema>;

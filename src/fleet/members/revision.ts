import { z } from "zod";
import { DriftCodeSchema } from "../health/drift-codes.ts";
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
  /** Names of its handlers after the load, which a refresh compares with. */
  handlers: z.array(z.string()).optional(),
  /** Without the library: its handlers and functions after the load, as `<kind> <sum> <name>`. */
  code: z.array(z.string()).optional(),
  /** The shape of its states after the load. */
  stateVersion: z.string().optional(),
  /** The rollback that restored an earlier state with it. */
  restored: z.string().optional(),
});

export type Revision = z.infer<typeof RevisionSchema>;

/** A revision in its own process. */
export const HeldRevisionSchema = RevisionSchema.extend({
  /** Number of this process among the member's AO processes. */
  generation: z.number().int().positive(),
  /** The AO module that the process was spawned with. */
  moduleId: z.string(),
  /** Its reported health when it was last the wanted revision. */
  health: HealthOutputSchema.shape.status,
  /** When another revision replaced it, ISO 8601. */
  replacedAt: z.string().optional(),
  /**
   * For a revision that has a part of the traffic next to the wanted one: the problems that a refresh found.
   * @default none, or it has no traffic
   */
  finding: z
    .strictObject({
      /** Its reported health. */
      health: HealthOutputSchema,
      /** Descriptions of manual changes. */
      drift: z.array(z.string()),
      /** The code of each line of `drift`, in the same order. @default none, in a state of version 0.1.0 */
      driftCodes: z.array(DriftCodeSchema).optional(),
    })
    .optional(),
});

export type HeldRevision = z.infer<typeof HeldRevisionSchema>;

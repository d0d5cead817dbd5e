import { z } from "zod";
import { TimeSchema } from "../../delivery/time.ts";
import { luaList } from "../protocol/lua.ts";
import { CheckSchema } from "./schema.ts";
import { SealedSchema } from "./sealed.ts";

/** One manual change in the running code, as reported by the process. */
const ManualChangeSchema = z.looseObject({
  /** HANDLER, ACTION, CHECK, INVARIANT or FUNCTION. */
  kind: z.string(),
  /** GONE, ADDED, CHANGED or MOVED. */
  change: z.string(),
  /** Empty if only the order changed. */
  name: z.string(),
});

export type ManualChange = z.infer<typeof ManualChangeSchema>;

/** Absent in answers of earlier libraries, which do not detect manual changes. */
export const ManualChangesSchema = luaList(ManualChangeSchema).optional();

export const VerdictSchema = z.looseObject({
  healthStatus: z.enum(["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE"]),
  checks: z.array(CheckSchema),
  nonce: z.string(),
  version: z.string(),
  sourceHash: z.string(),
  epoch: z.number().int(),
  /** The deployment that loaded the code. */
  release: z.string().optional(),
  /** Manual changes since then; absent with earlier libraries. */
  changedByHand: ManualChangesSchema,
  /** Scheduler's time of the latest tick of its cron, in milliseconds since 1970; absent before the first. */
  lastTickAt: TimeSchema.optional().catch(undefined),
  sealed: SealedSchema.optional().catch(undefined),
});

export type Verdict = z.infer<typeof VerdictSchema>;

/** One process of a member. */
export interface ProcessRef {
  readonly name: string;
  readonly generation: number;
  readonly processId: string;
}

export interface Expected {
  readonly version: string;
  readonly sourceHash: string;
}

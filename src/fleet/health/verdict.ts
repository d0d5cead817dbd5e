import { z } from "zod";
import { luaList } from "../protocol/lua.ts";
import { CheckSchema } from "./schema.ts";

/** One thing in the running code that an Eval by hand left changed, as the process itself says. */
const HandChangeSchema = z.looseObject({
  /** HANDLER, ACTION, CHECK, INVARIANT or FUNCTION. */
  kind: z.string(),
  /** GONE, ADDED, CHANGED or MOVED. */
  change: z.string(),
  /** Empty where the change is one of the order. */
  name: z.string(),
});

export type HandChange = z.infer<typeof HandChangeSchema>;

/** Absent in the answers of a process whose library does not look for it yet. */
export const HandChangesSchema = luaList(HandChangeSchema).optional();

export const VerdictSchema = z.looseObject({
  healthStatus: z.enum(["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE"]),
  checks: z.array(CheckSchema),
  nonce: z.string(),
  version: z.string(),
  sourceHash: z.string(),
  epoch: z.number().int(),
  /** Deployment that loaded the code. */
  release: z.string().optional(),
  /** What was changed by hand since; absent where the library is older. */
  changedByHand: HandChangesSchema,
});

export type Verdict = z.infer<typeof VerdictSchema>;

export interface Place {
  readonly name: string;
  readonly generation: number;
  readonly processId: string;
}

export interface Expected {
  readonly version: string;
  readonly sourceHash: string;
}

import { z } from "zod";
import type { Approval, Promotion } from "../../src/delivery/approval.ts";
import { FaultRulesSchema, RoutedSchema } from "../../src/delivery/faults.ts";
import type { Phase } from "../../src/delivery/phase.ts";
import {
  GlobalsSchema,
  StatePolicySchema,
  StrategySchema,
  TrafficKeySchema,
} from "../../src/delivery/strategy.ts";
import { TestersSchema } from "../../src/delivery/testers.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { ProbeSchema } from "../../src/fleet/health/probe-message.ts";
import { TargetSchema } from "../../src/fleet/members/target.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";
import { CodeSchema } from "../run/coming.ts";
import type { TrafficDrift } from "./drift.ts";

/** One revision of a service: the AO process and the code that it must run. */
const RevisionRefSchema = z.strictObject({
  /** The AO process. */
  processId: z.string().min(1),
  /** sha256 of the bundle's text. */
  sourceHash: z.string().min(1),
});

/** One service of the fleet, by its member's name. */
const TrafficServiceSchema = z.strictObject({
  /** By what its callers are told apart. @default "sender" */
  key: TrafficKeySchema.default("sender"),
  /** What its state allows. @default "owned" */
  state: StatePolicySchema.default("owned"),
  /** Globals that are its state, and no others. @default those that messages changed */
  globals: GlobalsSchema.optional(),
  /** What had the traffic before this release; left out, or equal to green, when nothing moves. */
  blue: RevisionRefSchema.optional(),
  /** What shall have it. */
  green: RevisionRefSchema,
  /** Requests with this tag and value go to green from its proof on, whatever its share. @default none */
  testers: TestersSchema.optional(),
  /** What marks a reply of its as a fault. @default aos' conventions */
  faultWhen: FaultRulesSchema.optional(),
  /** Its actions that the router carries for anybody. @default all but those of the fleet's library */
  routed: RoutedSchema.optional(),
  /** Messages that green must answer as expected, in the place of callers where there are too few; for `state: "none"`. @default none */
  probes: z.array(ProbeSchema).max(50).optional(),
});
export type TrafficService = z.infer<typeof TrafficServiceSchema>;

export const TrafficInputsSchema = z.strictObject({
  ...CommonInputs,
  /** The member whose process carries the router: the fleet's coordinator. */
  router: TargetSchema,
  /** Hash of the declared release. Another one restarts from the last proven table. */
  release: z.string().min(1).max(128),
  /** Makes a caller's bucket; one per release. @default the release */
  salt: z.string().min(1).max(128).optional(),
  /** All services of the fleet that the router carries, those that do not change too. */
  services: z.record(z.string(), TrafficServiceSchema),
  /**
   * sha256 of the code that each service is to run: known in a preview, when its process is not known yet.
   * @default what `services` says
   */
  code: CodeSchema.optional(),
  /** How traffic moves. */
  strategy: StrategySchema.prefault({}),
  /** Seconds that the messages of one step may take, without its interval. @default 120 */
  timeoutSeconds: z.number().positive().default(120),
});
export type TrafficInputs = z.infer<typeof TrafficInputsSchema>;

/** Beside the inputs, where traffic is. */
export interface TrafficOutputs extends TrafficInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Service → the process that has most of its traffic: green at the end, blue after a rollback. */
  readonly active: Record<string, string>;
  /** The table that the router last confirmed. */
  readonly table: Table | null;
  /** Its step. */
  readonly step: number;
  /** Where the rollout is, in the guide's words: as the last run left it, or a refresh found it. */
  readonly phase: Phase;
  /** Slot at which that table came into force; null where the network has none, or the router returned to it by itself. */
  readonly slot: number | null;
  /** The last verdict in words, with its numbers. */
  readonly verdict: string;
  /** Who let the release keep its traffic: the judge by a good verdict, or a person without one; null where neither is known. */
  readonly letThrough: Approval["letThrough"] | null;
  /** Steps of the release's rollout that a person promoted without a good verdict, each with that verdict. */
  readonly promoted: readonly Promotion[];
  /** What a refresh found changed by hand, in words. */
  readonly drift: string[];
  /**
   * What each line of `drift` says, as data, in its order: `OTHER_TABLE` with both tables' shares, `NO_TABLE`, `UNANSWERED`, `UNTOLD`.
   * Absent where nothing was found, and in a state of version 0.1.0.
   */
  readonly driftFacts?: readonly TrafficDrift[];
}

/** Answer to `PROVE_TARGETS`. */
export const AskedSchema = z.looseObject({
  /** Revisions that were asked now; what had proved itself for this release already is not asked again. */
  count: z.number(),
});

import { z } from "zod";
import type { Approval, Promotion } from "../../src/delivery/approval.ts";
import { FaultRulesSchema, RoutedActionsSchema } from "../../src/delivery/faults.ts";
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
import { CodeSchema } from "../run/code-changes.ts";
import type { TrafficDrift } from "./drift.ts";

/** One revision of a service: the AO process and the code that it must run. */
const RevisionRefSchema = z.strictObject({
  /** AO process id. */
  processId: z.string().min(1),
  /** sha256 of the bundle's text. */
  sourceHash: z.string().min(1),
});

/** One service of the fleet. */
const TrafficServiceSchema = z.strictObject({
  /** What identifies a caller: `sender`, `tag:<Name>` or `data:<member>`. @default "sender" */
  key: TrafficKeySchema.default("sender"),
  /** How a rollout treats its state: `none`, `partitioned` or `owned`. @default "owned" */
  state: StatePolicySchema.default("owned"),
  /** The only globals that are carried as its state. @default those that messages changed */
  globals: GlobalsSchema.optional(),
  /** The revision that had the traffic before this release. Left out, or equal to `green`, if nothing moves. @default none */
  blue: RevisionRefSchema.optional(),
  /** The revision that gets the traffic. */
  green: RevisionRefSchema,
  /** Requests with this tag and value go to green as soon as the router has proved its health, whatever its share. @default none */
  testers: TestersSchema.optional(),
  /** What marks a reply as a fault. The first matching rule decides. @default aos' conventions */
  faultWhen: FaultRulesSchema.optional(),
  /** Actions that the router forwards to it for any sender. @default all but those of the fleet's library */
  routed: RoutedActionsSchema.optional(),
  /** Messages that green must answer as expected. They replace callers if there are too few; for `state: "none"`. @default none */
  probes: z.array(ProbeSchema).max(50).optional(),
});
export type TrafficService = z.infer<typeof TrafficServiceSchema>;

export const TrafficInputsSchema = z.strictObject({
  ...CommonInputs,
  /** The member whose process carries the router: the fleet's coordinator by default. */
  router: TargetSchema,
  /** Hash of the declared release. A different release starts from the last proven table. */
  release: z.string().min(1).max(128),
  /** Salt of the hash that assigns callers to revisions. @default a new one for each rollout, which the router keeps in its table */
  salt: z.string().min(1).max(128).optional(),
  /** Every service that the router serves, including those that do not change, by member's name. */
  services: z.record(z.string(), TrafficServiceSchema),
  /**
   * sha256 of the code that each service will run, by name. It is known in a preview, when the process is not known yet.
   * @default the hashes in `services`
   */
  code: CodeSchema.optional(),
  /** How traffic moves. */
  strategy: StrategySchema.prefault({}),
  /** Seconds that the messages of one step may take, in addition to its interval. @default 120 */
  timeoutSeconds: z.number().positive().default(120),
});
export type TrafficInputs = z.infer<typeof TrafficInputsSchema>;

/** The inputs, and the current state of the traffic. */
export interface TrafficOutputs extends TrafficInputs {
  /** Version of the outputs' shape. Later code reads every earlier version. */
  readonly schemaVersion: 1;
  /** Service → AO process id with the largest share of its traffic: green at the end, blue after a rollback. */
  readonly active: Record<string, string>;
  /** The table that the router last confirmed; null before the first. */
  readonly table: Table | null;
  /** Step of the table. */
  readonly step: number;
  /** Phase of the rollout, as the last run left it or a refresh found it. */
  readonly phase: Phase;
  /** Slot at which the table came into force; null if the network has no slots, or if the router reverted to it. */
  readonly slot: number | null;
  /** The last verdict as a sentence, with its figures. */
  readonly verdict: string;
  /** Who approved the release's traffic: the checks by a passing verdict, or a person without one; null if it is unknown. */
  readonly approvedBy: Approval["approvedBy"] | null;
  /** Steps of the release's rollout that a person promoted without a passing verdict, each with its verdict. */
  readonly promoted: readonly Promotion[];
  /** Manual changes that a refresh found, as sentences. */
  readonly drift: string[];
  /**
   * The entries of `drift` as data, in the same order: `OTHER_TABLE` with both tables' shares, `NO_TABLE`, `UNANSWERED`, `UNREADABLE`.
   * Left out if there is no drift, and in a state of version 0.1.0.
   */
  readonly driftFacts?: readonly TrafficDrift[];
}

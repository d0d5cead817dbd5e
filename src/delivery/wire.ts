/**
 * The router's messages, as in `src/runtime/fleet/router.lua`. Lua's JSON encodes an empty table as `[]`
 * unless it is marked, so maps are parsed leniently.
 */
import { z } from "zod";
import { ADDRESS } from "../core/address.ts";
import { CallerMetricsSchema } from "./caller-figures.ts";
import { FaultRulesSchema, RoutedActionsSchema } from "./faults.ts";
import { luaList } from "./lua.ts";
import { ALL_TRAFFIC_BP, TrafficKeySchema } from "./strategy.ts";
import { TimeSchema } from "./time.ts";

const ProcessId = z.string().regex(ADDRESS, "an AO process id");

const mapOf = <T extends z.ZodType>(value: T) =>
  z.preprocess(
    (given) => (Array.isArray(given) && given.length === 0 ? {} : given),
    z.record(z.string(), value),
  );

/** One revision's share of a service. */
const RouteSchema = z.strictObject({
  processId: ProcessId,
  /** sha256 of the code that it must run; the router's own proof is compared with it. */
  revision: z.string().min(1).max(64),
  weightBp: z.number().int().min(0).max(ALL_TRAFFIC_BP),
});
export type Route = z.infer<typeof RouteSchema>;

/** How one service's requests are distributed. */
const ServiceRoutesSchema = z.strictObject({
  key: TrafficKeySchema,
  /** The first route has the lowest buckets; callers in them stay there while its share grows. Weights add up to 10,000. */
  routes: z.array(RouteSchema).min(1).max(8),
  /** Requests with this tag and value go to this revision, whatever its share. */
  testers: z
    .strictObject({ tag: z.string().min(1).max(64), value: z.string().min(1).max(128), processId: ProcessId })
    .optional(),
  /** Gets a copy of every request; its answers are counted and dropped. */
  mirror: ProcessId.optional(),
  /** What marks a reply as a fault. @default aos' conventions */
  faultWhen: FaultRulesSchema.optional(),
  /** The actions that are forwarded for anyone. @default all except those of the fleet's library */
  actions: RoutedActionsSchema.optional(),
});
export type ServiceRoutes = z.infer<typeof ServiceRoutesSchema>;

/** Identifies a table by its release and step. */
const TableRefSchema = z.object({
  release: z.string().min(1).max(128),
  step: z.number().int().min(0),
});
export type TableRef = z.infer<typeof TableRefSchema>;

/**
 * Why a router holds its table:
 *
 * - `gate`: the step passed, and it has a manual gate
 * - `paused`: a person paused the rollout
 * - `inconclusive`: several intervals had too little data
 * - `error`: several measurements in a row failed
 * - `disputed`: callers known from before the rollout and new callers are served differently
 * - `uncompared`: too many requests failed, and whether the old revision would have answered them could not be found out
 * - `failed`: a check failed, and the strategy does not roll back by itself
 * - `stranded`: the rollout should have rolled back, but the old revision could not take the state
 * - `abandoned`: the deployer did not renew its lease, and the new revision has the state
 */
export const HOLD_CODES = [
  "gate",
  "paused",
  "inconclusive",
  "error",
  "disputed",
  "uncompared",
  "failed",
  "stranded",
  "abandoned",
] as const;
export type HoldCode = (typeof HOLD_CODES)[number];

/** `SET_TRAFFIC`: a control message. One message switches all services at its slot. */
export const SetTrafficSchema = z.strictObject({
  ...TableRefSchema.shape,
  /** One per rollout: a caller has the same bucket at all services of the release. */
  salt: z.string().min(1).max(128),
  /** The table that this one replaces; omitted if there is none yet. If another one is in force, the request is refused with `STALE_STEP`. */
  expect: TableRefSchema.extend({
    /** The router's change counter at that time: a table that was set again has another one. @default any */
    serial: z.number().int().min(0).optional(),
  }).optional(),
  services: mapOf(ServiceRoutesSchema),
  /**
   * Expires automatically: `forMs` of the scheduler's time after this message the router returns to the proven table, which must be
   * of the release `revertTo`. With `onEnd: "hold"` it keeps and holds the table instead, for use after state was handed over to the new
   * revision and the old one refuses requests. Without a lease the table is steady and becomes the proven one, unless `hold` is set.
   * The steady table in force, sent again with its own `expect`, reports after a return to it that the state is back as well.
   */
  lease: z
    .strictObject({
      forMs: z
        .number()
        .int()
        .min(1000)
        .max(7 * 86_400_000),
      revertTo: z.string().min(1).max(128),
      onEnd: z.enum(["revert", "hold"]).optional(),
    })
    .optional(),
  /** Why the table is held: it stays in force without expiry and does not become the proven one. For people. */
  hold: z.string().min(1).max(300).optional(),
  /** The machine-readable reason; only with `hold`, and only a code that the router lists in `holdCodes`. @default none */
  holdCode: z.enum(HOLD_CODES).optional(),
});
export type SetTraffic = z.infer<typeof SetTrafficSchema>;

/** A table as stored by the router. */
const TableSchema = z.looseObject({
  ...TableRefSchema.shape,
  salt: z.string(),
  /** `steady`: proven, without expiry · `rollout`: under a lease · `held`: waits for a person. */
  mode: z.enum(["steady", "rollout", "held"]),
  /** Why it is held, for people. Decisions use `holdOf`. */
  reason: z.string().optional(),
  /** Why it is held. Absent on routers of earlier versions; later ones may use codes that this version does not know. */
  holdCode: z.string().optional(),
  /** Whether callers' state is with the new revisions, so that an abort holds the table until a run returns both. Absent on earlier routers. */
  handed: z.boolean().optional(),
  /** Scheduler's time of the message that set it, ms. */
  at: z.number(),
  services: mapOf(z.looseObject(ServiceRoutesSchema.shape)),
});
export type Table = z.infer<typeof TableSchema>;

const counts = {
  /** Requests sent to it, answered or not. */
  requests: z.number(),
  /** Answered successfully. */
  answered: z.number(),
  /** Faults: `INTERNAL`, no answer in time, an answer of unknown shape, a missing process. */
  errors: z.number(),
  /** Refused because of the sender. */
  refused: z.number(),
  /** Told to ask again: its state was being moved to another revision. */
  draining: z.number().optional(),
  /** Faults in this step of requests from an earlier one, in which they are counted. Absent on routers of earlier versions. */
  earlier: z.number().optional(),
};

/** One sender's part of a revision's figures. */
const SenderMetricsSchema = z.looseObject({
  ...counts,
  /** Its part of the revision's latencies. */
  latencies: luaList(z.number()),
  /** The ages of its open requests, as in the revision's figures. */
  open: luaList(z.number()),
});
export type SenderMetrics = z.infer<typeof SenderMetricsSchema>;

/** A revision's figures since the start of the step. Latencies are in ms of the scheduler's time, the latest 256, at most 128 of one sender. */
const RevisionMetricsSchema = z.looseObject({
  ...counts,
  latencies: luaList(z.number()),
  /**
   * The age of each open request, whatever step it is from: in ms of the scheduler's time, the oldest 256, oldest first. Absent on
   * routers of earlier versions, and always in the figures of the step before.
   */
  open: luaList(z.number()).optional(),
  /**
   * The senders with most faults, refusals and requests. Absent on routers of earlier versions, and if the table is steady.
   */
  senders: mapOf(SenderMetricsSchema).optional(),
  /**
   * The 128 callers of longest standing known from before the rollout, and the first 128 new ones. Absent on routers of earlier versions, in steady
   * tables, and unless a deployer asks for the service's callers.
   */
  callers: z.array(CallerMetricsSchema).optional(),
});
export type RevisionMetrics = z.infer<typeof RevisionMetricsSchema>;

/** service → process id → figures. */
const MetricsSchema = z.looseObject({
  /** The table that the figures belong to. */
  release: z.string(),
  step: z.number(),
  /** Start of counting, in the scheduler's time. */
  since: z.number(),
  services: mapOf(mapOf(RevisionMetricsSchema)),
  /**
   * Services that answered a caller before the release, of those whose callers a deployer asks for. Absent on routers of earlier versions, and in
   * the figures of the step before.
   */
  servedBefore: luaList(z.string()).optional(),
});
export type Metrics = z.infer<typeof MetricsSchema>;

/** The router's own health check of a process. */
const ProofSchema = z.looseObject({
  release: z.string(),
  revision: z.string(),
  /** `asked` until the answer arrives. */
  status: z.enum(["asked", "proven", "refused"]),
  detail: z.string().optional(),
  at: z.number(),
});

/** `GET_TRAFFIC`: available to anyone. */
export const TrafficStateSchema = z.looseObject({
  /** The table in force; absent before the first. */
  table: TableSchema.optional(),
  /** The last steady one. */
  proven: TableSchema.optional(),
  lease: z
    .looseObject({ untilMs: TimeSchema, revertTo: z.string(), onEnd: z.enum(["revert", "hold"]).optional() })
    .optional(),
  /** The last command of a person, and the table that it refers to. */
  command: z
    .looseObject({
      ...TableRefSchema.shape,
      command: z.enum(["promote", "pause", "resume", "abort"]),
      by: z.string(),
      at: TimeSchema,
    })
    .optional(),
  /** The last time that the router itself returned to the proven table: from which table, when and why. */
  reverted: z
    .looseObject({
      ...TableRefSchema.shape,
      why: z.enum(["lease", "abort"]),
      at: TimeSchema,
      /** The routes until then, and their salt. Absent on routers of earlier versions. */
      salt: z.string().optional(),
      services: mapOf(z.looseObject(ServiceRoutesSchema.shape)).optional(),
      /** A run has returned the state as well: it is of the proven table's revisions. Absent until then, and on routers of earlier versions. */
      returned: z.boolean().optional(),
    })
    .optional(),
  metrics: MetricsSchema.optional(),
  /** Figures of the previous step, so that a complete switch can be compared with them. */
  before: MetricsSchema.optional(),
  proofs: mapOf(ProofSchema),
  /** Hold codes that the router accepts in `SET_TRAFFIC`. Routers of earlier versions accept none. */
  holdCodes: z.array(z.string()).optional(),
  /** Change counter of the table. */
  serial: z.number(),
  epoch: z.number(),
  /** Scheduler's time and slot of the answer. */
  at: z.number(),
  slot: z.number().optional(),
});
export type TrafficState = z.infer<typeof TrafficStateSchema>;

/** The same as the router publishes it: without figures, which change with every request, and without proofs. */
export const PublishedTrafficSchema = TrafficStateSchema.pick({
  table: true,
  proven: true,
  lease: true,
  command: true,
  reverted: true,
  serial: true,
  epoch: true,
  at: true,
  slot: true,
});
export type PublishedTraffic = z.infer<typeof PublishedTrafficSchema>;

/** `SET_TRAFFIC-Response`. */
export const TrafficSetSchema = z.looseObject({
  ...TableRefSchema.shape,
  mode: z.string(),
  /** The same table was already in force: only its lease was renewed. */
  repeated: z.boolean(),
  at: z.number(),
  slot: z.number().optional(),
});

/** `PROVE_TARGETS`: a control message; the router checks each process' health. The outcome is in `proofs` of `GET_TRAFFIC`. */
export interface ProveTargets {
  readonly release: string;
  /** process id → sha256 of the code that it must run. */
  readonly targets: Readonly<Record<string, string>>;
}

/** `TRAFFIC_COMMAND`: from a deployer; needs no epoch, so it can be sent during a run. */
export const TrafficCommandSchema = z.strictObject({
  /** promote: past a gate or to the next step · pause: stay · resume: continue · abort: return to the proven table at once, or, while the state is with the new revision, hold until a run returns both. */
  command: z.enum(["promote", "pause", "resume", "abort"]),
  /** Refused if another release is in force. @default the one in force */
  release: z.string().optional(),
});
export type TrafficCommand = z.infer<typeof TrafficCommandSchema>["command"];

/** `TRAFFIC_COMMAND-Response`. */
export const TrafficCommandedSchema = z.looseObject({
  /** The table that the command was for. */
  ...TableRefSchema.shape,
  /** The mode of the table in force afterwards. */
  mode: z.string(),
});
export type TrafficCommanded = z.infer<typeof TrafficCommandedSchema>;

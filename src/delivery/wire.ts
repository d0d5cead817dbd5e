/**
 * The router's messages: what `src/runtime/fleet/router.lua` takes and gives. Lua's JSON writes an empty table as `[]`
 * unless it is marked, so maps are read leniently.
 */
import { z } from "zod";
import { FaultRulesSchema, RoutedSchema } from "./faults.ts";
import { TrafficKeySchema, WHOLE } from "./strategy.ts";

const ProcessId = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "an AO process id");

const mapOf = <T extends z.ZodType>(value: T) =>
  z.preprocess(
    (given) => (Array.isArray(given) && given.length === 0 ? {} : given),
    z.record(z.string(), value),
  );

const listOf = <T extends z.ZodType>(item: T) =>
  z.preprocess((given) => (Array.isArray(given) ? given : []), z.array(item));

/** One revision's share of a service. */
const RouteSchema = z.strictObject({
  processId: ProcessId,
  /** sha256 of the code that it must run: what the router's own proof is held against. */
  revision: z.string().min(1).max(64),
  weightBp: z.number().int().min(0).max(WHOLE),
});
export type Route = z.infer<typeof RouteSchema>;

/** How one service's requests are spread. */
const ServiceRoutesSchema = z.strictObject({
  key: TrafficKeySchema,
  /** The first route has the lowest buckets. Whoever is in them stays there while its share grows. Weights add up to 10,000. */
  routes: z.array(RouteSchema).min(1).max(8),
  /** Requests with this tag and value go to this revision, whatever its share. */
  testers: z
    .strictObject({ tag: z.string().min(1).max(64), value: z.string().min(1).max(128), processId: ProcessId })
    .optional(),
  /** Gets a copy of every request; its answers are counted and thrown away. */
  mirror: ProcessId.optional(),
  /** What marks a reply as a fault. @default aos' conventions */
  faultWhen: FaultRulesSchema.optional(),
  /** The actions that are carried for anybody. @default all but those of the fleet's library */
  actions: RoutedSchema.optional(),
});
export type ServiceRoutes = z.infer<typeof ServiceRoutesSchema>;

/** Which table: the release that it is of, and the step within it. */
const TableRefSchema = z.object({
  release: z.string().min(1).max(128),
  step: z.number().int().min(0),
});
export type TableRef = z.infer<typeof TableRefSchema>;

/**
 * Why a router holds its table:
 *
 * - `gate`: the step was judged good, and a manual gate is declared there
 * - `paused`: a person paused the rollout
 * - `inconclusive`: several intervals had too little to judge by
 * - `error`: several measurements in a row could not be made
 * - `failed`: a check failed, and the strategy does not roll back by itself
 * - `stranded`: the rollout was to go back, and the old revision could not take the state
 * - `abandoned`: the deployer did not renew its lease, and the state is with the new revision
 */
export const HOLD_CODES = [
  "gate",
  "paused",
  "inconclusive",
  "error",
  "failed",
  "stranded",
  "abandoned",
] as const;
export type HoldCode = (typeof HOLD_CODES)[number];

/** `SET_TRAFFIC`: a control message. One message switches all services at its slot. */
export const SetTrafficSchema = z.strictObject({
  ...TableRefSchema.shape,
  /** One per release: the same caller gets the same bucket at all services of the release. */
  salt: z.string().min(1).max(128),
  /** The table that this one replaces; left out when there is none yet. Any other is refused with `STALE_STEP`. */
  expect: TableRefSchema.extend({
    /** How often the router's table was changed until then: a table that came back is another one. @default whatever it is */
    serial: z.number().int().min(0).optional(),
  }).optional(),
  services: mapOf(ServiceRoutesSchema),
  /**
   * Ends by itself: `forMs` of the scheduler's time after this message the router returns to the proven table, which must be of
   * the release `revertTo`; or, with `onEnd: "hold"`, it keeps the table and holds it, which is right where state was handed over to
   * the new revision and the old one refuses. Without a lease the table is steady, and is the proven one from then on, unless `hold` says why not.
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
  /** Keeps the table without an end and without being the proven one: a gate, a pause, a verdict that needs a person. */
  hold: z.string().min(1).max(300).optional(),
  /** Why, to decide by; only with `hold`, and only one that the router lists in `holdCodes`. @default none */
  holdCode: z.enum(HOLD_CODES).optional(),
});
export type SetTraffic = z.infer<typeof SetTrafficSchema>;

/** A table as the router keeps it. */
const TableSchema = z.looseObject({
  ...TableRefSchema.shape,
  salt: z.string(),
  /** `steady`: proven, no end · `rollout`: under a lease · `held`: waits for a person. */
  mode: z.enum(["steady", "rollout", "held"]),
  /** Why it is held, for people. Decide by `holdOf`. */
  reason: z.string().optional(),
  /** Why it is held. Routers of earlier versions do not keep it; later ones may keep codes that this version does not know. */
  holdCode: z.string().optional(),
  /** Scheduler's time of the message that set it, ms. */
  at: z.number(),
  services: mapOf(z.looseObject(ServiceRoutesSchema.shape)),
});
export type Table = z.infer<typeof TableSchema>;

/** What a revision did since its step began. Latencies are of the scheduler's time, in ms, the latest 256. */
const RevisionMetricsSchema = z.looseObject({
  /** Requests given to it, answered or not. */
  requests: z.number(),
  /** Answered as they should be. */
  answered: z.number(),
  /** Faults: `INTERNAL`, no answer in time, an answer of no known shape, gone. */
  errors: z.number(),
  /** Refused for a reason of the sender's. */
  refused: z.number(),
  /** Told to ask again: its state was on its way to another revision. */
  draining: z.number().optional(),
  /** Faults, in this step, of requests that were asked in an earlier one, where they are counted. Routers of earlier versions do not say it. */
  earlier: z.number().optional(),
  latencies: listOf(z.number()),
  /**
   * How long each request has been without an answer, whatever step it was asked in: of the scheduler's time, in ms, the oldest 256
   * first. Routers of earlier versions do not say it, nor does any of the step before.
   */
  open: listOf(z.number()).optional(),
});
export type RevisionMetrics = z.infer<typeof RevisionMetricsSchema>;

/** service → process id → figures. */
const MetricsSchema = z.looseObject({
  /** The table that they belong to. */
  release: z.string(),
  step: z.number(),
  /** Scheduler's time since when they count. */
  since: z.number(),
  services: mapOf(mapOf(RevisionMetricsSchema)),
});
export type Metrics = z.infer<typeof MetricsSchema>;

/** That the router itself asked a process for its health and got the answer from that process. */
const ProofSchema = z.looseObject({
  release: z.string(),
  revision: z.string(),
  /** `asked` while the answer is to come. */
  status: z.enum(["asked", "proven", "refused"]),
  detail: z.string().optional(),
  at: z.number(),
});
export type Proof = z.infer<typeof ProofSchema>;

/** `GET_TRAFFIC`: anyone may ask. */
export const TrafficStateSchema = z.looseObject({
  /** The table in force; absent before the first. */
  table: TableSchema.optional(),
  /** The last steady one. */
  proven: TableSchema.optional(),
  lease: z
    .looseObject({ untilMs: z.number(), revertTo: z.string(), onEnd: z.enum(["revert", "hold"]).optional() })
    .optional(),
  /** What a person last said, about the table it was said of. */
  command: z
    .looseObject({
      ...TableRefSchema.shape,
      command: z.enum(["promote", "pause", "resume", "abort"]),
      by: z.string(),
      at: z.number(),
    })
    .optional(),
  /** The last time that the router itself returned to the proven table: from where, when and why. */
  reverted: z
    .looseObject({
      ...TableRefSchema.shape,
      why: z.enum(["lease", "abort"]),
      at: z.number(),
      /** Where requests went until then, and by which salt. Routers of earlier versions do not say it. */
      salt: z.string().optional(),
      services: mapOf(z.looseObject(ServiceRoutesSchema.shape)).optional(),
    })
    .optional(),
  metrics: MetricsSchema.optional(),
  /** Of the step before, so that a switch of everything can be compared with what was. */
  before: MetricsSchema.optional(),
  proofs: mapOf(ProofSchema),
  /** Codes of holds that the router takes in `SET_TRAFFIC`. Routers of earlier versions take none. */
  holdCodes: z.array(z.string()).optional(),
  /** How often the table was changed, by whomever. */
  serial: z.number(),
  epoch: z.number(),
  /** Scheduler's time and slot of the answer. */
  at: z.number(),
  slot: z.number().optional(),
});
export type TrafficState = z.infer<typeof TrafficStateSchema>;

/** `SET_TRAFFIC-Response`. */
export const TrafficSetSchema = z.looseObject({
  ...TableRefSchema.shape,
  mode: z.string(),
  /** The same table was in force already: nothing was changed but the end of its lease. */
  repeated: z.boolean(),
  at: z.number(),
  slot: z.number().optional(),
});

/** `PROVE_TARGETS`: a control message; the router asks each process for its health. The outcome is in `proofs` of `GET_TRAFFIC`. */
export const ProveTargetsSchema = z.strictObject({
  release: z.string().min(1).max(128),
  /** process id → sha256 of the code that it must run. */
  targets: z.record(ProcessId, z.string().min(1).max(64)),
});

/** `TRAFFIC_COMMAND`: of a deployer; needs no epoch, so it can be said while a run goes on. */
export const TrafficCommandSchema = z.strictObject({
  /** promote: past a gate or to the next step · pause: stay · resume: go on · abort: return to the proven table at once. */
  command: z.enum(["promote", "pause", "resume", "abort"]),
  /** Refused when another release is in force. @default whichever is */
  release: z.string().optional(),
});
export type TrafficCommand = z.infer<typeof TrafficCommandSchema>["command"];

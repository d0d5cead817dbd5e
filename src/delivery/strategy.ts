import { z } from "zod";

/** All of the traffic, in basis points. */
export const ALL_TRAFFIC_BP = 10_000;

/** How traffic shifts from the old revision (blue) to the new one (green). */
export const TrafficStrategySchema = z.enum(["INSTANT", "GRADUAL", "CANARY", "A_B_TEST"]);
export type TrafficStrategy = z.infer<typeof TrafficStrategySchema>;

/** The order in which the members of a release are deployed, and whether in place or next to the old revision. */
export const KindSchema = z.enum(["sequential", "parallel", "rolling", "blue-green"]);
export type Kind = z.infer<typeof KindSchema>;

/** The names in the guide's deployment requests. This fleet always deploys in the order of the dependencies. */
export const DEPLOYMENT_STRATEGIES: readonly string[] = [
  "DEPENDENCY_AWARE",
  ...KindSchema.options.map((kind) => kind.toUpperCase().replace("-", "_")),
];

/** One step of a rollout: green's share, and how long it is watched before the next step. */
export const StepSchema = z.strictObject({
  /** Green's share, in basis points: 1,000 is a tenth. Never decreases from step to step. */
  weightBp: z.number().int().min(0).max(ALL_TRAFFIC_BP),
  /** Seconds for which green is watched at this share before it is judged. @default the strategy's `intervalSeconds` */
  intervalSeconds: z.number().min(0).max(86_400).optional(),
  /** `manual`: after a pass, the rollout waits here for `fleet promote`. @default none */
  gate: z.literal("manual").optional(),
  /** Green also gets a copy of every request: its answers are counted and dropped. Requires `state: "none"` and no peers except the router. */
  mirror: z.literal(true).optional(),
});
export type DeclaredStep = z.infer<typeof StepSchema>;

const sampling = {
  /**
   * Minimum number of requests before green passes; fewer are inconclusive. Green can fail with fewer if the test is significant.
   * `errorRate` counts green's requests, `latency` those of both revisions. `refusals` counts those of both, and only if green answered
   * none: a green that answers some passes unless the comparison with the old revision, with however few requests, fails it. @default 30
   */
  minSamples: z.number().int().min(1).max(100_000).default(30),
  /** Confidence that a failure requires: 1 − the share of good releases that may fail by chance. @default 0.99 */
  confidence: z.number().min(0.5).max(0.9999).default(0.99),
};

/** A check of green. Every check in the list must pass. */
const CheckRuleSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("errorRate"),
    /** The largest allowed share of faults (`INTERNAL`, no answer in time, no such process) among green's requests. @default 0.05 */
    max: z.number().min(0).max(1).default(0.05),
    /** How much green's share may exceed blue's, as a share of all requests. @default 0.02 for faults, 0.1 for refusals */
    tolerance: z.number().min(0).max(1).default(0.02),
    ...sampling,
  }),
  z.strictObject({
    kind: z.literal("refusals"),
    /** How much green's share may exceed blue's, as a share of all requests. @default 0.02 for faults, 0.1 for refusals */
    tolerance: z.number().min(0).max(1).default(0.1),
    ...sampling,
  }),
  z.strictObject({
    kind: z.literal("latency"),
    /** The slowest allowed median of green's answers in ms, by the scheduler's time. @default none */
    maxMs: z.number().positive().optional(),
    /** The largest allowed probability that a request to green is slower than one to blue: 0.5 means no difference, 1 always. @default 0.65 */
    maxEffect: z.number().min(0.5).max(1).default(0.65),
    ...sampling,
  }),
  z.strictObject({
    kind: z.literal("health"),
    /** Whether DEGRADED passes. @default true */
    allowDegraded: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal("probe"),
    /** Name of the probe, for the verdict. */
    name: z.string().min(1).max(64),
    /** The service whose green revision is probed. */
    service: z.string().min(1).max(64),
    /** Action of the message. */
    action: z.string().min(1).max(64),
    /** Its data. @default an empty object */
    data: z.record(z.string(), z.unknown()).default({}),
    /** Members that the reply must have, with these values; others are ignored. */
    expect: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({
    kind: z.literal("invariant"),
    /** Name of the invariant, for the verdict. */
    name: z.string().min(1).max(64),
    /** The service whose revisions are asked: the old one before traffic moves, the new one at each step. */
    service: z.string().min(1).max(64),
    /** Action of the message; it must not change anything. */
    action: z.string().min(1).max(64),
    /** Its data. @default an empty object */
    data: z.record(z.string(), z.unknown()).default({}),
    /** Path of the value in the reply: `sum`, `totals.gold`. */
    path: z.string().regex(/^[\w-]+(\.[\w-]+)*$/, "names with dots between them"),
    /** How the new revision's value must relate to the old one: equal, not less, not more. @default "equal" */
    relation: z.enum(["equal", "notLess", "notMore"]).default("equal"),
  }),
]);
export type CheckRule = z.infer<typeof CheckRuleSchema>;

const DEFAULT_CHECKS: readonly z.input<typeof CheckRuleSchema>[] = [
  { kind: "health" },
  { kind: "errorRate" },
  { kind: "refusals" },
];

/** How a release is deployed and gets its traffic. All times are in seconds. */
export const StrategySchema = z.strictObject({
  /** `sequential`, `parallel` and `rolling` load code in place; `blue-green` spawns new processes next to the old ones. @default "sequential" */
  kind: KindSchema.default("sequential"),
  /** How traffic shifts; only for `blue-green`. @default "INSTANT" */
  trafficStrategy: TrafficStrategySchema.optional(),
  /** Steps that replace those of `trafficStrategy`. @default by `trafficStrategy` */
  steps: z.array(StepSchema).min(1).max(50).optional(),
  /** How long each step is watched, including the last one. @default 60 */
  intervalSeconds: z.number().min(0).max(86_400).default(60),
  /** Seconds after its interval for which a step stays in force without its deployer; then the router reverts automatically. @default 120 */
  leaseSeconds: z.number().min(5).max(86_400).optional(),
  /** How long a new revision, and the router's proof of it, may take to become healthy. @default 60 */
  healthCheckTimeout: z.number().positive().max(3600).default(60),
  /** Whether a failed rollout rolls back automatically. If false, `onFailure: rollback` means `freeze`. @default true */
  rollbackOnFailure: z.boolean().default(true),
  /**
   * After a failed check: `rollback` returns all traffic to the last proven table at once; `freeze` keeps the shares until a
   * person promotes or aborts; `hold` also keeps them, and the next run judges again. @default "rollback"
   */
  onFailure: z.enum(["rollback", "freeze", "hold"]).default("rollback"),
  /** The checks of green, all of which run at each step. @default health, errorRate and refusals */
  checks: z
    .array(CheckRuleSchema)
    .max(50)
    .prefault([...DEFAULT_CHECKS]),
  /** Number of inconclusive verdicts in a row after which the rollout holds. @default 3 */
  maxInconclusive: z.number().int().min(1).max(1000).default(3),
  /** Maximum number of signed probes that are sent to green if it has too few callers for a verdict; 0 sends none. @default 30 */
  probes: z.number().int().min(0).max(1000).default(30),
  /** How long the old revisions are kept warm for a rollback after the rollout has ended. @default 3600 */
  windowSeconds: z
    .number()
    .min(0)
    .max(30 * 86_400)
    .default(3600),
  /** Members that are updated at the same time; only for `rolling`. @default 1 */
  maxParallel: z.number().int().min(1).max(100).optional(),
  /** How long a batch must stay healthy before the next; only for `rolling`. @default 0 */
  minHealthySeconds: z.number().min(0).max(3600).optional(),
});

/** A strategy as declared. */
export type StrategyInput = z.input<typeof StrategySchema>;
/** A strategy with its defaults. */
export type Strategy = z.infer<typeof StrategySchema>;

/** How a service's traffic can be split, given its state: `none` freely, `partitioned` by its key, `owned` never: it switches at one slot. */
export const StatePolicySchema = z.enum(["none", "partitioned", "owned"]);
export type StatePolicy = z.infer<typeof StatePolicySchema>;

/** Names of a program's globals, as in Lua. */
export const GlobalsSchema = z
  .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of a global"))
  .max(500);

/** What identifies a service's callers: the sender, a tag of the message, or a member of its data. */
export const TrafficKeySchema = z
  .string()
  .regex(/^(sender|tag:[A-Za-z0-9-]{1,64}|data:[A-Za-z0-9_-]{1,64})$/, "sender, tag:<Name> or data:<member>");

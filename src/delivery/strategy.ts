import { z } from "zod";

/** All of the traffic, in basis points. */
export const WHOLE = 10_000;

/** How traffic moves from the old revision (blue) to the new one (green); the guide's four. */
export const TrafficStrategySchema = z.enum(["INSTANT", "GRADUAL", "CANARY", "A_B_TEST"]);
export type TrafficStrategy = z.infer<typeof TrafficStrategySchema>;

/** In which order, and beside or in place of what runs, the members of a release are deployed. */
export const KindSchema = z.enum(["sequential", "parallel", "rolling", "blue-green"]);
export type Kind = z.infer<typeof KindSchema>;

/** As the guide's deployment requests name it; a run of this fleet goes by dependencies, whatever the kinds of its members. */
export const DEPLOYMENT_STRATEGIES: readonly string[] = [
  "DEPENDENCY_AWARE",
  ...KindSchema.options.map((kind) => kind.toUpperCase().replace("-", "_")),
];

/** One step of a rollout: what green gets, and how long it is watched before the next. */
export const StepSchema = z.strictObject({
  /** Green's share, in basis points: 1,000 is a tenth. Never falls from step to step. */
  weightBp: z.number().int().min(0).max(WHOLE),
  /** Seconds that it is watched at this share before it is judged. @default the strategy's `intervalSeconds` */
  intervalSeconds: z.number().min(0).max(86_400).optional(),
  /** `manual`: after a good verdict the rollout waits here until `fleet promote`. @default none */
  gate: z.literal("manual").optional(),
  /** Green gets a copy of every request too: its answers are counted and dropped. For `state: "none"`, without peers but the router. */
  mirror: z.literal(true).optional(),
});
export type DeclaredStep = z.infer<typeof StepSchema>;

const sampling = {
  /**
   * Requests, at the least, before green passes; fewer are inconclusive. It is condemned by fewer where the test is sure. `errorRate`
   * counts green's, `latency` those of both revisions; `refusals` too, and only where green answered none: a green that answers some passes
   * unless the old revision's requests, however few, condemn it. @default 30
   */
  minSamples: z.number().int().min(1).max(100_000).default(30),
  /** How sure a verdict against green must be: 1 − the share of good releases that it may condemn. @default 0.99 */
  confidence: z.number().min(0.5).max(0.9999).default(0.99),
};

/** What green is measured by. Every check of the list must pass. */
export const CheckRuleSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("errorRate"),
    /** The largest share of faults (`INTERNAL`, no answer in time, no such process) that may be green's. @default 0.05 */
    max: z.number().min(0).max(1).default(0.05),
    /** How much larger than blue's green's share of these may be, in shares of all requests. @default 0.02 of faults, 0.1 of refusals */
    tolerance: z.number().min(0).max(1).default(0.02),
    ...sampling,
  }),
  z.strictObject({
    kind: z.literal("refusals"),
    /** How much larger than blue's green's share of these may be, in shares of all requests. @default 0.02 of faults, 0.1 of refusals */
    tolerance: z.number().min(0).max(1).default(0.1),
    ...sampling,
  }),
  z.strictObject({
    kind: z.literal("latency"),
    /** The slowest median, by the scheduler's time, that may be green's, in ms. @default none */
    maxMs: z.number().positive().optional(),
    /** How likely a request to green may be slower than one to blue: 0.5 is no difference, 1 is always. @default 0.65 */
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
    /** The service whose green revision is asked. */
    service: z.string().min(1).max(64),
    /** Action of the message. */
    action: z.string().min(1).max(64),
    /** Its data. @default an empty object */
    data: z.record(z.string(), z.unknown()).default({}),
    /** Members that the reply must have, with these values; others do not matter. */
    expect: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({
    kind: z.literal("invariant"),
    /** Name of it, for the verdict. */
    name: z.string().min(1).max(64),
    /** The service whose revisions are asked: the old one before traffic moves, the new one at each step. */
    service: z.string().min(1).max(64),
    /** Action of the message; one that changes nothing. */
    action: z.string().min(1).max(64),
    /** Its data. @default an empty object */
    data: z.record(z.string(), z.unknown()).default({}),
    /** Where in the reply the value is: `sum`, `totals.gold`. */
    path: z.string().regex(/^[\w-]+(\.[\w-]+)*$/, "names with dots between them"),
    /** What must hold of the new revision's value: the same as before, not less, not more. @default "equal" */
    relation: z.enum(["equal", "notLess", "notMore"]).default("equal"),
  }),
]);
export type CheckRule = z.infer<typeof CheckRuleSchema>;

const DEFAULT_CHECKS: readonly z.input<typeof CheckRuleSchema>[] = [
  { kind: "health" },
  { kind: "errorRate" },
  { kind: "refusals" },
];

/** How a release comes to run and to get its traffic. All times in seconds. */
export const StrategySchema = z.strictObject({
  /** `sequential`, `parallel` and `rolling` load code in place; `blue-green` makes new processes beside the old ones. @default "sequential" */
  kind: KindSchema.default("sequential"),
  /** How traffic moves; for `blue-green` alone. @default "INSTANT" */
  trafficStrategy: TrafficStrategySchema.optional(),
  /** Steps instead of the ones of `trafficStrategy`. @default by `trafficStrategy` */
  steps: z.array(StepSchema).min(1).max(50).optional(),
  /** How long each step is watched, and the whole at the end. @default 60 */
  intervalSeconds: z.number().min(0).max(86_400).default(60),
  /** Seconds beyond its interval that a step lasts when its deployer is gone; then the router goes back by itself. @default 120 */
  leaseSeconds: z.number().min(5).max(86_400).optional(),
  /** How long a new revision may take until it is healthy, and traffic's own proof of it. @default 60 */
  healthCheckTimeout: z.number().positive().max(3600).default(60),
  /** Whether a failed rollout goes back by itself. With false, `onFailure: rollback` means `freeze`. @default true */
  rollbackOnFailure: z.boolean().default(true),
  /**
   * After a failed check: `rollback` returns all traffic to the last proven table at once, `freeze` leaves the shares as they
   * are until somebody promotes or aborts, `hold` too and judges again in the next run. @default "rollback"
   */
  onFailure: z.enum(["rollback", "freeze", "hold"]).default("rollback"),
  /** What green is measured by, all of it at each step. @default health, errorRate and refusals */
  checks: z
    .array(CheckRuleSchema)
    .max(50)
    .prefault([...DEFAULT_CHECKS]),
  /** How often a step with too little traffic is watched again before the rollout holds. @default 3 */
  maxInconclusive: z.number().int().min(1).max(1000).default(3),
  /** Signed probes, at the most, that are sent to green where its callers are too few to judge by; 0 sends none and holds. @default 30 */
  probes: z.number().int().min(0).max(1000).default(30),
  /** How long the old revisions are kept warm after the end, to go back to. @default 3600 */
  windowSeconds: z
    .number()
    .min(0)
    .max(30 * 86_400)
    .default(3600),
  /** Members at once; for `rolling` alone. @default 1 */
  maxParallel: z.number().int().min(1).max(100).optional(),
  /** How long a batch must stay healthy before the next; for `rolling` alone. @default 0 */
  minHealthySeconds: z.number().min(0).max(3600).optional(),
});

/** As a person writes it. */
export type StrategyInput = z.input<typeof StrategySchema>;
/** With its defaults. */
export type Strategy = z.infer<typeof StrategySchema>;

/** What a service's state allows: `none` splits freely, `partitioned` by its key, `owned` never: it switches at one slot. */
export const StatePolicySchema = z.enum(["none", "partitioned", "owned"]);
export type StatePolicy = z.infer<typeof StatePolicySchema>;

/** Names of globals of a program, as Lua writes them. */
export const GlobalsSchema = z
  .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "the name of a global"))
  .max(500);

/** By what a service's callers are told apart: the sender, a tag of the message, or a member of its data. */
export const TrafficKeySchema = z
  .string()
  .regex(/^(sender|tag:[A-Za-z0-9-]{1,64}|data:[A-Za-z0-9_-]{1,64})$/, "sender, tag:<Name> or data:<member>");

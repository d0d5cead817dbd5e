import { z } from "zod";
import { FaultRulesSchema, RoutedActionsSchema } from "../../delivery/faults.ts";
import {
  GlobalsSchema,
  StatePolicySchema,
  StrategySchema,
  TrafficKeySchema,
} from "../../delivery/strategy.ts";
import { TestersSchema } from "../../delivery/testers.ts";
import type { Rule } from "../config/rules.ts";
import { ProbeSchema } from "../health/probe-message.ts";
import { HealthPolicySchema } from "../health/schema.ts";

const RuleSchema = z.custom<Rule>((value) => typeof value === "object" && value !== null);

/** The complete declared data of one member, from which it can be rebuilt. No ids, no weights. */
export const DeclaredProcessSchema = z.strictObject({
  /** Entry file, relative to the project. */
  entry: z.string(),
  /** sha256 of the bundle's text. */
  sourceHash: z.string(),
  /** Version that the process must report. */
  version: z.string(),
  /** AO module as declared: an alias or an id. */
  module: z.string(),
  /** Members that must be healthy first. */
  dependsOn: z.array(z.string()),
  /** Members whose ids it receives. */
  peers: z.array(z.string()),
  /** Settings by config type. */
  config: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** Content hash by module name, so that a later plan can list the modules that differ. */
  modules: z.record(z.string(), z.string()),
  /** UTF-8 bytes of the bundle. */
  bytes: z.number(),
  /** False if the bundle does not contain the fleet's library. */
  lib: z.literal(false).optional(),
  /** Extra spawn tags, if any. */
  tags: z.record(z.string(), z.string()).optional(),
  /** `monitor` if the ticks of its cron are sent by the fleet's monitor: then the tags of the cron are not spawn tags. */
  cronDriver: z.literal("monitor").optional(),
  /** Rules of custom config types, if any. */
  rules: z.record(z.string(), RuleSchema).optional(),
  /** Names of its secret settings by config type; their values are read from the stack at deployment. */
  secrets: z.record(z.string(), z.array(z.string())).optional(),
  /** Public key for sealing them. */
  sealTo: z.string().optional(),
  /** Members and addresses that may change it, in addition to its owner. If absent, the process' own list is not changed. */
  allowed: z.array(z.string()).optional(),
});

export type DeclaredProcess = z.infer<typeof DeclaredProcessSchema>;

/** The outputs of a member's create. */
export const MemberSchema = z.strictObject({
  /** Its AO process id. */
  processId: z.string(),
  /** Number of AO processes that it has had, from 1. */
  generation: z.number().int(),
  /** The Eval that loaded it, whose data contains the bundle: a new one means that this run changed it. */
  evalId: z.string(),
  /** The shape of its states after that Eval, if reported: it determines whether a rollback to it is possible. */
  stateVersion: z.string().optional(),
});

/** How a member is deployed: not part of the release hash, but needed to deploy it again. */
export const MemberPolicySchema = z.strictObject({
  /** When it counts as healthy. */
  healthCheck: HealthPolicySchema,
  /** Time limit in seconds for a whole create or update of it. */
  timeoutSeconds: z.number().positive(),
  /** For a blue-green member: how its traffic shifts. */
  strategy: StrategySchema.optional(),
  /** How its state allows traffic to be split. @default "owned" */
  state: StatePolicySchema.optional(),
  /** Globals that are its state, if declared. @default those that messages changed */
  globals: GlobalsSchema.optional(),
  /** What identifies its callers. @default "sender" */
  trafficKey: TrafficKeySchema.optional(),
  /** Who gets its new revision first. */
  testers: TestersSchema.optional(),
  /** What marks one of its replies as a fault. @default aos' conventions */
  faultWhen: FaultRulesSchema.optional(),
  /** Its actions that the router forwards for anyone. @default all except those of the fleet's library */
  routed: RoutedActionsSchema.optional(),
  /** Messages that it must answer as expected. */
  probes: z.array(ProbeSchema).optional(),
});

/** The earlier release that a pinned stack was rolled back to. */
export const PinnedSchema = z.strictObject({
  /** Its deployment id. */
  deploymentId: z.string(),
  /** When it was released, ISO 8601. */
  releasedAt: z.string(),
});

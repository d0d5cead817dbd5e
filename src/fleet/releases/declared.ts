import { z } from "zod";
import { FaultRulesSchema, RoutedSchema } from "../../delivery/faults.ts";
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

/** Declared data of one member: complete, so that the fleet can be built again from it. No ids, no weights. */
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
  /** Members whose ids it is told. */
  peers: z.array(z.string()),
  /** Settings by config type. */
  config: z.record(z.string(), z.record(z.string(), z.unknown())),
  /** Content hash by module name, so that a later plan can say which modules differ. */
  modules: z.record(z.string(), z.string()),
  /** UTF-8 bytes of the bundle. */
  bytes: z.number(),
  /** False where the fleet's library is not in the bundle. */
  lib: z.literal(false).optional(),
  /** Extra spawn tags, where it has any. */
  tags: z.record(z.string(), z.string()).optional(),
  /** Rules of config types of the fleet's own, where it has any. */
  rules: z.record(z.string(), RuleSchema).optional(),
  /** Names of its secret settings by config type; their values are those that the stack has when it is deployed. */
  secrets: z.record(z.string(), z.array(z.string())).optional(),
  /** Public key that they are sealed to. */
  sealTo: z.string().optional(),
  /** Members and addresses that may change it beside its owner; where there is none, who may is left alone. */
  allowed: z.array(z.string()).optional(),
});

export type DeclaredProcess = z.infer<typeof DeclaredProcessSchema>;

/** What is known of a member after its create. */
export const MemberSchema = z.strictObject({
  /** Its AO process id. */
  processId: z.string(),
  /** Counts the AO processes that it has had, from 1. */
  generation: z.number().int(),
  /** The Eval that loaded it: another one means that this run changed it. Its data holds the bundle. */
  evalId: z.string(),
  /** The shape of its states after that Eval, where it said so: whether there is a way back to it. */
  stateVersion: z.string().optional(),
});

/** How a member is deployed: no part of what a release is, but needed to deploy it again. */
export const MemberPolicySchema = z.strictObject({
  /** When it counts as healthy. */
  healthCheck: HealthPolicySchema,
  /** Seconds for a whole create or update of it. */
  timeoutSeconds: z.number().positive(),
  /** Where its new code gets a process beside the old one: how its traffic moves. */
  strategy: StrategySchema.optional(),
  /** What its state allows. @default "owned" */
  state: StatePolicySchema.optional(),
  /** Globals that are its state, where the declaration names them. @default those that messages changed */
  globals: GlobalsSchema.optional(),
  /** By what its callers are told apart. @default "sender" */
  trafficKey: TrafficKeySchema.optional(),
  /** Who gets its new revision first. */
  testers: TestersSchema.optional(),
  /** What marks a reply of its as a fault. @default aos' conventions */
  faultWhen: FaultRulesSchema.optional(),
  /** Its actions that the router carries for anybody. @default all but those of the fleet's library */
  routed: RoutedSchema.optional(),
  /** Messages that it must answer as expected. */
  probes: z.array(ProbeSchema).optional(),
});

/** The earlier release that a pinned stack was brought back to. */
export const PinnedSchema = z.strictObject({
  /** Its deployment id. */
  deploymentId: z.string(),
  /** When it was released, ISO 8601. */
  releasedAt: z.string(),
});

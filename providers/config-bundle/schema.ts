import { z } from "zod";
import { CommonInputs } from "../run/scope.ts";

/** A member that receives a message from another resource of the fleet. */
export const TargetSchema = z.strictObject({
  /** Its name in the fleet. */
  name: z.string(),
  /** Its AO process id. */
  processId: z.string(),
  /** Counts the AO processes that this member has had, from 1. */
  generation: z.number().int().positive(),
});

export type Target = z.infer<typeof TargetSchema>;

const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);

/** The checks of the vocabulary, one schema a type. Unknown keys are refused. */
export const CONFIG_TYPES = {
  PROCESS_CONFIG: z.strictObject({
    /** Kept for the vocabulary; a process says its kind itself (`fleet.process`). */
    processType: z.string().min(1).optional(),
    /** Deferred requests that may be open at once. */
    maxConcurrentRequests: positive.optional(),
    /** Milliseconds after which a deferred request is answered with a time-out. */
    requestTimeout: positive.optional(),
    /** Kept for the vocabulary; `processes/lib` always counts and does not read it. */
    enableMetrics: z.boolean().optional(),
  }),
} as const;

export const ConfigBundleInputsSchema = z
  .strictObject({
    ...CommonInputs,
    /** Name of the bundle, also its Pulumi name: `battle-process-config`. */
    name: z.string(),
    /** Which settings these are; their checks are below. */
    configType: z.enum(["PROCESS_CONFIG"]),
    /** The settings, complete: they replace what the targets held. */
    configData: z.record(z.string(), z.unknown()),
    /** The members that get them. One whose hash is equal gets no message. */
    targets: z.array(TargetSchema).min(1),
    /** Seconds for a whole create or update. */
    timeoutSeconds: z.number().positive().default(120),
  })
  .superRefine((inputs, context) => {
    const parsed = CONFIG_TYPES[inputs.configType].safeParse(inputs.configData);
    for (const issue of parsed.error?.issues ?? []) {
      context.addIssue({ code: "custom", message: issue.message, path: ["configData", ...issue.path] });
    }
  });

export type ConfigBundleInputs = z.infer<typeof ConfigBundleInputsSchema>;

/** Where each target stands, by name. */
export interface ConfigBundleOutputs extends ConfigBundleInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Content hash of the data; equal on every target. */
  readonly hash: string;
  /** Raised by every change; what the targets report in `configVersions`. */
  readonly version: number;
  /** What a refresh found changed by hand, in words. */
  readonly drift: string[];
}

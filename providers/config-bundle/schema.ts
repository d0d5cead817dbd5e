import { z } from "zod";
import { CommonInputs } from "../run/scope.ts";

/** A member that receives a message from another resource of the fleet. */
export const TargetSchema = z.strictObject({
  name: z.string(),
  processId: z.string(),
  generation: z.number().int().positive(),
});

export type Target = z.infer<typeof TargetSchema>;

const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);

/** The checks of the vocabulary, one schema a type. Unknown keys are refused. */
export const CONFIG_TYPES = {
  PROCESS_CONFIG: z.strictObject({
    processType: z.string().min(1).optional(),
    /** Deferred requests that may be open at once. */
    maxConcurrentRequests: positive.optional(),
    /** Milliseconds after which a deferred request is answered with a time-out. */
    requestTimeout: positive.optional(),
    enableMetrics: z.boolean().optional(),
  }),
} as const;

export const ConfigBundleInputsSchema = z
  .strictObject({
    ...CommonInputs,
    name: z.string(),
    configType: z.enum(["PROCESS_CONFIG"]),
    configData: z.record(z.string(), z.unknown()),
    targets: z.array(TargetSchema).min(1),
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
  readonly schemaVersion: 1;
  /** Content hash of the data; equal on every target. */
  readonly hash: string;
  /** Raised by every change; what the targets report in `configVersions`. */
  readonly version: number;
  readonly drift: string[];
}

import { z } from "zod";
import { checkValue } from "../../src/fleet/config/check.ts";
import { RULES } from "../../src/fleet/config/lua.ts";
import type { Rule } from "../../src/fleet/config/rules.ts";
import { publicKeyProblem } from "../../src/fleet/config/seal.ts";
import { TargetSchema } from "../../src/fleet/members/target.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";
import { CodeSchema } from "../run/code-changes.ts";
import type { ConfigDrift } from "./drift.ts";

/** Longest secret in characters, so that the sealed value fits into a setting. */
const MAX_SECRET = 2048;

export const ConfigBundleInputsSchema = z
  .strictObject({
    ...CommonInputs,
    /** Name of the bundle and of the Pulumi resource, such as `battle-process-config`. */
    name: z.string(),
    /** Type of the settings: one of the types below, or one of the fleet's own. An unknown type fails the preview. */
    configType: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
    /** The complete settings. They replace the targets' settings of this type. */
    configData: z.record(z.string(), z.unknown()),
    /** Rules for the settings of one of the fleet's own types, derived from its zod schema. @default none */
    rule: z.custom<Rule>((value) => typeof value === "object" && value !== null).optional(),
    /**
     * Secret settings, as strings of at most 2048 characters. They are sealed before they are sent: encrypted in the state, and on the
     * network readable only with the private key that belongs to `sealTo`. @default none
     */
    secretData: z.record(z.string(), z.string().max(MAX_SECRET)).optional(),
    /**
     * Public key to which secrets are sealed: a PEM or a JWK, RSA (at least 2048 bits) or X25519. Required with `secretData`.
     * @default none
     */
    sealTo: z.string().optional(),
    /** The members that get the settings. A member that already has them, by content hash, gets no message. */
    targets: z.array(TargetSchema).min(1),
    /**
     * sha256 of the targets' code, by name, for members whose new code gets its own process. A preview uses it to announce that a process
     * id will change, before the new id is known. @default none
     */
    code: CodeSchema.optional(),
    /** Seconds that a create or update may take. @default 120 */
    timeoutSeconds: z.number().positive().default(120),
  })
  .superRefine((inputs, context) => {
    const complain = (path: readonly PropertyKey[], message: string) =>
      context.addIssue({ code: "custom", message, path: [...path] });
    const rule = RULES[inputs.configType] ?? inputs.rule;
    if (!rule) {
      complain(
        ["configType"],
        `one of ${Object.keys(RULES).join(" ")}, or a type of your own: configTypes of the fleet`,
      );
      return;
    }
    const secrets = inputs.secretData ?? {};
    // A placeholder that the rules accept as a sealed value.
    const sealed = Object.fromEntries(Object.keys(secrets).map((key) => [key, "sealed:"]));
    for (const { path, got, expected } of checkValue({ ...inputs.configData, ...sealed }, rule, "configData"))
      complain(path.split("."), `${got}; ${expected}`);
    if (Object.keys(secrets).length > 0) {
      const problem = publicKeyProblem(inputs.sealTo);
      if (problem !== undefined) complain(["sealTo"], `${problem.got}; ${problem.expected}`);
    }
  });

export type ConfigBundleInputs = z.infer<typeof ConfigBundleInputsSchema>;

/** Outputs of a ConfigBundle. */
export interface ConfigBundleOutputs extends ConfigBundleInputs {
  /** Version of the outputs' shape. Later code reads every earlier version. */
  readonly schemaVersion: 1;
  /** Content hash of the settings, equal on every target. */
  readonly hash: string;
  /** Version of the settings: the highest that the targets report in `configVersions`. Every change increases it. */
  readonly version: number;
  /** The secrets in their sealed form, as they were sent. */
  readonly sealed?: Record<string, string>;
  /** Manual changes that a refresh found, as sentences: by field, with who made them and when. */
  readonly drift: string[];
  /**
   * The entries of `drift` as data, in the same order: `OTHER_SETTINGS` with fields and author, `NOT_HELD`, `UNREADABLE`, `UNPROVED`.
   * Left out if there is no drift, and in a state of version 0.1.0.
   */
  readonly driftFacts?: readonly ConfigDrift[];
}

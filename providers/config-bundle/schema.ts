import { z } from "zod";
import { checkValue } from "../../src/fleet/config/check.ts";
import { RULES } from "../../src/fleet/config/lua.ts";
import type { Rule } from "../../src/fleet/config/rules.ts";
import { publicKeyProblem } from "../../src/fleet/config/seal.ts";
import { TargetSchema } from "../../src/fleet/members/target.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";
import { CodeSchema } from "../run/coming.ts";
import type { ConfigDrift } from "./drift.ts";

export { CONFIG_TYPES } from "../../src/fleet/config/types.ts";

/** Longest secret, so that it fits into a setting when it is sealed. */
const MAX_SECRET = 2048;

export const ConfigBundleInputsSchema = z
  .strictObject({
    ...CommonInputs,
    /** Name of the bundle, also its Pulumi name: `battle-process-config`. */
    name: z.string(),
    /** Which settings these are: one of the types below, or one of the fleet's own. */
    configType: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
    /** The settings, complete: they replace what the targets held. */
    configData: z.record(z.string(), z.unknown()),
    /** What the settings of a type of the fleet's own may be; made from its zod schema. @default none */
    rule: z.custom<Rule>((value) => typeof value === "object" && value !== null).optional(),
    /**
     * Settings that are sealed before they are sent: encrypted in the state, and on the network readable only with the private
     * key of `sealTo`. Texts. @default none
     */
    secretData: z.record(z.string(), z.string().max(MAX_SECRET)).optional(),
    /** Public key that secrets are sealed to: a PEM or a JWK, RSA (from 2048 bits) or X25519. @default none */
    sealTo: z.string().optional(),
    /** The members that get them. One whose hash is equal gets no message. */
    targets: z.array(TargetSchema).min(1),
    /**
     * sha256 of the code of the targets, by name, where new code gets a process of its own: says in a preview that
     * the process will be another one, when its id is not known yet. @default none
     */
    code: CodeSchema.optional(),
    /** Seconds for a whole create or update. */
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
    // In the place of a sealed text: anything of its kind.
    const sealed = Object.fromEntries(Object.keys(secrets).map((key) => [key, "sealed:"]));
    for (const { path, got, expected } of checkValue({ ...inputs.configData, ...sealed }, rule, "configData"))
      complain(path.split("."), `${got}; ${expected}`);
    if (Object.keys(secrets).length > 0) {
      const problem = publicKeyProblem(inputs.sealTo);
      if (problem !== undefined) complain(["sealTo"], `${problem.got}; ${problem.expected}`);
    }
  });

export type ConfigBundleInputs = z.infer<typeof ConfigBundleInputsSchema>;

/** Where each target stands, by name. */
export interface ConfigBundleOutputs extends ConfigBundleInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Content hash of the data; equal on every target. */
  readonly hash: string;
  /** Raised by every change; the highest that the targets report in `configVersions`. */
  readonly version: number;
  /** The secrets as they were sent. */
  readonly sealed?: Record<string, string>;
  /** What a refresh found changed by hand, in words: by field, with who did it and when. */
  readonly drift: string[];
  /**
   * What each line of `drift` says, as data, in its order: `OTHER_SETTINGS` with fields and author, `NOT_HELD`, `UNTOLD`, `UNPROVED`.
   * Absent where nothing was found, and in a state of version 0.1.0.
   */
  readonly driftFacts?: readonly ConfigDrift[];
}

import * as pulumi from "@pulumi/pulumi";
import { thin } from "../thin.ts";
import type { ConfigBundleInputs, ConfigBundleOutputs } from "./schema.ts";

const provider = thin("config-bundle");

/** Arguments of a config bundle: each plain or an output of another resource. */
type ConfigBundleArgs = {
  [K in keyof ConfigBundleInputs]: pulumi.Input<
    ConfigBundleInputs[K] extends (infer T)[] ? pulumi.Input<T>[] : ConfigBundleInputs[K]
  >;
};

/** Checked, versioned settings for processes: sent to targets that hold others, acknowledged, read back. */
export class ConfigBundle extends pulumi.dynamic.Resource {
  /** Raised by every change. */
  declare readonly version: pulumi.Output<number>;
  /** Content hash of the data. */
  declare readonly hash: pulumi.Output<string>;
  declare readonly drift: pulumi.Output<string[]>;
  /** What each line of `drift` says, as data, in its order. */
  declare readonly driftFacts: pulumi.Output<ConfigBundleOutputs["driftFacts"]>;

  constructor(name: string, args: ConfigBundleArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      version: undefined,
      hash: undefined,
      drift: undefined,
      driftFacts: undefined,
      schemaVersion: undefined,
    };
    const secret = { additionalSecretOutputs: ["secretData"] };
    super(
      provider,
      name,
      { ...args, ...outputs },
      pulumi.mergeOptions(options, secret),
      "ao",
      "ConfigBundle",
    );
  }
}

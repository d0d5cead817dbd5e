import * as pulumi from "@pulumi/pulumi";
import { lazyProvider } from "../lazy-provider.ts";
import { unset } from "../unset.ts";
import type { ConfigBundleInputs, ConfigBundleOutputs } from "./schema.ts";

const provider = lazyProvider("config-bundle");

/** Arguments of a ConfigBundle, each a plain value or an output. */
type ConfigBundleArgs = {
  [K in keyof ConfigBundleInputs]: pulumi.Input<
    ConfigBundleInputs[K] extends (infer T)[] ? pulumi.Input<T>[] : ConfigBundleInputs[K]
  >;
};

/**
 * Validated, versioned settings of processes. They are sent to every target whose settings differ, acknowledged, and read back. `Fleet`
 * creates one for every member and config type.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { ConfigBundle, type Process } from "ao-fleet";
 *
 * declare const shop: Process; // fleet.members.shop
 * new ConfigBundle("shop-limits", {
 *   scope: { project: pulumi.getProject(), stack: pulumi.getStack(), home: ".fleet", build: "build" },
 *   network: { kind: "local", dir: ".fleet/localnet" },
 *   name: "shop-limits",
 *   configType: "PROCESS_CONFIG",
 *   configData: { maxConcurrentRequests: 50 },
 *   targets: [pulumi.output({ name: "shop", processId: shop.processId, generation: shop.generation })],
 *   timeoutSeconds: 120,
 * });
 * ```
 */
export class ConfigBundle extends pulumi.dynamic.Resource {
  /** Version of the settings. Every change increases it. */
  declare readonly version: pulumi.Output<number>;
  /** Content hash of the settings. */
  declare readonly hash: pulumi.Output<string>;
  /** Differences that the last refresh found. */
  declare readonly drift: pulumi.Output<string[]>;
  /** What each line of `drift` says, as data, in its order. */
  declare readonly driftFacts: pulumi.Output<ConfigBundleOutputs["driftFacts"]>;

  constructor(name: string, args: ConfigBundleArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = unset("version", "hash", "drift", "driftFacts", "schemaVersion");
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

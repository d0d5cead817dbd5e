import * as pulumi from "@pulumi/pulumi";
import { lazyProvider } from "../lazy-provider.ts";
import { unset } from "../unset.ts";
import type { LocalNetworkInputs } from "./schema.ts";
import { userName } from "./user.ts";

const provider = lazyProvider("local-network");

/** Arguments of a LocalNetwork, each a plain value or an output. */
type LocalNetworkArgs = { [K in keyof LocalNetworkInputs]: pulumi.Input<LocalNetworkInputs[K]> };

/**
 * The embedded AO network of a dev stack: its own units with the real evaluator, on loopback only. It keeps running after `pulumi up`, and
 * stops when its last user is destroyed. `Fleet` creates one for `network: { kind: "local" }`. `npx fleet localnet status` shows the addresses
 * of all its units, also of its HyperBEAM node (with `--json`: `nodeUrl`, `nodeAddress`).
 *
 * @example
 * ```ts
 * import { LocalNetwork } from "ao-fleet";
 *
 * const network = new LocalNetwork("network", { dir: ".fleet/localnet", timeoutSeconds: 60 });
 * export const gatewayUrl = network.gatewayUrl;
 * ```
 */
export class LocalNetwork extends pulumi.dynamic.Resource {
  /** URL of the gateway, which serves data. */
  declare readonly gatewayUrl: pulumi.Output<string>;
  /** URL of the messenger unit. */
  declare readonly muUrl: pulumi.Output<string>;
  /** URL of the compute unit. */
  declare readonly cuUrl: pulumi.Output<string>;

  constructor(name: string, args: LocalNetworkArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = unset(
      "gatewayUrl",
      "graphqlUrl",
      "muUrl",
      "cuUrl",
      "scheduler",
      "authority",
      "modules",
      "schemaVersion",
    );
    const user = userName({
      ...{ project: pulumi.getProject(), stack: pulumi.getStack(), name },
      folder: process.cwd(),
    });
    super(provider, name, { user, ...args, ...outputs }, options, "ao", "LocalNetwork");
  }
}

import * as pulumi from "@pulumi/pulumi";
import { thin } from "../thin.ts";
import type { LocalNetworkInputs } from "./schema.ts";

const provider = thin("local-network");

/** Arguments of the embedded network. */
type LocalNetworkArgs = { [K in keyof LocalNetworkInputs]: pulumi.Input<LocalNetworkInputs[K]> };

/** The embedded AO network of a dev stack: real evaluator, own units, loopback only. It outlives `pulumi up`; the last user's destroy stops it. */
export class LocalNetwork extends pulumi.dynamic.Resource {
  declare readonly gatewayUrl: pulumi.Output<string>;
  declare readonly muUrl: pulumi.Output<string>;
  declare readonly cuUrl: pulumi.Output<string>;

  constructor(name: string, args: LocalNetworkArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      gatewayUrl: undefined,
      graphqlUrl: undefined,
      muUrl: undefined,
      cuUrl: undefined,
      scheduler: undefined,
      authority: undefined,
      modules: undefined,
      schemaVersion: undefined,
    };
    const user = `${pulumi.getProject()}/${pulumi.getStack()}/${name}`;
    super(provider, name, { user, ...args, ...outputs }, options, "ao", "LocalNetwork");
  }
}

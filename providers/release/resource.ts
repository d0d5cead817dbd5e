import * as pulumi from "@pulumi/pulumi";
import { thin } from "../thin.ts";
import type { ReleaseInputs } from "./schema.ts";

const provider = thin("release");

/** Arguments of a release: each plain or an output of another resource. */
type ReleaseArgs = {
  [K in keyof ReleaseInputs]: pulumi.Input<
    ReleaseInputs[K] extends Record<string, infer T> ? Record<string, pulumi.Input<T>> : ReleaseInputs[K]
  >;
};

/** The fleet as one unit: members registered, the ledger's entry, the manifest. It comes last. */
export class Release extends pulumi.dynamic.Resource {
  declare readonly releaseHash: pulumi.Output<string>;
  declare readonly deploymentId: pulumi.Output<string>;
  declare readonly epoch: pulumi.Output<number>;
  declare readonly releasedAt: pulumi.Output<string>;

  constructor(name: string, args: ReleaseArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      releaseHash: undefined,
      deploymentId: undefined,
      epoch: undefined,
      releasedAt: undefined,
      schemaVersion: undefined,
    };
    super(provider, name, { ...args, ...outputs }, options, "ao", "Release");
  }
}

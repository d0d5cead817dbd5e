import * as pulumi from "@pulumi/pulumi";
import { thin } from "../thin.ts";
import type { WiringInputs } from "./schema.ts";

const provider = thin("wiring");

/** Arguments of a wiring: each plain or an output of another resource. */
export type WiringArgs = { [K in keyof WiringInputs]: pulumi.Input<WiringInputs[K]> };

/** Tells one process its peers' ids after all of them exist, then proves that it is ready with them. */
export class Wiring extends pulumi.dynamic.Resource {
  /** Content hash of the peers' table. */
  declare readonly hash: pulumi.Output<string>;
  declare readonly drift: pulumi.Output<string[]>;

  constructor(name: string, args: WiringArgs, options?: pulumi.CustomResourceOptions) {
    super(
      provider,
      name,
      { ...args, hash: undefined, drift: undefined, schemaVersion: undefined },
      options,
      "ao",
      "Wiring",
    );
  }
}

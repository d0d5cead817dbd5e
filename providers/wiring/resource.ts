import * as pulumi from "@pulumi/pulumi";
import { thin } from "../thin.ts";
import type { WiringInputs, WiringOutputs } from "./schema.ts";

const provider = thin("wiring");

/** Names and ids, some of which may not be known yet. */
type Ids = Readonly<Record<string, pulumi.Input<string>>>;

/** Arguments of a wiring: each plain or an output of another resource. */
type WiringArgs = {
  [K in keyof Omit<WiringInputs, "peers" | "deployers">]: pulumi.Input<WiringInputs[K]>;
} & { peers: Ids; deployers?: Ids };

/** Tells one process its peers' ids after all of them exist, then proves that it is ready with them. */
export class Wiring extends pulumi.dynamic.Resource {
  /** Content hash of the peers' table. */
  declare readonly hash: pulumi.Output<string>;
  declare readonly drift: pulumi.Output<string[]>;
  /** What each line of `drift` says, as data, in its order. */
  declare readonly driftFacts: pulumi.Output<WiringOutputs["driftFacts"]>;

  constructor(name: string, args: WiringArgs, options?: pulumi.CustomResourceOptions) {
    super(
      provider,
      name,
      { ...args, hash: undefined, drift: undefined, driftFacts: undefined, schemaVersion: undefined },
      options,
      "ao",
      "Wiring",
    );
  }
}

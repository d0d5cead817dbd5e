import * as pulumi from "@pulumi/pulumi";
import { lazyProvider } from "../lazy-provider.ts";
import { unset } from "../unset.ts";
import type { WiringInputs, WiringOutputs } from "./schema.ts";

const provider = lazyProvider("wiring");

/** Ids by name, some of which may not be known yet. */
type Ids = Readonly<Record<string, pulumi.Input<string>>>;

/** Arguments of a Wiring, each a plain value or an output. */
type WiringArgs = {
  [K in keyof Omit<WiringInputs, "peers" | "deployers">]: pulumi.Input<WiringInputs[K]>;
} & { peers: Ids; deployers?: Ids };

/**
 * Sends one process the ids of its peers after all of them exist, then checks that it is ready with them. `Fleet` creates one for every
 * member with `peers`, `allowed` or `probes`.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { type Process, Wiring } from "ao-fleet";
 *
 * declare const reader: Process; // fleet.members.reader
 * declare const counter: Process;
 * new Wiring("reader-wiring", {
 *   scope: { project: pulumi.getProject(), stack: pulumi.getStack(), home: ".fleet", build: "build" },
 *   network: { kind: "local", dir: ".fleet/localnet" },
 *   target: pulumi.output({ name: "reader", processId: reader.processId, generation: reader.generation }),
 *   peers: { counter: counter.processId },
 *   healthCheck: { timeoutSeconds: 60, intervalSeconds: 10, retries: 3, maxResponseMs: 5000 },
 *   timeoutSeconds: 120,
 * });
 * ```
 */
export class Wiring extends pulumi.dynamic.Resource {
  /** Content hash of the table of peers. */
  declare readonly hash: pulumi.Output<string>;
  /** Differences that the last refresh found. */
  declare readonly drift: pulumi.Output<string[]>;
  /** What each line of `drift` says, as data, in its order. */
  declare readonly driftFacts: pulumi.Output<WiringOutputs["driftFacts"]>;

  constructor(name: string, args: WiringArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = unset("hash", "drift", "driftFacts", "schemaVersion");
    super(provider, name, { ...args, ...outputs }, options, "ao", "Wiring");
  }
}

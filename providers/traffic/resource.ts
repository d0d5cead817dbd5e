import * as pulumi from "@pulumi/pulumi";
import type { Approval, Promotion } from "../../src/delivery/approval.ts";
import type { Phase } from "../../src/delivery/phase.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { lazyProvider } from "../lazy-provider.ts";
import { unset } from "../unset.ts";
import type { TrafficInputs, TrafficOutputs } from "./schema.ts";

const provider = lazyProvider("traffic");

/** Arguments of a Traffic, each a plain value or an output. */
type TrafficArgs = { [K in keyof TrafficInputs]?: pulumi.Input<TrafficInputs[K]> } & {
  [K in "scope" | "network" | "router" | "release" | "services"]: pulumi.Input<TrafficInputs[K]>;
};

/**
 * Where requests to the fleet's services go: one table in the router, moved step by step to the declared routes. `Fleet` creates one if a
 * member's strategy is `blue-green`.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { Fleet, settings } from "ao-fleet";
 *
 * const fleet = await Fleet.create("market", {
 *   ...settings(new pulumi.Config()),
 *   strategy: { kind: "blue-green", trafficStrategy: "CANARY", intervalSeconds: 300 },
 *   processes: {
 *     coordinator: { peers: ["shop"] }, // carries the router
 *     shop: { dependsOn: ["coordinator"], peers: ["coordinator"] },
 *   },
 * });
 * ```
 */
export class Traffic extends pulumi.dynamic.Resource {
  /** Service → AO process id with the largest share of its traffic. */
  declare readonly active: pulumi.Output<Record<string, string>>;
  /** The table that the router last confirmed; null before the first. */
  declare readonly table: pulumi.Output<Table | null>;
  /** Step of the table. */
  declare readonly step: pulumi.Output<number>;
  /** Phase of the rollout. */
  declare readonly phase: pulumi.Output<Phase>;
  /** Slot at which the table came into force; null if it is unknown. */
  declare readonly slot: pulumi.Output<number | null>;
  /** The last verdict as a sentence, with its figures. */
  declare readonly verdict: pulumi.Output<string>;
  /** Who approved the release's traffic: the checks, or a person without a passing verdict; null if it is unknown. */
  declare readonly approvedBy: pulumi.Output<Approval["approvedBy"] | null>;
  /** Steps that a person promoted without a passing verdict. */
  declare readonly promoted: pulumi.Output<readonly Promotion[]>;
  /** Differences that the last refresh found. */
  declare readonly drift: pulumi.Output<string[]>;
  /** The entries of `drift` as data, in the same order. */
  declare readonly driftFacts: pulumi.Output<TrafficOutputs["driftFacts"]>;

  constructor(name: string, args: TrafficArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = unset(
      "active",
      "table",
      "step",
      "phase",
      "slot",
      "verdict",
      "approvedBy",
      "promoted",
      "drift",
      "driftFacts",
      "schemaVersion",
    );
    super(provider, name, { ...args, ...outputs }, options, "ao", "Traffic");
  }
}

import * as pulumi from "@pulumi/pulumi";
import type { Approval, Promotion } from "../../src/delivery/approval.ts";
import type { Phase } from "../../src/delivery/phase.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { thin } from "../thin.ts";
import type { TrafficInputs, TrafficOutputs } from "./schema.ts";

const provider = thin("traffic");

/** Arguments of traffic: each plain or an output of another resource. */
type TrafficArgs = { [K in keyof TrafficInputs]?: pulumi.Input<TrafficInputs[K]> } & {
  [K in "scope" | "network" | "router" | "release" | "services"]: pulumi.Input<TrafficInputs[K]>;
};

/** Where the requests to the fleet's services go: one table in the router, walked step by step to what is declared. */
export class Traffic extends pulumi.dynamic.Resource {
  /** Service → the process that has most of its traffic. */
  declare readonly active: pulumi.Output<Record<string, string>>;
  declare readonly table: pulumi.Output<Table | null>;
  declare readonly step: pulumi.Output<number>;
  declare readonly phase: pulumi.Output<Phase>;
  declare readonly slot: pulumi.Output<number | null>;
  /** The last verdict in words, with its numbers. */
  declare readonly verdict: pulumi.Output<string>;
  /** Who let the release keep its traffic: the judge, or a person without a good verdict; null where neither is known. */
  declare readonly letThrough: pulumi.Output<Approval["letThrough"] | null>;
  /** Steps that a person promoted without a good verdict. */
  declare readonly promoted: pulumi.Output<readonly Promotion[]>;
  declare readonly drift: pulumi.Output<string[]>;
  /** What each line of `drift` says, as data, in its order. */
  declare readonly driftFacts: pulumi.Output<TrafficOutputs["driftFacts"]>;

  constructor(name: string, args: TrafficArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      active: undefined,
      table: undefined,
      step: undefined,
      phase: undefined,
      slot: undefined,
      verdict: undefined,
      letThrough: undefined,
      promoted: undefined,
      drift: undefined,
      driftFacts: undefined,
      schemaVersion: undefined,
    };
    super(provider, name, { ...args, ...outputs }, options, "ao", "Traffic");
  }
}

import * as pulumi from "@pulumi/pulumi";
import { lazyProvider } from "../lazy-provider.ts";
import { unset } from "../unset.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

const provider = lazyProvider("process");

/** Arguments of a Process, each a plain value or an output. */
type ProcessArgs = { [K in keyof ProcessInputs]: pulumi.Input<ProcessInputs[K]> };

/**
 * One AO process: spawned once, loaded by one guarded Eval, and healthy before the create returns. Its Pulumi id is the logical name
 * `project/stack/name`; AO ids are outputs. Deleting it retires it. `Fleet` creates one for every member.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { Process } from "ao-fleet";
 *
 * const counter = new Process("counter", {
 *   scope: { project: pulumi.getProject(), stack: pulumi.getStack(), home: ".fleet", build: "build" },
 *   network: { kind: "local", dir: ".fleet/localnet" },
 *   name: "counter",
 *   version: "1.0.0",
 *   module: "aos",
 *   dependencies: [],
 *   bundle: {
 *     hash: "<sha256 of a bundle in .fleet/bundles>",
 *     bytes: 12_000,
 *     entry: "processes/counter/process.lua",
 *     modules: {},
 *   },
 *   tags: {},
 *   healthCheck: { timeoutSeconds: 300, intervalSeconds: 10, retries: 3, maxResponseMs: 5000 },
 *   timeoutSeconds: 600,
 * });
 * export const processId = counter.processId;
 * ```
 */
export class Process extends pulumi.dynamic.Resource {
  /** The AO process id. With `strategy`, the one of the declared revision. */
  declare readonly processId: pulumi.Output<string>;
  /** Id of the AO module. */
  declare readonly moduleId: pulumi.Output<string>;
  /** Number of AO processes that this member has had, starting at 1. */
  declare readonly generation: pulumi.Output<number>;
  /** The deployed revision: AO process, code hash, version and the message that loaded it. */
  declare readonly revision: pulumi.Output<ProcessOutputs["revision"]>;
  /** Every held revision, the declared one first; undefined if code is loaded in place. */
  declare readonly revisions: pulumi.Output<ProcessOutputs["revisions"]>;
  /** The revision that had the traffic when the declared one was created. */
  declare readonly blue: pulumi.Output<ProcessOutputs["blue"]>;
  /** The process' latest health verdict. */
  declare readonly health: pulumi.Output<ProcessOutputs["health"]>;
  /** Differences that the last refresh found, as sentences. */
  declare readonly drift: pulumi.Output<string[]>;
  /** The code of each entry of `drift`, in the same order. */
  declare readonly driftCodes: pulumi.Output<ProcessOutputs["driftCodes"]>;

  constructor(name: string, args: ProcessArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = unset(
      "processId",
      "moduleId",
      "generation",
      "revision",
      "revisions",
      "blue",
      "health",
      "drift",
      "driftCodes",
      "owner",
      "schemaVersion",
    );
    super(provider, name, { ...args, ...outputs }, options, "ao", "Process");
  }
}

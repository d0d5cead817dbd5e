import * as pulumi from "@pulumi/pulumi";
import { lazyProvider } from "../lazy-provider.ts";
import { unset } from "../unset.ts";
import type { ReleaseInputs } from "./schema.ts";

const provider = lazyProvider("release");

/** Arguments of a Release, each a plain value or an output. */
type ReleaseArgs = {
  [K in keyof ReleaseInputs]: pulumi.Input<
    ReleaseInputs[K] extends Record<string, infer T> ? Record<string, pulumi.Input<T>> : ReleaseInputs[K]
  >;
};

/**
 * The fleet as one unit: registers the members, writes the ledger's entry, the manifest and the release's file. It is deployed last.
 * `Fleet` creates one.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { type Process, Release } from "ao-fleet";
 *
 * declare const counter: Process; // fleet.members.counter
 * new Release("counter-release", {
 *   scope: { project: pulumi.getProject(), stack: pulumi.getStack(), home: ".fleet", build: "build" },
 *   network: { kind: "local", dir: ".fleet/localnet" },
 *   declaration: {
 *     counter: {
 *       entry: "processes/counter/process.lua",
 *       sourceHash: "<sha256 of the bundle>",
 *       version: "1.0.0",
 *       module: "aos",
 *       dependsOn: [],
 *       peers: [],
 *       config: {},
 *       modules: {},
 *       bytes: 12_000,
 *     },
 *   },
 *   members: {
 *     counter: pulumi
 *       .all([counter.processId, counter.generation, counter.revision])
 *       .apply(([processId, generation, revision]) => ({ processId, generation, evalId: revision?.evalId ?? "" })),
 *   },
 *   evidence: {},
 *   timeoutSeconds: 120,
 * });
 * ```
 */
export class Release extends pulumi.dynamic.Resource {
  /** Hash of the declaration. Equal declarations are equal releases. */
  declare readonly releaseHash: pulumi.Output<string>;
  /** Id of the run that made the release: `deploy-<time>-<random>`. */
  declare readonly deploymentId: pulumi.Output<string>;
  /** The run's epoch; 0 if no member keeps a ledger. */
  declare readonly epoch: pulumi.Output<number>;
  /** When the release was completed, ISO 8601. */
  declare readonly releasedAt: pulumi.Output<string>;

  constructor(name: string, args: ReleaseArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = unset("releaseHash", "deploymentId", "epoch", "releasedAt", "schemaVersion");
    super(provider, name, { ...args, ...outputs }, options, "ao", "Release");
  }
}

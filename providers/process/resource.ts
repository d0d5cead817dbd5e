import * as pulumi from "@pulumi/pulumi";
import { thin } from "../thin.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

const provider = thin("process");

/** Arguments of an AO process: the schema's inputs, each plain or an output of another resource. */
type ProcessArgs = { [K in keyof ProcessInputs]: pulumi.Input<ProcessInputs[K]> };

/**
 * One AO process: spawned once, loaded by one guarded Eval, healthy before the create returns. Its Pulumi id is the
 * logical name `project/stack/name`; AO ids are outputs. Deleting it retires it.
 */
export class Process extends pulumi.dynamic.Resource {
  /** The AO process id. */
  declare readonly processId: pulumi.Output<string>;
  declare readonly moduleId: pulumi.Output<string>;
  declare readonly generation: pulumi.Output<number>;
  declare readonly revision: pulumi.Output<ProcessOutputs["revision"]>;
  /** Every revision that is held, the wanted one first; none where code is loaded in place. */
  declare readonly revisions: pulumi.Output<ProcessOutputs["revisions"]>;
  /** What had the traffic when the wanted revision was made. */
  declare readonly blue: pulumi.Output<ProcessOutputs["blue"]>;
  declare readonly health: pulumi.Output<ProcessOutputs["health"]>;
  declare readonly drift: pulumi.Output<string[]>;
  /** The code of each line of `drift`, in its order. */
  declare readonly driftCodes: pulumi.Output<ProcessOutputs["driftCodes"]>;

  constructor(name: string, args: ProcessArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = {
      processId: undefined,
      moduleId: undefined,
      generation: undefined,
      revision: undefined,
      revisions: undefined,
      blue: undefined,
      health: undefined,
      drift: undefined,
      driftCodes: undefined,
      owner: undefined,
      schemaVersion: undefined,
    };
    super(provider, name, { ...args, ...outputs }, options, "ao", "Process");
  }
}

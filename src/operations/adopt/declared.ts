import { z } from "zod";
import { type NetworkRef, NetworkRefSchema } from "../../ao/network.ts";
import type { RunClock } from "../deploy/clock.ts";
import type { Engine, EngineEvent } from "../deploy/engine.ts";
import { type Plan, preview } from "../deploy/preview.ts";
import { resourceOf } from "../deploy/urn.ts";
import { withAbsoluteFolder } from "../workspace/stack-config.ts";

/** A member that the program declares and that is not in the stack's state. */
export interface DeclaredMember {
  readonly name: string;
  /** The declared module: an alias or an id. */
  readonly module: string;
  /** sha256 of the declared bundle. */
  readonly hash: string;
  readonly version: string;
  /** Whether the program itself names the process to adopt. */
  readonly named: boolean;
}

/** What a preview of the program declares. */
export interface Declared {
  readonly plan: Plan;
  readonly members: readonly DeclaredMember[];
  /** The member that keeps the ledger. */
  readonly ledger?: string;
  /** The member that carries the router; undefined if the fleet has no traffic table. */
  readonly router?: string;
  /** The fleet's network, as the program declares it. */
  readonly network?: NetworkRef;
}

const InputsSchema = z.looseObject({
  name: z.string(),
  module: z.string(),
  version: z.string(),
  bundle: z.looseObject({ hash: z.string() }),
  scope: z.looseObject({ ledger: z.string().optional() }),
  network: NetworkRefSchema,
  adopt: z.unknown().optional(),
  strategy: z.looseObject({ router: z.string().optional() }).nullish(),
});

/** Previews the program and returns the members that are not in the stack's state. Changes nothing. */
export async function declaredMembers(
  engine: Engine,
  request: { readonly projectDir: string; readonly only: readonly string[]; readonly parallel: number },
  clock: RunClock,
): Promise<Declared> {
  const members: DeclaredMember[] = [];
  let ledger: string | undefined;
  let router: string | undefined;
  let network: NetworkRef | undefined;
  const collect = ({ resourcePreEvent }: EngineEvent) => {
    const metadata = resourcePreEvent?.metadata;
    if (!metadata || resourceOf(metadata.urn).kind !== "process") return;
    if (metadata.op === "delete") return;
    const { name, module, version, bundle, scope, adopt, strategy, ...inputs } = InputsSchema.parse(
      metadata.new?.inputs,
    );
    ledger ??= scope.ledger;
    router ??= strategy?.router;
    network ??= withAbsoluteFolder(request.projectDir, inputs.network);
    if (metadata.op === "create")
      members.push({
        name,
        module,
        version,
        hash: bundle.hash,
        named: adopt !== undefined && adopt !== null,
      });
  };
  const plan = await preview(engine, { ...request, refresh: false }, clock, collect);
  return {
    plan,
    members,
    ...(ledger === undefined ? {} : { ledger }),
    ...(router === undefined ? {} : { router }),
    ...(network === undefined ? {} : { network }),
  };
}

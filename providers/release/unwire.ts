/** Members whose wiring left the program: their processes stay, and would go on trusting the peers and deployers that they had. */
import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { wiringName } from "../../src/fleet/members/resource-names.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { AllowedSchema, namesOf, tableHash, WirePeersReplySchema } from "../wiring/table.ts";
import type { ReleaseInputs, ReleaseOutputs } from "./schema.ts";

/** Members that keep their process and lost their wiring since an earlier release. Pure. */
export function unwiredIn(olds: ReleaseOutputs | undefined, news: ReleaseInputs): string[] {
  const isWired = ({ evidence }: ReleaseInputs, name: string) => evidence[wiringName(name)] !== undefined;
  return Object.entries(news.members).flatMap(([name, { processId }]) =>
    olds !== undefined &&
    isWired(olds, name) &&
    !isWired(news, name) &&
    olds.members[name]?.processId === processId &&
    news.declaration[name] !== undefined &&
    news.declaration[name].lib !== false
      ? [name]
      : [],
  );
}

/** The outputs of a release that failed before these members were told: the next run tells them. Pure. */
export function stillWired<T extends ReleaseInputs>(
  outputs: T,
  olds: ReleaseOutputs,
  names: readonly string[],
): T {
  const before = <V>(values: Readonly<Record<string, V>>, keyOf: (name: string) => string) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = values[keyOf(name)];
        return value === undefined ? [] : [[keyOf(name), value]];
      }),
    );
  return {
    ...outputs,
    declaration: { ...outputs.declaration, ...before(olds.declaration, (name) => name) },
    evidence: { ...outputs.evidence, ...before(olds.evidence, (name) => wiringName(name)) },
  };
}

/** Empties the tables of such members, and their lists of deployers if the program had set them. */
export async function unwire(
  session: Session,
  inputs: ReleaseInputs,
  olds: ReleaseOutputs,
  names: readonly string[],
  budget: Budget,
): Promise<void> {
  if (names.length === 0) return;
  const epoch = await session.deployment.epoch();
  const table = { peers: {} };
  await Promise.all(
    names.map(async (name) => {
      const started = performance.now();
      const { processId, generation } = inputs.members[name] as ReleaseInputs["members"][string];
      const target = { name, processId, generation, epoch };
      if ((olds.declaration[name]?.allowed ?? []).length > 0) {
        const request = { ...target, action: "SET_ALLOWED", data: { allowed: [] } };
        const { allowed } = await ask(session, request, AllowedSchema, budget);
        if (allowed.length > 0)
          throw notTaken(name, "the empty list of who may change it", allowed.join(", "));
      }
      const request = { ...target, action: "WIRE_PEERS", data: { ...table, hash: tableHash(table) } };
      const { peers } = await ask(session, request, WirePeersReplySchema, budget);
      if (Object.keys(peers).length > 0) throw notTaken(name, "its empty table of peers", namesOf({ peers }));
      const left = olds.declaration[name]?.peers ?? [];
      await reportStep(session, name, "wired", `none: it no longer has peers (${left.join(", ")})`, started);
    }),
  );
}

const notTaken = (name: string, what: string, got: string) =>
  new FleetError({
    code: "WIRING_NOT_TAKEN",
    what: `${name} did not accept ${what}.`,
    got,
    expected: "nobody",
    remedy: `npx fleet logs ${name}`,
  });

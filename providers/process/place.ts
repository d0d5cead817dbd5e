import type { Budget } from "../../src/core/budget.ts";
import { isBare } from "../../src/fleet/code/bare.ts";
import { moduleId } from "../../src/fleet/code/module.ts";
import { driftIn, has } from "../../src/fleet/health/kept-drift.ts";
import type { Place } from "../../src/fleet/health/verdict.ts";
import { assertMayCreate } from "../../src/fleet/members/adoption.ts";
import { incarnationsIn, memberKey, newestIncarnation, onNetwork } from "../../src/fleet/members/members.ts";
import { resume } from "../../src/fleet/protocol/state.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { adopted } from "./adopt.ts";
import { bootOf } from "./boot.ts";
import { isToBeReplaced, recordRuin } from "./ruined.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";
import { assertOwned } from "./wrong-wallet.ts";

export interface FoundPlace extends Place {
  readonly moduleId: string;
  /** True when this call made it. */
  readonly fresh: boolean;
  /** True when its spawn carried its code. */
  readonly booted?: boolean;
  /** The ruined process in whose place this one came. */
  readonly instead?: { readonly processId: string; readonly generation: number };
}

/**
 * The AO process of a member: the one it has, whatever the state knows; otherwise a new one. The spawn's id is in the
 * journal before the network sees it, so whatever dies, the same process is found again and none is made twice.
 */
export async function ensurePlace(
  session: Session,
  inputs: ProcessInputs,
  budget: Budget,
  /** The process that the state names, when it is ruined and may be replaced. */
  ruined?: Pick<Place, "processId" | "generation">,
): Promise<FoundPlace> {
  const { name } = inputs;
  const module = moduleId(session, inputs.module);
  if (inputs.adopt !== undefined) {
    const processId = await adopted(session, { name, adopt: inputs.adopt, module }, budget);
    return { name, generation: 1, processId, moduleId: module, fresh: false };
  }
  const newest = await newestIncarnation(session, name, budget);
  const isLive = newest !== undefined && !newest.retired && !newest.unsent;
  const isSame = newest?.processId === ruined?.processId;
  const gone =
    ruined !== undefined && (isSame || !isLive)
      ? ruined
      : isLive && (await isToBeReplaced(session, { name, ...newest }, budget))
        ? newest
        : undefined;
  if (isLive && gone === undefined) {
    return {
      name,
      generation: newest.generation,
      processId: newest.processId,
      moduleId: module,
      fresh: false,
    };
  }
  await assertMayCreate(session, name);
  // Before anything is spent: who does not get the epoch stops here.
  await session.deployment.epoch();
  if (gone) await recordRuin(session, { name, ...gone }, budget);
  const highest = Math.max(newest?.generation ?? 0, gone?.generation ?? 0);
  const generation = newest?.unsent && !newest.retired ? newest.generation : highest + 1;
  const place = await spawned(session, inputs, generation, module, budget);
  if (gone === undefined) return place;
  const { processId } = gone;
  return { ...place, instead: { processId, generation: gone.generation } };
}

/**
 * Spawns one generation of a member, or sends the same bytes again when that was begun. Take the epoch first: who does not get it
 * must spend nothing.
 */
export async function spawned(
  session: Session,
  inputs: ProcessInputs,
  generation: number,
  module: string,
  budget: Budget,
): Promise<FoundPlace> {
  const { name } = inputs;
  const intent = memberKey(session.scope, name, generation, "spawn");
  const boot = await bootOf(session, inputs);
  const sent = await session.ao.spawn(
    {
      intent,
      module,
      scheduler: session.endpoints.scheduler,
      authority: session.endpoints.authority,
      tags: {
        Name: name,
        "Deployment-Key": deploymentKey(session.scope, name),
        Generation: String(generation),
        "Deployment-Id": session.deployment.id,
        ...boot?.tags,
        ...inputs.tags,
      },
      ...(boot === undefined ? {} : { data: boot.data }),
    },
    budget,
  );
  const made = { processId: sent.id, generation, retired: false, unsent: false };
  if (name === session.scope.ledger) await session.deployment.assertFirst(made);
  else await session.deployment.assertKept(name, made);
  // The spawn stays open until its effect was read back, so that a unit that lost it gets it again.
  return { name, generation, processId: sent.id, moduleId: module, fresh: true, booted: boot !== undefined };
}

/**
 * The process that the state names, unless the journal or, for one that was found stopped, the network knows a later one. One
 * that somebody stopped by hand is set going again: it is the member's process still, with its state.
 */
export async function keptPlace(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs,
  budget: Budget,
): Promise<FoundPlace | undefined> {
  if (isPast(session, olds)) return undefined;
  const { processId, generation } = olds;
  const place = { name: inputs.name, processId, generation };
  if (await isToBeReplaced(session, place, budget)) return ensurePlace(session, inputs, budget, place);
  // Where nothing in it says to whom it belongs, the next Eval does.
  if (olds.owner !== session.ao.address && !isBare(olds)) await assertOwned(session, place, budget);
  const found = driftIn(olds);
  if (has(found, "EPOCH_AHEAD")) await session.deployment.catchUp(place, inputs.name);
  if (has(found, "RIVAL_LEDGER")) {
    await session.deployment.epoch();
    await session.deployment.assertFirst({ processId, generation });
  }
  if (has(found, "STOPPED")) {
    const newest = (await onNetwork(session, inputs.name, budget)).at(-1);
    if (newest && newest.generation > generation) {
      const { processId: later, generation: count } = newest;
      return {
        ...place,
        processId: later,
        generation: count,
        moduleId: moduleId(session, inputs.module),
        fresh: false,
      };
    }
    const epoch = await session.deployment.epoch();
    await resume(session, place, epoch, budget);
  }
  return { ...place, moduleId: moduleId(session, inputs.module), fresh: false };
}

/** A state that is older than the journal may name a process that was retired since. */
function isPast(session: Session, olds: ProcessOutputs): boolean {
  // Revisions that are held beside the one in use are none of its later lives.
  const beside = new Set(olds.revisions?.map(({ processId }) => processId));
  const newest = incarnationsIn(session, olds.name)
    .filter(({ processId }) => processId === olds.processId || !beside.has(processId))
    .at(-1);
  if (!newest || newest.generation < olds.generation) return false;
  return newest.processId === olds.processId ? newest.retired : true;
}

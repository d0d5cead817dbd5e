import type { Budget } from "../../src/core/budget.ts";
import { moduleId } from "../../src/fleet/code/module.ts";
import { runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import { hasDrift, readDriftCodes } from "../../src/fleet/health/drift-codes.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { assertMayCreate } from "../../src/fleet/members/adoption.ts";
import {
  incarnationsIn,
  isRetired,
  liveAmong,
  newestIncarnation,
  onNetwork,
} from "../../src/fleet/members/members.ts";
import { resume } from "../../src/fleet/protocol/state.ts";
import { memberKey } from "../../src/fleet/session/member-key.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { findProcessToAdopt } from "./adopt.ts";
import { bootOf } from "./boot.ts";
import { isToBeReplaced, recordRuin } from "./ruined.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";
import { assertOwned } from "./wrong-wallet.ts";

export interface FoundProcess extends ProcessRef {
  readonly moduleId: string;
  /** True if this call spawned it. */
  readonly fresh: boolean;
  /** True if its spawn contained its code. */
  readonly booted?: boolean;
  /** The ruined process that this one replaces. */
  readonly instead?: { readonly processId: string; readonly generation: number };
}

/**
 * The AO process of a member: its existing one, even if the state does not know it; otherwise a new one. The spawn's id is in the journal
 * before the network sees it, so after any crash the same process is found and none is spawned twice.
 */
export async function ensureProcess(
  session: Session,
  inputs: ProcessInputs,
  budget: Budget,
  /** The process in the state, if it is ruined and may be replaced. */
  ruined?: Pick<ProcessRef, "processId" | "generation">,
): Promise<FoundProcess> {
  const { name } = inputs;
  const module = moduleId(session, inputs.module);
  if (inputs.adopt !== undefined) {
    const processId = await findProcessToAdopt(session, { name, adopt: inputs.adopt, module }, budget);
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
  // The epoch comes first: a run that does not get it must not spawn anything.
  await session.deployment.epoch();
  if (gone) await recordRuin(session, { name, ...gone }, budget);
  const highest = Math.max(newest?.generation ?? 0, gone?.generation ?? 0);
  const generation = newest?.unsent && !newest.retired ? newest.generation : highest + 1;
  const place = await spawnGeneration(session, inputs, generation, module, budget);
  if (gone === undefined) return place;
  const { processId } = gone;
  return { ...place, instead: { processId, generation: gone.generation } };
}

/**
 * Spawns one generation of a member, or sends the same bytes again if an earlier run signed them. Callers take the epoch first: a run that
 * does not get it must not spawn anything.
 */
export async function spawnGeneration(
  session: Session,
  inputs: ProcessInputs,
  generation: number,
  module: string,
  budget: Budget,
): Promise<FoundProcess> {
  const { name } = inputs;
  const intent = memberKey(session.scope, name, generation, "spawn");
  const boot = await bootOf(session, inputs);
  const sent = await session.ao.spawn(
    {
      intent,
      module,
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
  // The spawn stays open in the journal until its effect was read back, so that a unit that lost it gets it again.
  return { name, generation, processId: sent.id, moduleId: module, fresh: true, booted: boot !== undefined };
}

/**
 * The process in the state, unless the journal knows a later one, or the network does for a stopped process. A process that somebody stopped
 * by hand is resumed: it still has the member's state.
 */
export async function currentProcess(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs,
  budget: Budget,
): Promise<FoundProcess | undefined> {
  if (isOutdated(session, olds)) return undefined;
  const { processId, generation } = olds;
  const place = { name: inputs.name, processId, generation };
  if (await isToBeReplaced(session, place, budget)) return ensureProcess(session, inputs, budget, place);
  // Without the library, the next Eval shows whether the wallet owns it.
  if (olds.owner !== session.ao.address && !runsWithoutLibrary(olds))
    await assertOwned(session, place, budget);
  const found = readDriftCodes(olds);
  if (hasDrift(found, "EPOCH_AHEAD")) await session.deployment.catchUp(place, inputs.name);
  if (hasDrift(found, "RIVAL_LEDGER")) {
    // An earlier run gave this ledger up and said so.
    if (await isRetired(session, inputs.name, place, budget)) return undefined;
    await session.deployment.epoch();
    await session.deployment.assertFirst({ processId, generation });
  }
  if (hasDrift(found, "STOPPED")) {
    const onIndex = await onNetwork(session, inputs.name, budget);
    const latest = onIndex.at(-1);
    const newest =
      latest && latest.generation > generation
        ? latest
        : await liveAmong(session, inputs.name, onIndex, generation, budget);
    if (newest && newest.processId !== processId) {
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

/** Whether the state is older than the journal and refers to a process that was retired or replaced since. */
function isOutdated(session: Session, olds: ProcessOutputs): boolean {
  // Other held revisions are not later generations of the one in use.
  const otherRevisions = new Set(olds.revisions?.map(({ processId }) => processId));
  const newest = incarnationsIn(session, olds.name)
    .filter(({ processId }) => processId === olds.processId || !otherRevisions.has(processId))
    .at(-1);
  if (!newest || newest.generation < olds.generation) return false;
  return newest.processId === olds.processId ? newest.retired : true;
}

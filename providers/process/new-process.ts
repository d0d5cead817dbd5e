import type { Budget } from "../../src/core/budget.ts";
import { moduleId } from "../../src/fleet/code/module.ts";
import { ignoreNoReply } from "../../src/fleet/health/probe.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { adoption, assertMayCreate } from "../../src/fleet/members/adoption.ts";
import { isLostError } from "../../src/fleet/members/gone.ts";
import { type Incarnation, incarnationsIn, onNetwork } from "../../src/fleet/members/members.ts";
import type { HeldRevision } from "../../src/fleet/members/revision.ts";
import { withReplaceRemedy } from "../../src/fleet/members/ruined.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { resume } from "../../src/fleet/protocol/state.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type FoundProcess, spawnGeneration } from "./ensure-process.ts";
import { committedLoad, loadsOf } from "./load.ts";
import { isWanted, revisionsOf } from "./revisions.ts";
import { isToBeReplaced, recordRuin } from "./ruined.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** The process for the declared revision, and the member's other revisions. */
export interface RevisionProcess {
  readonly place: FoundProcess;
  /** Every held revision, including the declared one if it is already loaded. */
  readonly held: readonly HeldRevision[];
  /** Whether the declared revision was held while another one was in use. */
  readonly isBack: boolean;
}

/** Largest number of a member's processes to ask for their code if neither the state nor the journal knows it. */
const MAX_UNKNOWN = 10;

/**
 * The AO process for the declared code: the held one that runs it; otherwise one that was spawned for this member and never loaded, even by
 * a run that died; otherwise a new generation. Code is never loaded into a process that runs other code.
 */
export async function placeInNewProcess(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: Budget,
): Promise<RevisionProcess> {
  const { name } = inputs;
  const module = moduleId(session, inputs.module);
  const { held, empty, highest } = await readRevisions(session, inputs, olds, module, budget);
  const taken = (await adoption(session))?.members[name]?.processId;
  const candidates = held
    .filter((one) => isWanted(one, inputs, module))
    .sort((a, b) => Number(b.processId === taken) - Number(a.processId === taken));
  let instead: FoundProcess["instead"];
  for (const one of candidates) {
    const place = { name, processId: one.processId, generation: one.generation };
    const isGone = await isToBeReplaced(session, place, budget);
    if (isGone) {
      await recordRuin(session, place, budget);
      instead = { processId: place.processId, generation: place.generation };
    }
    if (isGone || !(await inService(session, place, budget))) {
      held.splice(held.indexOf(one), 1);
      continue;
    }
    const isBack = one.replacedAt !== undefined && one.health !== "UNKNOWN";
    return { place: { ...place, moduleId: module, fresh: false }, held, isBack };
  }
  if (empty && !empty.unsent)
    return {
      place: {
        name,
        processId: empty.processId,
        generation: empty.generation,
        moduleId: module,
        fresh: false,
      },
      held,
      isBack: false,
    };
  await assertMayCreate(session, name);
  await session.deployment.epoch();
  const place = await spawnGeneration(session, inputs, empty?.generation ?? highest + 1, module, budget);
  return { place: { ...place, ...(instead === undefined ? {} : { instead }) }, held, isBack: false };
}

interface MemberRevisions {
  readonly held: HeldRevision[];
  /** The newest process without code. */
  readonly empty: Incarnation | undefined;
  readonly highest: number;
}

/** Every process of this member: those in the state, and those that only the journal or the network know. */
async function readRevisions(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  module: string,
  budget: Budget,
): Promise<MemberRevisions> {
  const { name } = inputs;
  const journal = incarnationsIn(session, name);
  const retired = new Set(journal.filter((one) => one.retired).map(({ processId }) => processId));
  const held = revisionsOf(olds).filter(({ processId }) => !retired.has(processId));
  const known = new Map<string, Incarnation>(journal.map((one) => [one.processId, one]));
  if (olds?.processId !== undefined && !known.has(olds.processId))
    known.set(olds.processId, {
      processId: olds.processId,
      generation: olds.generation,
      retired: false,
      unsent: false,
    });
  const whole = !session.journal.isNew && session.journal.dropped === undefined;
  if (olds === undefined || !whole)
    for (const one of await onNetwork(session, name, budget))
      if (!known.has(one.processId)) known.set(one.processId, one);
  const highest = Math.max(0, ...[...known.values(), ...held].map(({ generation }) => generation));
  const unknown = [...known.values()]
    .filter((one) => !one.retired && !held.some(({ processId }) => processId === one.processId))
    .sort((a, b) => b.generation - a.generation)
    .slice(0, MAX_UNKNOWN);
  let empty: Incarnation | undefined;
  for (const one of unknown) {
    if (one.unsent) {
      empty ??= one;
      continue;
    }
    const found = await identify(session, { name, ...one }, module, budget);
    if (found === "empty") empty ??= one;
    else if (found !== "retired") held.push(found);
  }
  return { held, empty, highest };
}

/** The revision in a process that is in no record, as the process reports it. */
async function identify(
  session: Session,
  place: ProcessRef,
  module: string,
  budget: Budget,
): Promise<HeldRevision | "empty" | "retired"> {
  const { processId, generation } = place;
  const said = await info(session, place, budget, "status", "version", "sourceHash", "release").catch(
    (error: unknown) =>
      // No record shows that it was ever used, and it cannot be used again.
      isLostError(error) ? ("lost" as const) : ignoreNoReply(error),
  );
  if (said === "lost") return "retired";
  if (!said || said.sourceHash === "") return "empty";
  if (said.status === "RETIRED") return "retired";
  const { sourceHash, version, release } = said;
  const loads = await loadsOf(session, place, sourceHash);
  const load = await committedLoad(session, place, sourceHash, loads, budget);
  return {
    processId,
    generation,
    moduleId: module,
    sourceHash,
    version,
    evalId: load?.evalId ?? "",
    loadedAt: new Date(load?.at ?? 0).toISOString(),
    deploymentId: release,
    // It is probed when it is declared again.
    health: "UNKNOWN",
    replacedAt: new Date(load?.at ?? 0).toISOString(),
  };
}

/** Whether a held process can be used. A retired one cannot; a draining one is resumed. */
async function inService(session: Session, place: ProcessRef, budget: Budget): Promise<boolean> {
  const { status } = await info(session, place, budget, "status").catch((error: unknown) => {
    throw withReplaceRemedy(place.name, error);
  });
  if (status === "RETIRED") return false;
  if (status === "DRAINING") {
    const epoch = await session.deployment.epoch();
    await resume(session, place, epoch, budget);
  }
  return true;
}

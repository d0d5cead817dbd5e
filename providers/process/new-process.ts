import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
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
import { readRouter } from "./router.ts";
import { isToBeReplaced, recordRuin } from "./ruined.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** The process for the declared revision, and the member's other revisions. */
export interface RevisionProcess {
  readonly place: FoundProcess;
  /** Every held revision, including the declared one if it is already loaded. */
  readonly held: readonly HeldRevision[];
  /** Whether the declared revision was held while another one was in use. */
  readonly isBack: boolean;
  /**
   * Whether it refuses requests because an unfinished rollout has its state: the traffic resource returns state and traffic, and then resumes it.
   * @default false
   */
  readonly waits?: boolean;
}

/** Largest number of a member's processes to ask for their code if neither the state nor the journal knows it. */
const MAX_UNKNOWN = 10;

/**
 * The AO process for the declared code: the held one that runs it; otherwise one that was spawned for this member and never loaded, even by
 * a run that died, on any machine; otherwise a new generation. Code is never loaded into a process that runs other code.
 */
export async function placeInNewProcess(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: Budget,
): Promise<RevisionProcess> {
  const { name } = inputs;
  const module = moduleId(session, inputs.module);
  const { held, unknown, known, isWhole } = await recordsOf(session, name, olds, budget);
  const search = { session, inputs, module, held, budget };
  const first = await identifyAll(search, unknown);
  let choice = await choose(search, [...held]);
  let { empty } = first;
  let highest = highestOf([...known, ...held]);
  if (choice.place === undefined && (empty === undefined || empty.unsent) && isWhole) {
    const elsewhere = await spawnedElsewhere(session, name, [...known, ...held], budget);
    const more = await identifyAll(search, elsewhere);
    const { instead } = choice;
    choice = { ...(instead && { instead }), ...(await choose(search, more.found)) };
    empty = more.empty ?? empty;
    highest = Math.max(highest, highestOf(elsewhere));
  }
  const { place, instead, isBack = false, waits = false } = choice;
  if (place) return { place: { ...place, moduleId: module, fresh: false }, held, isBack, waits };
  if (empty && !empty.unsent) {
    const { processId, generation } = empty;
    return { place: { name, processId, generation, moduleId: module, fresh: false }, held, isBack: false };
  }
  await assertMayCreate(session, name);
  await session.deployment.epoch();
  const made = await spawnGeneration(session, inputs, empty?.generation ?? highest + 1, module, budget);
  return { place: { ...made, ...(instead === undefined ? {} : { instead }) }, held, isBack: false };
}

/** What the search for a process knows. Each step adds to `held`, or removes what cannot be used. */
interface Search {
  readonly session: Session;
  readonly inputs: ProcessInputs;
  readonly module: string;
  readonly held: HeldRevision[];
  readonly budget: Budget;
}

interface Choice {
  readonly place?: ProcessRef;
  readonly isBack?: boolean;
  readonly waits?: boolean;
  readonly instead?: NonNullable<FoundProcess["instead"]>;
}

/** The first of these revisions that is the declared one and can be used. */
async function choose(search: Search, revisions: readonly HeldRevision[]): Promise<Choice> {
  const { session, inputs, module, held, budget } = search;
  const { name } = inputs;
  const taken = (await adoption(session))?.members[name]?.processId;
  const candidates = revisions
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
    const standing = isGone ? "retired" : await intoService(session, place, inputs, budget);
    if (standing === "retired") {
      held.splice(held.indexOf(one), 1);
      continue;
    }
    const isBack = one.replacedAt !== undefined && one.health !== "UNKNOWN";
    return { place, isBack, waits: standing === "waits" };
  }
  return instead === undefined ? {} : { instead };
}

interface Records {
  /** The revisions in the state. */
  readonly held: HeldRevision[];
  /** Every process of this member in the journal and the state; from the network too if these may lack some. */
  readonly known: readonly Incarnation[];
  /** Those of them that may have code which is not among `held`. */
  readonly unknown: readonly Incarnation[];
  /** Whether the state and the journal have all that this machine spawned. */
  readonly isWhole: boolean;
}

async function recordsOf(
  session: Session,
  name: string,
  olds: ProcessOutputs | undefined,
  budget: Budget,
): Promise<Records> {
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
  const isWhole = olds !== undefined && !session.journal.isNew && session.journal.dropped === undefined;
  if (!isWhole)
    for (const one of await onNetwork(session, name, budget))
      if (!known.has(one.processId)) known.set(one.processId, one);
  const unknown = [...known.values()].filter(
    (one) => !one.retired && !held.some(({ processId }) => processId === one.processId),
  );
  return { held, known: [...known.values()], unknown, isWhole };
}

/**
 * Processes that a run on another machine spawned after all that this one knows, and that is in no state because that run was killed. Earlier
 * ones are not asked for: they were retired, or are held.
 */
async function spawnedElsewhere(
  session: Session,
  name: string,
  known: readonly (Pick<Incarnation, "processId" | "generation"> & { readonly unsent?: boolean })[],
  budget: Budget,
): Promise<Incarnation[]> {
  const ids = new Set(known.map(({ processId }) => processId));
  const newest = highestOf(known.filter(({ unsent }) => unsent !== true));
  const found = await onNetwork(session, name, budget);
  return found.filter(({ processId, generation }) => !ids.has(processId) && generation > newest);
}

const highestOf = (all: readonly { readonly generation: number }[]): number =>
  Math.max(0, ...all.map(({ generation }) => generation));

/**
 * Asks the newest of these processes for their code. A revision that is found is added to those held.
 *
 * @returns the revisions that were found, and the newest process without code
 */
async function identifyAll(
  { session, inputs: { name }, module, held, budget }: Search,
  all: readonly Incarnation[],
): Promise<{ readonly found: HeldRevision[]; readonly empty: Incarnation | undefined }> {
  const newest = [...all].sort((a, b) => b.generation - a.generation).slice(0, MAX_UNKNOWN);
  const found: HeldRevision[] = [];
  let empty: Incarnation | undefined;
  for (const one of newest) {
    const content = one.unsent ? "empty" : await identify(session, { name, ...one }, module, budget);
    if (content === "empty") empty ??= one;
    else if (content !== "retired") found.push(content);
  }
  held.push(...found);
  return { found, empty };
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

/**
 * Whether a held process can be used. A retired one cannot. One that refuses requests is resumed, unless an unfinished rollout has moved the
 * traffic, and with it the state, to another revision: it would accept requests with the state of before.
 *
 * @throws FleetError if it refuses requests and the router cannot be asked whether its state was handed over
 */
async function intoService(
  session: Session,
  place: ProcessRef,
  { name, state, strategy }: ProcessInputs,
  budget: Budget,
): Promise<"retired" | "serves" | "waits"> {
  const { status } = await info(session, place, budget, "status").catch((error: unknown) => {
    throw withReplaceRemedy(place.name, error);
  });
  if (status === "RETIRED") return "retired";
  if (status !== "DRAINING") return "serves";
  // Nothing hands over what is no state.
  if (state !== "none") {
    const { moved, proven } = await readRouter(session, strategy?.router, budget).catch((error: unknown) => {
      throw error instanceof FleetError ? notResumable(place, error) : error;
    });
    const isMoved = (moved[name] ?? place.processId) !== place.processId;
    const isServed = proven[name]?.some(({ processId }) => processId === place.processId) === true;
    if (isMoved && isServed) return "waits";
  }
  await resume(session, place, await session.deployment.epoch(), budget);
  return "serves";
}

/** The router's error, with what depends on its answer. */
function notResumable({ name, processId }: ProcessRef, cause: FleetError): FleetError {
  const [first, ...rest] = cause.problems;
  const what = `${name} (${processId.slice(0, 8)}) refuses requests, and only the router can tell whether its state was handed over. ${first.what}`;
  return new FleetError([{ ...first, what }, ...rest], {
    transient: cause.transient,
    isLocal: cause.isLocal,
    cause,
  });
}

import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FLEET_PREFIX } from "../../src/core/fleet-actions.ts";
import { stateComparisonLines } from "../../src/fleet/code/state-comparison.ts";
import {
  isPlain,
  readRunningCode,
  runningCodeChanges,
  runsWithoutLibrary,
} from "../../src/fleet/code/without-library.ts";
import {
  changesIn,
  describeManualChanges,
  handlersToRemove,
  probeFailureReason,
} from "../../src/fleet/health/code-drift.ts";
import { probe } from "../../src/fleet/health/probe.ts";
import type { ManualChange, ProcessRef } from "../../src/fleet/health/verdict.ts";
import { adoption } from "../../src/fleet/members/adoption.ts";
import { incarnationsIn } from "../../src/fleet/members/members.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { Snapshot } from "../../src/fleet/snapshot/store.ts";
import { bootLoads } from "./boot.ts";
import { committedLoad, type Loaded, loadBundle, loadsOf, ranLoad } from "./load.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";
import { keepState, stateFor } from "./state.ts";

/** Loads the code unless the process itself reports that it runs it. */
export async function ensureCode(
  session: Session,
  place: ProcessRef & { fresh: boolean; booted?: boolean },
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: Budget,
): Promise<NonNullable<ProcessOutputs["revision"]>> {
  const found: Found = place.fresh
    ? { kept: undefined }
    : await loadedAlready(session, place, inputs, olds, budget);
  const { kept, strangers = [] } = found;
  // The code already runs, so the state to restore is no longer loaded with it.
  if (kept) return inputs.restore === undefined ? kept : { ...kept, restored: inputs.restore.id };
  const started = performance.now();
  const state = await stateFor(session, place, inputs, olds);
  const before = olds?.revision?.sourceHash ?? (await adoption(session))?.members[inputs.name]?.sourceHash;
  const hadNoLibrary = !place.fresh && before !== undefined && olds?.lib === false;
  const backup =
    place.fresh || !before
      ? undefined
      : await backUp(session, place, { inputs, olds, before, hadNoLibrary }, budget);
  const booted = place.booted === true ? bootLoads(place, inputs) : [];
  const load =
    (await committedLoad(session, place, inputs.bundle.hash, booted, budget)) ??
    (await loadBundle(session, place, inputs, budget, {
      state,
      strangers,
      ...(hadNoLibrary || (await ranBefore(session, place, before, budget)) ? { adopted: true } : {}),
    }));
  crashPoint("process.loaded");
  const size = `${Math.max(1, Math.round(inputs.bundle.bytes / 1000))} kB`;
  await reportStep(session, inputs.name, "loaded", size, started);
  if (!place.fresh)
    for (const { phase, text } of stateComparisonLines(inputs, load.kept, before !== undefined, backup))
      await reportStep(session, inputs.name, phase, text);
  await reportCorrections(session, inputs.name, load, found.repairs ?? strangers.map(added));
  const revision = revisionOf(place, inputs, load, session.deployment.id);
  return state === undefined || inputs.restore === undefined
    ? revision
    : { ...revision, restored: inputs.restore.id };
}

/** Saves the state of what runs before it is replaced. */
async function backUp(
  session: Session,
  place: ProcessRef,
  {
    inputs,
    olds,
    before,
    hadNoLibrary,
  }: {
    readonly inputs: ProcessInputs;
    readonly olds: ProcessOutputs | undefined;
    /** Hash of the bundle that runs. */
    readonly before: string;
    readonly hadNoLibrary: boolean;
  },
  budget: Budget,
): Promise<Snapshot | undefined> {
  if (hadNoLibrary) {
    await reportStep(session, inputs.name, "saved", "no state: without the library, it cannot be exported");
    return undefined;
  }
  // Without Pulumi state, it is only known that the process runs the fleet's code.
  const how = {
    plain: isPlain(olds?.bundle?.modules),
    repair: before === inputs.bundle.hash,
    globals: inputs.globals,
    stateless: inputs.state === "none",
  };
  return keepState(session, place, before, how, budget);
}

/** Reports what the load changed back, and which actions of the library the program answers itself. */
async function reportCorrections(
  session: Session,
  member: string,
  { repaired = [], answeredByProgram = [] }: Loaded,
  found: readonly ManualChange[],
): Promise<void> {
  const changes = [...repaired, ...found];
  if (changes.length > 0)
    await reportStep(
      session,
      member,
      "repaired",
      `changed by hand: ${describeManualChanges(changes).join("; ")}`,
    );
  for (const { action, handler } of answeredByProgram)
    await reportStep(
      session,
      member,
      "answers",
      `${action} itself (handler ${handler}); the library's handler is at ${FLEET_PREFIX}${action}`,
    );
}

/**
 * Whether another program may have run in a process, so that what is there may be its state: no load is known, but it has received messages.
 * It may have been a program of this member, if its state in Pulumi was lost. In a process that this machine spawned, only a committed load
 * could have run one.
 */
async function ranBefore(
  session: Session,
  place: ProcessRef & { fresh: boolean },
  before: string | undefined,
  budget: Budget,
): Promise<boolean> {
  if (place.fresh || before || (await session.ao.latest(place.processId, budget)) === 0) return false;
  const isOwn = incarnationsIn(session, place.name).some(({ processId }) => processId === place.processId);
  return !isOwn || ranLoad(session, place, budget);
}

function revisionOf(
  { processId }: ProcessRef,
  { bundle, version }: ProcessInputs,
  { evalId, at, handlers, stateVersion, code }: Loaded,
  deploymentId: string,
): NonNullable<ProcessOutputs["revision"]> {
  return {
    processId,
    sourceHash: bundle.hash,
    evalId,
    version,
    loadedAt: new Date(at).toISOString(),
    deploymentId,
    ...(handlers === undefined ? {} : { handlers: [...handlers] }),
    ...(stateVersion === undefined ? {} : { stateVersion }),
    ...(code === undefined ? {} : { code: [...code] }),
  };
}

const added = (name: string) => ({ kind: "HANDLER", change: "ADDED", name });

/** What is known of the code that a process runs before it is loaded. */
interface Found {
  /** The revision, if nothing has to be loaded. */
  readonly kept: ProcessOutputs["revision"];
  /** Handlers that were added by hand and that a load does not remove on its own. */
  readonly strangers?: string[];
  /** All manual changes that the load undoes, of a process that does not report them itself. */
  readonly repairs?: readonly ManualChange[];
}

/**
 * The revision, if the process itself reports that it runs the declared code unchanged and the message that loaded it is known. Otherwise
 * undefined, with the handlers that were added by hand and that a load does not remove on its own.
 */
async function loadedAlready(
  session: Session,
  place: ProcessRef,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: Budget,
): Promise<Found> {
  const { hash } = inputs.bundle;
  const known = olds?.revision?.processId === place.processId ? olds.revision : undefined;
  // The process is asked only if it may already run the code.
  const sent = [...(await loadsOf(session, place, hash)), ...(known ? [] : bootLoads(place, inputs))];
  if (known?.sourceHash !== hash && sent.length === 0) return { kept: undefined };
  if (runsWithoutLibrary(inputs)) return loadedWithoutLibrary(session, place, inputs, known, sent, budget);
  const verdict = await probe(session, place, "LIVENESS", {}, budget).catch(probeFailureReason);
  if (typeof verdict === "string") return { kept: undefined };
  if (verdict.sourceHash !== hash || verdict.version !== inputs.version) return { kept: undefined };
  const loaded = known?.sourceHash === hash && known.version === inputs.version ? known : undefined;
  const changes = await changesIn(session, place, verdict, loaded, budget);
  if (changes.length > 0)
    return { kept: undefined, strangers: verdict.changedByHand ? [] : handlersToRemove(changes) };
  if (loaded) return { kept: loaded };
  const load = await committedLoad(session, place, hash, sent, budget);
  return { kept: load && revisionOf(place, inputs, load, verdict.release ?? "") };
}

/** The same without the library: compares the code that runs now with the code after a known load of this bundle. */
async function loadedWithoutLibrary(
  session: Session,
  place: ProcessRef,
  inputs: ProcessInputs,
  known: ProcessOutputs["revision"],
  sent: Awaited<ReturnType<typeof loadsOf>>,
  budget: Budget,
): Promise<Found> {
  const { hash } = inputs.bundle;
  const isSame = known?.sourceHash === hash && known.version === inputs.version;
  const load = isSame ? undefined : await committedLoad(session, place, hash, sent, budget);
  const kept = isSame ? known : load && revisionOf(place, inputs, load, "");
  if (kept?.code === undefined) return { kept: undefined };
  const changes = runningCodeChanges(kept.code, (await readRunningCode(session, place, budget)).code);
  return changes.length > 0
    ? { kept: undefined, strangers: handlersToRemove(changes), repairs: changes }
    : { kept };
}

import { join } from "node:path";
import { looksLikeInbox } from "../../src/ao/inbox.ts";
import { excerptOf, explainLuaError, type StoredBundle, store } from "../../src/bundler/index.ts";
import { type Budget, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { shortHash } from "../../src/core/hash.ts";
import { startOf } from "../../src/core/unicode.ts";
import type { Program, RestoredState } from "../../src/fleet/code/commit.ts";
import { composeProgram, type LoadReport, readLoadOutcome } from "../../src/fleet/code/program.ts";
import { refusedState } from "../../src/fleet/code/refused-state.ts";
import { composeWithoutLibrary, runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { adoption } from "../../src/fleet/members/adoption.ts";
import { isStep, memberKey, parseKey } from "../../src/fleet/session/member-key.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ProcessInputs } from "./schema.ts";
import { wrongWallet } from "./wrong-wallet.ts";

/** A load that the process reported as committed. */
export interface Loaded extends Omit<LoadReport, "sourceHash"> {
  readonly evalId: string;
  /** When the message was signed, in milliseconds since 1970. */
  readonly at: number;
}

/** @throws FleetError BUNDLE_GONE */
export async function storedBundle(
  session: Session,
  { name, bundle }: Pick<ProcessInputs, "name" | "bundle">,
): Promise<StoredBundle> {
  const stored = await store(join(session.scope.home, "bundles")).get(bundle.hash);
  if (stored) return stored;
  throw new FleetError({
    code: "BUNDLE_GONE",
    what: `The bundle of ${name} is not in the store.`,
    got: `no ${bundle.hash} in ${session.scope.home}/bundles`,
    expected: "the bundle that the Pulumi program wrote",
    remedy: "Run pulumi up in the project, which writes it again.",
  });
}

/** What is known about a process before a load. */
interface Found {
  /** The state that the code is loaded with. */
  readonly state?: RestoredState | undefined;
  /** Handlers that were added by hand. The load removes them first. */
  readonly strangers?: readonly string[];
  /** Whether a program without the library ran in it before. @default whether `adopt` is declared */
  readonly adopted?: boolean;
}

/** The program that is evaluated to load a member's code in this run. */
export async function programOf(
  session: Session,
  { name, bundle, version, adopt, lib, state: policy }: ProcessInputs,
  text: string,
  { state, strangers, adopted = adopt !== undefined }: Found = {},
): Promise<Program> {
  const epoch = await session.deployment.epoch();
  const release = session.deployment.id;
  const keeps = policy !== "none";
  const accepts = session.withoutBackup === true;
  const commit = {
    ...{ process: name, release, sourceHash: bundle.hash, version, epoch, adopted, keeps, accepts },
    repeats: session.network.repeats,
  };
  return runsWithoutLibrary({ lib })
    ? composeWithoutLibrary(text, commit, strangers)
    : composeProgram(text, commit, state, strangers);
}

/**
 * Loads the declared bundle with one Eval, and returns after the process has confirmed the commit.
 *
 * @throws FleetError BUNDLE_GONE, LUA_ERROR (at the user's file and line), STATE_NOT_COMPARED, STATE_IN_CODE, STALE_EPOCH, NOT_OWNER, LOAD_UNCLEAR
 */
export async function loadBundle(
  session: Session,
  place: ProcessRef,
  inputs: ProcessInputs,
  budget: Budget,
  found?: Found,
): Promise<Loaded> {
  const stored = await storedBundle(session, inputs);
  const epoch = await session.deployment.epoch();
  const program = await programOf(session, inputs, stored.text, found);
  const intent = memberKey(
    session.scope,
    place.name,
    place.generation,
    `load/${inputs.bundle.hash}/e${epoch}`,
  );
  await session.supersede({ name: place.name, generation: place.generation, step: "load" }, intent);
  const sent = await session.ao.send(
    { intent, processId: place.processId, tags: { Action: "Eval" }, data: program.text },
    budget,
  );
  const evaluation = await session.ao.evaluation(
    { processId: place.processId, messageId: sent.id, expectOutput: true },
    budget,
  );
  if (evaluation.error !== undefined) {
    await session.ao.settle(intent);
    throw (
      refusedState(place.name, evaluation.error) ?? luaError(place.name, stored, program, evaluation.error)
    );
  }
  const outcome = readLoadOutcome(evaluation.output);
  await session.ao.settle(intent);
  if (outcome.kind === "committed" && outcome.sourceHash === inputs.bundle.hash)
    return loaded(sent.id, Date.now(), outcome);
  if (outcome.kind === "refused") {
    throw new FleetError({
      code: outcome.code,
      what: `${place.name} refused the load: a later run has changed this fleet.`,
      got: `epoch ${epoch}`,
      expected: `epoch ${outcome.epoch} or later`,
      remedy:
        "Somebody else deployed in the meantime. Run pulumi refresh, check the preview, then run pulumi up.",
    });
  }
  if (looksLikeInbox(evaluation)) {
    throw wrongWallet(place.name, session.ao.address, [place]);
  }
  throw new FleetError({
    code: "LOAD_UNCLEAR",
    what: `${place.name} did not confirm the load.`,
    got: startOf(evaluation.output, 300) || "an empty output",
    expected: `a commit of ${shortHash(inputs.bundle.hash)}`,
    remedy: `npx fleet logs ${place.name}`,
  });
}

/** The error that a program raised while it was loaded, at the user's file and line. */
function luaError(
  name: string,
  stored: Awaited<ReturnType<typeof storedBundle>>,
  program: Program,
  error: string,
): FleetError {
  const found = stored.map ? explainLuaError(error, stored.map, program.offsetLines) : { message: error };
  const at =
    found.file === undefined
      ? undefined
      : [found.file, found.line, found.column].filter((part) => part !== undefined).join(":");
  return new FleetError({
    code: "LUA_ERROR",
    what: `${name} could not be loaded: ${found.message}`,
    ...(at === undefined ? {} : { at }),
    ...(found.source === undefined ? {} : { got: excerptOf(found).text.trim() }),
    remedy: `${at === undefined ? `Find the error that the program raises while it loads (npx fleet logs ${name} shows its output), fix it` : "Fix the line"} and run pulumi up again. The process still runs its previous code.`,
  });
}

/** A message that was meant to load code into a process. */
export interface Load {
  readonly id: string;
  /** When it was signed, in milliseconds since 1970. */
  readonly at: number;
  /** Its intent, if it is in this machine's journal. */
  readonly key?: string;
  /**
   * For a boot, which may have no output: seconds to wait for it, from the evaluation of the boot on, before it is skipped.
   * @default until the budget ends
   */
  readonly patience?: number;
}

/**
 * The messages that were meant to load this code into this process, newest first, sent or not: those of the journal and, in a run of
 * `fleet adopt`, the one in the ledger.
 */
export async function loadsOf(session: Session, place: ProcessRef, hash: string): Promise<Load[]> {
  const sent = signedLoads(session, place).filter(({ key }) => parseKey(key)?.rest[0] === hash);
  const taken = (await adoption(session))?.members[place.name];
  if (taken?.evalId === undefined || taken.sourceHash !== hash || taken.processId !== place.processId)
    return sent;
  return [...sent, { id: taken.evalId, at: taken.loadedAt ?? Date.now() }];
}

/** The loads of any code into this process in this machine's journal, newest first. */
function signedLoads({ scope, journal }: Session, { name, generation, processId }: ProcessRef) {
  const step = { name, generation, step: "load" };
  return journal
    .history()
    .filter(({ key, target }) => target === processId && isStep(scope, key, step))
    .reverse();
}

/** Whether the process committed a load, of any code, that is in this machine's journal. */
export async function ranLoad(session: Session, place: ProcessRef, budget: Budget): Promise<boolean> {
  for (const { id: messageId } of signedLoads(session, place)) {
    const ref = { processId: place.processId, messageId };
    if (!(await session.ao.isPlaced(ref, budget))) continue;
    const { error, output } = await session.ao.evaluation({ ...ref, expectOutput: true }, budget);
    if (error === undefined && readLoadOutcome(output).kind === "committed") return true;
  }
  return false;
}

/**
 * The newest of these loads that the process committed. Waits for a load that the scheduler accepted, because sending it again would run
 * its code twice. Skips a load that never arrived.
 *
 * @throws FleetError if the budget ends before the outcome of a load is known
 */
export async function committedLoad(
  session: Session,
  place: ProcessRef,
  hash: string,
  loads: readonly Load[],
  budget: Budget,
): Promise<Loaded | undefined> {
  for (const load of loads) {
    const ref = { processId: place.processId, messageId: load.id };
    // A load from the ledger was evaluated before, and a boot arrives with its process.
    if (load.key !== undefined && !(await session.ao.isPlaced(ref, budget))) continue;
    const { patience } = load;
    // A spawn that a unit lost is sent again, and boots then, however late: another load before that would run the code twice.
    if (patience !== undefined) await session.ao.awaitReady(ref.processId, budget);
    const found =
      patience === undefined
        ? await committed(session, load, hash, ref.processId, budget)
        : await committed(session, load, hash, ref.processId, within(budget, patience)).catch(
            () => undefined,
          );
    if (found) return found;
  }
  return undefined;
}

/** The process' report of this load; undefined if it did not commit this code. */
async function committed(
  session: Session,
  { id, at, key }: Load,
  hash: string,
  processId: string,
  budget: Budget,
): Promise<Loaded | undefined> {
  const found = await session.ao.evaluation({ processId, messageId: id, expectOutput: true }, budget);
  const outcome = found.error === undefined ? readLoadOutcome(found.output) : undefined;
  if (outcome?.kind !== "committed" || outcome.sourceHash !== hash) return undefined;
  if (key !== undefined) await session.ao.settle(key);
  return loaded(id, at, outcome);
}

function loaded(evalId: string, at: number, outcome: LoadReport & { readonly kind: "committed" }): Loaded {
  const { kind: _, sourceHash, ...report } = outcome;
  return { evalId, at, ...report };
}

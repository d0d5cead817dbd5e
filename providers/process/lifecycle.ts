import { setTimeout as sleep } from "node:timers/promises";
import { amount } from "../../src/core/amount.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import { FLEET_PREFIX } from "../../src/core/fleet-actions.ts";
import { awaitBare, bareChanges, isBare, lookAt } from "../../src/fleet/code/bare.ts";
import { keptLines } from "../../src/fleet/code/kept.ts";
import { ensureModule } from "../../src/fleet/code/module.ts";
import { changesIn, handWords, notOurs, strangersIn } from "../../src/fleet/health/code-drift.ts";
import { has, keptDrift } from "../../src/fleet/health/kept-drift.ts";
import { awaitHealthy, probe } from "../../src/fleet/health/probe.ts";
import type { HealthOutput } from "../../src/fleet/health/schema.ts";
import type { Expected, Place } from "../../src/fleet/health/verdict.ts";
import { adoption } from "../../src/fleet/members/adoption.ts";
import { type ManifestProcess, record } from "../../src/fleet/members/manifest.ts";
import { memberKey } from "../../src/fleet/members/members.ts";
import type { Revision } from "../../src/fleet/members/revision.ts";
import { mayReplace, saysRuined, withWayOn } from "../../src/fleet/members/ruined.ts";
import { say } from "../../src/fleet/session/progress.ts";
import { readRunRequest } from "../../src/fleet/session/run-request.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { checkInputs, ownInputs } from "../run/inputs.ts";
import { PartialFailure } from "../run/partial.ts";
import { configure, sessionFor } from "../run/session.ts";
import { step } from "../run/step.ts";
import { type Beside, placeBeside } from "./beside.ts";
import { bootLoads } from "./boot.ts";
import { askForCronAgain, driveCron } from "./cron.ts";
import { committedLoad, type Loaded, loadBundle, loadsOf } from "./load.ts";
import { type Observed, observe } from "./observe.ts";
import { assertOwner } from "./owner.ts";
import { ensurePlace, type FoundPlace, keptPlace } from "./place.ts";
import { besideOthers, retained, servingOf } from "./retention.ts";
import { retire } from "./retire.ts";
import { revisionAt } from "./revisions.ts";
import { type ProcessInputs, ProcessInputsSchema, type ProcessOutputs } from "./schema.ts";
import { mendedBeside, observedBeside } from "./sharing.ts";
import { keepState, stateFor } from "./state.ts";
import { explainChanges } from "./words.ts";

export { configure };

type Raw = Record<string, unknown>;

export async function check(_olds: Raw, news: Raw) {
  return checkInputs(ProcessInputsSchema, news);
}

/**
 * Ids of what was read and not compared since. A refresh compares what it has just read, still with the wallet before: a process that it
 * finds given away is a finding, and no error.
 */
const justRead = new Set<string>();

/**
 * Says in words what changes and why. What may have drifted was found by the last refresh: the network is asked only where the state
 * does not say that this wallet owns the process.
 */
export async function diff(id: string, olds: ProcessOutputs, rawNews: Raw) {
  const isRefresh = justRead.delete(id);
  const isGiven = !isRefresh && (await assertOwner(olds));
  const news = ProcessInputsSchema.parse(ownInputs(rawNews));
  if (news.strategy === undefined && olds.module !== news.module && olds.moduleId !== news.module) {
    throw new FleetError({
      code: "MODULE_FIXED",
      what: `${news.name} cannot change its module: an AO process keeps the one it was spawned with.`,
      got: news.module,
      expected: olds.module,
      remedy: "Declare a new member with the new module, move its state, then remove this one.",
      at: `processes.${news.name}.module`,
    });
  }
  const reasons = explainChanges(olds, news);
  if (isGiven) reasons.push("it was given to this wallet: check it, and note the owner");
  if (mayReplace(readRunRequest(), news.name))
    reasons.push("a new process if this one is ruined (--replace)");
  for (const reason of reasons) console.log(`${news.name}: ${reason}`);
  return { changes: reasons.length > 0, replaces: [], deleteBeforeReplace: false };
}

export async function create(raw: Raw) {
  const inputs = ProcessInputsSchema.parse(ownInputs(raw));
  const outs = await step(inputs, (session) => ensure(session, inputs, raw, undefined));
  return { id: deploymentKey(inputs.scope, inputs.name), outs };
}

export async function update(_id: string, olds: ProcessOutputs, raw: Raw) {
  const inputs = ProcessInputsSchema.parse(ownInputs(raw));
  return { outs: await step(inputs, (session) => ensure(session, inputs, raw, olds)) };
}

/** Asks the process itself, by a signed message. A process that cannot be asked is an error, never "absent". */
export async function read(id: string, props: ProcessOutputs) {
  const session = await sessionFor(props.scope, props.network);
  const place: Place = { name: props.name, generation: props.generation, processId: props.processId };
  const { health, found, owner = props.owner } = await observe(session, place, props).catch(observedRuin);
  if (!has(found, "STOPPED"))
    await askForCronAgain(session, place, props, session.budget(props.timeoutSeconds));
  const revisions = await observedBeside(session, props, (...asked) => observe(...asked).catch(observedRuin));
  justRead.add(id);
  const kept = revisions === undefined ? {} : { revisions };
  const { driftCodes: _, ...others } = props;
  return { id, props: { ...others, owner, health, ...keptDrift(found), ...kept } };
}

/** For `catch`: a ruined process is a finding, not a failure of the refresh. The same at each refresh: no id of a message is in it. */
function observedRuin(error: unknown): Observed {
  if (!saysRuined(error)) throw error;
  const reasons = ["ruined: the compute unit answers HashChain invalid for everything that is sent to it"];
  return { health: { status: "OFFLINE", reasons, code: "PROCESS_RUINED" }, found: [] };
}

/** AO processes are permanent: deleting one means that it answers `GONE` from now on. Done twice, it is done once. */
export async function remove(_id: string, props: ProcessOutputs) {
  if (props.processId === undefined) return;
  const session = await sessionFor(props.scope, props.network);
  const place = { name: props.name, generation: props.generation, processId: props.processId };
  const budget = session.budget(props.timeoutSeconds);
  const started = performance.now();
  const beside = (props.revisions ?? []).filter(({ processId }) => processId !== props.processId);
  for (const { processId, generation } of beside)
    await retire(session, { name: props.name, processId, generation }, props, budget);
  await retire(session, place, props, budget);
  crashPoint("process.retired");
  await record(session, { [props.name]: undefined });
  const others = beside.length === 0 ? "" : ` and ${amount(beside.length, "other revision")}`;
  const id = `${props.processId.slice(0, 8)}${others}`;
  // Without the library nothing in it can answer that it is gone.
  if (isBare(props))
    await say(session, props.name, "forgotten", `${id}: it has no library, and answers on`, started);
  else await say(session, props.name, "retired", id, started);
}

/** Observe → ensure → load → verify: the same road for create, update, repair and recovery. */
async function ensure(
  session: Session,
  inputs: ProcessInputs,
  raw: Raw,
  olds: ProcessOutputs | undefined,
): Promise<ProcessOutputs> {
  const budget = session.budget(inputs.timeoutSeconds);
  await ensureModule(session, inputs, olds, budget);
  const { place, held, before } = await placed(session, inputs, olds, budget).catch((error: unknown) => {
    throw withWayOn(inputs.name, error);
  });
  // While another revision has the traffic, that one is what runs.
  const isAlone = held.every(({ processId }) => processId === place.processId);
  const noted = async (entry: () => Partial<ManifestProcess>) => {
    if (isAlone || inputs.strategy === undefined) await record(session, { [inputs.name]: entry() });
    else await record(session, { [inputs.name]: { router: inputs.strategy.router } });
  };
  const known: ProcessOutputs = {
    ...raw,
    ...inputs,
    schemaVersion: 1,
    processId: place.processId,
    generation: place.generation,
    moduleId: place.moduleId,
    owner: session.ao.address,
    ...(before === undefined ? {} : { revision: before }),
    ...(inputs.strategy === undefined && olds?.revisions === undefined ? {} : { revisions: [...held] }),
    ...(inputs.strategy === undefined || olds?.blue === undefined ? {} : { blue: olds.blue }),
    ...ruinedOf(olds, place),
    health: { status: "UNKNOWN", reasons: [] },
    ...keptDrift([]),
  };
  try {
    const { revision: _, ...others } = olds ?? {};
    const view = olds && ({ ...others, ...(before && { revision: before }) } as ProcessOutputs);
    const revision = await ensureCode(session, place, inputs, view, budget);
    await driveCron(session, place, inputs, olds, budget);
    const started = performance.now();
    const expected = { version: inputs.version, sourceHash: inputs.bundle.hash };
    const health = await healthOf(session, place, expected, inputs, budget, revision.code);
    const outputs = besideOthers({ ...known, revision, health });
    crashPoint("process.judged");
    await noted(() => manifestEntry(inputs, outputs, health));
    if (health.status !== "HEALTHY" && health.status !== "DEGRADED") {
      await say(
        session,
        inputs.name,
        "unhealthy",
        `health check failed: ${health.reasons.join("; ")}`,
        started,
      );
      await session.deployment.failed(`${inputs.name} is ${health.status}`);
      throw new PartialFailure(
        deploymentKey(inputs.scope, inputs.name),
        outputs,
        unhealthy(inputs.name, health),
      );
    }
    await session.deployment.assertKept(inputs.name, place);
    await session.ao.settle(memberKey(session.scope, inputs.name, place.generation, "spawn"));
    await say(session, inputs.name, "ready", [health.status, ...health.reasons].join(" "), started);
    if (inputs.strategy === undefined) return outputs;
    const held = await mendedBeside(session, inputs, outputs, budget, (at, own, known) =>
      ensureCode(session, at, own, known, budget),
    );
    return await retained(session, inputs, { ...outputs, ...(held && { revisions: held }) }, budget);
  } catch (error) {
    if (error instanceof PartialFailure) throw error;
    const why = error instanceof FleetError ? error.problems[0].what : String(error);
    // A record that cannot be kept must not hide why it failed.
    await noted(() => manifestEntry(inputs, known, { status: "UNKNOWN", reasons: [] })).catch(() => {});
    await session.deployment.failed(`${inputs.name}: ${why}`);
    throw new PartialFailure(
      deploymentKey(inputs.scope, inputs.name),
      known,
      await explained(session, place, error),
    );
  }
}

/** What the state keeps of the processes that this member lost. */
function ruinedOf(olds: ProcessOutputs | undefined, { instead }: FoundPlace): Pick<ProcessOutputs, "ruined"> {
  const ruined = [...(olds?.ruined ?? []), ...(instead === undefined ? [] : [instead])];
  return ruined.length === 0 ? {} : { ruined };
}

/** Healthy, and where it must stay so for a while, still so after it. */
async function healthOf(
  session: Session,
  place: Place,
  expected: Expected,
  { healthCheck, minHealthySeconds, lib }: ProcessInputs,
  budget: ReturnType<Session["budget"]>,
  code: readonly string[] = [],
): Promise<HealthOutput> {
  const look = (policy: typeof healthCheck) =>
    isBare({ lib })
      ? awaitBare(session, place, code, policy, budget)
      : awaitHealthy(session, place, expected, policy, budget);
  const first = await look(healthCheck);
  const up = first.status === "HEALTHY" || first.status === "DEGRADED";
  if (!up || minHealthySeconds === undefined || minHealthySeconds === 0) return first;
  await sleep(Math.min(minHealthySeconds * 1000, budget.remaining()));
  return look({ ...healthCheck, retries: 0 });
}

/** A member that is ahead of the ledger refuses every run: the ledger is brought up to it, and that is said. */
async function explained(session: Session, place: Place, error: unknown): Promise<unknown> {
  if (!(error instanceof FleetError) || error.code !== "STALE_EPOCH") return withWayOn(place.name, error);
  const behind = await session.deployment.catchUp(place, place.name).catch(() => false);
  if (!behind) return error;
  return new FleetError({
    ...error.problems[0],
    what: `${place.name} is ahead of the ledger: its epoch was raised by hand, or the ledger was made anew.`,
    remedy: "The ledger was brought up to it. Run pulumi up again.",
  });
}

/** In place: the member's one process. With `strategy`: one for the wanted code, beside the others. */
async function placed(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: ReturnType<Session["budget"]>,
): Promise<Beside & { before: Revision | undefined }> {
  if (inputs.strategy === undefined) {
    const serving = olds?.strategy === undefined ? olds : await servingOf(session, olds, budget);
    const place = await located(session, inputs, serving, budget);
    return { place, held: olds?.revisions ?? [], isBack: false, before: serving?.revision };
  }
  const started = performance.now();
  const beside = await placeBeside(session, inputs, olds, budget);
  const { place, held, isBack } = beside;
  const phase = place.fresh ? "spawned" : isBack ? "warm" : "found";
  const others = held.filter(({ processId }) => processId !== place.processId).length;
  await say(
    session,
    inputs.name,
    phase,
    `${place.processId.slice(0, 8)}${others > 0 ? `, beside ${others}` : ""}`,
    started,
  );
  crashPoint("process.spawned");
  return { ...beside, before: revisionAt(held, place.processId) };
}

async function located(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: ReturnType<Session["budget"]>,
) {
  const kept = olds?.processId === undefined ? undefined : await keptPlace(session, inputs, olds, budget);
  if (kept && !kept.fresh) return kept;
  const started = performance.now();
  const place = kept ?? (await ensurePlace(session, inputs, budget));
  await record(session, {
    [inputs.name]: { processId: place.processId, status: "INITIALIZING", dependencies: inputs.dependencies },
  });
  const instead =
    place.instead === undefined
      ? ""
      : `, in place of ${place.instead.processId.slice(0, 8)}, which is ruined`;
  const phase = place.fresh ? "spawned" : "found";
  await say(session, inputs.name, phase, `${place.processId.slice(0, 8)}${instead}`, started);
  crashPoint("process.spawned");
  return place;
}

/** Loads the code unless the process itself says that it runs it. */
async function ensureCode(
  session: Session,
  place: Place & { fresh: boolean; booted?: boolean },
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: ReturnType<Session["budget"]>,
): Promise<NonNullable<ProcessOutputs["revision"]>> {
  const { kept, strangers = [] }: Awaited<ReturnType<typeof loadedAlready>> = place.fresh
    ? { kept: undefined }
    : await loadedAlready(session, place, inputs, olds, budget);
  // It runs already, so a state that it was to be loaded with is not put back any more.
  if (kept) return inputs.restore === undefined ? kept : { ...kept, restored: inputs.restore.id };
  const started = performance.now();
  const state = await stateFor(session, place, inputs, olds);
  const before = olds?.revision?.sourceHash ?? (await adoption(session))?.members[inputs.name]?.sourceHash;
  // Of a process whose state was lost, nothing is known but that it runs the fleet's code.
  const modules = olds?.bundle?.modules;
  const plain = modules !== undefined && !Object.keys(modules).some((one) => /^fleet(\.|$)/.test(one));
  const how = { plain, repair: before === inputs.bundle.hash };
  const wasBare = !place.fresh && before !== undefined && olds?.lib === false;
  if (wasBare) await say(session, inputs.name, "saved", "no state: it has no library, which would export it");
  const backup =
    !place.fresh && before && !wasBare ? await keepState(session, place, before, how, budget) : undefined;
  const booted = place.booted === true ? bootLoads(place, inputs) : [];
  const load =
    (await committedLoad(session, place, inputs.bundle.hash, booted, budget)) ??
    (await loadBundle(session, place, inputs, budget, {
      state,
      strangers,
      ...(wasBare ? { adopted: true } : {}),
    }));
  crashPoint("process.loaded");
  await say(
    session,
    inputs.name,
    "loaded",
    `${Math.max(1, Math.round(inputs.bundle.bytes / 1000))} kB`,
    started,
  );
  if (!place.fresh)
    for (const { phase, text } of keptLines(inputs, load.kept, before !== undefined, backup))
      await say(session, inputs.name, phase, text);
  const repaired = [...(load.repaired ?? []), ...strangers.map(added)];
  if (repaired.length > 0)
    await say(session, inputs.name, "repaired", `changed by hand: ${handWords(repaired).join("; ")}`);
  for (const { action, handler } of load.answeredByProgram ?? [])
    await say(
      session,
      inputs.name,
      "answers",
      `${action} itself (handler ${handler}); the fleet's answer is at ${FLEET_PREFIX}${action}`,
    );
  const revision = revisionOf(place, inputs, load, session.deployment.id);
  return state === undefined || inputs.restore === undefined
    ? revision
    : { ...revision, restored: inputs.restore.id };
}

function revisionOf(
  { processId }: Place,
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

/**
 * The revision, when the process itself says that it runs the declared code, as it was loaded, and the message that loaded it is
 * known. Otherwise nothing, with the handlers that were added by hand and that a load does not take away by itself.
 */
async function loadedAlready(
  session: Session,
  place: Place,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  budget: ReturnType<Session["budget"]>,
): Promise<{ kept: ProcessOutputs["revision"]; strangers?: string[] }> {
  const { hash } = inputs.bundle;
  const known = olds?.revision?.processId === place.processId ? olds.revision : undefined;
  // Only what may run already is worth the question.
  const sent = [...(await loadsOf(session, place, hash)), ...(known ? [] : bootLoads(place, inputs))];
  if (known?.sourceHash !== hash && sent.length === 0) return { kept: undefined };
  if (isBare(inputs)) return loadedBare(session, place, inputs, known, sent, budget);
  const verdict = await probe(session, place, "LIVENESS", {}, budget).catch(notOurs);
  if (typeof verdict === "string") return { kept: undefined };
  if (verdict.sourceHash !== hash || verdict.version !== inputs.version) return { kept: undefined };
  const loaded = known?.sourceHash === hash && known.version === inputs.version ? known : undefined;
  const changes = await changesIn(session, place, verdict, loaded, budget);
  if (changes.length > 0)
    return { kept: undefined, strangers: verdict.changedByHand ? [] : strangersIn(changes) };
  if (loaded) return { kept: loaded };
  const load = await committedLoad(session, place, hash, sent, budget);
  return { kept: load && revisionOf(place, inputs, load, verdict.release ?? "") };
}

/** The same where no library says what runs: the code that runs now is that which a known load of this bundle left. */
async function loadedBare(
  session: Session,
  place: Place,
  inputs: ProcessInputs,
  known: ProcessOutputs["revision"],
  sent: Awaited<ReturnType<typeof loadsOf>>,
  budget: ReturnType<Session["budget"]>,
): Promise<{ kept: ProcessOutputs["revision"]; strangers?: string[] }> {
  const { hash } = inputs.bundle;
  const isSame = known?.sourceHash === hash && known.version === inputs.version;
  const load = isSame ? undefined : await committedLoad(session, place, hash, sent, budget);
  const kept = isSame ? known : load && revisionOf(place, inputs, load, "");
  if (kept?.code === undefined) return { kept: undefined };
  const changes = bareChanges(kept.code, (await lookAt(session, place, budget)).code);
  return changes.length > 0 ? { kept: undefined, strangers: strangersIn(changes) } : { kept };
}

function unhealthy(name: string, health: HealthOutput): FleetError {
  return new FleetError({
    code: "UNHEALTHY",
    what: `${name} is deployed but ${health.status}: health check failed.`,
    got: health.reasons.join("; "),
    expected: "HEALTHY",
    remedy: `Mend it and run pulumi up again: the process and its id are kept. npx fleet logs ${name} shows what it did.`,
  });
}

function manifestEntry(
  inputs: ProcessInputs,
  outputs: ProcessOutputs,
  health: HealthOutput,
): Partial<ManifestProcess> {
  const up = health.status === "HEALTHY" || health.status === "DEGRADED";
  return {
    processId: outputs.processId,
    status: up ? "ACTIVE" : health.status,
    deploymentTime: new Date().toISOString(),
    dependencies: inputs.dependencies,
    version: inputs.version,
    sourceHash: outputs.revision?.sourceHash ?? "",
    module: outputs.moduleId,
    generation: outputs.generation,
    ...(outputs.revision === undefined ? {} : { revision: outputs.revision.evalId }),
    // Named in any case: a member that got the library must not keep what was noted before.
    lib: isBare(inputs) ? false : undefined,
    code: isBare(inputs) ? outputs.revision?.code : undefined,
    router: inputs.strategy?.router,
  };
}

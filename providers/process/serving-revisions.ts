import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { hasDrift, readDriftCodes, storeDriftCodes } from "../../src/fleet/health/drift-codes.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import type { HeldRevision } from "../../src/fleet/members/revision.ts";
import { resume } from "../../src/fleet/protocol/state.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { type Observed, observe } from "./observe.ts";
import { type Finding, findingText, revisionAt } from "./revisions.ts";
import { previewedView, type RouterView, routerView } from "./router.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

type ObserveRevision = (session: Session, place: ProcessRef, props: ProcessOutputs) => Promise<Observed>;

/** Ensures that a process runs the code of some inputs, as the run does for the declared one. */
type Ensure = (
  place: ProcessRef & { readonly fresh: boolean },
  inputs: ProcessInputs,
  olds: ProcessOutputs,
) => Promise<unknown>;

/**
 * The held revisions, with new findings for those that serve callers by the router's current table. If the router does not answer, the
 * earlier findings stay.
 *
 * @param observeRevision observes one of them
 */
export async function observeServing(
  session: Session,
  props: ProcessOutputs,
  observeRevision: ObserveRevision,
): Promise<HeldRevision[] | undefined> {
  const { revisions, processId, strategy } = props;
  if (revisions === undefined || revisions.length < 2 || strategy?.router === undefined) return revisions;
  const view = await routerView(session, strategy.router, session.budget(Math.min(60, props.timeoutSeconds)));
  if (!view) return revisions;
  const found: HeldRevision[] = [];
  for (const one of revisions) {
    const { finding: known, ...held } = one;
    const isAsked = one.processId !== processId && isServing(view, props.name, one);
    const finding = isAsked ? await findingOf(session, props, held, known, view, observeRevision) : undefined;
    found.push(finding === undefined ? held : { ...held, finding });
  }
  return found;
}

/**
 * The state, without the findings that a run leaves as they are: a revision that was stopped by hand is not resumed while a rollout is in
 * progress. The router is asked only if there is such a finding; if it does not answer, all of them stay. For previews.
 */
export async function withoutWaiting(props: ProcessOutputs): Promise<ProcessOutputs> {
  const { revisions } = props;
  if (!revisions?.some(({ finding }) => isStopped(finding))) return props;
  const view = await previewedView(props);
  if (!view || isSteadySplit(view, props)) return props;
  const left = revisions.map((one) => {
    const { finding, ...held } = one;
    if (finding === undefined || !isStopped(finding) || !isServing(view, props.name, one)) return one;
    const others = readDriftCodes(finding).filter(({ code }) => code !== "STOPPED");
    return others.length === 0 ? held : { ...held, finding: { ...finding, ...storeDriftCodes(others) } };
  });
  return { ...props, revisions: left };
}

const isStopped = (finding: Finding | undefined): boolean =>
  finding !== undefined && hasDrift(readDriftCodes(finding), "STOPPED");

/**
 * Repairs the findings of the last refresh in revisions that still have traffic, each with its own code. A failed repair is reported and
 * stays a finding: it must not keep a run from moving the traffic away from that revision.
 *
 * @returns the held revisions, without the findings that are resolved
 */
export async function repairServing(
  session: Session,
  inputs: ProcessInputs,
  outputs: ProcessOutputs,
  budget: Budget,
  ensure: Ensure,
): Promise<HeldRevision[] | undefined> {
  const { name, strategy } = inputs;
  const { revisions, processId } = outputs;
  if (!revisions?.some(({ finding }) => finding !== undefined)) return revisions;
  const view = await routerView(session, strategy?.router, budget);
  if (!view) return revisions;
  const repaired: HeldRevision[] = [];
  for (const one of revisions) {
    const { finding, ...held } = one;
    if (finding === undefined || one.processId === processId || !isServing(view, name, one)) {
      repaired.push(held);
      continue;
    }
    const id = one.processId.slice(0, 8);
    const started = performance.now();
    const left = await repairRevision(session, inputs, outputs, one, view, budget, ensure);
    if (left === undefined)
      await reportStep(session, name, "repaired", `${id}, which also has traffic`, started);
    else
      await reportStep(session, name, "not-repaired", `${id}, which also has traffic: ${left.why}`, started);
    repaired.push(left === undefined ? held : { ...held, finding: left.finding });
  }
  return repaired;
}

/** Whether a process serves callers. Pure. */
const isServing = (view: RouterView, name: string, { processId }: Pick<HeldRevision, "processId">): boolean =>
  view.serving[name]?.includes(processId) === true;

/**
 * Whether the split is steady. During a rollout or a rollback, the old revision may be stopped on purpose while its state is handed over;
 * the traffic resource resumes it. Pure.
 */
const isSteadySplit = (view: RouterView, { name, processId }: Pick<ProcessOutputs, "name" | "processId">) =>
  view.isSteady && isServing(view, name, { processId });

/**
 * What is wrong with a held revision.
 *
 * @param known what an earlier look found. One that was stopped by hand before a rollout began stays a finding until that has ended
 */
async function findingOf(
  session: Session,
  props: ProcessOutputs,
  held: HeldRevision,
  known: Finding | undefined,
  view: RouterView,
  observeRevision: ObserveRevision,
): Promise<Finding | undefined> {
  const { name } = props;
  const place = { name, processId: held.processId, generation: held.generation };
  const seen = await observeRevision(session, place, asHeld(props, held));
  const isHealthy = seen.health.status === "HEALTHY" || seen.health.status === "DEGRADED";
  const isByHand = isSteadySplit(view, props) || isStopped(known);
  const found = isByHand ? seen.found : seen.found.filter(({ code }) => code !== "STOPPED");
  const onPurpose = found.length < seen.found.length;
  if (found.length === 0 && (isHealthy || onPurpose)) return undefined;
  return { health: seen.health, ...storeDriftCodes(found) };
}

/** The state of the member as if a held revision were the declared one. Pure. */
function asHeld(props: ProcessOutputs, held: HeldRevision): ProcessOutputs {
  const { revision: _, ...others } = props;
  const { processId, generation, moduleId, version, sourceHash } = held;
  const revision = revisionAt([held], processId);
  return {
    ...others,
    ...{ processId, generation, moduleId, version },
    ...libOf(held, props),
    bundle: { ...props.bundle, hash: sourceHash },
    ...(revision === undefined ? {} : { revision }),
  };
}

/** Whether a revision has the library: one with it lists its handlers, one without it its code, one of an earlier version neither. */
const libOf = ({ code, handlers }: HeldRevision, { lib }: Pick<ProcessInputs, "lib">): { lib: boolean } => ({
  lib: code === undefined && (handlers !== undefined || lib !== false),
});

/** Whether it was stopped by hand shows when the rollout has ended. */
const WAITS = "it is not resumed while a rollout is in progress";

interface Unrepaired {
  readonly finding: Finding;
  readonly why: string;
}

async function repairRevision(
  session: Session,
  inputs: ProcessInputs,
  outputs: ProcessOutputs,
  one: HeldRevision & { finding?: Finding | undefined },
  view: RouterView,
  budget: Budget,
  ensure: Ensure,
): Promise<Unrepaired | undefined> {
  const unknown: Finding = { drift: [], health: { status: "UNKNOWN", reasons: [] } };
  const { finding: known = unknown, ...held } = one;
  const { name } = inputs;
  const { processId, generation, version, sourceHash } = held;
  const place = { name, processId, generation };
  const { restore: _, adopt: __, ...declared } = inputs;
  const bundle = { ...inputs.bundle, hash: sourceHash };
  const own: ProcessInputs = { ...declared, version, bundle, ...libOf(held, inputs) };
  try {
    if (hasDrift(readDriftCodes(known), "EPOCH_AHEAD")) await session.deployment.catchUp(place, name);
    // What a refresh found in a steady split may be stopped on purpose by now.
    if (isStopped(known) && isSteadySplit(view, outputs)) {
      const epoch = await session.deployment.epoch();
      await resume(session, place, epoch, budget);
    }
    await ensure({ ...place, fresh: false }, own, asHeld(outputs, held));
    const finding = await findingOf(session, outputs, held, known, view, observe);
    if (!finding) return undefined;
    const waits = isStopped(finding) && readDriftCodes(finding).length === 1 && !isSteadySplit(view, outputs);
    return { finding, why: waits ? WAITS : findingText(finding) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { finding: known, why: `${error.problems[0].what} [${error.code}]` };
  }
}

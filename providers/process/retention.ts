import type { Budget } from "../../src/core/budget.ts";
import { isLostError } from "../../src/fleet/members/gone.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { reportRetirement, retire } from "./retire.ts";
import { revisionAt, surplus, wasProved, withWanted } from "./revisions.ts";
import { type RouterView, routerView } from "./router.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** The outputs with the declared revision first in `revisions`, if there is such a list. Pure except for the time. */
export function withDeclaredFirst(outputs: ProcessOutputs): ProcessOutputs {
  const { revision, revisions, generation, moduleId, health } = outputs;
  if (revisions === undefined || revision === undefined) return outputs;
  const wanted = { ...revision, generation, moduleId };
  return { ...outputs, revisions: withWanted(revisions, wanted, health.status, new Date()) };
}

/**
 * After a new revision proved its health: records which revision has the traffic, and retires revisions that are no longer held. A revision
 * in the router's table is kept; if the router does not answer, all are.
 */
export async function retireSurplus(
  session: Session,
  { name, strategy }: ProcessInputs,
  outputs: ProcessOutputs,
  budget: Budget,
): Promise<ProcessOutputs> {
  const { revisions = [], processId, blue: known, ...others } = outputs;
  if (strategy === undefined) return outputs;
  const view = await routerView(session, strategy.router, budget);
  const last = revisions.find((one) => one.processId !== processId && wasProved(one));
  // A service without a proven table is still where it was before its first rollout, however many runs died since.
  const before =
    strategy.router !== undefined && revisions.some((one) => one.processId === known?.processId)
      ? known
      : undefined;
  const proven = view?.proven[name] ?? [];
  // In a steady split the declared revision has a share itself, and blue is the other one.
  const blue =
    proven.find((one) => one.processId !== processId) ??
    proven[0] ??
    before ??
    (last && { processId: last.processId, sourceHash: last.sourceHash });
  const inUse = new Set([...(view?.inUse ?? []), ...(blue ? [blue.processId] : [])]);
  const gone = view ? surplus(revisions, inUse, strategy.retention, new Date()) : [];
  for (const one of gone) {
    const started = performance.now();
    const { processId: old, generation } = one;
    const end = await retire(session, { name, processId: old, generation }, outputs, budget);
    await reportRetirement(session, name, end, `${old.slice(0, 8)}, no longer held`, started);
  }
  return {
    ...others,
    processId,
    revisions: revisions.filter((one) => !gone.includes(one)),
    ...(blue === undefined || blue.processId === processId ? {} : { blue }),
  };
}

/**
 * The outputs with the revision that has the traffic as the current one: if code is loaded in place from now on, it is loaded there, and not
 * into a new revision that never served.
 */
export async function withServingRevision(
  session: Session,
  olds: ProcessOutputs,
  budget: Budget,
): Promise<ProcessOutputs> {
  const view = await routerView(session, olds.strategy?.router, budget);
  const { revisions = [], revision: _, ...others } = olds;
  const proven = view?.proven[olds.name]?.[0]?.processId;
  const owner = view && (await hasMoved(session, olds, view, budget)) ? view.moved[olds.name] : proven;
  const used = revisions.find(({ processId }) => processId === owner);
  const serving = used ?? revisions.find(wasProved) ?? revisions[0];
  if (!serving) return olds;
  const { processId, generation, moduleId } = serving;
  const revision = revisionAt(revisions, processId);
  return { ...others, revisions, processId, generation, moduleId, ...(revision && { revision }) };
}

/**
 * Whether the member's state is in another process than the proven table's. After the router returned the traffic by itself, that is so only
 * if the process that has the traffic again refuses requests: it handed its state over, and no run has returned that.
 */
async function hasMoved(
  session: Session,
  { name, state, revisions = [] }: ProcessOutputs,
  view: RouterView,
  budget: Budget,
): Promise<boolean> {
  if (state === "none" || view.moved[name] === undefined) return false;
  const before = revisions.find(({ processId }) => processId === view.proven[name]?.[0]?.processId);
  if (!view.isSteady || before === undefined) return true;
  try {
    return (await info(session, { name, ...before }, budget, "status")).status === "DRAINING";
  } catch (error) {
    // It cannot be used again.
    if (isLostError(error)) return true;
    throw error;
  }
}

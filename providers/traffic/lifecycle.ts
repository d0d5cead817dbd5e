import { setTimeout as sleep } from "node:timers/promises";
import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { activeOf, isSplit } from "../../src/delivery/index.ts";
import { isWaitingCode, type Phase } from "../../src/delivery/phase.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { ignoreProbeFailureOrRefusal } from "../../src/fleet/health/probe.ts";
import { keepApproval } from "../../src/fleet/releases/approval.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { storeDriftFacts, withoutDrift } from "../run/drift-facts.ts";
import { assumeUnchanged, hasUnknown, ownInputs } from "../run/inputs.ts";
import { changesBy, lifecycleOf } from "../run/lifecycle.ts";
import { PartialFailure } from "../run/partial-failure.ts";
import { reporting } from "../run/reporting.ts";
import { configure, sessionFor } from "../run/session.ts";
import { step } from "../run/step.ts";
import { comparedBy } from "./compare.ts";
import { driftText, type TrafficDrift } from "./drift.ts";
import { explainNewProcesses, explainStranded, explainTraffic } from "./explain-changes.ts";
import { StateHandOver } from "./hand-over.ts";
import { measureBy } from "./measure.ts";
import { finalOf, hasSameShares, newSalt, withProvenBlue } from "./plan.ts";
import type { RolloutEffects } from "./rollout-effects.ts";
import { NOT_STARTED, type RolloutProgress, refreshedFromRouter, tableDrift } from "./rollout-progress.ts";
import { RolloutRun } from "./rollout-run.ts";
import { type Router, routerOf } from "./router.ts";
import { type TrafficInputs, TrafficInputsSchema, type TrafficOutputs } from "./schema.ts";

export { configure };

type Raw = Record<string, unknown>;

/** Name of the resource in progress lines and errors. */
const NAME = "traffic";

const idOf = (inputs: TrafficInputs): string => deploymentKey(inputs.scope, NAME);

export const { check, create, update } = lifecycleOf({
  ...{ schema: TrafficInputsSchema, idOf },
  ensure: (inputs, raw, olds: TrafficOutputs | undefined) =>
    step({ ...inputs, name: NAME }, (session) => ensure(session, inputs, raw, olds)),
});

/** Only a move of traffic is a change; another release in which nothing moves is not. */
export async function diff(_id: string, olds: TrafficOutputs, rawNews: Raw) {
  const declared = ownInputs(rawNews);
  const coming = [...explainStranded(olds, declared), ...explainNewProcesses(olds, declared)];
  if (coming.length > 0) return changesBy(NAME, coming);
  const raw = assumeUnchanged(olds, declared);
  // An unknown value is a revision that does not exist yet and will get traffic.
  if (hasUnknown(raw)) return { changes: true };
  const parsed = TrafficInputsSchema.safeParse(raw);
  if (!parsed.success) return { changes: true };
  return changesBy(NAME, explainTraffic(olds, parsed.data));
}

/** Asks the router itself. */
export const read = (id: string, props: TrafficOutputs) => reporting(NAME, () => refreshed(id, props));

async function refreshed(id: string, props: TrafficOutputs) {
  const session = await sessionFor(props.scope, props.network);
  const router = routerOf(session, props.router, () => session.budget(props.timeoutSeconds));
  const state = await router.read().catch(ignoreProbeFailureOrRefusal);
  if (state === "lost") return { id, props };
  const now = state === undefined || state === "refused" ? props : refreshedFromRouter(props, state);
  const found: TrafficDrift[] =
    state === "refused" ? [{ code: "UNREADABLE", router: props.router.name }] : tableDrift(now, state);
  return { id, props: { ...withoutDrift(now), ...storeDriftFacts(found, driftText) } };
}

/** Sets an empty table, so that requests follow the wiring. A router that is gone needs none. */
export const remove = (_id: string, props: TrafficOutputs): Promise<void> =>
  reporting(NAME, () => clearTable(props));

async function clearTable(props: TrafficOutputs): Promise<void> {
  const session = await sessionFor(props.scope, props.network);
  const router = routerOf(session, props.router, () => session.budget(props.timeoutSeconds));
  try {
    const { table, serial } = await router.read();
    if (!table || Object.keys(table.services).length === 0) return;
    const { release, step: at, salt } = table;
    await router.set({ release, step: at + 1, salt, services: {}, expect: { release, step: at, serial } });
    await reportStep(session, NAME, "removed", "requests follow the wiring");
  } catch (error) {
    if (
      !(error instanceof FleetError) ||
      !["NO_REPLY", "GONE", "PROCESS_RUINED", "PROCESS_GONE"].includes(error.code)
    )
      throw error;
  }
}

async function ensure(
  session: Session,
  inputs: TrafficInputs,
  raw: Raw,
  olds: TrafficOutputs | undefined,
): Promise<TrafficOutputs> {
  // The limit is per message, because the strategy's intervals define how long a rollout takes.
  const budget = (): Budget => session.budget(inputs.timeoutSeconds);
  const router = routerOf(session, inputs.router, budget);
  let rollout: RolloutRun | undefined;
  // Promotions by a person in an earlier run of the same rollout.
  const promoted =
    olds?.release === inputs.release && olds.phase !== "COMPLETED" ? (olds.promoted ?? []) : [];
  const progress = (): RolloutProgress => rollout?.progress ?? { ...NOT_STARTED, promoted };
  try {
    do {
      const state = await router.read();
      const services = withProvenBlue(inputs.services, state.proven);
      const wanted = { ...inputs, services };
      rollout = new RolloutRun(wanted, effectsOf(session, wanted, { router, budget }), promoted);
      await rollout.run();
    } while (rollout.isSuperseding);
    const outputs = outputsOf(inputs, raw, progress(), olds);
    // If everything was already as declared, an earlier run recorded the approval.
    const { approvedBy } = rollout.progress;
    if (approvedBy !== undefined)
      await keepApproval(inputs.scope, inputs.release, { approvedBy, promoted: [...outputs.promoted] });
    return outputs;
  } catch (error) {
    const why = error instanceof FleetError ? error.problems[0].what : String(error);
    const waits = error instanceof FleetError && isWaitingCode(error.code);
    await session.deployment.failed(why, waits ? "HELD" : "FAILED");
    throw new PartialFailure(idOf(inputs), outputsOf(inputs, raw, progress(), olds), error);
  }
}

function effectsOf(
  session: Session,
  wanted: TrafficInputs,
  { router, budget }: { readonly router: Router; readonly budget: () => Budget },
): RolloutEffects {
  return {
    router,
    measure: measureBy(session, wanted, budget, {
      readCallers: router.readCallers,
      compare: comparedBy(session, wanted, wanted.router.processId),
    }),
    handOver: new StateHandOver(
      session,
      budget,
      (name, detail, phase = "handed-over") => reportStep(session, name, phase, detail),
      (name) => wanted.services[name],
    ),
    wait: (ms: number) => sleep(ms),
    report: (phase: Phase, detail: string) => reportStep(session, NAME, phase, detail),
    slackMs: wanted.timeoutSeconds * 1000,
    newSalt,
  };
}

function outputsOf(
  inputs: TrafficInputs,
  raw: Raw,
  { phase, table, slot, verdict, approvedBy, promoted }: RolloutProgress,
  olds: TrafficOutputs | undefined,
): TrafficOutputs {
  const known: Table | null = table ?? olds?.table ?? null;
  // A run that found everything as declared approved nothing, so the earlier run's approval stays.
  const before = phase === "COMPLETED" && olds?.release === inputs.release ? olds : undefined;
  const earlier = before?.approvedBy;
  const isOld = approvedBy === undefined && earlier !== undefined && earlier !== null;
  const split = isSplit(inputs.strategy) && hasSameShares(known, finalOf(inputs));
  return {
    ...raw,
    ...inputs,
    schemaVersion: 1,
    active: known ? activeOf(known) : (olds?.active ?? {}),
    table: known,
    step: known?.step ?? 0,
    phase,
    slot: slot ?? olds?.slot ?? null,
    verdict: verdict === "" && !split ? (olds?.verdict ?? "") : verdict,
    approvedBy: approvedBy ?? earlier ?? null,
    promoted: isOld ? (before?.promoted ?? []) : promoted,
    drift: [],
  };
}

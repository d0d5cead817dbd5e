import { amount } from "../../src/core/amount.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import { say } from "../../src/core/say.ts";
import { hasDrift, storeDriftCodes } from "../../src/fleet/health/drift-codes.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { isGoneError } from "../../src/fleet/members/gone.ts";
import { record } from "../../src/fleet/members/manifest.ts";
import { isRuinedError, isStuckError, mayReplace } from "../../src/fleet/members/ruined.ts";
import { readRunRequest } from "../../src/fleet/session/run-request.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import { ownInputs } from "../run/inputs.ts";
import { changesBy, lifecycleOf } from "../run/lifecycle.ts";
import { reporting } from "../run/reporting.ts";
import { configure, sessionFor } from "../run/session.ts";
import { step } from "../run/step.ts";
import { assertExists } from "./assert-exists.ts";
import { backupWarning } from "./backup-warning.ts";
import { askForCronAgain } from "./cron.ts";
import { ensure } from "./ensure.ts";
import { explainChanges } from "./explain-changes.ts";
import { type Observed, observe } from "./observe.ts";
import { assertOwner } from "./owner.ts";
import { reportRetirement, retire } from "./retire.ts";
import { ProcessInputsSchema, type ProcessOutputs } from "./schema.ts";
import { observeServing, withoutWaiting } from "./serving-revisions.ts";

export { configure };

type Raw = Record<string, unknown>;

export const { check, create, update } = lifecycleOf({
  schema: ProcessInputsSchema,
  idOf: ({ scope, name }) => deploymentKey(scope, name),
  ensure: (inputs, raw, olds: ProcessOutputs | undefined) =>
    step(inputs, (session) => ensure(session, inputs, raw, olds)),
});

/**
 * Ids of resources that were read and not yet compared. A refresh compares what it has just read, with the wallet's ownership as it was
 * before: a process that it finds transferred is drift, not an error.
 */
const justRead = new Set<string>();

/**
 * Prints what changes and why. Drift is taken from the last refresh; the network is asked only if the state does not show that this wallet
 * owns the process, or shows another revision as stopped by hand, and the embedded network whether it has the process.
 */
export const diff = (id: string, olds: ProcessOutputs, news: Raw) =>
  reporting(olds.name, () => changes(id, olds, news));

async function changes(id: string, olds: ProcessOutputs, rawNews: Raw) {
  const isRefresh = justRead.delete(id);
  const news = ProcessInputsSchema.parse(ownInputs(rawNews));
  if (!isRefresh) await assertExists(olds, news.network);
  const isGiven = !isRefresh && (await assertOwner(olds));
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
  const reasons = explainChanges(await withoutWaiting(olds), news);
  if (isGiven) reasons.push("it was transferred to this wallet: check it, and record the owner");
  if (mayReplace(readRunRequest(), news.name))
    reasons.push("a new process if this one is ruined (--replace)");
  const warning = isRefresh ? undefined : await backupWarning(olds, news);
  const result = changesBy(news.name, reasons);
  if (warning !== undefined) say(`${news.name}: ${warning}`);
  return { ...result, deleteBeforeReplace: false };
}

/** Asks the process itself, by signed messages. A process that does not answer is never reported as deleted. */
export const read = (id: string, props: ProcessOutputs) => reporting(props.name, () => refreshed(id, props));

async function refreshed(id: string, props: ProcessOutputs) {
  const session = await sessionFor(props.scope, props.network);
  const place: ProcessRef = { name: props.name, generation: props.generation, processId: props.processId };
  const { health, found, owner = props.owner } = await observe(session, place, props).catch(observedLoss);
  if (!hasDrift(found, "STOPPED"))
    await askForCronAgain(session, place, props, session.budget(props.timeoutSeconds));
  const revisions = await observeServing(session, props, (...asked) => observe(...asked).catch(observedLoss));
  justRead.add(id);
  const kept = revisions === undefined ? {} : { revisions };
  const { driftCodes: _, ...others } = props;
  return { id, props: { ...others, owner, health, ...storeDriftCodes(found), ...kept } };
}

/**
 * For `catch`: a process that never answers again, or that its node does not compute, is a finding, not a failure of the refresh. It contains
 * no message id, so that it is the same every time.
 */
function observedLoss(error: unknown): Observed {
  if (isGoneError(error)) {
    const reasons = ["its network has no such process"];
    return { health: { status: "OFFLINE", reasons, code: "PROCESS_GONE" }, found: [] };
  }
  if (isStuckError(error)) {
    const reasons = ["stuck: its node computes no further slot of it, and why is not known"];
    return { health: { status: "UNKNOWN", reasons, code: "PROCESS_STUCK" }, found: [] };
  }
  if (!isRuinedError(error)) throw error;
  const isGap = error.problems[0].got?.includes("HashChain") ?? false;
  const why = isGap
    ? "the compute unit answers HashChain invalid for everything that is sent to it"
    : "a message ended it, and its device evaluates nothing after that message";
  const reasons = [`ruined: ${why}`];
  return { health: { status: "OFFLINE", reasons, code: "PROCESS_RUINED" }, found: [] };
}

/** Retires the process: AO processes are permanent, so a deleted one answers `GONE` from then on. Idempotent. */
export const remove = (_id: string, props: ProcessOutputs) => reporting(props.name, () => retireAll(props));

async function retireAll(props: ProcessOutputs): Promise<void> {
  if (props.processId === undefined) return;
  const session = await sessionFor(props.scope, props.network);
  const place = { name: props.name, generation: props.generation, processId: props.processId };
  const budget = session.budget(props.timeoutSeconds);
  const started = performance.now();
  const otherRevisions = (props.revisions ?? []).filter(({ processId }) => processId !== props.processId);
  const ends: { processId: string; end: Awaited<ReturnType<typeof retire>> }[] = [];
  for (const { processId, generation } of otherRevisions) {
    const end = await retire(session, { name: props.name, processId, generation }, props, budget);
    ends.push({ processId, end });
  }
  const own = await retire(session, place, props, budget);
  crashPoint("process.retired");
  await record(session, { [props.name]: undefined });
  // Other revisions that ended like this one share its line.
  const alike = ends.filter(({ end }) => end === own).length;
  const others = alike === 0 ? "" : ` and ${amount(alike, "other revision")}`;
  await reportRetirement(session, props.name, own, `${props.processId.slice(0, 8)}${others}`, started);
  for (const { processId, end } of ends) {
    if (end !== own) await reportRetirement(session, props.name, end, processId.slice(0, 8), started);
  }
}

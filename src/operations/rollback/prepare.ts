import { join } from "node:path";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, throwAll } from "../../core/errors.ts";
import type { TrafficState } from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { releaseOfRun } from "../../fleet/protocol/deployments.ts";
import {
  type ReleaseDocument,
  readRelease,
  verifiedRelease,
  writeRelease,
} from "../../fleet/releases/document.ts";
import type { Pin } from "../../fleet/releases/pin.ts";
import { ensureBundles, releaseOnNetwork } from "../../fleet/releases/remote.ts";
import type { OperationContext } from "../context.ts";
import { routerState } from "./emergency.ts";
import { ledgerOf } from "./ledger.ts";
import type { MemberPlan } from "./member-plan.ts";
import { planMembers } from "./plan-members.ts";
import type { StackHistory } from "./read-history.ts";
import type { KnownRelease } from "./releases.ts";
import type { Traffic } from "./stack.ts";
import { type UnsavedMember, unsavedOf } from "./unsaved.ts";

/** Seconds for all reads from the network before anything is changed. */
const READ_TIMEOUT_SECONDS = 120;

/** The options of a rollback. */
interface RollbackManner {
  readonly rollbackId: string;
  readonly only: readonly string[];
  readonly restoreState: boolean;
  /** Works without the coordinator. */
  readonly manual: boolean;
  /** The router; undefined if the fleet has no traffic table. */
  readonly traffic: Traffic | undefined;
  /** Switches callers before the run. */
  readonly emergency: boolean;
  /** Continues even if the release already runs, as after an update that failed half-way. */
  readonly again: boolean;
}

/** A rollback that is ready to run: everything that it needs is on this machine. */
export interface PreparedRollback {
  readonly target: ReleaseDocument;
  readonly number?: number;
  readonly plans: readonly MemberPlan[];
  readonly pin: Pin;
  /** Members that would lose messages. */
  readonly diverged: readonly MemberPlan[];
  /** State that cannot be saved before code is changed. */
  readonly unsaved: readonly UnsavedMember[];
  /** The router's present table; undefined if there is no router or it did not answer. */
  readonly table?: TrafficState;
  /** For a run without the coordinator: one above the highest epoch of any process. */
  readonly epoch?: number;
}

/**
 * Collects everything that the rollback to a release needs, and plans every member. Changes nothing.
 *
 * @throws FleetError RELEASE_GONE, BUNDLE_GONE, ROLLBACK_IMPOSSIBLE, SNAPSHOT_GONE, ALREADY_RUNNING, UNKNOWN_PROCESS
 */
export async function prepare(
  context: OperationContext,
  fleet: FleetSession,
  known: StackHistory,
  release: KnownRelease,
  manner: RollbackManner,
): Promise<PreparedRollback> {
  const { project, stack } = fleet;
  const where = { home: join(context.projectDir, ".fleet"), project, stack };
  const reader = async () => ({ ao: fleet.session.ao, close: async () => {} });
  const target = await documentOf(fleet, where, release, manner.manual);
  await writeRelease(where, target, false);
  const { chosenMembers } = await import("../../../components/plan-pinned.ts");
  chosenMembers(target, known.current, manner.only);
  const silent = manner.manual ? [fleet.ledger ?? ""] : [];
  const names = Object.keys(target.declaration).filter(
    (name) => (manner.only.length === 0 || manner.only.includes(name)) && !silent.includes(name),
  );
  const { traffic } = manner;
  const [table] = await Promise.all([
    traffic && routerState(fleet, traffic),
    ensureBundles(target, names, where, reader, budgetOf(READ_TIMEOUT_SECONDS)),
  ]);
  const plans = await planMembers(fleet, () => context.host.history(fleet, READ_TIMEOUT_SECONDS), {
    target,
    current: known.current,
    only: manner.only,
    restoreState: manner.restoreState,
    silent,
    traffic,
    table,
    newProcess: new Set(names.filter((name) => usesNewProcess(target, known.current, name))),
    emergency: manner.emergency,
  });
  throwAll(plans.flatMap(({ problem }) => problem ?? []));
  // A release that is not in the stack's state yet must be recorded there, even if the run has nothing to send.
  if (!manner.again && !known.unrecorded) assertChanges(target, known, plans, manner);
  const states = Object.fromEntries(
    plans.flatMap(({ name, snapshot }) => (snapshot ? [[name, snapshot.digest]] : [])),
  );
  const withLedger = names.length === Object.keys(target.declaration).length;
  return {
    target,
    number: release.number,
    plans,
    pin: {
      release: target.deploymentId,
      only: manner.only.length === 0 && withLedger ? [] : names,
      ...(Object.keys(states).length > 0 ? { restore: { id: manner.rollbackId, states } } : {}),
    },
    diverged: plans.filter(({ lost }) => (lost?.messages ?? 0) > 0),
    unsaved: unsavedOf(plans),
    ...(table === undefined ? {} : { table }),
    ...(manner.manual ? { epoch: 1 + Math.max(0, ...plans.map(({ epoch }) => epoch ?? 0)) } : {}),
  };
}

/** Whether new code gets its own process, by the member's present strategy, whatever it was at that release. */
const usesNewProcess = (
  target: ReleaseDocument,
  current: ReleaseDocument | undefined,
  name: string,
): boolean => (current?.policies?.[name] ?? target.policies?.[name])?.strategy !== undefined;

/** The complete release, from wherever there is a copy. */
async function documentOf(
  fleet: FleetSession,
  where: { home: string; project: string; stack: string },
  { deploymentId, document }: KnownRelease,
  manual: boolean,
): Promise<ReleaseDocument> {
  const ledger = manual ? undefined : ledgerOf(fleet);
  const reader = { ao: fleet.session.ao, close: async () => {} };
  const found =
    document ??
    (await readRelease(where, deploymentId)) ??
    (ledger && verifiedRelease(await releaseOfRun(fleet.session, ledger, deploymentId, budgetOf(60)))) ??
    (await releaseOnNetwork(reader, where, deploymentId, budgetOf(READ_TIMEOUT_SECONDS)));
  if (found) return found;
  throw new FleetError({
    code: "RELEASE_GONE",
    what: `The history has the release ${deploymentId}, but no complete copy of it is left.`,
    got: "not on this machine, not in the ledger, not on the network, not in the stack's history",
    expected: "its declaration",
    remedy: "Choose another release (npx fleet history), or check out its commit and deploy that.",
  });
}

function assertChanges(
  target: ReleaseDocument,
  { current }: StackHistory,
  plans: readonly MemberPlan[],
  { only, restoreState }: RollbackManner,
): void {
  const runs = plans.every(({ kind }) => kind === "settings" || kind === "same" || kind === "left-running");
  const declared = only.length > 0 || current?.releaseHash === target.releaseHash;
  const settings = only.every(
    (name) =>
      JSON.stringify(current?.declaration[name]?.config) === JSON.stringify(target.declaration[name]?.config),
  );
  if (!runs || !declared || !settings || restoreState) return;
  throw new FleetError({
    code: "ALREADY_RUNNING",
    what: `The release ${target.deploymentId} already runs.`,
    got: current?.deploymentId ?? "",
    expected: "another release",
    remedy: "npx fleet history shows which one runs (*). To restore only a state: npx fleet restore <member>",
  });
}

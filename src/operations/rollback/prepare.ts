import { join } from "node:path";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, throwAll } from "../../core/errors.ts";
import type { TrafficState } from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { releaseOfRun } from "../../fleet/protocol/deployments.ts";
import { type ReleaseDocument, readRelease, verifiedRelease } from "../../fleet/releases/document.ts";
import type { Pin } from "../../fleet/releases/pin.ts";
import { ensureBundles, releaseOnNetwork } from "../../fleet/releases/remote.ts";
import type { OperationContext } from "../context.ts";
import { routerState } from "./emergency.ts";
import { type KnownHistory, keepRelease } from "./known.ts";
import { ledgerOf } from "./ledger.ts";
import type { MemberWay } from "./member-way.ts";
import type { KnownRelease } from "./releases.ts";
import type { Traffic } from "./stack.ts";
import { waysTo } from "./way.ts";

/** Seconds for what is read from the network before anything is changed. */
const PATIENCE = 120;

/** How a rollback is to be done. */
interface RollbackManner {
  readonly rollbackId: string;
  readonly only: readonly string[];
  readonly restoreState: boolean;
  /** Without the coordinator. */
  readonly manual: boolean;
  /** The router, where traffic is given by a table. */
  readonly traffic: Traffic | undefined;
  /** Callers first, before the run. */
  readonly emergency: boolean;
  /** Also when the release runs already, as after an update that failed half-way. */
  readonly again: boolean;
}

/** A rollback that can be done: everything that it needs is here. */
export interface PreparedRollback {
  readonly target: ReleaseDocument;
  readonly number?: number;
  readonly ways: readonly MemberWay[];
  readonly pin: Pin;
  /** Members whose life since then is given up, in words. */
  readonly diverged: readonly MemberWay[];
  /** What the router says of itself; undefined where there is none, or no answer came. */
  readonly table?: TrafficState;
  /** For a run without the coordinator: above what every process has. */
  readonly epoch?: number;
}

/**
 * Gets everything together that the way to a release needs, and judges the way. Changes nothing.
 *
 * @throws FleetError RELEASE_GONE, BUNDLE_GONE, NO_WAY_BACK, SNAPSHOT_GONE, ALREADY_RUNNING, UNKNOWN_PROCESS
 */
export async function prepare(
  context: OperationContext,
  fleet: FleetSession,
  known: KnownHistory,
  release: KnownRelease,
  manner: RollbackManner,
): Promise<PreparedRollback> {
  const { project, stack } = fleet;
  const where = { home: join(context.projectDir, ".fleet"), project, stack };
  const reader = async () => ({ ao: fleet.session.ao, close: async () => {} });
  const target = await documentOf(fleet, where, release, manner.manual);
  await keepRelease(where, target);
  const { chosenMembers } = await import("../../../components/pinned.ts");
  chosenMembers(target, known.current, manner.only);
  const silent = manner.manual ? [fleet.ledger ?? ""] : [];
  const names = Object.keys(target.declaration).filter(
    (name) => (manner.only.length === 0 || manner.only.includes(name)) && !silent.includes(name),
  );
  const { traffic } = manner;
  const [table] = await Promise.all([
    traffic && routerState(fleet, traffic),
    ensureBundles(target, names, where, reader, budgetOf(PATIENCE)),
  ]);
  const ways = await waysTo(fleet, () => context.host.history(fleet, PATIENCE), {
    target,
    only: manner.only,
    restoreState: manner.restoreState,
    silent,
    traffic,
    table,
    besides: new Set(names.filter((name) => isBeside(target, known.current, name))),
    emergency: manner.emergency,
  });
  throwAll(ways.flatMap(({ problem }) => problem ?? []));
  // What is not in the stack's state yet has to be written there: the run sends nothing and ends well.
  if (!manner.again && !known.unrecorded) assertOther(target, known, ways, manner);
  const states = Object.fromEntries(
    ways.flatMap(({ name, snapshot }) => (snapshot ? [[name, snapshot.digest]] : [])),
  );
  const withLedger = names.length === Object.keys(target.declaration).length;
  return {
    target,
    number: release.number,
    ways,
    pin: {
      release: target.deploymentId,
      only: manner.only.length === 0 && withLedger ? [] : names,
      ...(Object.keys(states).length > 0 ? { restore: { id: manner.rollbackId, states } } : {}),
    },
    diverged: ways.filter(({ lost }) => (lost?.messages ?? 0) > 0),
    ...(table === undefined ? {} : { table }),
    ...(manner.manual ? { epoch: 1 + Math.max(0, ...ways.map(({ epoch }) => epoch ?? 0)) } : {}),
  };
}

/** Whether its code gets a process beside the one that serves: as it does now, whatever it did then. */
const isBeside = (target: ReleaseDocument, current: ReleaseDocument | undefined, name: string): boolean =>
  (current?.policies?.[name] ?? target.policies?.[name])?.strategy !== undefined;

/** The release as a whole, from wherever it is. */
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
    (await releaseOnNetwork(reader, where, deploymentId, budgetOf(PATIENCE)));
  if (found) return found;
  throw new FleetError({
    code: "RELEASE_GONE",
    what: `The release ${deploymentId} is known, but nobody has it as a whole any more.`,
    got: "not on this machine, not in the ledger, not on the network, not in the stack's history",
    expected: "its declaration",
    remedy: "Choose another release (npx fleet history), or check out its commit and deploy that.",
  });
}

function assertOther(
  target: ReleaseDocument,
  { current }: KnownHistory,
  ways: readonly MemberWay[],
  { only, restoreState }: RollbackManner,
): void {
  const runs = ways.every(({ kind }) => kind === "settings" || kind === "same" || kind === "beside");
  const declared = only.length > 0 || current?.releaseHash === target.releaseHash;
  const settings = only.every(
    (name) =>
      JSON.stringify(current?.declaration[name]?.config) === JSON.stringify(target.declaration[name]?.config),
  );
  if (!runs || !declared || !settings || restoreState) return;
  throw new FleetError({
    code: "ALREADY_RUNNING",
    what: `The release ${target.deploymentId} is what runs already.`,
    got: current?.deploymentId ?? "",
    expected: "another release",
    remedy:
      "npx fleet history shows which one runs (*). To put only a state back: npx fleet restore <member>",
  });
}

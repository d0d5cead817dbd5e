import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { RollbackPhase, RollbackRequest } from "../../fleet/protocol/rollback.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { RunRequest } from "../../fleet/session/run-request.ts";
import type { OperationContext } from "../context.ts";
import { startClock } from "../deploy/clock.ts";
import type { Engine } from "../deploy/engine.ts";
import type { Progress } from "../deploy/progress.ts";
import { type DeployOutcome, deploy, type Watcher } from "../deploy/run.ts";
import { mayHaveChanged, standing } from "../deploy/standing.ts";
import { type NotSwitched, type RouterSwitch, switchBack } from "./emergency.ts";
import { ledgerOf } from "./ledger.ts";
import { openPhases } from "./phases.ts";
import { currentPin, setPin } from "./pin.ts";
import type { PreparedRollback } from "./prepare.ts";
import { type RollbackReport, writeReport } from "./report.ts";
import type { Traffic } from "./stack.ts";
import { isHealthyFleet, type Validated, validate } from "./validate.ts";

interface PerformRequest extends RollbackRequest {
  readonly rollbackId: string;
  readonly manual: boolean;
  /** Started by a failed deployment; does not pin the stack. */
  readonly automatic: boolean;
  readonly acceptedDivergence: boolean;
  /** Whether code may be changed although a state cannot be saved: somebody accepted it, or nobody is there to ask. */
  readonly withoutBackup: boolean;
  /** Switches callers before the run, and writes to the ledger only at the end. */
  readonly emergency: boolean;
  /** The router; undefined if the fleet has no traffic table. */
  readonly traffic?: Traffic;
  /** Why it is unknown whether there is a router: the stack's state cannot be read. */
  readonly withoutState?: FleetError;
  /** Seconds; undefined means no limit. */
  readonly timeout: number | undefined;
  readonly parallel: number;
}

/** Receives the progress of a rollback. */
export interface RollbackObserver {
  note(line: string): void;
  /** The run is being stopped, for this reason. */
  ending(why: string): void;
  /** The router switched callers before the run. */
  switched(switched: RouterSwitch, target: ReleaseDocument): void;
  /** The router did not switch callers before the run, for this reason; the run may still do so. */
  notSwitched(why: FleetError | NotSwitched): void;
  /** Called when the run starts; returns the watcher that follows it. */
  follow(progress: Progress, target: ReleaseDocument, deploymentId: string): Watcher;
  ended(performed: RollbackResult): void;
}

/** The result of a rollback. */
export interface RollbackResult {
  readonly report: RollbackReport;
  readonly outcome: DeployOutcome;
  /** Whether anything was changed. */
  readonly touched: boolean;
}

/**
 * The request of a run that deploys a pinned release.
 *
 * @param withoutBackup whether it continues if a state cannot be saved. Only what the plan named was accepted; without consent, a state that
 * cannot be saved by then ends the run
 */
export const pinRequest = ({ pin, epoch }: PreparedRollback, withoutBackup: boolean): RunRequest => ({
  pin,
  ...(withoutBackup ? { withoutBackup } : {}),
  ...(epoch === undefined ? {} : { manualEpoch: epoch }),
});

/**
 * Pins the stack, runs `up`, checks the health of every member, writes each phase to the ledger, and writes the report. A run that is killed
 * leaves the stack pinned: the same command, or a plain `pulumi up`, continues it.
 */
export async function perform(
  context: OperationContext,
  fleet: FleetSession,
  engine: Engine,
  prepared: PreparedRollback,
  request: PerformRequest,
  observer: RollbackObserver,
): Promise<RollbackResult> {
  const { host, projectDir } = context;
  const { target, plans } = prepared;
  const startedAt = new Date().toISOString();
  const ledger = request.manual ? undefined : ledgerOf(fleet);
  const place = { host, workspace: await context.workspace(), stack: fleet.stack };
  const before = currentPin(place);
  const { rollbackType, deploymentId, reason, preserveState, emergency } = request;
  const switched = emergency ? await switchCallers(context, fleet, prepared, request, observer) : undefined;
  const phases = await openPhases(
    fleet,
    ledger,
    { rollbackType, deploymentId, reason, preserveState },
    (line) => observer.note(line),
    emergency,
  );
  await phases.to("PREPARING");
  crashPoint("rollback.opened");
  try {
    if (!request.automatic) await setPin(place, prepared.pin);
  } catch (error) {
    await phases.to("CANCELLED");
    await phases.end();
    throw error;
  }
  crashPoint("rollback.pinned");
  await phases.to("ROLLING_BACK");
  const outcome = await deployPinned(context, engine, prepared, request, observer);
  crashPoint("rollback.deployed");
  const touched = switched !== undefined || mayHaveChanged(outcome);
  let validation: Validated[] = [];
  if (outcome.status === "succeeded") {
    await phases.to("VALIDATING");
    // Members may have new processes: read the fleet again.
    validation = await validate(await context.fleet({ journal: "discard" }), target, plans);
  } else if (!touched && !request.automatic) await setPin(place, before);
  crashPoint("rollback.validated");
  const status = statusOf(outcome, touched, validation);
  await phases.to(status);
  await phases.end();
  crashPoint("rollback.told");
  const done = { phases, switched, outcome, validation, status, startedAt };
  const report = reportOf(fleet, prepared, request, done);
  await writeReport(projectDir, report);
  const performed = { report, outcome, touched };
  observer.ended(performed);
  return performed;
}

/** Runs `up` on the pinned stack. */
async function deployPinned(
  { host, projectDir }: OperationContext,
  engine: Engine,
  prepared: PreparedRollback,
  { timeout, parallel, withoutBackup }: PerformRequest,
  observer: RollbackObserver,
): Promise<DeployOutcome> {
  const clock = startClock(timeout, (why) => observer.ending(why), host.interrupts);
  try {
    return await deploy(
      engine,
      {
        projectDir,
        only: [],
        retries: 0,
        parallel,
        refresh: false,
        runRequest: pinRequest(prepared, withoutBackup),
      },
      clock,
      (progress, id) => {
        progress.expect(prepared.plans.flatMap(({ name, kind }) => (kind === "left-running" ? [] : [name])));
        return observer.follow(progress, prepared.target, id);
      },
      host.pause,
    );
  } finally {
    clock.stop();
  }
}

function reportOf(
  { project, stack }: FleetSession,
  { target, number, plans, unsaved }: PreparedRollback,
  { rollbackId, rollbackType, reason, automatic, deploymentId, acceptedDivergence }: PerformRequest,
  {
    phases,
    switched,
    outcome,
    validation,
    status,
    startedAt,
  }: {
    readonly phases: Awaited<ReturnType<typeof openPhases>>;
    readonly switched: RouterSwitch | undefined;
    readonly outcome: DeployOutcome;
    readonly validation: readonly Validated[];
    readonly status: ReturnType<typeof statusOf>;
    readonly startedAt: string;
  },
): RollbackReport {
  return {
    rollbackId,
    ...(phases.requestId === undefined ? {} : { requestId: phases.requestId }),
    project,
    stack,
    rollbackType,
    reason,
    automatic,
    from: deploymentId,
    to: {
      deploymentId: target.deploymentId,
      ...(number === undefined ? {} : { number }),
      releaseHash: target.releaseHash,
    },
    status,
    phases: [...phases.history],
    startedAt,
    finishedAt: new Date().toISOString(),
    deploymentId: outcome.deploymentId,
    ...(switched === undefined ? {} : { switched: { ...switched, services: [...switched.services] } }),
    members: plans.map(({ problem: _, epoch: __, ...plan }) => ({ ...plan })),
    validation: validation.map((one) => ({ ...one, reasons: [...one.reasons] })),
    acceptedDivergence,
    unsaved: unsaved.map((one) => ({ ...one })),
    failures: [...outcome.failures],
    log: outcome.log,
  };
}

/** Switches callers before the run. If that fails, or there is nothing to switch, the run may still do so: the reason is reported, not thrown. */
async function switchCallers(
  { host }: OperationContext,
  fleet: FleetSession,
  { target, plans, table }: PreparedRollback,
  { traffic, withoutState }: PerformRequest,
  observer: RollbackObserver,
): Promise<RouterSwitch | undefined> {
  const not = (why: FleetError | NotSwitched): undefined => {
    observer.notSwitched(why);
    return undefined;
  };
  if (withoutState !== undefined) return not(withoutState);
  if (!traffic) return not("no-router");
  if (!table) return not("router-silent");
  try {
    const switched = await switchBack(fleet, traffic, target, plans, table, host.pause);
    if (typeof switched === "string") return not(switched);
    observer.switched(switched, target);
    return switched;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return not(error);
  }
}

function statusOf(outcome: DeployOutcome, touched: boolean, validation: readonly Validated[]): RollbackPhase {
  if (outcome.status === "succeeded") return isHealthyFleet(validation) ? "COMPLETED" : "PARTIAL";
  if (touched) return standing(outcome, undefined).done.length > 0 ? "PARTIAL" : "FAILED";
  return outcome.status === "occupied" || outcome.status === "locked" ? "CANCELLED" : "FAILED";
}

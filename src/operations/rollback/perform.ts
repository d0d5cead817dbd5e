import { crashPoint } from "../../core/crash.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import type { RunRequest } from "../../fleet/session/run-request.ts";
import type { OperationContext } from "../context.ts";
import { startClock } from "../deploy/clock.ts";
import type { Engine } from "../deploy/engine.ts";
import type { Progress } from "../deploy/progress.ts";
import { type DeployOutcome, deploy, type Watcher } from "../deploy/run.ts";
import { mayHaveChanged, standing } from "../deploy/standing.ts";
import { type Switched, switchBack } from "./emergency.ts";
import { ledgerOf } from "./ledger.ts";
import { openPhases, type RollbackPhase, type RollbackRequest } from "./phases.ts";
import { currentPin, setPin } from "./pin.ts";
import type { PreparedRollback } from "./prepare.ts";
import { type RollbackReport, writeReport } from "./report.ts";
import type { Traffic } from "./stack.ts";
import { isGood, type Validated, validate } from "./validate.ts";

interface PerformRequest extends RollbackRequest {
  readonly rollbackId: string;
  readonly manual: boolean;
  /** Begun by a deployment that failed: the stack is not pinned by it. */
  readonly automatic: boolean;
  readonly acceptedDivergence: boolean;
  /** Callers first, the ledger last. */
  readonly emergency: boolean;
  /** The router, where traffic is given by a table. */
  readonly traffic?: Traffic;
  readonly timeout: number | undefined;
  readonly parallel: number;
}

/** Who is told how a rollback goes. */
export interface RollbackObserver {
  note(line: string): void;
  /** The run is being ended, for this reason. */
  ending(why: string): void;
  /** Callers are back, before the run. */
  switched(switched: Switched, target: ReleaseDocument): void;
  /** The router could not send callers back; the ordinary way may still do. */
  notSwitched(error: FleetError): void;
  /** Follows the run. */
  follow(progress: Progress, target: ReleaseDocument, deploymentId: string): Watcher;
  ended(performed: Performed): void;
}

export interface Performed {
  readonly report: RollbackReport;
  readonly outcome: DeployOutcome;
  /** Whether anything was changed. */
  readonly touched: boolean;
}

/**
 * What a run that builds a pinned fleet is told. It does not stop for a state that cannot be kept: the code that it replaces may be
 * what keeps a process from answering, and going back is what was decided.
 */
export const pinRequest = ({ pin, epoch }: PreparedRollback): RunRequest => ({
  pin,
  withoutBackup: true,
  ...(epoch === undefined ? {} : { manualEpoch: epoch }),
});

/**
 * Pins the stack, runs `up`, asks every member how it is, tells the ledger each phase, and writes the report. A run that is killed
 * leaves the stack pinned: the same command, or a plain `pulumi up`, goes on.
 */
export async function perform(
  context: OperationContext,
  fleet: FleetSession,
  engine: Engine,
  prepared: PreparedRollback,
  request: PerformRequest,
  observer: RollbackObserver,
): Promise<Performed> {
  const { host, projectDir } = context;
  const { target, ways } = prepared;
  const startedAt = new Date().toISOString();
  const ledger = request.manual ? undefined : ledgerOf(fleet);
  const place = { host, workspace: await context.workspace(), stack: fleet.stack };
  const before = currentPin(place);
  const { rollbackType, deploymentId, reason, preserveState, emergency } = request;
  const switched = emergency
    ? await callersFirst(context, fleet, prepared, request.traffic, observer)
    : undefined;
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
    // Members may have been made anew: who they are is read again.
    validation = await validate(await context.fleet({ journal: "discard" }), target, ways);
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
  { timeout, parallel }: PerformRequest,
  observer: RollbackObserver,
): Promise<DeployOutcome> {
  const clock = startClock(timeout, (why) => observer.ending(why));
  try {
    return await deploy(
      engine,
      {
        projectDir,
        only: [],
        retries: 0,
        parallel,
        refresh: false,
        told: pinRequest(prepared),
      },
      clock,
      (progress, id) => {
        progress.expect(prepared.ways.flatMap(({ name, kind }) => (kind === "beside" ? [] : [name])));
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
  { target, number, ways }: PreparedRollback,
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
    readonly switched: Switched | undefined;
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
    members: ways.map(({ problem: _, epoch: __, ...way }) => ({ ...way })),
    validation: validation.map((one) => ({ ...one, reasons: [...one.reasons] })),
    acceptedDivergence,
    failures: [...outcome.failures],
    log: outcome.log,
  };
}

/** What the router refuses, the ordinary way may still do. */
async function callersFirst(
  { host }: OperationContext,
  fleet: FleetSession,
  { target, ways, table }: PreparedRollback,
  traffic: Traffic | undefined,
  observer: RollbackObserver,
): Promise<Switched | undefined> {
  if (!traffic || !table) return undefined;
  try {
    const switched = await switchBack(fleet, traffic, target, ways, table, host.pause);
    if (switched) observer.switched(switched, target);
    return switched;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    observer.notSwitched(error);
    return undefined;
  }
}

function statusOf(outcome: DeployOutcome, touched: boolean, validation: readonly Validated[]): RollbackPhase {
  if (outcome.status === "succeeded") return isGood(validation) ? "COMPLETED" : "PARTIAL";
  if (touched) return standing(outcome, undefined).done.length > 0 ? "PARTIAL" : "FAILED";
  return outcome.status === "occupied" || outcome.status === "locked" ? "CANCELLED" : "FAILED";
}

import { amount } from "../core/amount.ts";
import { startOf } from "../core/unicode.ts";
import type { Figures } from "./deployments.ts";
import type { Limits } from "./limits.ts";
import type { Round } from "./reading.ts";
import { missedText, missedTicks } from "./ticks.ts";
import type { Judgement, ProcessAlertType } from "./types.ts";
import type { Watched } from "./watch.ts";

/** The source of alerts about the fleet as a whole. */
const FLEET = "fleet";

type ProcessJudgement = Judgement<ProcessAlertType>;

const percent = (share: number): string => `${(share * 100).toFixed(1).replace(/\.0$/, "")} %`;
const short = (text: string): string => (text.length > 300 ? `${startOf(text, 299)}…` : text);

/** Applies all rules about single processes and about the round. Pure. */
export function judgeRound(round: Round, watched: readonly Watched[], limits: Limits): Judgement[] {
  const judgements = [checks(round, limits), ...watched.flatMap((each) => judgeProcess(each, round, limits))];
  // Alerts are still resolved during maintenance.
  return round.maintenance
    ? judgements.filter(({ holds, type }) => !holds || type === "SECURITY_ALERT")
    : judgements;
}

function checks({ readings }: Round, limits: Limits): Judgement {
  const asked = readings.filter(({ outcome }) => outcome !== "unread");
  const failed = asked.filter(({ outcome, health }) => outcome !== "answered" || health === "UNHEALTHY");
  const names = failed.map(({ name, outcome, code }) =>
    outcome === "silent"
      ? `${name} (no answer)`
      : outcome === "unknown"
        ? `${name} (unknown${code === undefined ? "" : `: ${code}`})`
        : name,
  );
  return {
    type: "HEALTH_CHECK_FAILURE_RATE_HIGH",
    source: FLEET,
    holds: asked.length > 0 && failed.length / asked.length > limits.errorRate,
    message: short(
      `${failed.length} of ${asked.length} health checks failed, expected at most ${percent(limits.errorRate)}: ${names.join(", ")}`,
    ),
  };
}

/** Applies the rules about one process. */
export function judgeProcess(each: Watched, round: Round, limits: Limits): ProcessJudgement[] {
  const { name: source, reading, state, misses, delta } = each;
  const seconds = (since: number) => Math.round((round.at - since) / 1000);
  const asked = round.readings.some(({ name, outcome }) => name === source && outcome !== "unread");
  const judgements: ProcessJudgement[] = [
    {
      type: "PROCESS_STUCK",
      source,
      holds: each.pendingRounds >= 2 && each.pendingSince !== undefined,
      message: `slot ${(reading.evaluatedSlot ?? 0) + 1} has not been evaluated for ${seconds(each.pendingSince ?? round.at)} s; the newest is slot ${reading.slot ?? 0}`,
    },
  ];
  if (!asked) return judgements;
  if (reading.outcome === "unknown") return [...judgements, ...unknown(each, seconds, limits)];
  const answered = misses === 0;
  judgements.push({
    type: "PROCESS_OFFLINE",
    source,
    holds: state === "OFFLINE",
    message: short(
      `${amount(misses, "check")} in a row without an answer${reading.detail ? `: ${reading.detail}` : ""}`,
    ),
  });
  // Without an answer, other alerts of the process keep their state.
  if (!answered) return judgements;
  judgements.push(...judgeHealth(each, limits), ...judgeTicks(each, round, limits));
  const faults = faultsOf(each, limits);
  if (faults) judgements.push({ type: "PROCESS_ERROR", source, ...faults });
  if (delta) {
    judgements.push({
      type: "SECURITY_ALERT",
      source,
      holds: delta.refused >= limits.refusals,
      message: short(
        `it refused ${amount(delta.refused, "message")} since the last round${reading.refusals ? `: ${reading.refusals}` : ""}`,
      ),
    });
  }
  if (!round.deploying) {
    const drift = reading.drift ?? [];
    judgements.push({
      type: "PROCESS_DRIFT",
      source,
      holds: drift.length > 0,
      message: short(drift.join("; ")),
    });
  }
  return judgements;
}

/**
 * Whether a cron that the fleet's monitor drives still ticks. Without such a cron, an earlier alert is resolved; if the latest tick is not
 * known, it stays.
 */
function judgeTicks({ name: source, reading }: Watched, round: Round, limits: Limits): ProcessJudgement[] {
  const { outcome, cron, lastTickAt, ticksUnread } = reading;
  if (outcome !== "answered" || ticksUnread) return [];
  const isMissed = missedTicks(reading, round.at) >= limits.missedTicks;
  return [
    {
      type: "CRON_MISSED",
      source,
      holds: isMissed && !round.deploying,
      message: cron ? `${missedText(cron, lastTickAt, round.at)}: is fleet monitor --tick running?` : "",
    },
  ];
}

/** The rules about the health that a process reports, and its response time. */
function judgeHealth({ name: source, reading, state }: Watched, limits: Limits): ProcessJudgement[] {
  const slow = reading.responseMs !== undefined && reading.responseMs > limits.responseMs;
  return [
    {
      type: "PROCESS_UNHEALTHY",
      source,
      holds: state === "UNHEALTHY",
      message: short(reading.detail || "reported by the process"),
    },
    {
      type: "PROCESS_DEGRADED",
      source,
      holds: state === "DEGRADED" || slow,
      message: slow
        ? `it answered in ${Math.round(reading.responseMs ?? 0)} ms, expected at most ${limits.responseMs} ms`
        : short(reading.detail || "reported by the process"),
    },
  ];
}

/** A process that cannot be read: its alerts keep their state. If that lasts, an alert reports that it is not monitored. */
function unknown(each: Watched, seconds: (since: number) => number, limits: Limits): ProcessJudgement[] {
  const { name: source, state, reading, unknownRounds = 0, unknownSince = 0 } = each;
  if (unknownRounds < limits.missesToOffline) return [];
  const detail = reading.detail === undefined ? "" : `: ${reading.detail}`;
  const message = `its state has been unknown for ${seconds(unknownSince)} s; it was ${state} before${detail}`;
  return [{ type: "PROCESS_DEGRADED", source, holds: true, message: short(message) }];
}

/** By its own counters, or by evaluations that failed completely and were not counted. */
function faultsOf(
  { delta, reading }: Watched,
  limits: Limits,
): { holds: boolean; message: string } | undefined {
  const { failed } = reading;
  if (failed && failed.count > 0) {
    return {
      holds: failed.count / failed.of > limits.errorRate,
      message: short(`${failed.count} of ${failed.of} messages since the last round failed: ${failed.error}`),
    };
  }
  if (!delta) return undefined;
  const requests = Math.max(delta.messages, delta.errors);
  return {
    holds: delta.errors > 0 && delta.errors / requests > limits.errorRate,
    message: `${delta.errors} of ${requests} requests since the last round ended in an error, expected at most ${percent(limits.errorRate)}`,
  };
}

/** Applies the rules about deployments, as in `processes/deployment-coordinator/rules.lua`. `source` is the ledger's name. */
export function judgeDeployments(figures: Figures, source: string, limits: Limits): Judgement[] {
  const { totalDeployments: total, finishedDeployments: finished } = figures;
  const failures = finished === 0 ? 0 : figures.failedDeployments / finished;
  const rollbacks = figures.rollbackRate / 100;
  return [
    {
      type: "DEPLOYMENT_FAILURE_RATE_HIGH",
      source,
      holds: total > limits.deploymentSample && failures > limits.failureRate,
      message: `${percent(failures)} of ${amount(finished, "deployment")} failed, expected at most ${percent(limits.failureRate)}`,
    },
    {
      type: "ROLLBACK_RATE_HIGH",
      source,
      holds: total > limits.deploymentSample && rollbacks > limits.rollbackRate,
      message: `${percent(rollbacks)} of ${amount(total, "deployment")} were rolled back, expected at most ${percent(limits.rollbackRate)}`,
    },
    {
      type: "DEPLOYMENT_TIME_EXCEEDED",
      source,
      holds: figures.averageDeploymentTime > limits.deploymentSeconds,
      message: `deployments take ${Math.round(figures.averageDeploymentTime)} s on average, expected at most ${limits.deploymentSeconds} s`,
    },
  ];
}

/** Applies the rules about the performance of the ledger's process. */
export function judgeCoordinator(each: Watched, limits: Limits): Judgement[] {
  const { delta, reading, name: source } = each;
  if (each.misses > 0 || reading.outcome !== "answered") return [];
  const erring =
    delta !== undefined &&
    delta.messages >= limits.coordinatorSample &&
    delta.errors / delta.messages > limits.errorRate;
  const slow = reading.responseMs !== undefined && reading.responseMs > limits.responseMs;
  return [
    {
      type: "COORDINATOR_PERFORMANCE_DEGRADED",
      source,
      holds: erring || slow,
      message: erring
        ? `${percent(delta.errors / delta.messages)} of ${amount(delta.messages, "message")} ended in a fault`
        : `it answered in ${Math.round(reading.responseMs ?? 0)} ms, expected at most ${limits.responseMs} ms`,
    },
  ];
}

import { ageOf } from "../../core/age.ts";
import type { Report } from "../../monitor/report.ts";
import { describeLastKnown } from "./last-known.ts";

/** A round's figures as text. What was not measured is "unknown", never 0. Pure. */
export function figureLines({
  deploymentStatistics: runs,
  dora,
  performanceMetrics,
}: Pick<Report, "deploymentStatistics" | "dora" | "performanceMetrics">): string[] {
  const { messageProcessingTime: time, throughput } = performanceMetrics;
  return [
    ...(runs ? [`deployments: ${runsText(runs)}`] : []),
    ...(dora
      ? [`DORA, 30 days: ${dora.deploymentFrequency.toFixed(2)} deployments per day, ${doraText(dora)}`]
      : []),
    `last hour: ${time === null ? "no check was answered" : `${time} ms per check`}, ${
      throughput === null
        ? "messages per minute unknown (the rate needs two answers of a process)"
        : `${throughput} messages per minute`
    }`,
  ];
}

/** The last known health of an UNKNOWN process, and how long ago that was; empty otherwise. */
export function lastHealth(
  { state, lastState, lastAnswerAt }: Report["processes"][number],
  at: string,
): string {
  if (state !== "UNKNOWN" || lastAnswerAt === null) return "";
  return describeLastKnown({ health: lastState, at: Date.parse(lastAnswerAt) }, Date.parse(at));
}

/** `published 40 s ago`, for a process that was not asked. */
export const publishedText = ({ publishedAt }: Report["processes"][number], at: string): string =>
  publishedAt === null ? "" : `published ${ageOf(Date.parse(at) - Date.parse(publishedAt))} ago`;

function runsText(runs: NonNullable<Report["deploymentStatistics"]>): string {
  if (runs.totalDeployments === 0) return "none yet";
  return (
    `${runs.totalDeployments}, ${runs.failedDeployments} failed, ${runs.averageDeploymentTime.toFixed(1)} s on average, ` +
    `rollback rate ${runs.rollbackRate.toFixed(1)} %`
  );
}

function doraText(dora: NonNullable<Report["dora"]>): string {
  const seconds = (value: number | null) => (value === null ? "unknown" : `${Math.round(value)} s`);
  const { changeFailureRate: share } = dora;
  return (
    `lead time ${seconds(dora.leadTimeSeconds)}, change failure rate ${share === null ? "unknown" : `${(share * 100).toFixed(1)} %`}, ` +
    `time to restore ${seconds(dora.timeToRestoreSeconds)}`
  );
}

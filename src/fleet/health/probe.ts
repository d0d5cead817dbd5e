import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Budget, within } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import { shortHash } from "../../core/hash.ts";
import type { FleetSession } from "../fleet-session.ts";
import { isLostError } from "../members/gone.ts";
import type { Member } from "../members/member.ts";
import { isStuckError } from "../members/ruined.ts";
import { ask } from "../protocol/ask.ts";
import { dryAsk } from "../protocol/dry.ts";
import type { Session } from "../session/session.ts";
import type { CheckSet } from "./check-types.ts";
import { probeFailureReason } from "./code-drift.ts";
import { didNotPass, type HealthOutput, type HealthPolicy } from "./schema.ts";
import { type Expected, type ProcessRef, type Verdict, VerdictSchema } from "./verdict.ts";

const ACTION = "HEALTH_CHECK";

/** One signed probe: the process' own verdict, with a nonce that proves that it is newer than the probe. */
export async function probe(
  session: Session,
  place: ProcessRef,
  checkType: CheckSet,
  expected: Partial<Expected>,
  budget: Budget,
): Promise<Verdict & { responseMs: number }> {
  const nonce = randomBytes(12).toString("hex");
  const start = performance.now();
  const healthCheck = {
    checkType,
    nonce,
    expectedVersion: expected.version,
    expectedSourceHash: expected.sourceHash,
    deploymentId: session.deployment.id,
  };
  const verdict = await ask(
    session,
    { ...place, action: ACTION, data: { healthCheck } },
    VerdictSchema,
    budget,
  );
  if (verdict.nonce !== nonce) {
    throw new FleetError({
      code: "STALE_VERDICT",
      what: `${place.name} answered a different probe than the one that was sent.`,
      got: `nonce ${verdict.nonce}`,
      expected: `nonce ${nonce}`,
      remedy: "The compute unit returned an old result; run pulumi up again.",
    });
  }
  return { ...verdict, responseMs: performance.now() - start };
}

/** A health check by a dry run. The caller compares the nonce. @throws FleetError as `dryAsk` */
export const dryProbe = (
  fleet: Pick<FleetSession, "session">,
  member: Member,
  seconds: number,
  healthCheck: { readonly checkType: CheckSet; readonly nonce: string },
): Promise<Verdict> =>
  dryAsk(fleet, { member, action: ACTION, data: { healthCheck }, seconds }, VerdictSchema);

/** The verdict on a revision with its reasons: the process' own checks and the client's measurements. Pure. */
export function judge(
  verdict: Verdict & { responseMs: number },
  expected: Expected,
  policy: HealthPolicy,
): HealthOutput {
  const reasons = verdict.checks
    .filter(didNotPass)
    .map(
      (check) =>
        `${check.checkType.toLowerCase()} check "${check.name}" is ${check.status}${check.detail ? `: ${check.detail}` : ""}`,
    );
  let status: HealthOutput["status"] = verdict.healthStatus;
  if (verdict.version !== expected.version) {
    reasons.push(`startup: runs version ${verdict.version}, expected ${expected.version}`);
    status = "UNHEALTHY";
  }
  if (verdict.sourceHash !== expected.sourceHash) {
    reasons.push(
      `startup: runs code ${shortHash(verdict.sourceHash)}, expected ${shortHash(expected.sourceHash)}`,
    );
    status = "UNHEALTHY";
  }
  if (verdict.responseMs > policy.maxResponseMs) {
    reasons.push(
      `performance: answered in ${Math.round(verdict.responseMs)} ms, allowed: at most ${policy.maxResponseMs} ms`,
    );
    if (status === "HEALTHY") status = "DEGRADED";
  }
  return { status, reasons };
}

/**
 * Probes until the revision is healthy, or the policy's time or retries are used up. DEGRADED is accepted and reported.
 * A probe that cannot be read counts as failed; a refusal is final.
 *
 * @param checkType the checks of each probe. @default all
 */
export function awaitHealthy(
  session: Session,
  place: ProcessRef,
  expected: Expected,
  policy: HealthPolicy,
  budget: Budget,
  checkType: CheckSet = "ALL",
): Promise<HealthOutput> {
  const look = async (time: Budget) =>
    judge(await probe(session, place, checkType, expected, time), expected, policy);
  return lookUntilHealthy(look, policy, budget, "no probe was answered");
}

/** Looks until the result is HEALTHY or DEGRADED, or the policy's time or retries are used up. @param unanswered the reason if there was no look */
export async function lookUntilHealthy(
  look: (time: Budget) => Promise<HealthOutput>,
  policy: HealthPolicy,
  budget: Budget,
  unanswered: string,
): Promise<HealthOutput> {
  const time = within(budget, policy.timeoutSeconds);
  let last: HealthOutput = { status: "UNKNOWN", reasons: [unanswered] };
  for (let attempt = 0; attempt <= policy.retries && time.remaining() > 0; attempt += 1) {
    if (attempt > 0) await sleep(Math.min(policy.intervalSeconds * 1000, time.remaining()));
    last = await look(time).catch(failedProbe);
    if (last.status === "HEALTHY" || last.status === "DEGRADED") return last;
  }
  return last;
}

/** Codes that another probe would not change, or not soon. */
const FINAL = new Set(["STALE_EPOCH", "FORBIDDEN", "PROCESS_RUINED", "PROCESS_STUCK", "PROCESS_GONE"]);

/** The health after a failed probe, if another one may succeed; rethrows any other error. */
function failedProbe(error: unknown): HealthOutput {
  if (!(error instanceof FleetError) || error.isLocal || FINAL.has(error.code)) throw error;
  // A slow or unavailable unit says nothing about the process.
  const status = error.code === "NO_REPLY" ? "OFFLINE" : error.transient ? "UNKNOWN" : "UNHEALTHY";
  return { status, reasons: [error.problems[0].what] };
}

/** For `catch`: a process that does not answer never had the fleet's code. */
export const ignoreNoReply = tolerate(undefined, "NO_REPLY");

/**
 * For `catch` in a refresh of a process' settings: a process whose fleet handlers are missing or hidden reports nothing, and a
 * one that is ruined, stuck or does not exist is found by the refresh of the process itself; rethrows any other error.
 */
export function ignoreProbeFailure(error: unknown): "lost" | undefined {
  if (isLostError(error) || isStuckError(error)) return "lost";
  probeFailureReason(error);
}

/** The same, but also tolerates FORBIDDEN: a process that belongs to another wallet refuses, which must not fail the refresh. */
export const ignoreProbeFailureOrRefusal = (
  error: unknown,
): ReturnType<typeof ignoreProbeFailure> | "refused" =>
  error instanceof FleetError && error.code === "FORBIDDEN" ? "refused" : ignoreProbeFailure(error);

import { budgetOf } from "../../core/budget.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { probe } from "../../fleet/health/probe.ts";
import { didNotPass } from "../../fleet/health/schema.ts";
import type { Sealed } from "../../fleet/health/sealed.ts";
import {
  dryProbeWithoutLibrary,
  type HealthWithoutLibrary,
  probeWithoutLibrary,
} from "../../fleet/health/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type CronOfMember, cronOf } from "../../fleet/members/monitored-crons.ts";
import { dryInfo, type Info } from "../../fleet/protocol/info.ts";
import { type PublishedAt, publishedState } from "../../fleet/protocol/published.ts";
import { assertComputed } from "./computed.ts";
import { type LastKnown, lastKnown } from "./last-known.ts";
import type { StatusRow } from "./status-row.ts";
import { codeDrift, unansweredRow } from "./verdict.ts";

/**
 * The status of a member by a signed health check. A process that does not answer is a row too.
 *
 * @param timeout seconds
 */
export async function checkMember(fleet: FleetSession, member: Member, timeout: number): Promise<StatusRow> {
  const base = baseOf(member);
  try {
    if (runsWithoutLibrary(member))
      return rowWithoutLibrary(member, await probeWithoutLibrary(fleet, member, budgetOf(timeout)));
    const verdict = await probe(fleet.session, base, "ALL", {}, budgetOf(timeout));
    const odd = verdict.checks.filter(didNotPass);
    const other = codeDrift(member, verdict.sourceHash);
    const drains = odd.length > 0 && other.length === 0 && odd.every(isDraining);
    const reasons = odd.map(
      ({ name, status, detail }) => `${name} is ${status}${detail ? `: ${detail}` : ""}`,
    );
    return {
      ...base,
      health: verdict.healthStatus,
      version: verdict.version,
      sourceHash: verdict.sourceHash,
      epoch: verdict.epoch,
      release: typeof verdict.release === "string" ? verdict.release : "",
      responseMs: Math.round(verdict.responseMs),
      ...tickedAt(verdict.lastTickAt),
      ...sealedOf(verdict.sealed),
      ...(drains ? { drains: true } : {}),
      reasons: [...reasons, ...other, ...(odd.some(isDraining) ? [DRAINING_REMEDY] : [])],
    };
  } catch (error) {
    return unansweredRow(base, error, lastKnown(fleet.session.scope).get(base.processId));
  }
}

const isDraining = ({
  name,
  detail,
}: {
  readonly name: string;
  readonly detail?: string | undefined;
}): boolean => name === "status" && detail === "DRAINING";

/** The rows that are real answers, to be saved as the last known status. */
export function answersIn(rows: readonly StatusRow[], at: number): ReadonlyMap<string, LastKnown> {
  const answered = rows.filter(({ code, responseMs }) => code === undefined && responseMs !== null);
  return new Map(
    answered.map(({ processId, health, version, sourceHash, epoch, release }) => [
      processId,
      { health, at, version, sourceHash, epoch, release },
    ]),
  );
}

/** The fields of a row that identify the process. */
const baseOf = ({ name, processId, generation, of }: Member) => ({
  ...{ name, processId, generation },
  ...(of === undefined ? {} : { of }),
});

const sealedOf = (sealed: Sealed | undefined): Pick<StatusRow, "sealed"> => {
  if (sealed === undefined || sealed.ranges.length === 0) return {};
  const ranges = sealed.ranges.map(({ from, to, at }) => ({
    ...{ from, to },
    ...(at === undefined ? {} : { since: new Date(at).toISOString() }),
  }));
  return { sealed: { salt: sealed.salt, ranges } };
};

const tickedAt = (at: number | undefined): Pick<StatusRow, "lastTickAt"> =>
  at === undefined ? {} : { lastTickAt: new Date(at).toISOString() };

/** What a person can do about refused requests. The end of a lease moves traffic back, but neither resumes a draining process nor unseals keys. */
export const REFUSING_REMEDY =
  "as during a hand-over of its state; if no deployment is running: npx fleet deploy completes or reverts it";

export const DRAINING_REMEDY = `it refuses requests, ${REFUSING_REMEDY}`;

/**
 * The status of a member as it publishes it, or by a dry-run of Info if it publishes nothing or has a cron that the monitor drives: signs
 * nothing.
 *
 * @param timeout seconds
 * @param crons those that the monitor drives, by the member's name
 */
export async function quickCheck(
  fleet: FleetSession,
  member: Member,
  timeout: number,
  crons: ReadonlyMap<string, CronOfMember>,
): Promise<StatusRow> {
  const base = baseOf(member);
  const started = performance.now();
  try {
    if (runsWithoutLibrary(member))
      return rowWithoutLibrary(member, await dryProbeWithoutLibrary(fleet, member, budgetOf(timeout)));
    await assertComputed(fleet.session, member.processId, budgetOf(timeout));
    // A tick changes nothing that is published: a process with a cron is asked when the last one was.
    const own = cronOf(member, crons) === undefined ? await publishedState(fleet.session, member) : undefined;
    if (own) return { ...rowOf(member, own.info), responseMs: null, published: publishedOf(own) };
    const info = await dryInfo(fleet, member, timeout, "status");
    return {
      ...rowOf(member, info),
      responseMs: Math.round(performance.now() - started),
      ...tickedAt(info.stats?.lastTickAt),
    };
  } catch (error) {
    return unansweredRow(base, error, lastKnown(fleet.session.scope).get(base.processId));
  }
}

/** The fields of a row that a process itself reports. */
function rowOf(member: Member, info: Info<"status">): Omit<StatusRow, "responseMs"> {
  const { status, version, sourceHash, epoch, release } = info;
  const other = codeDrift(member, sourceHash);
  const drains = status === "DRAINING" && other.length === 0;
  return {
    ...baseOf(member),
    health: status,
    ...sealedOf(info.sealed),
    ...{ version, sourceHash, epoch: epoch ?? null, release },
    ...(drains ? { drains: true } : {}),
    reasons: [...other, ...(status === "DRAINING" ? [DRAINING_REMEDY] : [])],
  };
}

/** When a process published what is shown of it, for rows and views. */
export const publishedOf = ({ slot, at }: PublishedAt): { slot: number | null; at: string } => ({
  slot: slot ?? null,
  at: new Date(at).toISOString(),
});

/** The row of a member without the library. Version and code are those of the last run, since the process does not report them. */
function rowWithoutLibrary(member: Member, look: HealthWithoutLibrary): StatusRow {
  const { version, sourceHash } = member;
  return { ...baseOf(member), version, sourceHash, epoch: null, release: "", ...look };
}

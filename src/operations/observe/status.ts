import { budgetOf } from "../../core/budget.ts";
import { isBare } from "../../fleet/code/bare.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { type BareLook, glanceAtBare, lookAtBare } from "../../fleet/health/bare.ts";
import { probe } from "../../fleet/health/probe.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import { type LastKnown, lastKnown } from "./last-known.ts";
import type { StatusRow } from "./status-row.ts";
import { drift, unanswered } from "./verdict.ts";

export async function check(fleet: FleetSession, member: Member, timeout: number): Promise<StatusRow> {
  const base = baseOf(member);
  try {
    if (isBare(member)) return bareRow(member, await lookAtBare(fleet, member, budgetOf(timeout)));
    const verdict = await probe(fleet.session, base, "ALL", {}, budgetOf(timeout));
    const odd = verdict.checks.filter(({ status }) => status !== "HEALTHY" && status !== "PASS");
    const other = drift(member, verdict.sourceHash);
    const drains =
      odd.length > 0 &&
      other.length === 0 &&
      odd.every(({ name, detail }) => name === "status" && detail === "DRAINING");
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
      ...(drains ? { drains: true } : {}),
      reasons: [...reasons, ...other, ...(drains ? [DRAIN_ENDS] : [])],
    };
  } catch (error) {
    return unanswered(base, error, lastKnown(fleet.session.scope).get(base.processId));
  }
}

/** What is worth remembering of a look: what was really heard. */
export function heardOf(rows: readonly StatusRow[], at: number): ReadonlyMap<string, LastKnown> {
  const heard = rows.filter(({ code, responseMs }) => code === undefined && responseMs !== null);
  return new Map(
    heard.map(({ processId, health, version, sourceHash, epoch, release }) => [
      processId,
      { health, at, version, sourceHash, epoch, release },
    ]),
  );
}

export const baseOf = ({ name, processId, generation, of }: Member) => ({
  ...{ name, processId, generation },
  ...(of === undefined ? {} : { of }),
});

/** What ends it. A lease does not: it moves traffic back, and sets nothing going that drains. */
export const DRAIN_ENDS =
  "it refuses requests, as while its state is handed over; if no deployment is running: npx fleet deploy goes on with that, or gives it back";
export async function look(fleet: FleetSession, member: Member, timeout: number): Promise<StatusRow> {
  const base = baseOf(member);
  const started = performance.now();
  try {
    if (isBare(member)) return bareRow(member, await glanceAtBare(fleet, member, budgetOf(timeout)));
    const info = await dryInfo(fleet, member, timeout, "status");
    const other = drift(member, info.sourceHash);
    const drains = info.status === "DRAINING" && other.length === 0;
    return {
      ...base,
      health: info.status,
      version: info.version,
      sourceHash: info.sourceHash,
      epoch: info.epoch ?? null,
      release: info.release,
      responseMs: Math.round(performance.now() - started),
      ...(drains ? { drains: true } : {}),
      reasons: [...other, ...(drains ? [DRAIN_ENDS] : [])],
    };
  } catch (error) {
    return unanswered(base, error, lastKnown(fleet.session.scope).get(base.processId));
  }
}

/** Version and code are those of the last run: nothing in the process says them. */
export function bareRow(member: Member, look: BareLook): StatusRow {
  const { version, sourceHash } = member;
  return { ...baseOf(member), version, sourceHash, epoch: null, release: "", ...look };
}

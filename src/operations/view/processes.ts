import { randomUUID } from "node:crypto";
import { budgetOf } from "../../core/budget.ts";
import type { ProcessView } from "../../dashboard/view.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { dryProbe } from "../../fleet/health/probe.ts";
import { dryProbeWithoutLibrary } from "../../fleet/health/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import { lastKnown, saveLastKnown } from "../observe/last-known.ts";
import { codeDrift, unansweredRow } from "../observe/verdict.ts";

/** The result of reading a process. */
interface ProcessReading {
  readonly view: ProcessView;
  readonly capabilities: readonly string[];
}

/**
 * Reads the health and Info of a process by dry-runs: signs nothing, changes nothing. For display only, not for decisions. A process that
 * does not answer is OFFLINE. If a unit was slow or down or failed, the process is UNKNOWN, with its last known answer. A member without
 * the library is asked through aos, and is UNKNOWN if that is inconclusive.
 */
export async function readProcess(
  fleet: FleetSession,
  member: Member,
  more: Pick<ProcessView, "dependsOn" | "explorer">,
): Promise<ProcessReading> {
  const { name, processId, generation } = member;
  try {
    if (runsWithoutLibrary(member)) {
      const { health, reasons } = await dryProbeWithoutLibrary(fleet, member, budgetOf(20));
      const { version, sourceHash } = member;
      const known = {
        name,
        processId,
        generation,
        version,
        sourceHash,
        peers: {},
        configVersions: {},
        ...more,
      };
      return {
        capabilities: [],
        view: { ...known, health, epoch: null, release: "", reasons, figures: null },
      };
    }
    const [verdict, info] = await Promise.all([
      dryProbe(fleet, member, 20, { checkType: "ALL", nonce: randomUUID() }),
      dryInfo(fleet, member, 20),
    ]);
    const reasons = verdict.checks
      .filter(({ status }) => status !== "HEALTHY" && status !== "PASS")
      .map((check) => `${check.name} is ${check.status}${check.detail ? `: ${check.detail}` : ""}`);
    const { version, sourceHash, release, peers, configVersions = {} } = info;
    const epoch = info.epoch ?? null;
    const answer = { health: verdict.healthStatus, at: Date.now(), version, sourceHash, epoch, release };
    saveLastKnown(fleet.session.scope, new Map([[processId, answer]]));
    return {
      capabilities: info.capabilities,
      view: {
        ...{ name, processId, generation, version, sourceHash, peers, configVersions, ...more },
        health: verdict.healthStatus,
        ...{ epoch, release },
        reasons: [...reasons, ...codeDrift(member, sourceHash)],
        figures: info.stats ?? null,
      },
    };
  } catch (error) {
    const last = lastKnown(fleet.session.scope).get(processId);
    const {
      responseMs: _,
      code: _code,
      lastKnown: _last,
      ...row
    } = unansweredRow({ name, processId, generation }, error, last);
    return { capabilities: [], view: { ...row, peers: {}, configVersions: {}, figures: null, ...more } };
  }
}

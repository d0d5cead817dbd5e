import { randomUUID } from "node:crypto";
import { budgetOf } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import type { ProcessView } from "../../dashboard/view.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { dryProbe } from "../../fleet/health/probe.ts";
import { didNotPass } from "../../fleet/health/schema.ts";
import { dryProbeWithoutLibrary } from "../../fleet/health/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo, type Info } from "../../fleet/protocol/info.ts";
import { isHealthyNow, publishedState } from "../../fleet/protocol/published.ts";
import { lastKnown, saveLastKnown } from "../observe/last-known.ts";
import { publishedOf } from "../observe/status.ts";
import { codeDrift, unansweredRow } from "../observe/verdict.ts";

/** The result of reading a process. */
interface ProcessReading {
  readonly view: ProcessView;
  /** Undefined if the process could not be read. */
  readonly capabilities: readonly string[] | undefined;
}

/**
 * Reads the health and Info of a process, as it publishes them or by dry-runs: signs nothing, changes nothing. For display only, not for
 * decisions. A process that does not answer is OFFLINE. If a unit was slow or down or failed, the process is UNKNOWN, with its last known
 * answer. A member without the library is asked through aos, and is UNKNOWN if that is inconclusive.
 */
export async function readProcess(
  fleet: FleetSession,
  member: Member,
  more: Pick<ProcessView, "dependsOn" | "explorer" | "node">,
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
    const published = await publishedView(fleet, member, more);
    if (published) return published;
    const [verdict, info] = await Promise.all([
      dryProbe(fleet, member, 20, { checkType: "ALL", nonce: randomUUID() }),
      dryInfo(fleet, member, 20),
    ]);
    const reasons = verdict.checks
      .filter(didNotPass)
      .map((check) => `${check.name} is ${check.status}${check.detail ? `: ${check.detail}` : ""}`);
    const { version, sourceHash, release, epoch = null } = info;
    const answer = { health: verdict.healthStatus, at: Date.now(), version, sourceHash, epoch, release };
    saveLastKnown(fleet.session.scope, new Map([[processId, answer]]));
    return readingOf(member, info, more, { health: verdict.healthStatus, reasons });
  } catch (error) {
    const last = lastKnown(fleet.session.scope).get(processId);
    const {
      responseMs: _,
      code: _code,
      lastKnown: _last,
      ...row
    } = unansweredRow({ name, processId, generation }, error, last);
    return {
      capabilities: undefined,
      view: { ...row, peers: {}, configVersions: {}, figures: null, ...more },
    };
  }
}

/** What a process publishes, if that is enough to show it as healthy; undefined if it has to be asked. */
async function publishedView(
  fleet: FleetSession,
  member: Member,
  more: Pick<ProcessView, "dependsOn" | "explorer" | "node">,
): Promise<ProcessReading | undefined> {
  const { ao } = fleet.session;
  if (!ao.published) return undefined;
  const [own, newest] = await Promise.all([
    publishedState(fleet.session, member),
    ao.latest(member.processId, budgetOf(20)).catch(tolerate(undefined)),
  ]);
  if (!own || !isHealthyNow(own, newest, Date.now())) return undefined;
  const published = { ...publishedOf(own), ...(newest === undefined ? {} : { newest }) };
  return readingOf(member, own.info, more, { health: "HEALTHY", reasons: [], published });
}

/** The fields of Info that the page shows. */
type Reported = Pick<
  Info,
  "version" | "sourceHash" | "release" | "peers" | "configVersions" | "epoch" | "stats" | "capabilities"
>;

/** What a process reports about itself, as the page shows it. Pure. */
function readingOf(
  member: Member,
  info: Reported,
  more: Pick<ProcessView, "dependsOn" | "explorer" | "node">,
  { reasons, ...judged }: Pick<ProcessView, "health" | "reasons" | "published">,
): ProcessReading {
  const { name, processId, generation } = member;
  const { version, sourceHash, release, peers, configVersions = {}, epoch = null, stats = null } = info;
  return {
    capabilities: info.capabilities,
    view: {
      ...{ name, processId, generation, version, sourceHash, peers, configVersions, epoch, release, ...more },
      ...judged,
      reasons: [...reasons, ...codeDrift(member, sourceHash)],
      figures: stats,
    },
  };
}

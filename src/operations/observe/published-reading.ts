import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { Info } from "../../fleet/protocol/info.ts";
import { isHealthyNow, publishedState } from "../../fleet/protocol/published.ts";
import type { Reading } from "../../monitor/reading.ts";
import type { Watched } from "../../monitor/watch.ts";
import type { Clock } from "./clock.ts";

/** What a process reports about itself, by Info or what it publishes, or, in part, by its health check. */
export type SaidInfo = Pick<
  Info<"status">,
  "status" | "capabilities" | "version" | "sourceHash" | "release" | "epoch"
> &
  Partial<Pick<Info, "configVersions" | "stats">>;

/** One read of a process. */
export type Said = Pick<
  Reading,
  "outcome" | "needsSignedRead" | "code" | "health" | "detail" | "responseMs" | "published" | "lastTickAt"
> & {
  readonly info?: SaidInfo;
};

/** What is known of the process otherwise. */
interface KnownOfProcess {
  /** Its newest slot, once it has been read. */
  readonly order: Promise<Pick<Reading, "slot">>;
  readonly before: Watched | undefined;
  /** Whether it runs what was deployed. */
  isExpected(info: SaidInfo): boolean;
}

/**
 * What a process publishes, if that is enough for a round; undefined if it has to be asked. It says nothing about the time that an answer
 * takes.
 */
export async function publishedReading(
  { fleet, clock }: { readonly fleet: Pick<FleetSession, "session">; readonly clock: Pick<Clock, "now"> },
  member: Member,
  { order, before, isExpected }: KnownOfProcess,
): Promise<Said | undefined> {
  if (!fleet.session.ao.published || runsWithoutLibrary(member)) return undefined;
  const [own, { slot }] = await Promise.all([publishedState(fleet.session, member), order]);
  if (!own || !isHealthyNow(own, slot, clock.now()) || !isExpected(own.info)) return undefined;
  // If messages came after it, a dry run of the last round may have counted them: counters do not go back.
  const counted = before?.processId === member.processId ? (before.counters?.messages ?? 0) : 0;
  if (own.slot !== slot && (own.info.stats?.messages ?? 0) < counted) return undefined;
  const published = { at: own.at, ...(own.slot === undefined ? {} : { slot: own.slot }) };
  return { outcome: "answered", health: "HEALTHY", info: own.info, published };
}

import { FleetError, type Problem } from "../../core/errors.ts";
import { headline, phaseOf, revisionsOf } from "../../delivery/traffic-text.ts";
import type { TrafficState } from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryTraffic, traffic } from "../../fleet/protocol/traffic.ts";

/** Traffic as `fleet status` shows it. */
export interface ShownTraffic {
  /** The guide's name of the phase; HELD waits for a person. */
  readonly phase: string;
  readonly release: string;
  readonly step: number;
  /** By which callers are assigned to the revisions, in their order. */
  readonly salt: string;
  readonly headline: string;
  readonly revisions: ReturnType<typeof revisionsOf>;
}

/**
 * The router's table, as it reports it; undefined if the fleet has no router, the router has no table, or it could not be read.
 *
 * @param unread receives the problem if it could not be read: the router's own health may still be good, or read from what it publishes
 */
export async function trafficOf(
  fleet: FleetSession,
  router: Member | undefined,
  { quick, seconds }: { quick: boolean; seconds: number },
  unread: (problem: Problem) => void,
): Promise<ShownTraffic | undefined> {
  if (!router) return undefined;
  let state: TrafficState;
  try {
    const { session } = fleet;
    state = await (quick
      ? dryTraffic(fleet, router, seconds)
      : traffic(session, router, session.budget(seconds)));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    unread(error.problems[0]);
    return undefined;
  }
  const phase = phaseOf(state);
  if (!state.table || phase === undefined || Object.keys(state.table.services).length === 0) return undefined;
  const { release, step, salt } = state.table;
  return { phase, release, step, salt, headline: headline(state), revisions: revisionsOf(state) };
}

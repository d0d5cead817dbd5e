import { tolerate } from "../../core/errors.ts";
import type { TrafficView } from "../../dashboard/view.ts";
import { figuresShown } from "../../delivery/index.ts";
import type { Metrics, TrafficState } from "../../delivery/wire.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryTraffic } from "../../fleet/protocol/traffic.ts";
import { percentile } from "../../monitor/statistics.ts";

/** The table of the fleet's router; null if it has none yet. */
export const trafficOf = (fleet: FleetSession, router: Member): Promise<TrafficView | null> =>
  // A coordinator of a version without a router does not know the action.
  dryTraffic(fleet, router, 20).then(viewOf, tolerate(null, "UNKNOWN_ACTION"));

/** The router's state as the page shows it. Pure. */
function viewOf(state: TrafficState): TrafficView | null {
  const { table, lease, command, reverted } = state;
  if (!table) return null;
  const here = (about: { release: string; step: number }) => about.release === table.release;
  return {
    release: table.release,
    step: table.step,
    mode: table.mode,
    notes: [
      ...(table.reason === undefined ? [] : [`Held: ${table.reason}`]),
      ...(command && here(command) ? [`${command.by} requested ${command.command}.`] : []),
      ...(reverted
        ? [
            `The router reverted step ${reverted.step} of ${reverted.release} by itself at ${time(reverted.at)}: ${reverted.why}.`,
          ]
        : []),
    ],
    leaseUntil: lease === undefined ? null : time(lease.untilMs),
    services: Object.entries(table.services).map(([service, { routes }]) => ({
      service,
      routes: routes.map(({ processId, revision, weightBp }) => ({
        processId,
        revision,
        weightBp,
        ...figures(state.metrics, service, processId),
      })),
    })),
  };
}

function figures(metrics: Metrics | undefined, service: string, processId: string) {
  const found = metrics?.services[service]?.[processId];
  const latencies = found?.latencies ?? [];
  return { ...figuresShown(found), p95Ms: latencies.length === 0 ? null : percentile(latencies, 0.95) };
}

const time = (ms: number): string => new Date(ms).toISOString();

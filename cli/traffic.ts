import { FleetError } from "../core/errors.ts";
import { againText, headline, percent, phaseOf, revisionsOf } from "../delivery/index.ts";
import { type TrafficState, TrafficStateSchema } from "../delivery/wire.ts";
import { ask } from "../providers/run/control.ts";
import type { FleetSession } from "./fleet-session.ts";
import type { Member } from "./members.ts";
import { dryCall } from "./message.ts";
import { table } from "./table.ts";

/** What `status` says of traffic. */
export interface ShownTraffic {
  /** As the guide calls it; HELD waits for a person. */
  readonly phase: string;
  readonly release: string;
  readonly step: number;
  readonly headline: string;
  readonly revisions: ReturnType<typeof revisionsOf>;
}

/** The router's table, by its own word; undefined where the fleet has no router, or the router no table, or no answer came. */
export async function trafficOf(
  fleet: FleetSession,
  router: Member | undefined,
  { quick, seconds }: { quick: boolean; seconds: number },
): Promise<ShownTraffic | undefined> {
  if (!router) return undefined;
  let state: TrafficState;
  try {
    state = await (quick ? looked(fleet, router, seconds) : asked(fleet, router, seconds));
  } catch (error) {
    // That a process does not answer is said in its own row.
    if (error instanceof FleetError || error instanceof SyntaxError) return undefined;
    throw error;
  }
  const phase = phaseOf(state);
  if (!state.table || phase === undefined || Object.keys(state.table.services).length === 0) return undefined;
  const { release, step } = state.table;
  return { phase, release, step, headline: headline(state), revisions: revisionsOf(state) };
}

const asked = (fleet: FleetSession, { name, processId, generation }: Member, seconds: number) =>
  ask(
    fleet.session,
    { name, processId, generation, action: "GET_TRAFFIC" },
    TrafficStateSchema,
    fleet.session.budget(seconds),
  );

async function looked(fleet: FleetSession, member: Member, seconds: number): Promise<TrafficState> {
  const reply = await dryCall(fleet, { member, action: "GET_TRAFFIC", data: "", tags: {}, seconds });
  const parsed = TrafficStateSchema.safeParse(JSON.parse(reply.data));
  return parsed.success ? parsed.data : { proofs: {}, serial: 0, epoch: 0, at: 0 };
}

/** The lines of `status`. */
export function trafficLines({ headline: head, revisions }: ShownTraffic): string[] {
  const rows = revisions.map(
    ({ service, processId, weightBp, sourceHash, requests, errors, refused, draining, open }) => [
      service,
      percent(weightBp),
      processId,
      sourceHash.slice(0, 8),
      String(requests),
      String(errors),
      `${refused}${againText({ refused, draining })}`,
      String(open),
    ],
  );
  return [
    "",
    `traffic: ${head}`,
    ...table(["service", "share", "id", "code", "requests", "faults", "refused", "open"], rows),
  ];
}

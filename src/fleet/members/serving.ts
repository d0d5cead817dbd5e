/** Who answers to a member's name now: one way for every command. */

import { FleetError } from "../../core/errors.ts";
import { heaviest, idsIn, servingIds } from "../../delivery/table.ts";
import type { ServiceRoutes, TrafficState } from "../../delivery/wire.ts";
import { dryTraffic } from "../protocol/traffic.ts";
import type { Session } from "../session/session.ts";
import { knownFleet } from "./known.ts";
import type { KnownFleet, Member } from "./member.ts";
import { asRevision } from "./stated.ts";
import type { StatedRevision } from "./stated-revision.ts";

/** Seconds that the router gets for its table. */
const ASKED = 15;

/** What a look at who serves may tell. */
interface ServingOptions {
  /** The fleet as the stack's state has it, or as it was when the command began. */
  readonly stated: () => Promise<KnownFleet>;
  /** Told where the router cannot be asked. */
  readonly note: (line: string) => void;
  /** Waits until the router may be asked. @default at once */
  readonly turn?: () => Promise<void>;
}

/**
 * The members of a stack, each as the process that has most of its traffic: by the table of the fleet's router, which a lease's end,
 * `abort` and `promote` change beside every manifest and state. What has a part of it beside them is in `sharing`. Where the router cannot
 * be asked, as the last run left it.
 */
export async function servingFleet(
  session: Session,
  { stated, note, turn }: ServingOptions,
): Promise<KnownFleet> {
  const known = await knownFleet(session.scope, stated);
  const router = known.members.find(({ name }) => name === known.router);
  if (!router) return known;
  await turn?.();
  const said = await trafficOf(session, router, note);
  if (!said) return known;
  const services = said.table?.services ?? {};
  const routed = [...new Set([...idsIn(said.table), ...idsIn(said.proven)])];
  const isElsewhere = ({ name, processId }: Member) => {
    const service = services[name];
    return service !== undefined && servingIds(service).some((id) => id !== processId);
  };
  if (!known.members.some(isElsewhere)) return { ...known, routed };
  const revisions = known.revisions ?? (await stated()).revisions ?? {};
  const members = known.members.map((member) => {
    const service = services[member.name];
    return service ? asServed(member, heaviest(service), service, revisions[member.name]) : member;
  });
  const sharing = known.members.flatMap((member) => {
    const service = services[member.name];
    if (!service) return [];
    const others = servingIds(service).filter((id) => id !== heaviest(service));
    return others.map((id): Member => {
      const name = `${member.name} (${id.slice(0, 8)})`;
      return { ...asServed(member, id, service, revisions[member.name]), name, of: member.name };
    });
  });
  return { ...known, members, revisions, routed, ...(sharing.length === 0 ? {} : { sharing }) };
}

/** The member as one of its processes to which a table gives requests. */
function asServed(
  member: Member,
  processId: string,
  { routes }: Pick<ServiceRoutes, "routes">,
  known: readonly StatedRevision[] | undefined,
): Member {
  const route = routes.find((one) => one.processId === processId);
  return asRevision(member, processId, known, route?.revision ?? "");
}

async function trafficOf(
  session: Session,
  router: Member,
  note: (line: string) => void,
): Promise<TrafficState | undefined> {
  try {
    return await dryTraffic({ session }, router, ASKED);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    note(`${unasked(router.name)} [${error.code}]`);
    return undefined;
  }
}

const unasked = (router: string): string =>
  `${router} does not say who has the traffic: processes are named as the last deployment left them`;

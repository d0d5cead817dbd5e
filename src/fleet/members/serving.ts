/** The processes that currently serve the members of a fleet, for every command. */

import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { heaviest, idsIn, servingIds } from "../../delivery/table.ts";
import type { PublishedTraffic, ServiceRoutes } from "../../delivery/wire.ts";
import { publishedTraffic } from "../protocol/published.ts";
import { dryTraffic, traffic as signedTraffic } from "../protocol/traffic.ts";
import type { Session } from "../session/session.ts";
import { memberWithRevision } from "./fleet-in-state.ts";
import { knownFleet } from "./known-fleet.ts";
import type { KnownFleet, Member } from "./member.ts";
import type { RevisionInState } from "./revision-in-state.ts";

/** Time limit in seconds for the router to return its table. */
const ROUTER_SECONDS = 15;
/** The same for a signed message. */
const SIGNED_SECONDS = 120;

/** Options of `servingFleet`. */
interface ServingOptions {
  /** Reads the fleet from the stack's state, or as of the start of the command. */
  readonly readState: () => Promise<KnownFleet>;
  /** Called if the router neither publishes its table nor can be asked. */
  readonly note: (line: string) => void;
  /** Waits until the router may be asked. @default at once */
  readonly turn?: () => Promise<void>;
  /** Whether the table is read by a signed message, without which there is no answer: for changes that depend on it. @default false */
  readonly isSigned?: boolean;
}

/**
 * The members of a stack, each as the process with most of its traffic, by the table of the fleet's router, which can change without
 * the manifest and the state (lease expiry, `abort`, `promote`). Other processes with traffic are in `sharing`. If the router cannot
 * be asked, the members are those of the last run.
 *
 * @throws FleetError TRAFFIC_UNREADABLE if the table has to be signed and cannot be read
 */
export async function servingFleet(
  session: Session,
  { readState, note, turn, isSigned = false }: ServingOptions,
): Promise<KnownFleet> {
  const known = await knownFleet(session.scope, readState);
  const router = known.members.find(({ name }) => name === known.router);
  if (!router) return known;
  const traffic = isSigned
    ? await trafficOrRefusal(session, router)
    : ((await publishedTraffic(session, router)) ?? (await trafficOf(session, router, note, turn)));
  if (!traffic) return known;
  const services = traffic.table?.services ?? {};
  const routed = [...new Set([...idsIn(traffic.table), ...idsIn(traffic.proven)])];
  const isElsewhere = ({ name, processId }: Member) => {
    const service = services[name];
    return service !== undefined && servingIds(service).some((id) => id !== processId);
  };
  if (!known.members.some(isElsewhere)) return { ...known, routed };
  const revisions = known.revisions ?? (await readState()).revisions ?? {};
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

/** The member as one of the processes that a table routes its requests to. */
function asServed(
  member: Member,
  processId: string,
  { routes }: Pick<ServiceRoutes, "routes">,
  known: readonly RevisionInState[] | undefined,
): Member {
  const route = routes.find((one) => one.processId === processId);
  return memberWithRevision(member, processId, known, route?.revision ?? "");
}

async function trafficOf(
  session: Session,
  router: Member,
  note: (line: string) => void,
  turn: (() => Promise<void>) | undefined,
): Promise<PublishedTraffic | undefined> {
  await turn?.();
  try {
    return await dryTraffic({ session }, router, ROUTER_SECONDS);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    note(`${routerUnavailable(router.name)} [${error.code}]`);
    return undefined;
  }
}

async function trafficOrRefusal(session: Session, router: Member): Promise<PublishedTraffic> {
  try {
    return await signedTraffic(session, router, budgetOf(SIGNED_SECONDS));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    throw new FleetError(
      {
        code: "TRAFFIC_UNREADABLE",
        what: `Cannot read the traffic table of ${router.name}, so it is unknown which processes serve.`,
        got: `${error.problems[0].what} [${error.code}]`,
        expected: "the table, by a signed message",
        remedy: `Run the command again once ${router.name} answers: npx fleet status`,
      },
      { cause: error, transient: error.transient },
    );
  }
}

const routerUnavailable = (router: string): string =>
  `cannot read the traffic table of ${router}: showing the processes of the last deployment`;

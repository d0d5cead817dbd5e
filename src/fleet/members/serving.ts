/** Who answers to a member's name now: one way for every command. */

import { FleetError } from "../../core/errors.ts";
import { heaviest } from "../../delivery/table.ts";
import { type TrafficState, TrafficStateSchema } from "../../delivery/wire.ts";
import { dryCall } from "../protocol/call.ts";
import type { Session } from "../session/session.ts";
import { knownFleet } from "./known.ts";
import type { KnownFleet } from "./member.ts";
import { asRevision } from "./stated.ts";

/** Seconds that the router gets for its table. */
const ASKED = 15;

/** What a look at who serves may tell. */
export interface ServingOptions {
  /** The fleet as the stack's state has it, or as it was when the command began. */
  readonly stated: () => Promise<KnownFleet>;
  /** Told where the router cannot be asked. */
  readonly note: (line: string) => void;
  /** Waits until the router may be asked. @default at once */
  readonly turn?: () => Promise<void>;
}

/**
 * The members of a stack, each as the process that has its traffic: by the table of the fleet's router, which a lease's end, `abort` and
 * `promote` change beside every manifest and state. Where it cannot be asked, as the last run left it.
 */
export async function servingFleet(
  session: Session,
  { stated, note, turn }: ServingOptions,
): Promise<KnownFleet> {
  const known = await knownFleet(session.scope, stated);
  const router = known.members.find(({ name }) => name === known.router);
  if (!router) return known;
  await turn?.();
  const services = await tableOf(session, router, note);
  const moved = known.members.some(({ name, processId }) => {
    const service = services[name];
    return service !== undefined && heaviest(service) !== processId;
  });
  if (!moved) return known;
  const revisions = known.revisions ?? (await stated()).revisions ?? {};
  const members = known.members.map((member) => {
    const service = services[member.name];
    if (!service) return member;
    const processId = heaviest(service);
    const route = service.routes.find((one) => one.processId === processId);
    return asRevision(member, processId, revisions[member.name], route?.revision ?? "");
  });
  return { ...known, members, revisions };
}

type Services = NonNullable<TrafficState["table"]>["services"];

async function tableOf(
  session: Session,
  router: KnownFleet["members"][number],
  note: (line: string) => void,
): Promise<Services> {
  const call = { member: router, action: "GET_TRAFFIC", data: "{}", tags: {}, seconds: ASKED };
  try {
    const { data } = await dryCall({ session }, call);
    const said = TrafficStateSchema.safeParse(JSON.parse(data));
    if (said.success) return said.data.table?.services ?? {};
    note(`${unasked(router.name)} [BAD_REPLY]`);
  } catch (error) {
    if (!(error instanceof FleetError) && !(error instanceof SyntaxError)) throw error;
    note(`${unasked(router.name)} [${error instanceof FleetError ? error.code : "BAD_REPLY"}]`);
  }
  return {};
}

const unasked = (router: string): string =>
  `${router} does not say who has the traffic: processes are named as the last deployment left them`;

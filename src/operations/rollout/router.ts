/** Which member of a fleet carries the router: told by what a member is, never by what it is called. */
import { FleetError } from "../../core/errors.ts";
import { isBare } from "../../fleet/code/bare.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import type { OperationContext } from "../context.ts";
import { stackState } from "../rollback/stack.ts";

/** Seconds that the members get to say what they are. */
const ASKED = 15;

/**
 * The member that carries the router: the one named; else the one that the last run noted, or that the stack's state has, by its table of
 * traffic or by its members that are beside older revisions; where no state can be read, the first that has the capability by its own word.
 *
 * @returns undefined where the fleet has none
 * @throws FleetError UNKNOWN_PROCESS
 */
export async function routerIn(
  context: OperationContext,
  fleet: FleetSession,
  named: string | undefined,
): Promise<Member | undefined> {
  if (named !== undefined) return pickMember(fleet, named);
  const { host } = context;
  const { members, project, stack } = fleet;
  // Known since the fleet was opened: reading the state takes a pulumi of its own.
  const known = members.find(({ name }) => name === fleet.router);
  if (known) return known;
  const { router } = await stackState({ host, workspace: await context.workspace(), project, stack });
  if (router === undefined) return capable(fleet);
  return router === null ? undefined : members.find(({ name }) => name === router);
}

async function capable(fleet: FleetSession): Promise<Member | undefined> {
  const members = fleet.members.filter((member) => !isBare(member));
  const able = await Promise.all(members.map((member) => isCapable(fleet, member)));
  return members.find((_, index) => able[index]);
}

async function isCapable(fleet: FleetSession, member: Member): Promise<boolean> {
  try {
    return (await dryInfo(fleet, member, ASKED)).capabilities.includes("TRAFFIC_ROUTING");
  } catch (error) {
    // One that does not answer, or answers with something else, is not known to be one.
    if (error instanceof FleetError) return false;
    throw error;
  }
}

/** For commands that cannot do without one. */
export const noRouter = ({ members }: FleetSession): FleetError =>
  new FleetError({
    code: "NO_ROUTER",
    what: "No process of this fleet carries the router.",
    got: members.map(({ name }) => name).join(", "),
    expected: "a member with the capability TRAFFIC_ROUTING",
    remedy: "Only fleets with a router have rollouts to promote, pause or abort.",
  });

/** Finds the member that carries the router, by what it can do and never by its name. */
import { FleetError, tolerate } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import { publishedState } from "../../fleet/protocol/published.ts";
import type { OperationContext } from "../context.ts";
import { type PulumiStack, type StackState, stackState } from "../rollback/stack.ts";

/** Seconds for each member to report its capabilities. */
const TIMEOUT_SECONDS = 15;

/**
 * The member that carries the router: the one named; otherwise the one that the last run recorded, or the one in the stack's state, by its
 * traffic table or by a member's rollout strategy; if no state can be read, the first member that reports the capability.
 *
 * @param named a member's name; undefined to search
 * @returns undefined if the fleet has no router
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
  // Known since the fleet was opened; reading the state would start another pulumi.
  const known = members.find(({ name }) => name === fleet.router);
  if (known) return known;
  const { router } = await stateOf({ host, workspace: await context.workspace(), project, stack });
  if (router === undefined) return capable(fleet);
  return router === null ? undefined : members.find(({ name }) => name === router);
}

/** The stack's state; without the router's name if it cannot be read: the members themselves know who carries it. */
const stateOf = (ask: PulumiStack): Promise<Pick<StackState, "router">> =>
  stackState(ask).catch(tolerate({}, "STATE_UNREADABLE"));

async function capable(fleet: FleetSession): Promise<Member | undefined> {
  const members = fleet.members.filter((member) => !runsWithoutLibrary(member));
  const able = await Promise.all(members.map((member) => isCapable(fleet, member)));
  return members.find((_, index) => able[index]);
}

async function isCapable(fleet: FleetSession, member: Member): Promise<boolean> {
  try {
    const own = await publishedState(fleet.session, member);
    const { capabilities } = own?.info ?? (await dryInfo(fleet, member, TIMEOUT_SECONDS));
    return capabilities.includes("TRAFFIC_ROUTING");
  } catch (error) {
    // A member that does not answer, or not with Info, is not known to carry it.
    if (error instanceof FleetError) return false;
    throw error;
  }
}

/** The error of commands that need a router. */
export const noRouter = ({ members }: FleetSession): FleetError =>
  new FleetError({
    code: "NO_ROUTER",
    what: "No process of this fleet carries the router.",
    got: members.map(({ name }) => name).join(", "),
    expected: "a member with the capability TRAFFIC_ROUTING",
    remedy: "Only a fleet with a router has rollouts to promote, pause or abort.",
  });

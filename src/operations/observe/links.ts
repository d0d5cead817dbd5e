import { publishedUrl } from "../../ao/connect.ts";
import { explorerOf, type ResolvedNetwork } from "../../ao/network.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { StatusRow } from "./status-row.ts";

/** Pages about a process; null if there is none. */
interface Links {
  /** Of an explorer. */
  readonly explorer: string | null;
  /** What the process publishes, as its node serves it. */
  readonly node: string | null;
}

/** The address of a page in the network's explorer; null if the network has none. Pure. */
export const explorerPage = (
  network: Pick<ResolvedNetwork, "kind">,
  what: "entity" | "message",
  id: string,
): string | null => explorerOf(network)?.(what, id) ?? null;

/** The pages about a member's process. Pure. */
export function linksOf(network: ResolvedNetwork, member: Pick<Member, "processId" | "lib">): Links {
  const { processId } = member;
  // Nothing in a process without the library publishes.
  const node = runsWithoutLibrary(member)
    ? undefined
    : publishedUrl(network, { processId, path: ["fleet", "state"] });
  return { explorer: explorerPage(network, "entity", processId), node: node ?? null };
}

/** The rows with the pages about their processes. Pure. */
export function markLinks(fleet: FleetSession, rows: readonly StatusRow[]): StatusRow[] {
  const members = new Map(servingIn(fleet).map((member) => [member.processId, member]));
  return rows.map((row) => {
    const member = members.get(row.processId);
    return member === undefined ? row : { ...row, ...linksOf(fleet.session.network, member) };
  });
}

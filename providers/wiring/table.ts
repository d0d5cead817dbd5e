/** The table of peers: how it is compared, and what a process reports about its own. */
import { z } from "zod";
import { hashOf } from "../../src/core/hash.ts";
import type { Info } from "../../src/fleet/protocol/info.ts";
import { luaList, luaMap } from "../../src/fleet/protocol/lua.ts";
import { membersWithNewCode, valueOfMember } from "../run/code-changes.ts";
import { hasUnknown } from "../run/inputs.ts";
import type { WiringChange } from "./drift.ts";
import type { WiringInputs, WiringOutputs } from "./schema.ts";

/** Reply to `WIRE_PEERS`. An earlier library does not report peers without the library. */
export const WirePeersReplySchema = z.looseObject({
  peers: luaMap(z.string()),
  withoutLibrary: luaList(z.string()).optional(),
  router: z.string().optional(),
});

/** Reply to `ADMIT_PEER`. */
export const AdmittedSchema = z.looseObject({ admitted: z.array(z.string()) });

/** Reply to `SET_ALLOWED`. */
export const AllowedSchema = z.looseObject({ allowed: luaList(z.string()) });

/** The peers that a process is sent. */
export interface Table extends Pick<WiringInputs, "peers" | "withoutLibrary"> {
  /** Process id of the router; `""` if it is not a peer. If it is left out, the peer named coordinator, if there is one. */
  readonly routerId?: string | undefined;
}

/** The declared table. Pure. */
export const tableOf = ({ peers, withoutLibrary, router }: WiringInputs): Table => ({
  peers,
  withoutLibrary,
  // A router that is not a peer has the id "": without it, the peer "coordinator" would count as the router.
  ...(router === undefined ? {} : { routerId: peers[router] ?? "" }),
});

/** Name of the peer that is trusted as the router; undefined if there is none. Pure. */
const routerNameOf = ({ peers, routerId }: Table): string | undefined => {
  const id = routerId ?? peers.coordinator;
  return Object.keys(peers).find((name) => peers[name] === id);
};

/** Peers that join, leave or have another process id, by name. Pure. */
export function peerChanges(before: Record<string, string>, after: Record<string, string>): WiringChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((peer): WiringChange[] => {
    if (before[peer] === after[peer]) return [];
    if (before[peer] === undefined) return [{ code: "PEER_ADDED", peer }];
    return [{ code: after[peer] === undefined ? "PEER_REMOVED" : "PEER_REPLACED", peer }];
  });
}

/** As `peerChanges`, and in addition whether a remaining peer has the library, and which peer is the router. Pure. */
export function tableChanges(before: Table, after: Table): WiringChange[] {
  const [had, has] = [before, after].map(({ withoutLibrary = [] }) => new Set(withoutLibrary));
  const stays = Object.keys(after.peers).filter((name) => before.peers[name] !== undefined);
  const changed = stays.filter((name) => had?.has(name) !== has?.has(name)).sort();
  const [routed, routes] = [routerNameOf(before), routerNameOf(after)];
  const router: WiringChange = { code: "ROUTER", ...(routes === undefined ? {} : { router: routes }) };
  return [
    ...peerChanges(before.peers, after.peers),
    ...changed.map((peer): WiringChange => ({ code: "PEER_LIBRARY", peer, hasLibrary: !has?.has(peer) })),
    ...(routed === routes ? [] : [router]),
  ];
}

/**
 * The same for processes that are not known before the run, by the code that they will run: `peer token will have another process id`. A
 * wiring with `newOnly` considers its target only. Pure.
 */
export function explainNewProcesses(
  { code, target }: Pick<WiringOutputs, "code" | "target">,
  news: Readonly<Record<string, unknown>>,
): string[] {
  return membersWithNewCode(code, news.code).flatMap((name) => {
    if (name === target.name) return hasUnknown(news.target) ? ["the process id will change"] : [];
    if (news.newOnly) return [];
    const isPeer = hasUnknown(valueOfMember(news.peers, name));
    if (isPeer) return [`peer ${name} will have another process id`];
    return hasUnknown(valueOfMember(news.deployers, name))
      ? [`${name}, which may change it, will have another process id`]
      : [];
  });
}

/** Who may now change the process, and who no longer may, by name. Pure. */
export function deployerChanges(
  before: Readonly<Record<string, string>>,
  after: readonly string[],
  named: Readonly<Record<string, string>> = before,
): WiringChange[] {
  const names = new Map(
    [...Object.entries(before), ...Object.entries(named)].map(([name, id]) => [id, name]),
  );
  const nameOf = (id: string) => names.get(id) ?? id;
  const held = new Set(Object.values(before));
  const changes = [
    ...after.filter((id) => !held.has(id)).map((id) => ({ code: "ALLOWED" as const, who: nameOf(id) })),
    ...[...held]
      .filter((id) => !after.includes(id))
      .map((id) => ({ code: "NOT_ALLOWED" as const, who: nameOf(id) })),
  ];
  return changes.sort((a, b) => (a.who === b.who ? 0 : a.who < b.who ? -1 : 1));
}

/** The table that a process reports. An earlier version reports only the peers; the rest is then taken from what it was sent. */
export const reportedTable = (
  reported: Pick<Info<"peers">, "peers" | "peersWithoutLibrary"> & { readonly router?: string | undefined },
  sent: Table,
): Table =>
  reported.peersWithoutLibrary === undefined
    ? { ...sent, peers: reported.peers }
    : { peers: reported.peers, withoutLibrary: reported.peersWithoutLibrary, routerId: reported.router };

/** Content hash of a table. With the library everywhere and no router, it covers `peers` only, as in earlier versions. Pure. */
export const tableHash = ({ peers, withoutLibrary = [], routerId }: Table): string =>
  withoutLibrary.length === 0 && routerId === undefined
    ? hashOf(peers)
    : hashOf({
        peers,
        withoutLibrary: [...withoutLibrary].sort(),
        ...(routerId === undefined ? {} : { routerId }),
      });

/** The names in a table, for messages. Pure. */
export const namesOf = ({ peers, withoutLibrary = [] }: Table): string =>
  Object.keys(peers)
    .map((name) => (withoutLibrary.includes(name) ? `${name} (no library)` : name))
    .join(", ") || "none";

/** The table of peers: how it is compared, and what a process says of the one that it holds. */
import { z } from "zod";
import { hashOf } from "../../src/core/hash.ts";
import type { Info } from "../../src/fleet/protocol/info.ts";
import { luaList, luaMap } from "../../src/fleet/protocol/lua.ts";
import { memberIn, othersIn } from "../run/coming.ts";
import { hasUnknown } from "../run/inputs.ts";
import type { WiringChange } from "./drift.ts";
import type { WiringInputs, WiringOutputs } from "./schema.ts";

/** An earlier library says nothing of who has none. */
export const WiredSchema = z.looseObject({
  peers: luaMap(z.string()),
  withoutLibrary: luaList(z.string()).optional(),
  router: z.string().optional(),
});

/** Whom a process is told as its peers. */
export interface Table extends Pick<WiringInputs, "peers" | "withoutLibrary"> {
  /** Process id of the router, `""` where it is no peer; absent: the peer called coordinator, if there is one. */
  readonly routerId?: string | undefined;
}

/** The table that a declaration means. Pure. */
export const tableOf = ({ peers, withoutLibrary, router }: WiringInputs): Table => ({
  peers,
  withoutLibrary,
  // A router that is no peer here is nobody's id: without a word of it the peer "coordinator" would count as the router.
  ...(router === undefined ? {} : { routerId: peers[router] ?? "" }),
});

/** The name of the peer whose word counts for those it calls for; undefined where nobody's does. Pure. */
const routerNameOf = ({ peers, routerId }: Table): string | undefined => {
  const id = routerId ?? peers.coordinator;
  return Object.keys(peers).find((name) => peers[name] === id);
};

/** Peers that join, leave, or are another process, by name. Pure. */
export function peerChanges(before: Record<string, string>, after: Record<string, string>): WiringChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((peer): WiringChange[] => {
    if (before[peer] === after[peer]) return [];
    if (before[peer] === undefined) return [{ code: "PEER_ADDED", peer }];
    return [{ code: after[peer] === undefined ? "PEER_REMOVED" : "PEER_REPLACED", peer }];
  });
}

/** As `peerChanges`, and which of who stays has the library, and which is the router. Pure. */
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
 * The same of processes that are not known before the run, by the code that they shall run: `peer token will be another process`.
 * A wiring that tells only whom it did not tell yet asks for its target alone. Pure.
 */
export function explainComing(
  { code, target }: Pick<WiringOutputs, "code" | "target">,
  news: Readonly<Record<string, unknown>>,
): string[] {
  return othersIn(code, news.code).flatMap((name) => {
    if (name === target.name) return hasUnknown(news.target) ? ["the process will be another one"] : [];
    if (news.newOnly) return [];
    const isPeer = hasUnknown(memberIn(news.peers, name));
    if (isPeer) return [`peer ${name} will be another process`];
    return hasUnknown(memberIn(news.deployers, name))
      ? [`${name}, which may change it, will be another process`]
      : [];
  });
}

/** Who may change it from now on, and who may not any more, by name. Pure. */
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

/** The table that a process says it holds. One of an earlier version says less: then the rest is as it was told. */
export const heldBy = (
  said: Pick<Info<"peers">, "peers" | "peersWithoutLibrary"> & { readonly router?: string | undefined },
  told: Table,
): Table =>
  said.peersWithoutLibrary === undefined
    ? { ...told, peers: said.peers }
    : { peers: said.peers, withoutLibrary: said.peersWithoutLibrary, routerId: said.router };

/** Of `peers` alone where all have the library and no router is named, as earlier versions made it. Pure. */
export const tableHash = ({ peers, withoutLibrary = [], routerId }: Table): string =>
  withoutLibrary.length === 0 && routerId === undefined
    ? hashOf(peers)
    : hashOf({
        peers,
        withoutLibrary: [...withoutLibrary].sort(),
        ...(routerId === undefined ? {} : { routerId }),
      });

/** The names of a table, for people. Pure. */
export const wordsOf = ({ peers, withoutLibrary = [] }: Table): string =>
  Object.keys(peers)
    .map((name) => (withoutLibrary.includes(name) ? `${name} (no library)` : name))
    .join(", ") || "none";

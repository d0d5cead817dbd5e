import { dryRunsAs } from "../../src/ao/connect.ts";
import { isOpenIntent } from "../../src/ao/journal/index.ts";
import type { Budget } from "../../src/core/budget.ts";
import { FleetError, tolerate } from "../../src/core/errors.ts";
import { activeOf, idsIn, openRevert, servingIds } from "../../src/delivery/table.ts";
import type { Table, TrafficState } from "../../src/delivery/wire.ts";
import { readManifest } from "../../src/fleet/members/manifest.ts";
import { newestIncarnation } from "../../src/fleet/members/members.ts";
import { isRuinedError, mayReplace } from "../../src/fleet/members/ruined.ts";
import { dryTraffic, traffic } from "../../src/fleet/protocol/traffic.ts";
import { locateNetwork } from "../../src/fleet/session/locate-network.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { walletAddress } from "../run/session.ts";
import { isUp } from "./is-up.ts";
import type { ProcessOutputs } from "./schema.ts";

/** The fleet's router on which processes have traffic. */
export interface RouterView {
  /** Every process in the current table, or in the table that it would revert to. */
  readonly inUse: ReadonlySet<string>;
  /** Service → processes that serve its callers by the current table. */
  readonly serving: Readonly<Record<string, readonly string[]>>;
  /** Whether that table is steady: no rollout is in progress or waiting. */
  readonly isSteady: boolean;
  /** Service → the revisions that have its traffic by the last proven table, the largest share first. */
  readonly proven: Readonly<
    Record<string, readonly { readonly processId: string; readonly sourceHash: string }[]>
  >;
  /**
   * Service → the process with most of its traffic, where an unfinished rollout has moved that away from the last proven table's. State that
   * only one process has is there, also after the router returned the traffic by itself, until a run has returned the state.
   */
  readonly moved: Readonly<Record<string, string>>;
  /** Whether it has no table because its process is being created or replaced: it may not have any code yet. */
  readonly isNew: boolean;
}

/** Asks the router. Without a router or a table, nothing is in use. Undefined if the router does not answer, or is new and cannot answer yet. */
export const routerView = (
  session: Session,
  router: string | undefined,
  budget: Budget,
): Promise<RouterView | undefined> =>
  readRouter(session, router, budget)
    .then((view) => (view.isNew ? undefined : view))
    .catch(tolerate(undefined));

/** The same. @throws FleetError if the router does not answer, as one whose handlers are hidden: it may have a table */
export async function readRouter(
  session: Session,
  router: string | undefined,
  budget: Budget,
): Promise<RouterView> {
  if (router === undefined) return NO_TABLE;
  const place = await newestIncarnation(session, router, budget);
  if (!place || place.retired || place.unsent) return NO_TABLE;
  // Members are created in parallel: the router may get its code while it is asked.
  const isUnproved = isSpawnOpen(session, place.processId);
  try {
    return viewOf(await traffic(session, { name: router, ...place }, budget));
  } catch (error) {
    // A coordinator of an earlier version without a router: it never had a table.
    if (error instanceof FleetError && error.code === "UNKNOWN_ACTION") return NO_TABLE;
    const isWithoutCode = isUnproved && error instanceof FleetError && error.code === "NO_REPLY";
    // The table of a ruined router is lost with it.
    const isReplaced = isRuinedError(error) && mayReplace(session.request, router);
    if (isWithoutCode || isReplaced) return { ...NO_TABLE, isNew: true };
    throw error;
  }
}

/** Seconds that a preview waits for the router. */
const PREVIEW_SECONDS = 10;

/**
 * The same in a preview: by a dry run, which signs and stores nothing, and starts no network. Undefined if the router does not answer so, as
 * on a node that evaluates dry runs in the name of a stranger.
 */
export async function previewedView({
  scope,
  network,
  strategy,
}: ProcessOutputs): Promise<RouterView | undefined> {
  const name = strategy?.router;
  const known = name === undefined ? undefined : (await readManifest(scope))?.processes[name];
  const processId = known?.processId;
  if (name === undefined || processId === undefined || !(await isUp({ network, processId })))
    return undefined;
  try {
    const ao = dryRunsAs((await locateNetwork(network)).network, await walletAddress());
    return viewOf(await dryTraffic({ session: { ao } }, { name, processId }, PREVIEW_SECONDS));
  } catch (error) {
    if (error instanceof FleetError) return undefined;
    throw error;
  }
}

/** What a router's state shows. Pure. */
function viewOf(state: TrafficState): RouterView {
  const { table, proven } = state;
  const serving = Object.entries(table?.services ?? {}).map(
    ([name, one]) => [name, servingIds(one)] as const,
  );
  return {
    inUse: new Set([...idsIn(table), ...idsIn(proven)]),
    serving: Object.fromEntries(serving),
    isSteady: table?.mode === "steady",
    proven: sharesIn(proven),
    moved: movedIn(state),
    isNew: false,
  };
}

const NO_TABLE: RouterView = {
  inUse: new Set(),
  serving: {},
  isSteady: false,
  proven: {},
  moved: {},
  isNew: false,
};

/** Whether no run of this machine, which spawned the process, has proved it healthy yet. Only then does traffic get a table. */
const isSpawnOpen = ({ journal }: Session, processId: string): boolean => {
  const spawn = journal.byId(processId);
  return spawn !== undefined && isOpenIntent(spawn);
};

/** A router of an earlier version returns traffic whose state was handed over; the first ones do not record from where. */
function movedIn(state: TrafficState): RouterView["moved"] {
  const { table, proven } = state;
  const services = table?.mode === "steady" ? openRevert(state)?.reverted.services : table?.services;
  if (services === undefined) return {};
  const before = activeOf(proven);
  return Object.fromEntries(
    Object.entries(activeOf({ services })).filter(
      ([name, id]) => before[name] !== undefined && before[name] !== id,
    ),
  );
}

function sharesIn(table: Table | undefined): RouterView["proven"] {
  const entries = Object.entries(table?.services ?? {}).map(([name, { routes }]) => {
    const used = routes.filter(({ weightBp }) => weightBp > 0).sort((a, b) => b.weightBp - a.weightBp);
    return [name, used.map(({ processId, revision }) => ({ processId, sourceHash: revision }))] as const;
  });
  return Object.fromEntries(entries);
}

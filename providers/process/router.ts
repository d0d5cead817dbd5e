import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { activeOf, idsIn, openRevert, servingIds } from "../../src/delivery/table.ts";
import type { Table, TrafficState } from "../../src/delivery/wire.ts";
import { newestIncarnation } from "../../src/fleet/members/members.ts";
import { traffic } from "../../src/fleet/protocol/traffic.ts";
import type { Session } from "../../src/fleet/session/session.ts";

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
}

/** Asks the router. Without a router or a table, nothing is in use. Undefined if the router does not answer. */
export const routerView = (
  session: Session,
  router: string | undefined,
  budget: Budget,
): Promise<RouterView | undefined> =>
  readRouter(session, router, budget).catch((error: unknown) => {
    if (!(error instanceof FleetError)) throw error;
    return undefined;
  });

/** The same. @throws FleetError if the router does not answer, as one whose handlers are hidden: it may have a table */
export async function readRouter(
  session: Session,
  router: string | undefined,
  budget: Budget,
): Promise<RouterView> {
  const nothing = { inUse: new Set<string>(), serving: {}, isSteady: false, proven: {}, moved: {} };
  if (router === undefined) return nothing;
  try {
    const place = await newestIncarnation(session, router, budget);
    if (!place || place.retired || place.unsent) return nothing;
    const state = await traffic(session, { name: router, ...place }, budget);
    const { table, proven } = state;
    return {
      inUse: new Set([...idsIn(table), ...idsIn(proven)]),
      serving: Object.fromEntries(
        Object.entries(table?.services ?? {}).map(([name, service]) => [name, servingIds(service)]),
      ),
      isSteady: table?.mode === "steady",
      proven: sharesIn(proven),
      moved: movedIn(state),
    };
  } catch (error) {
    // A coordinator of an earlier version without a router: it never had a table.
    if (error instanceof FleetError && error.code === "UNKNOWN_ACTION") return nothing;
    throw error;
  }
}

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

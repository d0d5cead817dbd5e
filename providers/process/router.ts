import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { idsIn, servingIds } from "../../src/delivery/table.ts";
import type { Table } from "../../src/delivery/wire.ts";
import { newestIncarnation } from "../../src/fleet/members/members.ts";
import { traffic } from "../../src/fleet/protocol/traffic.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** What the fleet's router says of who has traffic. */
export interface RouterWord {
  /** Every process that a table in force, or the one it would return to, names. */
  readonly inUse: ReadonlySet<string>;
  /** Service → every process whose answers its callers get by the table in force. */
  readonly serving: Readonly<Record<string, readonly string[]>>;
  /** Whether that table is there for good: no rollout is under way or waits. */
  readonly isSteady: boolean;
  /** Service → the revisions that have its traffic by the last proven table, the one with most first. */
  readonly proven: Readonly<
    Record<string, readonly { readonly processId: string; readonly sourceHash: string }[]>
  >;
}

/** Asks the router. Before there is one, or a table in it, nothing is in use; when it does not answer, nobody knows. */
export async function routerWord(
  session: Session,
  router: string | undefined,
  budget: Budget,
): Promise<RouterWord | undefined> {
  const nothing = { inUse: new Set<string>(), serving: {}, isSteady: false, proven: {} };
  if (router === undefined) return nothing;
  try {
    const place = await newestIncarnation(session, router, budget);
    if (!place || place.retired || place.unsent) return nothing;
    const { table, proven } = await traffic(session, { name: router, ...place }, budget);
    return {
      inUse: new Set([...idsIn(table), ...idsIn(proven)]),
      serving: Object.fromEntries(
        Object.entries(table?.services ?? {}).map(([name, service]) => [name, servingIds(service)]),
      ),
      isSteady: table?.mode === "steady",
      proven: sharesIn(proven),
    };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    // A coordinator from before there was a router: nothing was ever given by it.
    return error.code === "UNKNOWN_ACTION" || error.code === "NO_REPLY" ? nothing : undefined;
  }
}

function sharesIn(table: Table | undefined): RouterWord["proven"] {
  const entries = Object.entries(table?.services ?? {}).map(([name, { routes }]) => {
    const used = routes.filter(({ weightBp }) => weightBp > 0).sort((a, b) => b.weightBp - a.weightBp);
    return [name, used.map(({ processId, revision }) => ({ processId, sourceHash: revision }))] as const;
  });
  return Object.fromEntries(entries);
}

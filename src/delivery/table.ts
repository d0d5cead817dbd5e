import { ALL_TRAFFIC_BP } from "./strategy.ts";
import type { Route, ServiceRoutes, Table, TableRef, TrafficState } from "./wire.ts";

/** A service's revisions: the new one, and the one that it replaces. */
export interface Revisions {
  readonly green: Pick<Route, "processId" | "revision">;
  readonly blue?: Pick<Route, "processId" | "revision"> | undefined;
}

/** Whether traffic has to shift at all. */
export const needsShift = ({ green, blue }: Revisions): boolean =>
  blue !== undefined && blue.processId !== green.processId;

/** Routes that give green its share. Green is first: it has the lowest buckets and keeps them while its share grows. Pure. */
export function routesAt({ green, blue }: Revisions, weightBp: number): Route[] {
  const own = { processId: green.processId, revision: green.revision };
  if (!blue || blue.processId === green.processId) return [{ ...own, weightBp: ALL_TRAFFIC_BP }];
  return [
    { ...own, weightBp },
    { processId: blue.processId, revision: blue.revision, weightBp: ALL_TRAFFIC_BP - weightBp },
  ];
}

/** The table's release and step as text. */
export const tableName = ({ release, step }: TableRef): string =>
  `release ${release.slice(0, 12)}, step ${step}`;

/** Whether two tables have the same release and step. */
export const isSameTable = (a: TableRef | undefined, b: TableRef | undefined): boolean =>
  a?.release === b?.release && a?.step === b?.step;

export interface OpenRevert {
  /** The table that it returned to. */
  readonly table: Table;
  readonly reverted: NonNullable<TrafficState["reverted"]>;
}

/** What the router reverted, while no run has reported that the state is back as well. Pure. */
export function openRevert({
  table,
  reverted,
}: Pick<TrafficState, "table" | "reverted">): OpenRevert | undefined {
  if (table?.mode !== "steady" || reverted === undefined || reverted.at <= table.at) return undefined;
  return reverted.returned === true ? undefined : { table, reverted };
}

/** The process with most of a service's traffic; the first one if tied. */
export const heaviest = ({ routes }: Pick<ServiceRoutes, "routes">): string =>
  routes.reduce((best, route) => (route.weightBp > best.weightBp ? route : best)).processId;

/** The processes that answer callers of a service: those with a share, and the testers'. Pure. */
export const servingIds = ({ routes, testers }: Pick<ServiceRoutes, "routes" | "testers">): string[] => {
  const shares = routes.filter(({ weightBp }) => weightBp > 0).map(({ processId }) => processId);
  return [...new Set([...shares, ...(testers ? [testers.processId] : [])])];
};

/** Every process that a table can send a request to. Pure. */
export const idsIn = (table: Pick<Table, "services"> | undefined): string[] =>
  Object.values(table?.services ?? {}).flatMap((service) => [
    ...servingIds(service),
    ...(service.mirror === undefined ? [] : [service.mirror]),
  ]);

/** Service → process with most of its traffic. */
export const activeOf = (table: Pick<Table, "services"> | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(table?.services ?? {}).map(([name, service]) => [name, heaviest(service)]),
  );

/** Shares as text for people: `battle 5 % green 1a2b3c4d, 95 % 9f8e7d6c`. Pure. */
export function weightsText(table: Pick<Table, "services"> | undefined): string {
  const services = Object.entries(table?.services ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (services.length === 0) return "no table";
  return services
    .map(([name, { routes }]) => {
      const shares = routes
        .filter(({ weightBp }) => weightBp > 0)
        .map(
          ({ processId, weightBp }) => `${Number((weightBp / 100).toFixed(2))} % ${processId.slice(0, 8)}`,
        );
      return `${name} ${shares.join(" + ")}`;
    })
    .join(", ");
}

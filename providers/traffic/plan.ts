/** The routing of a release's services, step by step. Pure, except for a new salt. */
import { randomBytes } from "node:crypto";
import { canonicalJson } from "../../src/core/hash.ts";
import {
  ALL_TRAFFIC_BP,
  needsShift,
  type Revisions,
  routesAt,
  type Step,
  stepsOf,
} from "../../src/delivery/index.ts";
import type { ServiceRoutes, SetTraffic, Table, TrafficState } from "../../src/delivery/wire.ts";
import type { TrafficInputs, TrafficService } from "./schema.ts";

/** The inputs that define where traffic goes, with the salt of the rollout. */
export type Wanted = Pick<TrafficInputs, "release" | "salt" | "services" | "strategy">;

type Services = SetTraffic["services"];

const revisionsOf = ({ green, blue }: TrafficService): Revisions => ({
  green: { processId: green.processId, revision: green.sourceHash },
  blue: blue && { processId: blue.processId, revision: blue.sourceHash },
});

const saltOf = ({ salt, release }: Wanted): string => salt ?? release;

/** Services whose traffic has to move, by name. */
export const servicesToMove = ({ services }: Pick<Wanted, "services">): string[] =>
  Object.keys(services)
    .filter((name) => needsShift(revisionsOf(services[name] as TrafficService)))
    .sort();

/** The routes of all services with green at a share; with `mirror`, green also gets copies. */
export function servicesAt(
  { services }: Pick<Wanted, "services">,
  { weightBp, mirror = false }: { readonly weightBp: number; readonly mirror?: boolean },
): Services {
  return Object.fromEntries(
    Object.entries(services).map(([name, service]): [string, ServiceRoutes] => {
      const { testers, green, key, faultWhen, routed } = service;
      const routes = routesAt(revisionsOf(service), weightBp);
      const tested = testers &&
        needsShift(revisionsOf(service)) && { ...testers, processId: green.processId };
      const copied = mirror && needsShift(revisionsOf(service)) && { mirror: green.processId };
      const said = { ...(faultWhen && { faultWhen }), ...(routed && { actions: routed }) };
      return [name, { key, routes, ...(tested && { testers: tested }), ...copied, ...said }];
    }),
  );
}

/** The routes before anything moves: all traffic to blue. */
export const baseOf = (wanted: Wanted): Services => servicesAt(wanted, { weightBp: 0 });

/** The steps of the rollout, without those whose share green already has, as after a steady split. */
export function remainingSteps(wanted: Wanted, proven: Table | undefined): Step[] {
  const steps = stepsOf(wanted.strategy);
  const held = servicesToMove(wanted).map((name) => {
    const green = wanted.services[name]?.green.processId;
    return proven?.services[name]?.routes.find(({ processId }) => processId === green)?.weightBp ?? 0;
  });
  const least = held.length === 0 ? 0 : Math.min(...held);
  // Green's callers keep the share that was steady before.
  const rest = steps.filter(({ weightBp }) => weightBp >= least);
  return rest.length > 0 ? rest : steps.slice(-1);
}

/** The routes at the end of the rollout. */
export function finalOf(wanted: Wanted): Services {
  return servicesAt(wanted, { weightBp: stepsOf(wanted.strategy).at(-1)?.weightBp ?? ALL_TRAFFIC_BP });
}

/** The message that sets a table, without its lease. */
export const messageOf = (wanted: Wanted, step: number, services: Services): SetTraffic => ({
  release: wanted.release,
  step,
  salt: saltOf(wanted),
  services,
});

/** Whether a table distributes requests like these services. Routes without a share are ignored. */
export const hasSameShares = (
  table: Pick<Table, "services"> | null | undefined,
  services: Services,
): boolean => table !== null && table !== undefined && spread(table.services) === spread(services);

export const newSalt = (): string => randomBytes(16).toString("hex");

/**
 * What is wanted, with the salt of its rollout: that of the table that it continues or that stays as it is, else a new one. So nobody can know
 * before a rollout whom it gives green, and wallets that were chosen for one attempt are spread over both revisions by the next. A router of an
 * earlier version does not record the salt of what it reverts: there it is the release.
 */
export function withSalt(
  wanted: Wanted,
  { table, holdCodes }: Pick<TrafficState, "table" | "holdCodes">,
  random = newSalt,
): Wanted {
  if (wanted.salt !== undefined) return wanted;
  const isKept =
    table?.mode === "steady"
      ? hasSameShares(table, finalOf(wanted)) || continuesSplit(wanted, table)
      : table?.release === wanted.release;
  if (table && isKept) return { ...wanted, salt: table.salt };
  return holdCodes === undefined ? wanted : { ...wanted, salt: random() };
}

/** Whether another salt would take green from callers that have it, or look for the state of their keys elsewhere. */
const continuesSplit = (wanted: Wanted, table: Pick<Table, "services">): boolean =>
  servicesToMove(wanted).some((name) => {
    const { green, state } = wanted.services[name] as TrafficService;
    const routes = table.services[name]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
    const isGreens = routes.some(({ processId }) => processId === green.processId);
    return routes.length > 1 && (isGreens || state === "partitioned");
  });

const spread = (services: Services): string =>
  canonicalJson(
    Object.fromEntries(
      Object.entries(services).map(([name, { testers, ...service }]) => {
        const routes = service.routes.filter(({ weightBp }) => weightBp > 0);
        // Testers make no difference if all callers go to the same process.
        const isOwn = routes.some(({ processId }) => processId !== testers?.processId);
        return [name, { ...service, routes, ...(testers && isOwn ? { testers } : {}) }];
      }),
    ),
  );

/**
 * The services with blue as the router knows it: the revision with their traffic in the last proven table. The declared blue was recorded
 * when green was created, and may have been replaced and retired since. Pure.
 */
export function withProvenBlue(
  services: TrafficInputs["services"],
  proven: Pick<Table, "services"> | undefined,
): TrafficInputs["services"] {
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => {
      const used = proven?.services[name]?.routes.filter(({ weightBp }) => weightBp > 0) ?? [];
      const others = used.filter(({ processId }) => processId !== service.green.processId);
      if (used.length === 0 || others.some(({ processId }) => processId === service.blue?.processId))
        return [name, service];
      const { blue: _, ...rest } = service;
      const [most] = others.sort((a, b) => b.weightBp - a.weightBp);
      return [
        name,
        most ? { ...rest, blue: { processId: most.processId, sourceHash: most.revision } } : rest,
      ];
    }),
  );
}

/**
 * Process → code hash of the processes that must prove their health for a release: those with traffic in its last table, and those whose
 * share grows on the way. Old revisions are not asked: the router keeps their proof from their own release, and can return all traffic to
 * them. Pure.
 */
export function targetsFor(
  wanted: Wanted,
  steps: readonly Step[],
  tables: readonly (Table | undefined)[],
): Record<string, string> {
  const least = Math.min(...steps.map(({ weightBp }) => weightBp));
  const onTheWay = servicesAt(wanted, { weightBp: least });
  const shareOf = (routes: ServiceRoutes["routes"] | undefined, id: string) =>
    routes?.find(({ processId }) => processId === id)?.weightBp ?? 0;
  return Object.fromEntries(
    Object.entries(finalOf(wanted)).flatMap(([name, { routes }]) =>
      routes
        .filter(({ processId, weightBp }) => {
          const held = tables.map((table) => shareOf(table?.services[name]?.routes, processId));
          return weightBp > 0 || shareOf(onTheWay[name]?.routes, processId) > Math.max(0, ...held);
        })
        .map(({ processId, revision }) => [processId, revision]),
    ),
  );
}

/** Process → code hash of the processes in a table. */
export function targetsOf(services: Services): Record<string, string> {
  const routes = Object.values(services).flatMap((service) => service.routes);
  return Object.fromEntries(routes.map(({ processId, revision }) => [processId, revision]));
}

/** Which state moves with which traffic. Pure. */
import {
  ALL_TRAFFIC_BP,
  heaviest,
  type KeyRange,
  movedRanges,
  ownedRanges,
} from "../../src/delivery/index.ts";
import type { Table } from "../../src/delivery/wire.ts";
import type { TrafficInputs } from "./schema.ts";

/** The move of one service's state. */
export interface StateMove {
  readonly name: string;
  /** Process that has the state. */
  readonly from: string;
  /** Process that gets it. */
  readonly to: string;
  /** Only the state of callers in this range of keys. @default all of it */
  readonly keys?: KeyRange;
}

/** The process that has a service's state. */
export type StateOwner = Pick<StateMove, "name" | "to" | "keys">;

/**
 * The moves of state between two tables: for every service that keeps state and changes its process. A service that is missing in a table is
 * where the wiring points: at blue. Pure.
 */
export function stateMoves(
  services: TrafficInputs["services"],
  before: TableLike | undefined,
  after: TableLike,
): StateMove[] {
  const had = new Map(stateOwners(services, before).map(({ name, to }) => [name, to]));
  const whole = stateOwners(services, after).flatMap(({ name, to, keys }): StateMove[] => {
    const from = had.get(name);
    return keys !== undefined || from === undefined || from === to ? [] : [{ name, from, to }];
  });
  const byKey = partitioned(services).flatMap(({ name, blue }) =>
    movedRanges(placed(name, blue, before), placed(name, blue, after)).map((moved) => ({ name, ...moved })),
  );
  return [...whole, ...byKey];
}

/** A table's shares, and the salt that assigns callers to them. */
type TableLike = Pick<Table, "services"> & { readonly salt?: string | undefined };

/** The processes that have state by a table, for services with `owned` or `partitioned` state. Pure. */
export function stateOwners(services: TrafficInputs["services"], table: TableLike | undefined): StateOwner[] {
  const whole = Object.entries(services).flatMap(([name, { state, blue }]): StateOwner[] => {
    const routes = table?.services[name];
    const to = routes === undefined ? blue?.processId : heaviest(routes);
    return state !== "owned" || to === undefined ? [] : [{ name, to }];
  });
  const byKey = partitioned(services).flatMap(({ name, blue }) =>
    ownedRanges(placed(name, blue, table)).map(({ processId: to, keys }) => ({ name, to, keys })),
  );
  return [...whole, ...byKey];
}

/**
 * The moves of a switch that did not happen whose old revision serves by the table in force, each with the keys that it serves. The router can
 * have returned to a table with other ranges, or with another salt. Pure.
 */
export function movesUndone(
  services: TrafficInputs["services"],
  table: TableLike | undefined,
  list: readonly StateMove[],
): StateMove[] {
  const owners = stateOwners(services, table);
  return list.flatMap((move): StateMove[] =>
    owners
      .filter(({ name, to }) => name === move.name && to === move.from)
      .flatMap(({ keys }) => {
        if (move.keys === undefined || keys === undefined) return keys === move.keys ? [move] : [];
        // A table without a split has every bucket with any salt.
        if (keys.to - keys.from === ALL_TRAFFIC_BP) return [move];
        const [from, to] = [Math.max(keys.from, move.keys.from), Math.min(keys.to, move.keys.to)];
        return keys.salt === move.keys.salt && from < to ? [{ ...move, keys: { ...keys, from, to } }] : [];
      }),
  );
}

const partitioned = (services: TrafficInputs["services"]) =>
  Object.entries(services).flatMap(([name, { state, blue }]) =>
    state === "partitioned" ? [{ name, blue: blue?.processId }] : [],
  );

/** The routes of a service in a table; without an entry, everything to blue. */
function placed(name: string, blue: string | undefined, table: TableLike | undefined) {
  const routes = table?.services[name]?.routes;
  if (routes !== undefined) return { routes, salt: table?.salt ?? "" };
  return {
    routes: blue === undefined ? [] : [{ processId: blue, weightBp: ALL_TRAFFIC_BP }],
    salt: table?.salt ?? "",
  };
}

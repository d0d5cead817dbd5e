/** Which state follows which traffic. Pure. */
import { heaviest, type KeyRange, movedRanges, ownedRanges, WHOLE } from "../../src/delivery/index.ts";
import type { Table } from "../../src/delivery/wire.ts";
import type { TrafficInputs } from "./schema.ts";

/** One service's state on its way. */
export interface Handing {
  readonly name: string;
  /** Process that has the state. */
  readonly from: string;
  /** Process that gets it. */
  readonly to: string;
  /** Only what these callers have. @default all of it */
  readonly keys?: KeyRange;
}

/** Who has a service's state. */
export type Owner = Pick<Handing, "name" | "to" | "keys">;

/**
 * What has to go from where to where so that a table's state follows its traffic: what owns its state and changes its process. A service
 * that a table does not name is where the wiring says: with blue. Pure.
 */
export function handings(
  services: TrafficInputs["services"],
  before: TableLike | undefined,
  after: TableLike,
): Handing[] {
  const had = new Map(owners(services, before).map(({ name, to }) => [name, to]));
  const whole = owners(services, after).flatMap(({ name, to, keys }): Handing[] => {
    const from = had.get(name);
    return keys !== undefined || from === undefined || from === to ? [] : [{ name, from, to }];
  });
  const byKey = partitioned(services).flatMap(({ name, blue }) =>
    movedRanges(placed(name, blue, before), placed(name, blue, after)).map((moved) => ({ name, ...moved })),
  );
  return [...whole, ...byKey];
}

/** A table's shares, and the salt that says whose they are. */
type TableLike = Pick<Table, "services"> & { readonly salt?: string | undefined };

/** Who has the state of what owns its own or keeps it by key, by a table. Pure. */
export function owners(services: TrafficInputs["services"], table: TableLike | undefined): Owner[] {
  const whole = Object.entries(services).flatMap(([name, { state, blue }]): Owner[] => {
    const routes = table?.services[name];
    const to = routes === undefined ? blue?.processId : heaviest(routes);
    return state !== "owned" || to === undefined ? [] : [{ name, to }];
  });
  const byKey = partitioned(services).flatMap(({ name, blue }) =>
    ownedRanges(placed(name, blue, table)).map(({ processId: to, keys }) => ({ name, to, keys })),
  );
  return [...whole, ...byKey];
}

const partitioned = (services: TrafficInputs["services"]) =>
  Object.entries(services).flatMap(([name, { state, blue }]) =>
    state === "partitioned" ? [{ name, blue: blue?.processId }] : [],
  );

/** Where a service's requests go by a table; without an entry all of them to blue. */
function placed(name: string, blue: string | undefined, table: TableLike | undefined) {
  const routes = table?.services[name]?.routes;
  if (routes !== undefined) return { routes, salt: table?.salt ?? "" };
  return {
    routes: blue === undefined ? [] : [{ processId: blue, weightBp: WHOLE }],
    salt: table?.salt ?? "",
  };
}

import { timeIn } from "../../core/span.ts";
import type { KnownFleet } from "../../fleet/members/member.ts";
import type { Filter } from "./records.ts";

/** A filter in a person's words: members by name, times as spans. */
interface Wanted extends Pick<Filter, "direction" | "status" | "correlation" | "contains"> {
  readonly action?: Filter["actions"];
  readonly from?: string;
  readonly to?: string;
  readonly tag?: Filter["tags"];
  readonly since?: string;
  readonly until?: string;
}

/** The filter of records for what a person wants to see. Pure. */
export function filterOf(wanted: Unset<Wanted>, fleet: KnownFleet, now: number): Filter {
  const idOf = (name: string) => fleet.members.find((member) => member.name === name)?.processId ?? name;
  const { action, from, to, direction, status, correlation, tag, since, until, contains } = wanted;
  const filter = {
    actions: action,
    from: from && idOf(from),
    to: to && idOf(to),
    ...{ direction, status, correlation, tags: tag, contains },
    since: since && timeIn(since, now),
    until: until && timeIn(until, now),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Filter;
}

/** The same type, whose fields may also be undefined. */
type Unset<T> = { readonly [K in keyof T]: T[K] | undefined };

import type { SQLInputValue } from "node:sqlite";
import type { ItemQuery } from "./store.ts";

/** The WHERE clause of an item query over the table `items`. */
export function itemFilter(query: Omit<ItemQuery, "limit">): { where: string; values: SQLInputValue[] } {
  const clauses: string[] = [];
  const values: SQLInputValue[] = [];
  const add = (clause: string, ...more: SQLInputValue[]) => {
    clauses.push(clause);
    values.push(...more);
  };
  const oneOf = (list: readonly string[]) => `(${list.map(() => "?").join(",")})`;

  if (query.ids) add(`id IN ${oneOf(query.ids)}`, ...query.ids);
  if (query.owners) add(`owner IN ${oneOf(query.owners)}`, ...query.owners);
  if (query.recipients) add(`recipient IN ${oneOf(query.recipients)}`, ...query.recipients);
  for (const { name, values: wanted, not } of query.tags ?? []) {
    add(
      `seq ${not ? "NOT IN" : "IN"} (SELECT seq FROM item_tags WHERE name = ? AND value IN ${oneOf(wanted)})`,
      name,
      ...wanted,
    );
  }
  if (query.minHeight !== undefined) add("height >= ?", query.minHeight);
  if (query.maxHeight !== undefined) add("height <= ?", query.maxHeight);
  if (query.until !== undefined) add("timestamp <= ?", query.until);
  if (query.after !== undefined) add(query.ascending ? "seq > ?" : "seq < ?", Number(query.after) || 0);
  return { where: clauses.length === 0 ? "" : `WHERE ${clauses.join(" AND ")}`, values };
}

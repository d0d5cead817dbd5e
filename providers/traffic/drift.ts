/** Differences that a refresh finds between the router's table and the last run's: as data, and as sentences. Pure. */
import { tableName, weightsText } from "../../src/delivery/index.ts";
import type { Table } from "../../src/delivery/wire.ts";
import type { SentenceOnly } from "../run/drift-facts.ts";

/** A table's identity and shares. */
export type Shares = Pick<Table, "release" | "step" | "services">;

/**
 * - `UNANSWERED`: the router does not answer
 * - `UNREADABLE`: the router refuses to show its traffic table to this wallet
 * - `NO_TABLE`: the router no longer has a table
 * - `OTHER_TABLE`: the router has another table than the last run left, or one although the last run left none
 */
export type TrafficDrift =
  | SentenceOnly
  | { readonly code: "UNANSWERED" | "NO_TABLE" }
  | { readonly code: "UNREADABLE"; readonly router: string }
  | { readonly code: "OTHER_TABLE"; readonly is: Shares; readonly was: Shares | null };

export function driftText(finding: TrafficDrift): string {
  switch (finding.code) {
    case "UNKNOWN":
      return finding.text;
    case "UNANSWERED":
      return "the router does not answer";
    case "UNREADABLE":
      return `${finding.router} refuses to show its traffic table to this wallet`;
    case "NO_TABLE":
      return "the router has no table";
    case "OTHER_TABLE": {
      const { is, was } = finding;
      if (was === null) return `the router has the table of ${tableName(is)}`;
      return `${weightsText(is)} (${tableName(is)}) instead of ${weightsText(was)} (${tableName(was)})`;
    }
  }
}

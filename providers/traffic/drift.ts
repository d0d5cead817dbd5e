/** What a refresh finds otherwise than the last run left the traffic: as data, and in words. Pure. */
import { tableName, weightsText } from "../../src/delivery/index.ts";
import type { Table } from "../../src/delivery/wire.ts";
import type { SentenceOnly } from "../run/drift.ts";

/** Which table, and the shares in it. */
export type Shares = Pick<Table, "release" | "step" | "services">;

/**
 * - `UNANSWERED`: the router does not answer
 * - `UNTOLD`: the router does not tell this wallet its traffic
 * - `NO_TABLE`: the router has no table any more
 * - `OTHER_TABLE`: the router has another table than the last run left, or one where that left none
 */
export type TrafficDrift =
  | SentenceOnly
  | { readonly code: "UNANSWERED" | "NO_TABLE" }
  | { readonly code: "UNTOLD"; readonly router: string }
  | { readonly code: "OTHER_TABLE"; readonly is: Shares; readonly was: Shares | null };

export function driftText(finding: TrafficDrift): string {
  switch (finding.code) {
    case "UNKNOWN":
      return finding.text;
    case "UNANSWERED":
      return "the router does not answer";
    case "UNTOLD":
      return `${finding.router} does not tell this wallet its traffic`;
    case "NO_TABLE":
      return "the router has no table";
    case "OTHER_TABLE": {
      const { is, was } = finding;
      if (was === null) return `the router has the table of ${tableName(is)}`;
      return `${weightsText(is)} (${tableName(is)}) instead of ${weightsText(was)} (${tableName(was)})`;
    }
  }
}

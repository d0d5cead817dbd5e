/** Differences that a refresh finds in a wiring, and changes of its declaration: as data, and as sentences. Pure. */
import type { SentenceOnly } from "../run/drift-facts.ts";

/**
 * A difference between two tables of peers, or between two lists of who may change a process:
 *
 * - `PEER_ADDED`, `PEER_REMOVED`: a name in the table
 * - `PEER_REPLACED`: a peer has another process id
 * - `PEER_LIBRARY`: whether a peer has the fleet's library
 * - `ROUTER`: which peer carries the router
 * - `ALLOWED`, `NOT_ALLOWED`: who may change the process
 */
export type WiringChange =
  | { readonly code: "PEER_ADDED" | "PEER_REMOVED" | "PEER_REPLACED"; readonly peer: string }
  | { readonly code: "PEER_LIBRARY"; readonly peer: string; readonly hasLibrary: boolean }
  /** @default router none of the peers */
  | { readonly code: "ROUTER"; readonly router?: string }
  /** `who`: the declared name, otherwise the address or process id. */
  | { readonly code: "ALLOWED" | "NOT_ALLOWED"; readonly who: string };

/**
 * - `UNPROVED`: the last wiring was not verified
 * - `UNANSWERED`: the target does not answer
 */
export type WiringDrift =
  | SentenceOnly
  | { readonly code: "UNPROVED" }
  | { readonly code: "UNANSWERED"; readonly target: string }
  | WiringChange;

export function changeText(change: WiringChange): string {
  switch (change.code) {
    case "PEER_ADDED":
      return `peer ${change.peer} joins`;
    case "PEER_REMOVED":
      return `peer ${change.peer} leaves`;
    case "PEER_REPLACED":
      return `peer ${change.peer} has another process id`;
    case "PEER_LIBRARY":
      return `peer ${change.peer} has ${change.hasLibrary ? "the" : "no"} library`;
    case "ROUTER":
      return `the router is ${change.router ?? "none of the peers"}`;
    case "ALLOWED":
      return `${change.who} may change it`;
    case "NOT_ALLOWED":
      return `${change.who} may no longer change it`;
  }
}

export function driftText(finding: WiringDrift): string {
  switch (finding.code) {
    case "UNKNOWN":
      return finding.text;
    case "UNPROVED":
      return "the last wiring was not verified";
    case "UNANSWERED":
      return `${finding.target} does not answer`;
    default:
      return changeText(finding);
  }
}

import type { Intent } from "../../ao/journal/index.ts";
import type { LedgerRun } from "../rollback/ledger.ts";

/** What an audit says. `problem`: two records contradict each other; `note`: something that a person should know. */
export interface AuditFinding {
  readonly level: "ok" | "note" | "problem";
  /** Stable, upper snake. */
  readonly code: string;
  /** Member that it is about, or `fleet`. */
  readonly about: string;
  readonly what: string;
}

/** A message in the order of a process. */
export interface Seen {
  readonly messageId: string;
  readonly action: string;
  readonly from: string;
  readonly slot: number;
  /** Whether it is an Eval whose whole text is the health check of a member without the library: it reads code and changes nothing. */
  readonly isHealthCheck?: boolean;
}

/** An entry of a process' own audit. */
interface OwnEntry {
  readonly at: number;
  readonly from: string;
  readonly action: string;
  readonly outcome: string;
  readonly code?: string | undefined;
  readonly count: number;
}

export interface Member {
  readonly name: string;
  readonly processId: string;
  /** The newest messages; undefined when they could not be read. */
  readonly messages?: readonly Seen[];
  /** Its own audit; undefined when it could not be read. */
  readonly entries?: readonly OwnEntry[];
  /** Who may change it beside its owner. */
  readonly allowed?: readonly string[];
  /** Of a further revision that has a part of a member's traffic: that member. */
  readonly of?: string;
}

/** Everything that is known of who did what, from four sides. */
export interface Sources {
  /** Address of the stack's wallet. */
  readonly owner: string;
  /** Runs as the ledger has them; undefined where the fleet has no ledger. */
  readonly runs?: readonly LedgerRun[];
  /** Process ids that are registered in the ledger. */
  readonly registered?: readonly string[];
  /** Process ids that a run found ruined and replaced, as the ledger has them. */
  readonly ruined?: readonly string[];
  /** What this machine signed: the deployments' journal and the command line's. */
  readonly journal: readonly Intent[];
  /** Releases that are kept on this machine. */
  readonly releases: readonly { readonly deploymentId: string; readonly releaseHash: string }[];
  readonly members: readonly Member[];
  /** Process ids that a table of the router names. @default none */
  readonly routed?: readonly string[];
  /** Now, milliseconds since 1970. */
  readonly now: number;
}

/** A finding. */
export const say = (
  level: AuditFinding["level"],
  code: string,
  about: string,
  what: string,
): AuditFinding => ({
  level,
  code,
  about,
  what,
});

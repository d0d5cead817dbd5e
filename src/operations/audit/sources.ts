import type { Intent } from "../../ao/journal/index.ts";
import type { LedgerRun } from "../rollback/ledger.ts";

/** One result of an audit. `problem`: two records contradict each other; `note`: something that a person should know. */
export interface AuditFinding {
  readonly level: "ok" | "note" | "problem";
  /** Stable, upper snake. */
  readonly code: string;
  /** The member, or `fleet`. */
  readonly about: string;
  readonly what: string;
}

/** A scheduled message of a process. */
export interface AuditedMessage {
  readonly messageId: string;
  readonly action: string;
  readonly from: string;
  /** The other sender that it names, without proof: as in `Scheduled`. */
  readonly claims?: string;
  /** The process that it was sent to, if it was only assigned to this one: as in `Scheduled`. */
  readonly sentTo?: string;
  readonly slot: number;
  /** Whether it is the health check of a member without the library: an Eval that only reads. */
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

/** What an audit knows of one process. */
export interface Member {
  readonly name: string;
  readonly processId: string;
  /** The newest messages; undefined if they could not be read. */
  readonly messages?: readonly AuditedMessage[];
  /** Its own audit; undefined if it could not be read, or if it keeps none. */
  readonly entries?: readonly OwnEntry[];
  /** Why something could not be read; the other is known. */
  readonly unread?: { readonly order?: string; readonly audit?: string };
  /** Refused messages of senders outside the fleet, of which `entries` are a sample; undefined with earlier libraries. */
  readonly strangersRefused?: number;
  /** Who may change it in addition to its owner. */
  readonly allowed?: readonly string[];
  /** For a further revision that has part of a member's traffic, that member. */
  readonly of?: string;
}

/** Everything that an audit compares. */
export interface Sources {
  /** Address of the stack's wallet. */
  readonly owner: string;
  /** Runs in the ledger; undefined if the fleet has no ledger. */
  readonly runs?: readonly LedgerRun[];
  /** Ids of processes registered in the ledger. */
  readonly registered?: readonly string[];
  /** Ids of processes that a run found beyond repair and replaced, from the ledger. */
  readonly ruined?: readonly string[];
  /** What this machine signed: the journals of deployments and of the command line. */
  readonly journal: readonly Intent[];
  /** Releases on this machine. */
  readonly releases: readonly { readonly deploymentId: string; readonly releaseHash: string }[];
  readonly members: readonly Member[];
  /** Ids of processes in the router's table. @default none */
  readonly routed?: readonly string[];
  /**
   * Ids of processes that the stack's state holds: earlier revisions that stay warm, and new ones without traffic. Undefined if the state was not
   * read.
   */
  readonly held?: readonly string[];
  /** Present time, milliseconds since 1970. */
  readonly now: number;
}

/** Creates a finding. */
export const auditFinding = (
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

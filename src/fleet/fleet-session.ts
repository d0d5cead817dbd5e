import type { NetworkRef } from "../ao/network.ts";
import type { KnownFleet } from "./members/member.ts";
import type { Session } from "./session/session.ts";

/** A command's hold on the fleet of one stack: who its members are, and the network in the name of the stack's wallet. */
export interface FleetSession extends KnownFleet {
  readonly project: string;
  readonly stack: string;
  /** For the providers' functions: `ask`, `probe`. */
  readonly session: Session;
  close(): Promise<void>;
}

export interface OpenOptions {
  /**
   * `keep`: what is signed goes into `.fleet/journal/cli.jsonl`, which no deployment locks. `discard`: it is forgotten with
   * the session, for messages without effect; such sessions do not wait for each other.
   */
  readonly journal: "keep" | "discard";
  /** False for reads: a stack without a wallet can be looked at. @default true */
  readonly wallet?: boolean;
  /** Where the fleet lives, when the program was asked. @default as the stack's config says */
  readonly network?: NetworkRef;
  /** False where every call counts: members are what the last deployment left, and the caller asks the router itself. @default true */
  readonly asksRouter?: boolean;
  readonly note: (line: string) => void;
}

import type { NetworkRef } from "../ao/network.ts";
import type { KnownFleet } from "./members/member.ts";
import type { Session } from "./session/session.ts";

/** A command's access to the fleet of one stack: its members, and the network with the stack's wallet. */
export interface FleetSession extends KnownFleet {
  readonly project: string;
  readonly stack: string;
  /** Reads the members' revisions from the stack's state. It starts pulumi. */
  readonly readRevisions?: () => Promise<KnownFleet["revisions"]>;
  /** For functions that take a session, such as `ask` and `probe`. */
  readonly session: Session;
  close(): Promise<void>;
}

export interface OpenOptions {
  /**
   * `keep`: signed messages are recorded in `.fleet/journal/cli.jsonl`, which no deployment locks. `ticks`: in a file of the stack's monitor,
   * which is open as long as the monitor runs. `discard`: the journal is deleted with the session, for messages without side effects; such
   * sessions do not wait for each other.
   */
  readonly journal: "keep" | "ticks" | "discard";
  /** False for reads, which also work for a stack without a wallet. @default true */
  readonly wallet?: boolean;
  /** The fleet's network, if the program was evaluated. @default from the stack's config */
  readonly network?: NetworkRef;
  /**
   * Whether the router is asked for the serving processes; if false, members are those of the last deployment, which saves calls. `signed`: by
   * a signed message, and the fleet is not opened without its answer. @default true
   */
  readonly asksRouter?: boolean | "signed";
  readonly note: (line: string) => void;
}

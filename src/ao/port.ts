import type { Budget } from "../core/budget.ts";

/**
 * The port to an AO network. Everything above it (providers, cli) speaks only this; one adapter per protocol stands behind it.
 * Nothing legacy-only leaks through unnamed: `probe`-style reads go by signed messages, `dryrun` is for display only.
 */
export interface Ao {
  /** The wallet's address: base64url sha256 of its public modulus. */
  readonly address: string;

  /**
   * Makes a process, once per intent key: the spawn is signed, journaled, then sent; a second call with the same key sends
   * the same bytes again and returns the same id. Returns when the unit accepted it, not when it can be used: see `awaitReady`.
   */
  spawn(input: SpawnInput, budget: Budget): Promise<Sent>;

  /** Sends a message, once per intent key, as `spawn` does. One that is too large for the unit goes by the upload. */
  send(input: MessageInput, budget: Budget): Promise<Sent>;

  /**
   * Puts a data item where the gateway finds it, once per intent key, as `spawn` does. Returns when it was taken, not when
   * the index shows it.
   *
   * @throws FleetError `NO_UPLOAD` where the network takes none
   */
  publish(input: PublishInput, budget: Budget): Promise<Sent>;

  /** Waits until the message was really evaluated and returns what came of it. An empty Eval output means "not yet". */
  evaluation(
    ref: { processId: string; messageId: string; expectOutput?: boolean },
    budget: Budget,
  ): Promise<Evaluation>;

  /**
   * Whether a message has its place in the order of its process, so that its result will come. Waits while nobody can say.
   *
   * @returns false only when the unit that gives the places said that it does not know it
   */
  isPlaced(ref: { processId: string; messageId: string }, budget: Budget): Promise<boolean>;

  /**
   * Waits until the network shows a new process: its boot was evaluated. The first message may be sent earlier, but its
   * result cannot be read earlier.
   */
  awaitReady(processId: string, budget: Budget): Promise<void>;

  /**
   * Asks the messenger unit to drive a process' crons (its `Cron-Interval` tags), or to stop it. Asked twice it is done once. A unit
   * keeps that to itself: it cannot be read back.
   *
   * @returns false where the unit offers no such thing
   */
  monitor(input: { processId: string; on: boolean }, budget: Budget): Promise<boolean>;

  /** Marks the intent as done: its effect was read back, so the same key may never be reused for a resend. */
  settle(intent: string): Promise<void>;

  /** A read without effect. Cached, rate limited and unauthenticated on real units: for display, never for a verdict. */
  dryrun(input: { processId: string; tags: Tags; data?: string }, budget: Budget): Promise<Evaluation>;

  /**
   * Evaluated messages of a process, oldest first; `cursor` goes on after an earlier page, whose `next` it is. A page without
   * `next` has no entries: only it says that there are no more.
   */
  results(
    input: { processId: string; cursor?: string; limit?: number; newestFirst?: boolean },
    budget: Budget,
  ): Promise<{ items: (Evaluation & { cursor: string })[]; next?: string }>;

  /** The newest slot of a process: 0 where it has got no message yet; undefined when the network does not know it. */
  latest(processId: string, budget: Budget): Promise<number | undefined>;

  /** Messages of a process from one slot to another, both included, oldest first. Slot 0 is the process itself. */
  range(input: { processId: string; from: number; to: number }, budget: Budget): Promise<Scheduled[]>;

  /** Data items the gateway knows, newest first. Indexes lag: never a proof of absence. */
  find(
    query: {
      tags?: Record<string, string | string[]>;
      owners?: string[];
      ids?: string[];
      recipients?: string[];
      limit?: number;
    },
    budget: Budget,
  ): Promise<FoundItem[]>;

  /** The data of a transaction or data item, as the gateway serves it. */
  data(id: string, budget: Budget): Promise<Uint8Array>;

  /** Pre-flight: every unit answers and is what it should be; throws one FleetError with all problems. */
  preflight(input: { module?: string }, budget: Budget): Promise<void>;
}

/** Tag names to values, in the order given. */
export type Tags = Readonly<Record<string, string>>;

export interface SpawnInput {
  /** `project/stack/process/generation/spawn/hash/epoch/n`: names one effect. */
  readonly intent: string;
  readonly module: string;
  readonly scheduler: string;
  readonly authority: string;
  readonly tags: Tags;
  readonly data?: string;
}

export interface MessageInput {
  readonly intent: string;
  readonly processId: string;
  readonly tags: Tags;
  readonly data?: string;
}

export interface PublishInput {
  readonly intent: string;
  readonly tags: Tags;
  readonly data: Uint8Array;
}

export interface Sent {
  /** The data item's id: the process' id for a spawn. */
  readonly id: string;
  /** True when the bytes had been signed by an earlier call. */
  readonly resent: boolean;
}

export interface Evaluation {
  readonly messageId: string;
  /** The text output, colours removed; "" when there is none. */
  readonly output: string;
  /** The outbox. */
  readonly messages: readonly OutMessage[];
  readonly spawns: readonly OutMessage[];
  /** The Lua error, colours removed, wrappers kept. The memory is the earlier one then. */
  readonly error?: string;
  readonly gasUsed?: number;
}

/** One message of a process, at its place in the order. */
export interface Scheduled {
  /** Its slot: 0 is the process itself. */
  readonly slot: number;
  readonly messageId: string;
  /** Where the message was uploaded and then assigned: the assignment, under which real compute units keep the result. */
  readonly assignmentId?: string;
  /** Scheduler's time, milliseconds; 0 when it says none. */
  readonly timestamp: number;
  /** The process that pushed it, or the address that signed it. */
  readonly from: string;
  readonly action: string;
  readonly tags: Tags;
  readonly data: string;
}

export interface OutMessage {
  readonly target: string;
  readonly tags: Tags;
  readonly data: string;
  readonly anchor?: string;
}

export interface FoundItem {
  readonly id: string;
  readonly owner: string;
  readonly recipient: string;
  readonly tags: Tags;
  readonly block?: { height: number; timestamp: number };
}

/** Where a fleet lives, resolved: all that an adapter needs. */
export interface NetworkEndpoints {
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  readonly muUrl: string;
  readonly cuUrl: string;
  readonly scheduler: string;
  /** The unit of that scheduler. Default: what its `Scheduler-Location` on the gateway says. */
  readonly suUrl?: string;
  /** Who may push messages between processes: the MU's address. */
  readonly authority: string;
  /** Takes data items of any size; where there is none, nothing can be uploaded. */
  readonly uploadUrl?: string;
  /** Largest message in bytes that the MU takes. Default 10,000,000. */
  readonly maxMessageBytes?: number;
}

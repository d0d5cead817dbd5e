import type { Budget } from "../core/budget.ts";

/**
 * The port to an AO network. Everything above it (providers, operations) uses only this interface; each protocol has one adapter
 * behind it. Verdicts are read with signed messages; `dryrun` is for display only.
 */
export interface Ao {
  /** The wallet's address: base64url sha256 of its public modulus. */
  readonly address: string;

  /**
   * Spawns a process, once per intent key: the spawn is signed, journaled, then sent; a second call with the same key sends
   * the same bytes again and returns the same id. Returns when the unit has accepted it, not when it is usable: see `awaitReady`.
   */
  spawn(input: SpawnInput, budget: Budget): Promise<Sent>;

  /** Sends a message, once per intent key, as `spawn` does. A message that is too large for the unit is uploaded. */
  send(input: MessageInput, budget: Budget): Promise<Sent>;

  /**
   * Sends a message that an earlier call signed and that is still open in the journal, as `send` does: the same bytes, and only if the
   * network does not have them.
   */
  resend(messageId: string, budget: Budget): Promise<Sent>;

  /**
   * Publishes a data item for the gateway, once per intent key, as `spawn` does. Returns when it was accepted, not when
   * the index shows it.
   *
   * @throws FleetError `NO_UPLOAD` if the network has no upload service
   */
  publish(input: PublishInput, budget: Budget): Promise<Sent>;

  /**
   * Waits until the message has been evaluated and returns its result. An empty Eval output means "not yet".
   *
   * `slot`: whose result is wanted, where the same item may have several. @default its first one
   */
  evaluation(
    ref: { processId: string; messageId: string; expectOutput?: boolean; slot?: number },
    budget: Budget,
  ): Promise<Evaluation>;

  /**
   * Whether a message has a slot in its process' order, so that its result will follow. Waits while no unit can tell.
   *
   * @returns false only if the scheduler unit reports that it does not have the message
   */
  isPlaced(ref: { processId: string; messageId: string }, budget: Budget): Promise<boolean>;

  /**
   * Waits until the boot of a new process has been evaluated. The first message can be sent earlier, but its
   * result cannot be read earlier.
   */
  awaitReady(processId: string, budget: Budget): Promise<void>;

  /**
   * Asks the messenger unit to drive a process' crons (its `Cron-Interval` tags), or to stop. Idempotent. The unit does not report
   * the state, so it cannot be read back.
   *
   * @returns false if the unit does not support it
   */
  monitor(input: { processId: string; on: boolean }, budget: Budget): Promise<boolean>;

  /** Marks the intent as done: its effect was read back, so the same key is never used for a resend. */
  settle(intent: string): Promise<void>;

  /** Whether the network says, of each message that it pushes, which message the chain began with (`Scheduled.pushedFor`). */
  readonly chains: boolean;

  /** In whose name the network evaluates dry runs. A stranger's Eval is not run, so it proves nothing about the owner. */
  readonly dryRunner: "wallet" | "stranger";

  /**
   * A read without side effects. Cached, rate limited and unauthenticated on real units: never for a verdict, except that a difference
   * between two processes that were asked alike spares one of them a bad verdict.
   *
   * `from`: in whose name, where dry runs have any (`dryRunner: "wallet"`); ignored elsewhere. @default the wallet's address
   */
  dryrun(
    input: { processId: string; tags: Tags; data?: string; from?: string },
    budget: Budget,
  ): Promise<Evaluation>;

  /**
   * A value of the state that a process publishes and the network serves over HTTP: read without a message, so unauthenticated as a dry run
   * is. For display, never for a verdict. Absent on networks that serve no state.
   *
   * @returns undefined if nothing is published there, or the network has no usable answer: the caller then reads by a message
   */
  published?(input: PublishedInput, budget: Budget): Promise<PublishedValue | undefined>;

  /**
   * Evaluated messages of a process, oldest first; `cursor` is the `next` of an earlier page and continues after it. Only an empty
   * page, without `next`, means that there are no more.
   */
  results(
    input: { processId: string; cursor?: string; limit?: number; newestFirst?: boolean },
    budget: Budget,
  ): Promise<{ items: (Evaluation & { cursor: string })[]; next?: string }>;

  /**
   * Whether a process may exist.
   *
   * @returns false only if the network keeps every process itself and has none with this id: only the embedded one can tell
   */
  exists(processId: string, budget: Budget): Promise<boolean>;

  /** The newest slot of a process: 0 if it has received no message yet; undefined if the network does not know it. */
  latest(processId: string, budget: Budget): Promise<number | undefined>;

  /** Messages of a process from one slot to another, both included, oldest first. Slot 0 is the process itself. */
  range(input: { processId: string; from: number; to: number }, budget: Budget): Promise<Scheduled[]>;

  /** Data items that the gateway knows, newest first. Indexes lag: an empty result never proves absence. */
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
}

/** Tag names to values, in the order given. */
export type Tags = Readonly<Record<string, string>>;

export interface SpawnInput {
  /** `project/stack/process/generation/spawn/hash/epoch/n`: names one effect. */
  readonly intent: string;
  readonly module: string;
  /** Address of the scheduler that orders its messages. @default the network's */
  readonly scheduler?: string;
  /** Address whose pushes from other processes it trusts. @default the network's */
  readonly authority?: string;
  readonly tags: Tags;
  readonly data?: string;
}

export interface MessageInput {
  readonly intent: string;
  readonly processId: string;
  readonly tags: Tags;
  readonly data?: string;
  /** Called once it is signed and on disk, before anything of it is posted. If it throws, nothing is posted. */
  readonly signed?: (messageId: string) => void;
}

export interface PublishInput {
  readonly intent: string;
  readonly tags: Tags;
  readonly data: Uint8Array;
}

export interface PublishedInput {
  readonly processId: string;
  /** Its keys, outermost first. */
  readonly path: readonly string[];
  /** The slot after which the state is read. @default the newest one */
  readonly slot?: number;
}

/** A table, or any other value as a string. A string that is JSON may be parsed already. */
export type PublishedValue = string | readonly unknown[] | { readonly [key: string]: unknown };

export interface Sent {
  /** The data item's id: the process' id for a spawn. */
  readonly id: string;
  /** True if the bytes were signed by an earlier call. */
  readonly resent: boolean;
}

export interface Evaluation {
  readonly messageId: string;
  /** The text output without colours; "" if there is none. */
  readonly output: string;
  /** The outbox. */
  readonly messages: readonly OutMessage[];
  readonly spawns: readonly OutMessage[];
  /** The Lua error without colours, wrappers kept. The process keeps its earlier memory then. */
  readonly error?: string;
  readonly gasUsed?: number;
}

/** One message of a process, with its slot. */
export interface Scheduled {
  /** Its slot: 0 is the process itself. */
  readonly slot: number;
  readonly messageId: string;
  /** If the message was uploaded and then assigned: the assignment's id, under which real compute units keep the result. */
  readonly assignmentId?: string;
  /** The scheduler's time in milliseconds; 0 if it gives none. */
  readonly timestamp: number;
  /**
   * The process that sent it if an authority of the receiver pushed it, else the address that signed it. aos decides in the same way, by the
   * authorities that the process was spawned with.
   */
  readonly from: string;
  /** The other sender that its `From-Process` tag names, if no authority of the receiver signed it: anybody can write that tag. */
  readonly claims?: string;
  /**
   * The process that it was sent to, if that is another one: anybody may have it assigned to this one as well. aos refuses such an assignment,
   * unless the program allows it.
   */
  readonly sentTo?: string;
  /**
   * The first message of the chain that it belongs to, as the messenger that pushed it says. Absent if no authority of the receiver pushed it,
   * because anybody can write that tag, for what a cron began, and on networks that name no chains (`Ao.chains`).
   */
  readonly pushedFor?: string;
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
  /** As in `Scheduled`. */
  readonly action: string;
  readonly block?: { height: number; timestamp: number };
}

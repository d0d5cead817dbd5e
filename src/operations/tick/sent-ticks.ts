import type { Ao, Scheduled } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import { scheduledIn } from "../../fleet/crons.ts";

/** A tick in the message order of a process. */
export interface SentTick {
  readonly messageId: string;
  /** The time for which it was sent, in milliseconds since 1970. */
  readonly scheduledAt: number;
  /** The scheduler's time. */
  readonly at: number;
}

/** Slots in a row that were not read, both included. */
interface Unread {
  readonly from: number;
  to: number;
}

type Order = Pick<Ao, "address" | "latest" | "range">;

/** Messages per read: at most, as nodes and units give in one answer; and at least, after reads that failed. */
const PAGE = { most: 500, least: 25 };

/** Milliseconds that a scheduler's clock may be behind ours. */
const CLOCK_SKEW = 10 * 60_000;

/**
 * The ticks in the order of one process that this wallet sent, by this monitor or by another one. What was read is not read again, also if
 * a later read of the same attempt failed: an order with many new messages, which anyone can send, takes several attempts.
 */
export class SentTicks {
  readonly #processId: string;
  /** The first slot that is neither read nor in `#unread`. */
  #next = 1;
  /** Oldest first. */
  #unread: Unread[] = [];
  #page = PAGE.most;
  #latest: SentTick | undefined;

  constructor(processId: string) {
    this.#processId = processId;
  }

  /**
   * The tick for the latest time. Reads the order from its end backwards, down to a page with a tick, to what was read before, or to messages
   * that are older than `since`.
   *
   * @returns undefined if there is none in that part
   * @throws FleetError if it cannot be read completely; the next call continues
   */
  async readLatest(ao: Order, since: number, budget: Budget): Promise<SentTick | undefined> {
    await this.#findNew(ao, budget);
    for (let part = this.#unread.at(-1); part !== undefined; part = this.#unread.at(-1)) {
      const page = await this.#readPage(ao, part, budget);
      const found = latestIn(page, ao.address);
      if (found !== undefined && found.scheduledAt > (this.#latest?.scheduledAt ?? 0)) this.#latest = found;
      const oldest = page[0];
      const isOld = oldest !== undefined && oldest.timestamp > 0 && oldest.timestamp < since - CLOCK_SKEW;
      if (found !== undefined || isOld) this.#unread = [];
    }
    return this.#latest;
  }

  async #findNew(ao: Order, budget: Budget): Promise<void> {
    const newest = await ao.latest(this.#processId, budget);
    if (newest === undefined || newest < this.#next) return;
    const last = this.#unread.at(-1);
    if (last?.to === this.#next - 1) last.to = newest;
    else this.#unread.push({ from: this.#next, to: newest });
    this.#next = newest + 1;
  }

  /** Reads the end of an unread part, the last one. */
  async #readPage(ao: Order, part: Unread, budget: Budget): Promise<readonly Scheduled[]> {
    const from = Math.max(part.from, part.to - this.#page + 1);
    try {
      const page = await ao.range({ processId: this.#processId, from, to: part.to }, budget);
      this.#page = Math.min(PAGE.most, 2 * this.#page);
      part.to = from - 1;
      if (part.to < part.from) this.#unread.pop();
      return page;
    } catch (error) {
      // A page of large messages may take longer than one attempt.
      this.#page = Math.max(PAGE.least, Math.floor(this.#page / 2));
      throw error;
    }
  }
}

function latestIn(page: readonly Scheduled[], wallet: string): SentTick | undefined {
  let latest: SentTick | undefined;
  for (const message of page) {
    const scheduledAt = scheduledIn(message, wallet);
    if (scheduledAt === undefined || scheduledAt <= (latest?.scheduledAt ?? 0)) continue;
    latest = { messageId: message.messageId, scheduledAt, at: message.timestamp };
  }
  return latest;
}

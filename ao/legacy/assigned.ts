import type { Budget } from "../../core/budget.ts";
import type { Journal } from "../journal/index.ts";
import type { FoundItem } from "../port.ts";
import { type Ways, wayOf } from "./arrival.ts";
import type { Schedulers } from "./scheduler.ts";

/**
 * Under which id the compute unit keeps a message's result: the message's own, or that of its assignment where it was uploaded
 * and then assigned. Real units do not know such a message by its own id. (permaweb/ao: `read_message_data` of the scheduler unit,
 * which the compute unit asks for every result.)
 */
export interface ResultIds {
  /**
   * The id to ask for, as the journal and, for an assigned message whose assignment is not in it, the scheduler's list know it.
   * The message's own where nothing else is known.
   *
   * @throws UnitError when a message was assigned and nobody can say how; transient
   */
  of(messageId: string, budget: Budget): Promise<string>;
  /**
   * Looks for the assignment of a message that the journal does not have and the compute unit does not know: another
   * deployer may have uploaded it. `of` knows it from then on. Nothing is asked on a network without an upload service.
   *
   * @throws UnitError when nobody can say; transient
   */
  seek(ref: { processId: string; messageId: string }, budget: Budget): Promise<void>;
}

export interface ResultIdParts {
  readonly journal: Pick<Journal, "byId" | "item" | "sent">;
  readonly schedulers: Pick<Schedulers, "assignmentOf">;
  readonly ways: Ways;
  /** The item as the gateway's index shows it: one try. */
  shown(id: string, budget: Budget): Promise<FoundItem | undefined>;
}

/** Milliseconds. An upload is usable before it is in a block, so that its assignment may be older than its block. */
const BEFORE_BLOCK = 24 * 60 * 60 * 1000;

export function resultIdsOf({ journal, schedulers, ways, shown }: ResultIdParts): ResultIds {
  /** Messages that have their results under their own ids. */
  const own = new Set<string>();
  /** Assignments of messages that others sent. */
  const foreign = new Map<string, string>();

  return {
    async of(messageId, budget) {
      const intent = journal.byId(messageId);
      if (intent === undefined) return foreign.get(messageId) ?? messageId;
      if (intent.assignment !== undefined) return intent.assignment;
      const isOpen = intent.state === "signed" || intent.state === "sent";
      if (own.has(messageId) || !isOpen) return messageId;
      if (wayOf(intent, await journal.item(intent), ways) !== "assign") {
        own.add(messageId);
        return messageId;
      }
      const { target: processId, at: since, key } = intent;
      const found = await schedulers.assignmentOf({ id: messageId, processId, since }, budget);
      if (found !== undefined) await journal.sent(key, found);
      return found ?? messageId;
    },

    async seek({ processId, messageId }, budget) {
      if (!ways.hasUpload || messageId === processId) return;
      if (foreign.has(messageId) || journal.byId(messageId) !== undefined) return;
      const item = await shown(messageId, budget);
      if (item?.recipient !== processId || item.tags.Type !== "Message") return;
      const since = item.block === undefined ? 0 : item.block.timestamp * 1000 - BEFORE_BLOCK;
      const found = await schedulers.assignmentOf({ id: messageId, processId, since }, budget);
      if (found !== undefined) foreign.set(messageId, found);
    },
  };
}

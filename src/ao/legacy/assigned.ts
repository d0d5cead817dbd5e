import type { Budget } from "../../core/budget.ts";
import type { Intent, Journal } from "../journal/index.ts";
import type { FoundItem } from "../port.ts";
import { type Ways, wayOf } from "./arrival.ts";
import type { Schedulers } from "./scheduler.ts";

/**
 * Under which id the compute unit keeps a message's result: the message's own, or that of its assignment where it was uploaded
 * and then assigned. Real units do not know such a message by its own id. (permaweb/ao: `read_message_data` of the scheduler unit,
 * which the compute unit asks for every result.)
 */
interface ResultIds {
  /**
   * The id to ask for, as the journal and, for an assigned message whose assignment is not in it, the scheduler's list know it.
   * The message's own where nothing else is known.
   *
   * @throws UnitError when a message was assigned and nobody can say how; transient
   */
  of(messageId: string, budget: Budget): Promise<string>;
  /**
   * Looks for the assignment of a message that the journal does not have, or has given up, and the compute unit does not know:
   * another deployer or an earlier run may have uploaded it. `of` knows it from then on. Nothing is asked on a network without an upload service.
   *
   * @throws UnitError when nobody can say; transient
   */
  seek(ref: { processId: string; messageId: string }, budget: Budget): Promise<void>;
  /**
   * Whether a message has its place in the order of its process. `of` knows its assignment from then on.
   *
   * @returns false only when its scheduler said that it does not know it
   * @throws UnitError when nobody can say; transient
   */
  isPlaced(ref: { processId: string; messageId: string }, budget: Budget): Promise<boolean>;
}

interface ResultIdParts {
  readonly journal: Pick<Journal, "byId" | "item" | "sent">;
  readonly schedulers: Pick<Schedulers, "assignmentOf" | "has">;
  readonly ways: Ways;
  /** The item as the gateway's index shows it: one try. */
  shown(id: string, budget: Budget): Promise<FoundItem | undefined>;
}

/** Milliseconds. An upload is usable before it is in a block, so that its assignment may be older than its block. */
const BEFORE_BLOCK = 24 * 60 * 60 * 1000;

export function resultIdsOf({ journal, schedulers, ways, shown }: ResultIdParts): ResultIds {
  /** Messages that have their results under their own ids. */
  const own = new Set<string>();
  /** Assignments of messages that others sent, or that were given up: the bytes that would tell their way are gone. */
  const foreign = new Map<string, string>();

  /** Looks for the assignment; undefined where there is none. */
  async function assigned(
    { processId, messageId }: { processId: string; messageId: string },
    budget: Budget,
  ): Promise<string | undefined> {
    const known = foreign.get(messageId) ?? journal.byId(messageId)?.assignment;
    if (known !== undefined || !ways.hasUpload) return known;
    const since = await earliest(processId, messageId, budget);
    if (since === undefined) return undefined;
    const found = await schedulers.assignmentOf({ id: messageId, processId, since }, budget);
    if (found !== undefined) foreign.set(messageId, found);
    return found;
  }

  /** Milliseconds since 1970 before which it was not assigned; undefined where it is no message to the process. */
  async function earliest(processId: string, messageId: string, budget: Budget): Promise<number | undefined> {
    const intent = journal.byId(messageId);
    if (intent !== undefined) return intent.at;
    const item = await shown(messageId, budget);
    if (item?.recipient !== processId || item.tags.Type !== "Message") return undefined;
    return item.block === undefined ? 0 : item.block.timestamp * 1000 - BEFORE_BLOCK;
  }

  return {
    async of(messageId, budget) {
      const intent = journal.byId(messageId);
      if (intent === undefined) return foreign.get(messageId) ?? messageId;
      if (intent.assignment !== undefined) return intent.assignment;
      if (!isOpen(intent)) return foreign.get(messageId) ?? messageId;
      if (own.has(messageId)) return messageId;
      if (wayOf(intent, await journal.item(intent), ways) !== "assign") {
        own.add(messageId);
        return messageId;
      }
      const { target: processId, at: since, key } = intent;
      const found = await schedulers.assignmentOf({ id: messageId, processId, since }, budget);
      if (found !== undefined) await journal.sent(key, found);
      return found ?? messageId;
    },

    async seek(ref, budget) {
      if (ref.messageId === ref.processId) return;
      const intent = journal.byId(ref.messageId);
      // Of one that is open, `of` asks itself.
      if (intent === undefined || !isOpen(intent)) await assigned(ref, budget);
    },

    async isPlaced({ processId, messageId }, budget) {
      if (journal.byId(messageId)?.state === "settled") return true;
      if (await schedulers.has({ kind: "message", id: messageId, processId }, budget)) return true;
      return (await assigned({ processId, messageId }, budget)) !== undefined;
    },
  };
}

const isOpen = ({ state }: Intent) => state === "signed" || state === "sent";

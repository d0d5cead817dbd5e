import type { Budget } from "../../core/budget.ts";
import { isOpenIntent, type Journal } from "../journal/index.ts";
import type { FoundItem } from "../port.ts";
import { assignedBy, type RouteOptions, routeOf } from "./arrival.ts";
import type { Schedulers } from "./scheduler.ts";

/**
 * The id under which the compute unit keeps a message's result: the message's own, or that of its assignment if it was uploaded
 * and then assigned. Real units do not know such a message by its own id. (permaweb/ao: `read_message_data` of the scheduler unit,
 * which the compute unit asks for every result.)
 */
interface ResultIds {
  /**
   * The id to ask for, from the journal or, for an assigned message whose assignment is not in it, from the scheduler's list.
   * The message's own id if nothing else is known.
   *
   * @throws UnitError if a message was assigned and no unit can tell its assignment; transient
   */
  of(messageId: string, budget: Budget): Promise<string>;
  /**
   * Looks for the assignment of a message that is not open in the journal and that the compute unit does not know: another deployer
   * or an earlier run may have uploaded it. `of` returns it from then on. Does nothing on a network without an upload service.
   *
   * @throws UnitError if no unit can tell; transient
   */
  findAssignment(ref: { processId: string; messageId: string }, budget: Budget): Promise<void>;
  /**
   * Whether a message has a slot in the order of its process. `of` knows its assignment from then on.
   *
   * @returns false only if its scheduler reports that it does not have it
   * @throws UnitError if no unit can tell; transient
   */
  isPlaced(ref: { processId: string; messageId: string }, budget: Budget): Promise<boolean>;
}

interface ResultIdParts {
  readonly journal: Pick<Journal, "byId" | "item" | "sent">;
  readonly schedulers: Pick<Schedulers, "assignmentOf" | "assignmentSince" | "has">;
  readonly routes: RouteOptions;
  /** The item as the gateway's index shows it; a single attempt. */
  shown(id: string, budget: Budget): Promise<FoundItem | undefined>;
}

/** Milliseconds. An upload is usable before it is in a block, so its assignment can be older than its block. */
const BEFORE_BLOCK = 24 * 60 * 60 * 1000;

export function resultIdsOf({ journal, schedulers, routes, shown }: ResultIdParts): ResultIds {
  /** Messages whose results are under their own ids. */
  const own = new Set<string>();
  /** Assignments of messages of others, or of abandoned ones: their bytes, which would show their route, are gone. */
  const foreign = new Map<string, string>();

  /** Looks for the assignment; undefined if there is none. */
  async function assigned(
    { processId, messageId }: { processId: string; messageId: string },
    budget: Budget,
  ): Promise<string | undefined> {
    const known = foreign.get(messageId) ?? journal.byId(messageId)?.assignment;
    if (known !== undefined || !routes.hasUpload) return known;
    const since = await earliest(processId, messageId, budget);
    if (since === undefined) return undefined;
    const found = await schedulers.assignmentSince({ id: messageId, processId, since }, budget);
    if (found !== undefined) foreign.set(messageId, found);
    return found;
  }

  /** The earliest time of its assignment, in milliseconds since 1970; undefined if it is not a message to the process. */
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
      if (!isOpenIntent(intent)) return foreign.get(messageId) ?? messageId;
      if (own.has(messageId)) return messageId;
      if (routeOf(intent, await journal.item(intent), routes) !== "assign") {
        own.add(messageId);
        return messageId;
      }
      const item = assignedBy(intent);
      // Each poll for the result asks this. The whole order is read only before a second assignment, which finds it, too.
      const found = await (item.floor === undefined
        ? schedulers.assignmentSince(item, budget)
        : schedulers.assignmentOf(item, budget));
      if (found !== undefined) await journal.sent(intent.key, found);
      return found ?? messageId;
    },

    async findAssignment(ref, budget) {
      if (ref.messageId === ref.processId) return;
      const intent = journal.byId(ref.messageId);
      // For an open one, `of` asks itself.
      if (intent === undefined || !isOpenIntent(intent)) await assigned(ref, budget);
    },

    async isPlaced({ processId, messageId }, budget) {
      if (journal.byId(messageId)?.state === "settled") return true;
      if (await schedulers.has({ kind: "message", id: messageId, processId }, budget)) return true;
      return (await assigned({ processId, messageId }, budget)) !== undefined;
    },
  };
}

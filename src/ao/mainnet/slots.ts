import type { Budget } from "../../core/budget.ts";
import type { Journal } from "../journal/index.ts";
import type { Schedule } from "./schedule.ts";

/** The slots of messages: from the journal, or from the schedule. */
export function slotsOf(journal: Pick<Journal, "byId">, schedule: Schedule) {
  /** First slots, as the schedule has them. */
  const found = new Map<string, number>();
  /** The first slot, whatever the answer to the post named. */
  async function first(processId: string, messageId: string, budget: Budget): Promise<number | undefined> {
    if (messageId === processId) return 0;
    const known = found.get(messageId);
    if (known !== undefined) return known;
    const { floor, at: since = 0 } = journal.byId(messageId) ?? {};
    const item = { processId, id: messageId };
    const slot = await (floor === undefined
      ? schedule.slotSince({ ...item, since }, budget)
      : schedule.slotOf({ ...item, from: floor + 1 }, budget));
    if (slot !== undefined) found.set(messageId, slot);
    return slot;
  }
  return {
    first,
    async of(processId: string, messageId: string, budget: Budget): Promise<number | undefined> {
      if (messageId === processId)
        return (await schedule.current(processId, budget)) === undefined ? undefined : 0;
      const named = journal.byId(messageId)?.assignment;
      if (named !== undefined && !found.has(messageId)) return Number(named);
      return first(processId, messageId, budget);
    },
  };
}

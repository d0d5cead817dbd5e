import type { ParsedItem } from "../ans104.ts";
import type { ChainEntry } from "../scheduler/order.ts";
import type { Scheduling } from "../units/scheduling.ts";
import { NodeError } from "./answers.ts";
import type { NodeQuirks } from "./quirks.ts";

/** A post that waits for its slot. */
interface Waiting {
  readonly item: ParsedItem;
  readonly settle: (placed: Promise<ChainEntry>) => void;
}

/**
 * The posts of a node, which gives each process' items their slots: those that arrive together in an order of its own, and too many at
 * once not at all.
 */
export function postsOf(
  scheduling: Scheduling,
  quirks: NodeQuirks,
): (item: ParsedItem) => Promise<ChainEntry> {
  const waiting = new Map<string, Waiting[]>();
  const underWay = new Map<string, number>();

  async function drain(process: string): Promise<void> {
    // What arrives in the same moment counts as parallel.
    await new Promise((resolve) => setImmediate(resolve));
    const together = waiting.get(process) ?? [];
    waiting.delete(process);
    if (quirks.shuffles) together.reverse();
    for (const { item, settle } of together) {
      const placed = scheduling.schedule(item);
      settle(placed);
      await placed.catch(() => {});
    }
  }

  return async (item) => {
    const process = item.target || item.id;
    const before = underWay.get(process) ?? 0;
    if (before >= quirks.busyAbove) throw new NodeError(500, "The scheduler of the process is busy.");
    underWay.set(process, before + 1);
    try {
      return await new Promise<ChainEntry>((settle) => {
        const together = waiting.get(process);
        if (together === undefined) {
          waiting.set(process, [{ item, settle }]);
          void drain(process);
        } else together.push({ item, settle });
      });
    } finally {
      underWay.set(process, (underWay.get(process) ?? 1) - 1);
    }
  };
}

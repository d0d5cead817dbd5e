import type { ParsedItem } from "../ans104.ts";
import type { ChainEntry } from "../scheduler/order.ts";
import type { OutItem } from "../types.ts";
import { publish, type UnitContext } from "../units/context.ts";
import type { Evaluating } from "../units/evaluating.ts";
import { isPatch } from "../units/patches.ts";
import { messageFields, senderOf, spawnedFields, spawnFields } from "../units/pushed.ts";

/** What became of one item of an outbox, and of the outbox that it led to. */
export interface Delivered {
  readonly id: string;
  readonly target: string;
  /** Undefined if the target is no process of this node. */
  readonly slot?: number;
  /** An error of the target's evaluation, or of the delivery. */
  readonly error?: string;
  readonly outbox: readonly Delivered[];
}

interface DeliveryParts {
  readonly context: UnitContext;
  readonly evaluating: Evaluating;
  schedule(item: ParsedItem): Promise<ChainEntry>;
}

/**
 * Delivers the outbox of a slot, and the outboxes that follow from it, before it returns. Delivering a slot a second time sends
 * everything a second time, as on real nodes. A node tells the receiver nothing of the chain that a message belongs to.
 */
export function deliveryOf({ context, evaluating, schedule }: DeliveryParts) {
  const { store, messenger } = context;

  async function deliver(process: string, slot: number, signal: AbortSignal): Promise<Delivered[]> {
    const result = await evaluating.resultAt(process, slot, signal);
    if (result.Error !== undefined) throw new Error(result.Error);
    const sender = senderOf(store, { process, root: null }, "ao.N.1");
    const all: Delivered[] = [];
    for (const out of result.Messages) {
      if (out.Target === undefined || out.Target === "" || isPatch(out)) continue;
      all.push(await deliverItem(await messenger.sign(messageFields(sender, out)), signal));
    }
    for (const out of result.Spawns) all.push(...(await spawn(out)));
    return all;

    async function spawn(out: OutItem): Promise<Delivered[]> {
      const item = await messenger.sign(spawnFields(sender, out));
      const { nonce } = await schedule(item);
      const told = await messenger.sign(spawnedFields(sender, out, item.id));
      return [{ id: item.id, target: item.id, slot: nonce, outbox: [] }, await deliverItem(told, signal)];
    }
  }

  async function deliverItem(item: ParsedItem, signal: AbortSignal): Promise<Delivered> {
    const { id, target } = item;
    if (store.process(target)?.scheduler !== context.node.address) {
      publish(context, item);
      return { id, target, outbox: [] };
    }
    const { nonce: slot } = await schedule(item);
    try {
      return { id, target, slot, outbox: await deliver(target, slot, signal) };
    } catch (error) {
      return { id, target, slot, error: error instanceof Error ? error.message : String(error), outbox: [] };
    }
  }

  return deliver;
}

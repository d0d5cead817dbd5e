import type { ItemSigner, ParsedItem } from "../ans104.ts";
import type { Evaluator } from "../evaluator.ts";
import type { Chain } from "../scheduler/blocks.ts";
import type { Store } from "../store/store.ts";
import type { ItemRecord } from "../types.ts";

/**
 * What becomes of a process whose spawn is posted a second time. `ruins`: as the scheduler unit with process assignment does it;
 * the post is accepted, a nonce is used up for an entry that is not there, and the compute unit refuses all that comes after.
 * `refused`: as a message that is posted again.
 */
export type SpawnedTwice = "ruins" | "refused";

/** What the parts of the units share. */
export interface UnitContext {
  readonly store: Store;
  readonly evaluator: Evaluator;
  readonly chain: Chain;
  /** Signs what the messenger unit pushes; its address is the authority. */
  readonly messenger: ItemSigner;
  /** Signs assignments; its address is the scheduler. */
  readonly scheduler: ItemSigner;
  /** What a spawn does that comes again. */
  readonly spawnedTwice: SpawnedTwice;
  now(): number;
  log(line: string): void;
}

/** Puts an item where the gateway finds it. False when it was there. */
export function publish(context: UnitContext, item: ParsedItem): boolean {
  return context.store.addItem(itemRecord(context, item), item.raw);
}

function itemRecord(context: Pick<UnitContext, "now" | "chain">, item: ParsedItem): ItemRecord {
  const timestamp = context.now();
  const { id, owner, ownerKey, signature, target, anchor, tags, dataOffset, raw } = item;
  const dataSize = raw.length - dataOffset;
  return {
    ...{ id, owner, ownerKey, signature, target, anchor, tags, dataOffset, dataSize },
    ...{ height: context.chain.heightAt(timestamp), timestamp },
  };
}

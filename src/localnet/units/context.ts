import type { ItemSigner, ParsedItem } from "../ans104.ts";
import type { Evaluator } from "../evaluator.ts";
import type { Chain } from "../scheduler/blocks.ts";
import type { Store } from "../store/store.ts";
import type { ItemRecord } from "../types.ts";

/**
 * What happens to a process whose spawn is posted a second time. `ruins`: like a scheduler unit with process assignment,
 * the post is accepted, a nonce is used for an entry that does not exist, and the compute unit refuses everything after it.
 * `refused`: like a message that is posted again.
 */
export type SpawnedTwice = "ruins" | "refused";

/** What a scheduler does with an item that it already has. `again`: it takes another slot and is evaluated again, as on a HyperBEAM node. */
type Repeated = SpawnedTwice | "again";

/** The HyperBEAM node whose processes share the store with those of the legacy units. */
interface NodeSeat {
  /** Its address: scheduler and authority of its processes. */
  readonly address: string;
  /** Whether an item that was scheduled twice is evaluated once, as nodes do since April 2026: the result of the second slot is empty. */
  readonly deduplicates: boolean;
}

/** The dependencies that the units share. */
export interface UnitContext {
  readonly store: Store;
  readonly evaluator: Evaluator;
  readonly chain: Chain;
  /** Signs the messenger unit's pushes; its address is the authority. */
  readonly messenger: ItemSigner;
  /** Signs assignments; its address is the scheduler. */
  readonly scheduler: ItemSigner;
  readonly repeated: Repeated;
  readonly node: NodeSeat;
  now(): number;
  log(line: string): void;
}

/** Publishes an item for the gateway. Returns false if it already existed. */
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

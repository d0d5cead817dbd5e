import type { ModuleSource } from "./evaluator.ts";
import { aosImages } from "./images.ts";
import type { Store } from "./store/store.ts";
import { tagValue } from "./types.ts";

/** Publishes the images under their own ids, so that the gateway serves them; returns a map from names to ids. */
export function seedImages(store: Store, owner: string, now: number, height: number): Record<string, string> {
  const images = aosImages();
  for (const { id, tags, find } of images) {
    if (store.item(id)) continue;
    const wasm = find();
    if (wasm === undefined) continue;
    const record = {
      ...{ id, owner, ownerKey: "", signature: "", target: "", anchor: "", tags },
      ...{ dataOffset: 0, dataSize: wasm.length, height, timestamp: now },
    };
    store.addItem(record, wasm);
  }
  const [standard] = images;
  const served = images.filter(({ id }) => store.item(id) !== undefined);
  const named = Object.fromEntries(served.map(({ name, id }) => [name, id]));
  return { ...(standard ? { aos: standard.id } : {}), ...named };
}

/** A module from the store: an aos image, or a published data item with a module's tags. */
export function storedModule(store: Store, id: string): ModuleSource | undefined {
  const item = store.item(id);
  if (item === undefined || tagValue(item.tags, "Type") !== "Module") return undefined;
  const wasm = store.data(id);
  return wasm && { id, owner: item.owner, tags: item.tags, wasm };
}

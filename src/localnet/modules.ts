import type { ModuleSource } from "./evaluator.ts";
import { packagedImages } from "./images.ts";
import type { Store } from "./store/store.ts";
import { tagValue } from "./types.ts";

/** Publishes the packaged images under their own ids, so that the gateway serves them; returns a map from names to ids. */
export function seedImages(store: Store, owner: string, now: number, height: number): Record<string, string> {
  const images = packagedImages();
  for (const { id, tags, read } of images) {
    if (store.item(id)) continue;
    const wasm = read();
    const record = {
      ...{ id, owner, ownerKey: "", signature: "", target: "", anchor: "", tags },
      ...{ dataOffset: 0, dataSize: wasm.length, height, timestamp: now },
    };
    store.addItem(record, wasm);
  }
  const [standard] = images;
  const named = Object.fromEntries(images.map(({ name, id }) => [name, id]));
  return { ...(standard ? { aos: standard.id } : {}), ...named };
}

/** A module from the store: a packaged one, or a published data item with a module's tags. */
export function storedModule(store: Store, id: string): ModuleSource | undefined {
  const item = store.item(id);
  if (item === undefined || tagValue(item.tags, "Type") !== "Module") return undefined;
  const wasm = store.data(id);
  return wasm && { id, owner: item.owner, tags: item.tags, wasm };
}

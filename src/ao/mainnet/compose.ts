import type { MessageInput, SpawnInput, Tags } from "../port.ts";
import { type TagList, tagList } from "../shared/tags.ts";
import type { ItemFields } from "../wallet.ts";

/** A spawn with its scheduler and its authority. */
export type PlacedSpawn = SpawnInput & Required<Pick<SpawnInput, "scheduler" | "authority">>;

/** The devices of a process, unless its tags name others. */
const DEVICES = {
  device: "process@1.0",
  "scheduler-device": "scheduler@1.0",
  "push-device": "push@1.0",
  "execution-device": "genesis-wasm@1.0",
};

/** How the item is signed and answered. */
const SIGNED = { "signing-format": "ans104", "accept-bundle": "true" };

/** The data of an item without any, as aoconnect sends it. */
const NO_DATA = "1984";

/** Tags with those of the protocol at their end, whatever own ones have the same names. */
function withProtocol(type: "Process" | "Message", tags: Tags): TagList {
  const { "Data-Protocol": _protocol, Type: _type, Variant: _variant, ...own } = tags;
  return tagList({ ...own, "Data-Protocol": "ao", Type: type, Variant: "ao.N.1" });
}

/**
 * The fields of a spawn: protocol tags, devices, module, scheduler, authority, as aoconnect composes them in its mainnet mode
 * (`test/ao/compose.test.ts` compares the two). Sends and signs nothing: the adapter does that itself, with the journal, the budget and the
 * node's answers.
 */
export function fieldsOfSpawn({ module, scheduler, authority, tags, data }: PlacedSpawn): ItemFields {
  const placed = { Authority: authority, Scheduler: scheduler, Module: module };
  return {
    data: data ?? NO_DATA,
    tags: withProtocol("Process", {
      ...{ ...DEVICES, ...placed, ...tags, ...placed },
      ...{ ...SIGNED, "accept-codec": "httpsig@1.0" },
    }),
  };
}

/** The fields of a message, as aoconnect composes them. */
export function fieldsOfMessage({ processId, tags, data }: MessageInput): ItemFields {
  return {
    data: data ?? NO_DATA,
    tags: withProtocol("Message", { ...tags, ...SIGNED, "require-codec": "application/json" }),
    target: processId,
  };
}

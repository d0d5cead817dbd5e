import type { FoundItem, MessageInput, SpawnInput } from "../port.ts";
import { type TagList, tagList } from "../shared/tags.ts";
import type { ItemFields } from "../wallet.ts";

/** A spawn with its scheduler and its authority. */
export type PlacedSpawn = SpawnInput & Required<Pick<SpawnInput, "scheduler" | "authority">>;

/** The variant of the protocol, unless the tags name another one. */
const VARIANT = "ao.TN.1";

/**
 * The fields of a spawn: protocol tags, module, scheduler, time, as aoconnect composes them in its legacy mode (`test/ao/compose.test.ts`
 * compares the two). Sends and signs nothing: the adapter does that itself, with the journal, the budget and the unit's answers.
 *
 * @param module the module as the gateway shows it
 * @throws Error if its tags are not those of a module
 */
export function fieldsOfSpawn(input: PlacedSpawn, module: FoundItem): ItemFields {
  checkModule(module);
  const tags = [{ name: "Authority", value: input.authority }, ...tagList(input.tags)];
  return fields(input.data, tags, [
    ["Type", "Process"],
    ["Module", input.module],
    ["Scheduler", input.scheduler],
    ["Timestamp", String(Date.now())],
  ]);
}

/** The fields of a message, as aoconnect composes them. */
export function fieldsOfMessage({ processId, data, tags }: MessageInput): ItemFields {
  return { ...fields(data, tagList(tags), [["Type", "Message"]]), target: processId };
}

function fields(
  data: string | undefined,
  own: TagList,
  more: readonly (readonly [name: string, value: string])[],
): ItemFields {
  const variant = own.find(({ name }) => name.toLowerCase() === "variant")?.value || VARIANT;
  // The protocol's tags are a section that begins with its name; what belongs to no protocol is before it.
  const protocol: TagList = [
    { name: "Data-Protocol", value: "ao" },
    { name: "Variant", value: variant },
    ...more.map(([name, value]) => ({ name, value })),
  ];
  const unassociated: TagList = [
    // An item has data: units refuse one without.
    ...(data ? [] : [{ name: "Content-Type", value: "text/plain" }]),
    { name: "SDK", value: "aoconnect" },
  ];
  const other = own.findIndex(({ name }) => name === "Data-Protocol");
  const at = other === -1 ? own.length : other;
  return { data: data || " ", tags: [...own.slice(0, at), ...unassociated, ...own.slice(at), ...protocol] };
}

/** The tags of a module that units require, with a value or any. */
const OF_MODULE = [
  ["Data-Protocol", "ao"],
  ["Type", "Module"],
  ["Module-Format", undefined],
  ["Input-Encoding", undefined],
  ["Output-Encoding", undefined],
] as const;

function checkModule({ tags }: FoundItem): void {
  for (const [name, value] of OF_MODULE) {
    const got = tags[name];
    if (value === undefined ? got === undefined : got !== value)
      throw new Error(
        `Tag '${name}': ${value === undefined ? "" : `value '${value}' `}was not found on module`,
      );
  }
}

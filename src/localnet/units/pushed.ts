import type { ItemFields } from "../ans104.ts";
import type { Store } from "../store/store.ts";
import {
  type Assignment,
  type Effect,
  type EvaluationResult,
  type ItemRecord,
  type OutItem,
  type Tag,
  tagValue,
} from "../types.ts";

/** The effects of an evaluation, in the order in which they are pushed; none if it failed. */
export function effectsOf(process: string, root: string | null, result: EvaluationResult): Effect[] {
  if (result.Error !== undefined) return [];
  const each = (kind: Effect["kind"], items: readonly Effect["item"][]) =>
    items.map((item) => ({ kind, process, root, item }));
  return [
    ...each("message", result.Messages),
    ...each("spawn", result.Spawns),
    ...each("assignment", result.Assignments),
  ];
}

/**
 * The first message of the chain that an entry belongs to. Like the real unit: the chain of a message that a messenger pushed, which is its last tag,
 * and null if a cron began it; any other item, and an assignment by its own id, begins a chain, whatever its tags say.
 */
export function rootOf(
  { id, message, assigned }: Assignment,
  { owner, tags }: ItemRecord,
  messenger: string,
): string | null {
  if (assigned) return id;
  if (owner !== messenger) return message;
  const last = tags.at(-1);
  return last?.name === "Pushed-For" ? last.value : null;
}

/** The process whose outbox is pushed, as the pushed items name it. */
interface Sender {
  readonly process: string;
  readonly module: string;
  readonly scheduler: string;
  /** The message that started the chain; null for cron. */
  readonly root: string | null;
  /** Version of the protocol. */
  readonly variant: "ao.TN.1" | "ao.N.1";
}

export function senderOf(
  store: Pick<Store, "process">,
  { process, root }: Pick<Effect, "process" | "root">,
  variant: Sender["variant"] = "ao.TN.1",
): Sender {
  const found = store.process(process);
  return { process, module: found?.module ?? "", scheduler: found?.scheduler ?? "", root, variant };
}

/** A message of an outbox, as it is signed for its target. */
export function messageFields(sender: Sender, { Target, Anchor, Tags = [], Data }: OutItem): ItemFields {
  const tags: Tag[] = [
    ...without(Tags, ["Data-Protocol", "Type", "From-Process", "From-Module", "Assignments"]),
    { name: "Data-Protocol", value: "ao" },
    { name: "Type", value: "Message" },
    { name: "From-Process", value: sender.process },
    { name: "From-Module", value: sender.module },
    ...pushedFor(sender),
  ];
  return fields(Data, tags, Target, Anchor);
}

/** A spawn of an outbox. Its anchor distinguishes two equal spawns of one process. */
export function spawnFields(sender: Sender, { Tags = [], Data, Anchor }: OutItem): ItemFields {
  const tags: Tag[] = without(Tags, ["Data-Protocol", "Type", "Variant"]).map((tag) =>
    tag.name === "From-Module" ? { name: "From-Module", value: sender.module || tag.value } : tag,
  );
  if (tagValue(tags, "Module") === undefined) throw new Error("a spawn without a Module tag");
  tags.push(
    ...(tagValue(tags, "Scheduler") ? [] : [{ name: "Scheduler", value: sender.scheduler }]),
    { name: "Variant", value: sender.variant },
    { name: "Data-Protocol", value: "ao" },
    { name: "Type", value: "Process" },
    ...without(
      [{ name: "From-Process", value: sender.process }],
      tags.map(({ name }) => name),
    ),
    ...pushedFor(sender),
  );
  return fields(Data, tags, undefined, Anchor);
}

/** The message that tells a process the id of a process that it spawned. */
export function spawnedFields(sender: Sender, { Tags = [] }: OutItem, spawned: string): ItemFields {
  return {
    data: " ",
    target: sender.process,
    tags: [
      ...without(Tags, ["Data-Protocol", "Type", "Variant"]),
      { name: "Data-Protocol", value: "ao" },
      { name: "Type", value: "Message" },
      { name: "Process", value: spawned },
      { name: "Action", value: "Spawned" },
      { name: "Variant", value: sender.variant },
      ...pushedFor(sender),
    ],
  };
}

function fields(data: unknown, tags: readonly Tag[], target?: string, anchor?: string): ItemFields {
  const text =
    typeof data === "string" ? data : data === undefined || data === null ? " " : JSON.stringify(data);
  return {
    data: text,
    tags: tags
      .filter(({ name, value }) => name !== "" && value !== "" && value !== undefined && value !== null)
      .map(({ name, value }) => ({ name: String(name), value: String(value) })),
    ...(target === undefined ? {} : { target }),
    ...(anchor === undefined || anchor === "" ? {} : { anchor }),
  };
}

const without = (tags: readonly Tag[], names: readonly string[]): Tag[] =>
  tags.filter(({ name }) => !names.includes(name));

const pushedFor = ({ root }: Sender): Tag[] => (root === null ? [] : [{ name: "Pushed-For", value: root }]);

import type { ItemFields } from "../ans104.ts";
import type { Store } from "../store/store.ts";
import type { Effect, OutAssignment, OutItem, Tag } from "../types.ts";
import { tagValue } from "../types.ts";
import { publish, type UnitContext } from "./context.ts";
import { UnitError } from "./http.ts";
import type { Scheduling } from "./scheduling.ts";

interface Pushing {
  /** Processes pending effects. */
  kick(): void;
  close(): Promise<void>;
}

/**
 * Performs the effects in outboxes: messages, spawns with their `Spawned` answer, assignments. An effect is stored together
 * with its result and removed once it is done; the messenger's signatures are deterministic, so an effect that is repeated
 * after a crash is one message.
 */
export function pushing(context: UnitContext, scheduling: Scheduling): Pushing {
  return new Outbox(context, scheduling);
}

class Outbox implements Pushing {
  readonly #context: UnitContext;
  readonly #scheduling: Scheduling;
  #working: Promise<void> | null = null;
  #again = false;
  #closing = false;

  constructor(context: UnitContext, scheduling: Scheduling) {
    this.#context = context;
    this.#scheduling = scheduling;
  }

  get #store(): Store {
    return this.#context.store;
  }

  async #work(): Promise<void> {
    do {
      this.#again = false;
      for (
        let batch = this.#store.effects(50);
        batch.length > 0 && !this.#closing;
        batch = this.#store.effects(50)
      ) {
        for (const effect of batch) {
          if (this.#closing) return;
          await this.#attempt(effect);
          this.#store.removeEffect(effect.id);
        }
      }
    } while (this.#again && !this.#closing);
  }

  async #attempt(effect: Effect): Promise<void> {
    try {
      if (effect.kind === "message") await this.#pushMessage(effect, effect.item as OutItem);
      else if (effect.kind === "spawn") await this.#pushSpawn(effect, effect.item as OutItem);
      else await this.#pushAssignment(effect.item as OutAssignment);
    } catch (error) {
      this.#context.log(`push of a ${effect.kind} from ${effect.process} failed: ${String(error)}`);
    }
  }

  async #pushMessage(effect: Effect, { Target, Anchor, Tags = [], Data }: OutItem): Promise<void> {
    if (Target === undefined) return;
    const module = this.#store.process(effect.process)?.module ?? "";
    const tags: Tag[] = [
      ...without(Tags, ["Data-Protocol", "Type", "From-Process", "From-Module", "Assignments"]),
      { name: "Data-Protocol", value: "ao" },
      { name: "Type", value: "Message" },
      { name: "From-Process", value: effect.process },
      { name: "From-Module", value: module },
      ...pushedFor(effect),
    ];
    const item = await this.#context.messenger.sign(fields(Data, tags, Target, Anchor));
    // For a wallet nothing is scheduled: the item is only published.
    if (this.#store.process(Target) === undefined) publish(this.#context, item);
    else await once(this.#scheduling.schedule(item));
    const also = Tags.find(({ name }) => name === "Assignments")?.value as unknown;
    if (Array.isArray(also)) await this.#pushAssignment({ Message: item.id, Processes: also.map(String) });
  }

  async #pushSpawn(effect: Effect, { Tags = [], Data, Anchor }: OutItem): Promise<void> {
    const spawner = this.#store.process(effect.process);
    const tags: Tag[] = without(Tags, ["Data-Protocol", "Type", "Variant"]).map((tag) =>
      tag.name === "From-Module" ? { name: "From-Module", value: spawner?.module ?? tag.value } : tag,
    );
    if (tagValue(tags, "Module") === undefined) throw new Error("a spawn without a Module tag");
    tags.push(
      ...(tagValue(tags, "Scheduler") ? [] : [{ name: "Scheduler", value: spawner?.scheduler ?? "" }]),
      { name: "Variant", value: "ao.TN.1" },
      { name: "Data-Protocol", value: "ao" },
      { name: "Type", value: "Process" },
      ...without(
        [{ name: "From-Process", value: effect.process }],
        tags.map(({ name }) => name),
      ),
      ...pushedFor(effect),
    );
    // The anchor distinguishes two equal spawns of one process.
    const item = await this.#context.messenger.sign(fields(Data, tags, undefined, Anchor));
    // A spawn that was scheduled before a crash must not be scheduled again, which would ruin the process.
    if (this.#store.process(item.id) === undefined) await this.#scheduling.schedule(item);
    const success = await this.#context.messenger.sign({
      data: " ",
      target: effect.process,
      tags: [
        ...without(Tags, ["Data-Protocol", "Type", "Variant"]),
        { name: "Data-Protocol", value: "ao" },
        { name: "Type", value: "Message" },
        { name: "Process", value: item.id },
        { name: "Action", value: "Spawned" },
        { name: "Variant", value: "ao.TN.1" },
        ...pushedFor(effect),
      ],
    });
    await once(this.#scheduling.schedule(success));
  }

  async #pushAssignment({ Message, Processes }: OutAssignment): Promise<void> {
    for (const process of Processes) await once(this.#scheduling.assign(process, Message, []));
  }

  kick(): void {
    this.#again = true;
    if (this.#working || this.#closing) return;
    this.#working = this.#work()
      .catch((error) => this.#context.log(`pushing stopped: ${String(error)}`))
      .finally(() => {
        this.#working = null;
        if (this.#again && !this.#closing) this.kick();
      });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#working;
  }
}

/** Waits for scheduling; ignores an item that was already pushed before a crash. */
async function once(scheduled: Promise<unknown>): Promise<void> {
  try {
    await scheduled;
  } catch (error) {
    if (!(error instanceof UnitError && error.message.includes("MessageExists"))) throw error;
  }
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

function without(tags: readonly Tag[], names: readonly string[]): Tag[] {
  return tags.filter(({ name }) => !names.includes(name));
}

function pushedFor({ root }: Effect): Tag[] {
  return root === null ? [] : [{ name: "Pushed-For", value: root }];
}

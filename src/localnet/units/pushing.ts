import type { Store } from "../store/store.ts";
import type { Effect, OutAssignment, OutItem } from "../types.ts";
import { publish, type UnitContext } from "./context.ts";
import { UnitError } from "./http.ts";
import { messageFields, senderOf, spawnedFields, spawnFields } from "./pushed.ts";
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

  async #pushMessage(effect: Effect, out: OutItem): Promise<void> {
    const { Target, Tags = [] } = out;
    if (Target === undefined) return;
    const item = await this.#context.messenger.sign(messageFields(senderOf(this.#store, effect), out));
    // For a wallet nothing is scheduled: the item is only published.
    if (this.#store.process(Target) === undefined) publish(this.#context, item);
    else await once(this.#scheduling.schedule(item));
    const also = Tags.find(({ name }) => name === "Assignments")?.value as unknown;
    if (Array.isArray(also)) await this.#pushAssignment({ Message: item.id, Processes: also.map(String) });
  }

  async #pushSpawn(effect: Effect, out: OutItem): Promise<void> {
    const sender = senderOf(this.#store, effect);
    const item = await this.#context.messenger.sign(spawnFields(sender, out));
    // A spawn that was scheduled before a crash must not be scheduled again, which would ruin the process.
    if (this.#store.process(item.id) === undefined) await this.#scheduling.schedule(item);
    const success = await this.#context.messenger.sign(spawnedFields(sender, out, item.id));
    await once(this.#scheduling.schedule(success));
  }

  async #pushAssignment({ Message, Processes }: OutAssignment): Promise<void> {
    for (const process of Processes) {
      try {
        await once(this.#scheduling.assign(process, Message, []));
      } catch (error) {
        // The other processes get the message nevertheless.
        this.#context.log(`assignment of ${Message} to ${process} failed: ${String(error)}`);
      }
    }
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

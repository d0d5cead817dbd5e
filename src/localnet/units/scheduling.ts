import type { ParsedItem } from "../ans104.ts";
import { assignmentTags, type ChainEntry, deepHash, nextPlace } from "../scheduler/order.ts";
import type { Store } from "../store/store.ts";
import { type Assignment, type ItemRecord, tagValue } from "../types.ts";
import { publish, type UnitContext } from "./context.ts";
import { UnitError } from "./http.ts";

export interface Scheduling {
  /** Schedules a process or a message. Throws UnitError if that is not possible. */
  schedule(item: ParsedItem): Promise<ChainEntry>;
  /** Assigns an existing item to another process' order as well. */
  assign(process: string, item: string, exclude: readonly string[]): Promise<Assignment>;
}

/** The order of each process: entries are stored one after another, each before it is visible. */
export function scheduling(context: UnitContext, wake: (process: string) => void): Scheduling {
  return new Order(context, wake);
}

class Order implements Scheduling {
  readonly #context: UnitContext;
  readonly #wake: (process: string) => void;
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(context: UnitContext, wake: (process: string) => void) {
    this.#context = context;
    this.#wake = wake;
  }

  get #store(): Store {
    return this.#context.store;
  }

  /** Runs work for one process after all earlier work for it. */
  #inTurn<T>(process: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#tails.get(process) ?? Promise.resolve()).then(work, work);
    const tail = turn
      .catch(() => {})
      .then(() => {
        if (this.#tails.get(process) === tail) this.#tails.delete(process);
      });
    this.#tails.set(process, tail);
    return turn;
  }

  /** The newest place of a process, including that of a repeated spawn. */
  #lastPlaced(process: string): ChainEntry | undefined {
    const last = this.#store.lastAssignment(process);
    const gap = this.#store.meta(repeatedSpawnKey(process));
    if (gap === undefined) return last;
    const lost = JSON.parse(gap) as ChainEntry;
    return last === undefined || lost.nonce > last.nonce ? lost : last;
  }

  /** Uses a place without an entry: the next entry continues a chain that nobody can verify. */
  async #leaveGap(process: string): Promise<ChainEntry> {
    const { nonce, hashChain, timestamp } = nextPlace(this.#lastPlaced(process), this.#context.now());
    const tags = assignmentTags({
      ...{ process, message: null, place: { nonce, hashChain, timestamp }, exclude: [] },
      height: this.#context.chain.heightAt(timestamp),
    });
    const { id } = await this.#context.scheduler.sign({ data: "", tags, target: process });
    const lost: ChainEntry = { id, nonce, hashChain, timestamp };
    this.#store.setMeta(repeatedSpawnKey(process), JSON.stringify(lost));
    return lost;
  }

  async #append(
    process: string,
    entry: { message: string; assigned: boolean; exclude: readonly string[]; deepHash: string | null },
    also: () => void,
  ): Promise<Assignment> {
    const place = nextPlace(this.#lastPlaced(process), this.#context.now());
    const height = this.#context.chain.heightAt(place.timestamp);
    const { message, assigned, exclude } = entry;
    const isProcess = message === process && place.nonce === 0;
    const tags = assignmentTags({ process, message: isProcess ? null : message, place, height, exclude });
    const signed = await this.#context.scheduler.sign({ data: "", tags, target: process });
    const { nonce, hashChain, timestamp } = place;
    const assignment: Assignment = {
      ...{ id: signed.id, process, nonce, message, assigned, exclude, hashChain, height, timestamp },
      deepHash: entry.deepHash,
    };
    this.#store.atomically(() => {
      also();
      this.#store.append(assignment);
      publish(this.#context, signed);
    });
    this.#wake(process);
    return assignment;
  }

  #scheduleProcess(item: ParsedItem): Promise<ChainEntry> {
    const wanted = tagValue(item.tags, "Scheduler");
    if (wanted === undefined || wanted !== this.#context.scheduler.address) {
      // The real unit finds no Scheduler-Location and fails with exactly this text.
      throw new UnitError(
        500,
        "Cannot destructure property 'url' of '(intermediate value)' as it is undefined.",
      );
    }
    const module = tagValue(item.tags, "Module");
    if (module === undefined) throw new UnitError(500, "No Module tag found on 'Process' DataItem");
    const boot = tagValue(item.tags, "On-Boot");
    if (boot !== undefined && boot !== "Data" && this.#store.item(boot) === undefined) {
      throw new UnitError(500, schedulerError("Invalid tx id for On-Boot tag"));
    }
    return this.#inTurn<ChainEntry>(item.id, () => {
      const isKnown = this.#store.process(item.id) !== undefined;
      if (this.#context.repeated === "ruins" && isKnown) return this.#leaveGap(item.id);
      this.#refuseKnown(item.id, item.id);
      const process = { id: item.id, owner: item.owner, module, scheduler: wanted, tags: item.tags };
      return this.#append(item.id, { message: item.id, assigned: false, exclude: [], deepHash: null }, () => {
        publish(this.#context, item);
        if (!isKnown) this.#store.addProcess(process);
      });
    });
  }

  #scheduleMessage(item: ParsedItem): Promise<Assignment> {
    this.#requireProcess(item.target);
    return this.#inTurn(item.target, async () => {
      this.#refuseKnown(item.target, item.id);
      const pushed = tagValue(item.tags, "From-Process") !== undefined;
      const hash = pushed ? deepHash({ ...item, data: item.raw.subarray(item.dataOffset) }) : null;
      if (this.#context.repeated !== "again" && hash !== null && this.#store.hasDeepHash(item.target, hash)) {
        throw new UnitError(500, schedulerError('MessageExists("Deep hash already exists")'));
      }
      const entry = { message: item.id, assigned: false, exclude: [], deepHash: hash };
      return this.#append(item.target, entry, () => publish(this.#context, item));
    });
  }

  #requireProcess(id: string): void {
    if (this.#store.process(id)?.scheduler === this.#context.scheduler.address) return;
    throw new UnitError(500, "Cannot read properties of undefined (reading 'tags')");
  }

  #refuseKnown(process: string, id: string): void {
    if (this.#context.repeated === "again") return;
    if (this.#store.assignment(process, id)) {
      throw new UnitError(500, schedulerError('MessageExists("Message already exists")'));
    }
  }

  async schedule(item: ParsedItem): Promise<ChainEntry> {
    // A node takes anything that is signed and has a target; only a process has to say that it is one.
    const kind = this.#context.repeated === "again" ? typeOf(item) : kindOf(item);
    return kind === "Process" ? this.#scheduleProcess(item) : this.#scheduleMessage(item);
  }

  async assign(process: string, id: string, exclude: readonly string[]): Promise<Assignment> {
    this.#requireProcess(process);
    const item: ItemRecord | undefined = this.#store.item(id);
    if (item === undefined) throw new UnitError(500, schedulerError("Invalid gateway tx for assigning"));
    return this.#inTurn(process, async () => {
      this.#refuseKnown(process, id);
      return this.#append(process, { message: id, assigned: true, exclude, deepHash: null }, () => {});
    });
  }
}

/**
 * The entry for an id, whatever process the call names: the oldest one. A message that was only assigned is found by its
 * assignment's id and not by its own.
 */
export function assignmentShownFor(store: Pick<Store, "placed">, id: string): Assignment | undefined {
  const found = store.placed(id);
  return found?.assigned === true && found.id !== id ? undefined : found;
}

/** The store's key for the place of a repeated spawn, which ruins its process. */
export const repeatedSpawnKey = (process: string) => `hole.${process}`;

/** Whether an item is a process or a message, by its first `Type` tag; throws for anything else. */
export function kindOf(item: Pick<ParsedItem, "tags">): "Process" | "Message" {
  if (!item.tags.some(({ name, value }) => name === "Data-Protocol" && value === "ao")) {
    throw new UnitError(500, "Tag 'Data-Protocol': must contain 'ao'");
  }
  const type = typeOf(item);
  if (type === undefined) throw new UnitError(500, "Tag 'Type': must be either 'Process' or 'Message'");
  return type;
}

function typeOf({ tags }: Pick<ParsedItem, "tags">): "Process" | "Message" | undefined {
  for (const { name, value } of tags) {
    if (name === "Type" && (value === "Process" || value === "Message")) return value;
  }
  return undefined;
}

/** How the messenger unit reports an error of the scheduler unit. */
function schedulerError(text: string): string {
  return `Error: 400: ${JSON.stringify({ error: text })}`;
}

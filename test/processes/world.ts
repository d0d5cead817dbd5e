/** Several processes and the delivery between them, in memory. */
import {
  type Aos,
  address,
  type BootOptions,
  boot,
  MESSENGER,
  type Reply,
  readReply,
  type SendOptions,
} from "./aos.ts";

/** Scheduler milliseconds between a message and the one it causes at another process. */
const PUSH_MS = 100;

/** Of so many repeated messages, one is compared by the states before and after it, which takes two more evaluations. */
const COMPARED = 4;

/** One message that was delivered. */
export interface Delivery extends Reply {
  from: string;
}

export interface WorldResult {
  /** The first message back to the sender with an action that ends in `-Response`. */
  reply: Reply | undefined;
  /** Everything that was delivered or left for an outside address, in order. */
  deliveries: Delivery[];
}

export interface WorldOptions extends BootOptions {
  /** name → names of its peers; by default all processes are wired to each other. */
  peers?: Record<string, string[]>;
  /** Names that their callers are told to be without the library. */
  withoutLibrary?: string[];
  /** Drops a message, like a network that loses it. */
  lose?: (delivery: Delivery) => boolean;
  /** Gives each message that is sent to a process a second slot, as a node may. */
  twice?: boolean;
}

/** Messages that got a second slot. */
export interface Twice {
  made: number;
  /** What those did that had an effect there. */
  readonly effects: string[];
}

export class World {
  readonly processes = new Map<string, Aos>();
  lose: ((delivery: Delivery) => boolean) | undefined;
  /** Names of processes whose evaluations may end in an error, without effect. */
  readonly mayFail = new Set<string>();
  /** What became of repeated messages; undefined if none is repeated. */
  twice: Twice | undefined;
  #roots = 0;

  get(name: string): Aos {
    const found = this.processes.get(name);
    if (!found) throw new Error(`no process ${name} in this world`);
    return found;
  }

  /** An independent copy of all processes. */
  async clone(): Promise<World> {
    const copy = new World();
    for (const [name, process] of this.processes) copy.processes.set(name, await process.clone());
    copy.lose = this.lose;
    if (this.twice) copy.twice = { made: 0, effects: [] };
    copy.#roots = this.#roots;
    return copy;
  }

  async drop(): Promise<void> {
    for (const process of this.processes.values()) await process.drop();
  }

  /** Sends to a process and delivers all resulting messages. */
  async send(name: string, options: SendOptions): Promise<WorldResult> {
    const first = this.get(name);
    const from = options.From ?? first.owner;
    this.#align();
    // The network names the first message of each chain that it pushes.
    const root = options.Id ?? address(`message-${++this.#roots}`);
    const started = await first.send({ ...options, From: from, Id: root });
    if (started.error !== undefined) throw new Error(`${name}: ${started.error}`);
    if (this.twice) await this.#again(this.twice, first, { ...options, From: from, Id: root });
    const deliveries: Delivery[] = [];
    const queue = started.messages.map((message) => ({ from: first, message }));
    for (let next = queue.shift(); next; next = queue.shift()) {
      const delivery: Delivery = { ...readReply(next.message), from: next.from.name };
      if (this.lose?.(delivery)) continue;
      deliveries.push(delivery);
      if (deliveries.length > 2_000) throw new Error("the post never gets quiet");
      const to = [...this.processes.values()].find((each) => each.id === delivery.target);
      if (!to) continue;
      this.#align();
      const { Action, ...tags } = delivery.tags;
      const result = await to.send({
        From: next.from.id,
        Owner: MESSENGER,
        Timestamp: to.now + PUSH_MS,
        ...(Action === undefined ? {} : { Action }),
        Data: delivery.text,
        Tags: { ...tags, "From-Process": next.from.id, "Pushed-For": root },
      });
      if (result.error !== undefined) {
        if (!this.mayFail.has(to.name)) throw new Error(`${to.name}: ${result.error}`);
        continue;
      }
      for (const message of result.messages) queue.push({ from: to, message });
    }
    const reply = deliveries.find((each) => each.target === from && each.action.endsWith("-Response"));
    return { reply, deliveries };
  }

  /**
   * Sends the same bytes once more, at the same time, so that nothing else is due. Only the sender may be answered again. Every few messages,
   * the states before and after are compared, too.
   */
  async #again(twice: Twice, to: Aos, options: SendOptions): Promise<void> {
    const isCompared = twice.made % COMPARED === 0;
    const before = isCompared ? await digestOf(to) : "";
    const { messages, error } = await to.send({ ...options, Timestamp: to.now });
    const { slot } = to;
    const after = isCompared ? await digestOf(to) : "";
    twice.made += 1;
    const others = messages.filter(({ Target }) => Target !== options.From);
    const effect =
      error ??
      (others.length > 0 ? `sent ${JSON.stringify(others).slice(0, 300)}` : undefined) ??
      (before === after ? undefined : "changed the state");
    if (effect !== undefined)
      twice.effects.push(`${options.Action} at ${to.name}, repeated in slot ${slot}: ${effect}`);
  }

  /** Makes scheduler time pass for every process. */
  advance(ms: number): void {
    this.#align();
    for (const each of this.processes.values()) each.now += ms;
  }

  /** Wires every process with its peers' ids. */
  async wire(
    peers: Record<string, string[]> = {},
    epoch = 1,
    withoutLibrary: readonly string[] = [],
  ): Promise<void> {
    for (const [name, process] of this.processes) {
      const wanted = peers[name] ?? [...this.processes.keys()].filter((each) => each !== name);
      const ids = Object.fromEntries(
        wanted.map((each) => [each, this.processes.get(each)?.id ?? address(`absent-${each}`)]),
      );
      const { reply } = await this.send(name, {
        From: process.owner,
        Action: "WIRE_PEERS",
        Data: {
          peers: ids,
          hash: "wiring",
          // Like the deployer: a table in which every process has the library does not mention it.
          ...(withoutLibrary.some((each) => ids[each])
            ? { withoutLibrary: withoutLibrary.filter((each) => ids[each]) }
            : {}),
        },
        Epoch: String(epoch),
      });
      if (reply?.status !== "ok") throw new Error(`${name} was not wired: ${reply?.text}`);
    }
  }

  #align(): void {
    const latest = Math.max(...[...this.processes.values()].map((each) => each.now));
    for (const each of this.processes.values()) each.now = latest;
  }
}

/** The digest of a process' states, by an Eval at the same time that changes nothing. */
async function digestOf(process: Aos): Promise<string> {
  const { output, error } = await process.send({
    ...{ From: process.owner, Action: "Eval", Timestamp: process.now },
    Data: 'local _, digest = require("fleet.state").export() return digest',
  });
  if (error !== undefined) throw new Error(`${process.name}: ${error}`);
  return output;
}

/** Boots the named processes and wires them. */
export async function fleet(names: readonly string[], options: WorldOptions = {}): Promise<World> {
  const world = new World();
  if (options.twice) world.twice = { made: 0, effects: [] };
  for (const name of names) world.processes.set(name, await boot(name, options));
  await world.wire(options.peers, 1, options.withoutLibrary);
  world.lose = options.lose;
  return world;
}

import type { Store } from "../../src/localnet/store/store.ts";
import type { EvaluationResult } from "../../src/localnet/types.ts";
import { repeatedSpawnKey } from "../../src/localnet/units/scheduling.ts";
import { type EvaluatorKnobs, readState } from "./evaluator.ts";
import type { ProcessState, Tag } from "./state.ts";

/** A process as it really is on the network, whatever a client reads. */
export interface OracleProcess {
  readonly id: string;
  readonly owner: string;
  readonly module: string;
  /** The first value of each tag. */
  readonly tags: Readonly<Record<string, string>>;
  /** The newest slot; 0 is the spawn itself. */
  readonly slot: number;
  /** Milliseconds since 1970, when it was accepted. */
  readonly at: number;
  /** Its spawn was posted again: no later message is ever evaluated. */
  readonly ruined: boolean;
}

/** A message in a process' order. */
export interface OracleMessage {
  readonly id: string;
  readonly process: string;
  readonly slot: number;
  readonly owner: string;
  /** The process that it was pushed for, else the owner. */
  readonly from: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: string;
  readonly at: number;
  readonly evaluated: boolean;
  /** Set when its evaluation failed. */
  readonly error?: string;
}

/** A slot that was given to an item which had one in the same process already. */
export interface OracleRepeat {
  readonly process: string;
  readonly slot: number;
  readonly id: string;
  readonly action: string;
  /** What its evaluation changed or sent, as an earlier one had; undefined if the process absorbed it. */
  readonly effect?: string;
}

/** Sees everything, undisturbed by faults: the reliability tests compare the client's view with it. */
export interface Oracle {
  processes(): OracleProcess[];
  process(id: string): OracleProcess | undefined;
  /** The processes with a `Deployment-Key`, or with the given one, by key. */
  byDeploymentKey(): Map<string, OracleProcess[]>;
  byDeploymentKey(key: string): OracleProcess[];
  /** In the process' order, without the spawn. Of all processes if none is named. */
  messages(process?: string): OracleMessage[];
  /** A message's result; undefined if it is not evaluated. */
  result(process: string, message: string): EvaluationResult | undefined;
  /** Items that a test posted itself, in addition to the client's posts: id → how often. */
  readonly copies: Map<string, number>;
  /** The number of slots that an item has in all processes' orders. */
  slots(id: string): number;
  /** Evaluated slots of items that had an earlier one. */
  repeats(): OracleRepeat[];
  /** The result in a slot; undefined if it is not evaluated. */
  resultAt(process: string, slot: number): EvaluationResult | undefined;
  /** Items with more slots than the client's one post and a test's own copies explain. */
  postedAgain(): string[];
  /** A process' state. */
  state(process: string): ProcessState | undefined;
  counts(): { processes: number; messages: number; evals: number; pushes: number; failed: number };
  /** Milliseconds since a process was accepted; undefined for an unknown one. */
  age(process: string): number | undefined;
  /** Waits until everything scheduled is evaluated and everything that processes sent is delivered. Fails after `seconds` (10). */
  quiet(seconds?: number): Promise<void>;
}

/** An oracle over the units' store. */
export function oracleOf(store: Store, { effects }: Pick<EvaluatorKnobs, "effects">): Oracle {
  const slotsById = (): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const id of store.processIds())
      for (const { message } of store.assignments(id, { limit: Number.MAX_SAFE_INTEGER }))
        counts.set(message, (counts.get(message) ?? 0) + 1);
    return counts;
  };
  const oracle: Oracle = {
    copies: new Map(),
    slots: (id) => slotsById().get(id) ?? 0,
    repeats: () => store.processIds().flatMap((id) => repeatsOf(store, id, effects)),
    resultAt: (process, slot) => store.evaluationAt(process, slot)?.result,
    postedAgain: () =>
      [...slotsById()].filter(([id, count]) => count > 1 + (oracle.copies.get(id) ?? 0)).map(([id]) => id),
    processes: () => store.processIds().flatMap((id) => oracle.process(id) ?? []),
    process(id) {
      const record = store.process(id);
      const item = store.item(id);
      if (!record || !item) return undefined;
      return {
        ...{ id, owner: record.owner, module: record.module, tags: firsts(record.tags) },
        ...{ slot: store.lastAssignment(id)?.nonce ?? 0, at: item.timestamp },
        ruined: store.meta(repeatedSpawnKey(id)) !== undefined,
      };
    },
    byDeploymentKey: ((key?: string) => {
      const keyed = new Map<string, OracleProcess[]>();
      for (const process of oracle.processes()) {
        const found = process.tags["Deployment-Key"];
        if (found !== undefined) keyed.set(found, [...(keyed.get(found) ?? []), process]);
      }
      return key === undefined ? keyed : (keyed.get(key) ?? []);
    }) as Oracle["byDeploymentKey"],
    messages(process) {
      const ids = process === undefined ? store.processIds() : [process];
      return ids.flatMap((id) => messagesOf(store, id));
    },
    result: (process, message) => store.evaluation(process, message)?.result,
    state: (process) => readState(store.memory(process)),
    counts() {
      const all = oracle.messages();
      return {
        processes: store.processIds().length,
        messages: all.length,
        evals: all.filter(({ tags }) => tags.Action === "Eval").length,
        pushes: all.filter(({ tags }) => tags["From-Process"] !== undefined).length,
        failed: all.filter(({ error }) => error !== undefined).length,
      };
    },
    age(process) {
      const item = store.item(process);
      return item && Date.now() - item.timestamp;
    },
    async quiet(seconds = 10) {
      const end = performance.now() + seconds * 1000;
      while (!isQuiet(store)) {
        if (performance.now() > end) throw new Error(`the network did not come to rest within ${seconds} s`);
        await new Promise((done) => setTimeout(done, 10));
      }
    },
  };
  return oracle;
}

function messagesOf(store: Store, process: string): OracleMessage[] {
  const order = store.assignments(process, { fromNonce: 1, limit: Number.MAX_SAFE_INTEGER });
  const listed = new Set<string>();
  return order.flatMap(({ message, nonce, timestamp }) => {
    const item = store.item(message);
    // Bytes that were posted twice have two slots on a node, and are one message.
    if (!item || listed.has(message)) return [];
    // A spawn that was posted again ruins its process on legacy units, and is nothing on a node.
    if (message === process && store.meta(repeatedSpawnKey(process)) === undefined) return [];
    listed.add(message);
    const tags = firsts(item.tags);
    const result = store.evaluation(process, message)?.result;
    return {
      ...{ id: message, process, slot: nonce, owner: item.owner, from: tags["From-Process"] ?? item.owner },
      ...{ tags, data: Buffer.from(store.data(message) ?? []).toString("utf8"), at: timestamp },
      evaluated: result !== undefined,
      ...(result?.Error === undefined ? {} : { error: result.Error }),
    };
  });
}

function repeatsOf(store: Store, process: string, effects: EvaluatorKnobs["effects"]): OracleRepeat[] {
  const seen = new Set<string>();
  const order = store.assignments(process, { limit: Number.MAX_SAFE_INTEGER });
  return order.flatMap(({ message: id, nonce: slot }) => {
    if (!seen.has(id) || slot > store.lastEvaluated(process)) {
      seen.add(id);
      return [];
    }
    const effect = effects.get(`${process} ${slot}`);
    const { Action: action = "" } = firsts(store.item(id)?.tags ?? []);
    return [{ process, slot, id, action, ...(effect === undefined ? {} : { effect }) }];
  });
}

function isQuiet(store: Store): boolean {
  if (store.effects(1).length > 0) return false;
  const isRuined = (id: string) => store.meta(repeatedSpawnKey(id)) !== undefined;
  return store
    .processIds()
    .every((id) => isRuined(id) || (store.lastAssignment(id)?.nonce ?? -1) <= store.lastEvaluated(id));
}

function firsts(tags: readonly Tag[]): Record<string, string> {
  return Object.fromEntries([...tags].reverse().map(({ name, value }) => [name, value]));
}

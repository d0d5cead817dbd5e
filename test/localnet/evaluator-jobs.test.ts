/** The pool's jobs, with threads that answer when the test says. */
import type { EventEmitter } from "node:events";
import { beforeEach, expect, test, vi } from "vitest";
import type { Evaluator } from "../../src/localnet/evaluator.ts";
import { wasmEvaluator } from "../../src/localnet/wasm/evaluator.ts";
import type { Answer, Order } from "../../src/localnet/wasm/worker.ts";

const { threads } = vi.hoisted(() => ({ threads: [] as Thread[] }));

interface Thread extends EventEmitter {
  readonly orders: Order[];
}

vi.mock("node:worker_threads", async () => {
  const { EventEmitter: Emitter } = await import("node:events");
  class Worker extends Emitter implements Thread {
    readonly orders: Order[] = [];
    constructor() {
      super();
      threads.push(this);
    }
    postMessage(order: Order) {
      this.orders.push(order);
    }
    unref() {}
    async terminate() {}
  }
  return { Worker };
});

const MODULE = "m".repeat(43);
const process = { id: "p".repeat(43), owner: "o", module: MODULE, scheduler: "s", tags: [] };
const message = {
  ...{ Id: "i", Owner: "o", From: "o", Target: process.id, Epoch: 0, Nonce: 0, Cron: false },
  ...{ Timestamp: 0, "Block-Height": 0, Tags: [], Data: "" },
};
const result = { Output: "", Messages: [], Assignments: [], Spawns: [] };

let evaluator: Evaluator;
beforeEach(() => {
  threads.length = 0;
  const loadModule = (id: string) => ({ id, owner: "o", tags: [], wasm: new Uint8Array() });
  evaluator = wasmEvaluator({ workers: 1, loadModule });
});

const evaluate = (memory: Uint8Array | null) =>
  evaluator.evaluate({ process, memory, message, dryRun: false });
const answer = (given: Answer) => threads[0]?.emit("message", given);
const lastOrder = () => threads[0]?.orders.at(-1);

/** Evaluates once, after which the thread holds the memory. */
async function held(): Promise<Uint8Array> {
  const first = evaluate(null);
  const order = lastOrder();
  const tag = order?.kind === "evaluate" ? order.tag : 0;
  const snapshot = new Uint8Array([1]);
  answer({ snapshot, result, holds: tag });
  expect((await first).memory).toBe(snapshot);
  return snapshot;
}

test("a job whose memory the thread has dropped is given to it again with the memory", async () => {
  const memory = await held();
  const evaluated = evaluate(memory);
  expect(lastOrder()).toMatchObject({ snapshot: 1 });
  answer({ released: true });
  expect(lastOrder()).toMatchObject({ snapshot: memory });
  answer({ snapshot: null, result, holds: null });
  expect((await evaluated).memory).toBe(memory);
  await evaluator.close?.();
});

test("a job whose memory the thread has dropped ends, if the evaluator was closed in the meantime", async () => {
  const ended = evaluate(await held()).then(
    () => "evaluated",
    (error: Error) => error.message,
  );
  await evaluator.close?.();
  answer({ released: true });
  threads[0]?.emit("exit", 0);
  const soon = new Promise((resolve) => setImmediate(() => resolve("still waits")));
  expect(await Promise.race([ended, soon])).toBe("the evaluator is closed");
  expect(threads).toHaveLength(1);
});

test("a thread still holds a process' memory after it has expanded another one", async () => {
  const memory = await held();
  const expanded = evaluator.expand?.(process, new Uint8Array([7]));
  expect(lastOrder()).toMatchObject({ kind: "expand" });
  answer({ memory: new Uint8Array([7, 7]) });
  expect(await expanded).toEqual(new Uint8Array([7, 7]));
  void evaluate(memory).catch(() => {});
  expect(lastOrder()).toMatchObject({ kind: "evaluate", snapshot: 1 });
  await evaluator.close?.();
});

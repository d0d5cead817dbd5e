import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { sibling } from "../../core/sibling.ts";
import type { EvaluationInput, Evaluator, ModuleSource } from "../evaluator.ts";
import type { EvaluationResult, ProcessRecord } from "../types.ts";
import type { Answer, Order } from "./worker.ts";

interface WasmEvaluatorOptions {
  /** Finds a module's bytes; undefined if it was not published. */
  loadModule(id: string): ModuleSource | undefined;
  /** Concurrent evaluations. Default: the number of cores, at most 4. */
  workers?: number;
  /** Time limit of an evaluation in seconds; after it, the evaluation fails and its thread is replaced. Default 120. */
  timeoutSeconds?: number;
}

interface Job {
  readonly module: string;
  /** Undefined for a memory that no worker created in this run. */
  readonly tag: number | undefined;
  /** Time limit in seconds. */
  readonly limit: number;
  /** The order to a worker, which may hold the memory already. */
  readonly order: (isHeld: boolean) => Order;
  readonly settle: (answer: Answer, worker: PoolWorker | null) => void;
}

interface PoolWorker {
  readonly thread: Worker;
  readonly modules: Set<string>;
  /** The memory that the instance of each image currently holds. */
  readonly holds: Map<string, number | null>;
  job: Job | null;
  timer: NodeJS.Timeout | null;
}

/** Evaluates WebAssembly modules with `@permaweb/ao-loader` in worker threads. Needs V8's memory64, which Node 22 has. */
export function wasmEvaluator(options: WasmEvaluatorOptions): Evaluator {
  setFlagsFromString("--experimental-wasm-memory64");
  return new WorkerPool(options);
}

class WorkerPool implements Evaluator {
  readonly #loadModule: WasmEvaluatorOptions["loadModule"];
  readonly #size: number;
  readonly #limit: number;
  readonly #workers: PoolWorker[] = [];
  readonly #queue: Job[] = [];
  readonly #tags = new WeakMap<Uint8Array, number>();
  readonly #modules = new Map<string, ModuleSource>();
  #lastTag = 0;
  #closed = false;

  constructor(options: WasmEvaluatorOptions) {
    this.#loadModule = options.loadModule.bind(options);
    this.#size = options.workers ?? Math.min(4, availableParallelism());
    this.#limit = options.timeoutSeconds ?? 120;
  }

  #sourceOf(id: string): ModuleSource {
    const source = this.#modules.get(id) ?? this.#loadModule(id);
    if (source === undefined) throw new Error(`Module ${id} was not found on the gateway`);
    this.#modules.set(id, source);
    return source;
  }

  #addWorker(): PoolWorker {
    const thread = new Worker(sibling(import.meta.url, "worker"));
    const worker: PoolWorker = { thread, modules: new Set(), holds: new Map(), job: null, timer: null };
    thread.on("message", (answer: Answer) => this.#finish(worker, answer));
    thread.on("error", (error) => this.#lose(worker, { failure: String(error) }));
    thread.on("exit", () => this.#lose(worker, { failure: "the evaluating thread ended" }));
    thread.unref();
    this.#workers.push(worker);
    return worker;
  }

  #finish(worker: PoolWorker, answer: Answer): void {
    const { job } = worker;
    if (worker.timer) clearTimeout(worker.timer);
    worker.job = null;
    worker.timer = null;
    if (job) {
      // To expand a memory changes no instance.
      if (!("memory" in answer)) worker.holds.set(job.module, "holds" in answer ? answer.holds : null);
      if ("failure" in answer) worker.modules.delete(job.module);
      if (!("released" in answer)) job.settle(answer, worker);
      else if (this.#closed) job.settle(CLOSED, worker);
      else this.#queue.unshift(job);
    }
    this.#next();
  }

  #lose(worker: PoolWorker, answer: Answer): void {
    const index = this.#workers.indexOf(worker);
    if (index < 0) return;
    this.#workers.splice(index, 1);
    this.#finish(worker, answer);
  }

  #run(worker: PoolWorker, job: Job): void {
    this.#queue.splice(this.#queue.indexOf(job), 1);
    worker.job = job;
    worker.timer = setTimeout(() => {
      const result = failed(`The evaluation took longer than ${job.limit} s and was ended.`);
      this.#lose(worker, { snapshot: null, result, holds: null, isCutOff: true });
      void worker.thread.terminate();
    }, job.limit * 1000);
    const order = job.order(job.tag !== undefined && worker.holds.get(job.module) === job.tag);
    const known = worker.modules.has(job.module);
    worker.modules.add(job.module);
    worker.thread.postMessage(known ? order : { ...order, source: this.#sourceOf(job.module) });
  }

  /** Gives work to idle workers: first jobs whose memory they already hold, then in order. */
  #next(): void {
    if (this.#closed) return;
    const idle = this.#workers.filter((worker) => worker.job === null);
    for (const worker of idle) {
      const held = this.#queue.find(
        (job) => job.tag !== undefined && worker.holds.get(job.module) === job.tag,
      );
      if (held) this.#run(worker, held);
    }
    while (this.#queue[0]) {
      const worker =
        this.#workers.find((each) => each.job === null) ??
        (this.#workers.length < this.#size ? this.#addWorker() : undefined);
      if (worker === undefined) return;
      this.#run(worker, this.#queue[0]);
    }
  }

  #submit(job: Omit<Job, "settle">): Promise<Answer> {
    if (this.#closed) return Promise.reject(new Error("the evaluator is closed"));
    return new Promise((settle) => {
      this.#queue.push({ ...job, settle });
      this.#next();
    });
  }

  async evaluate({ process, memory, message, dryRun, seconds = this.#limit }: EvaluationInput) {
    const module = process.module;
    const source = this.#sourceOf(module);
    const tag = memory === null ? undefined : this.#tags.get(memory);
    const made = ++this.#lastTag;
    const answer = await this.#submit({
      module,
      tag,
      limit: seconds,
      order: (isHeld) => ({
        kind: "evaluate",
        module,
        env: {
          Process: { Id: process.id, Owner: process.owner, Tags: process.tags },
          Module: { Id: module, Owner: source.owner, Tags: source.tags },
        },
        message,
        snapshot: isHeld && tag !== undefined ? tag : memory,
        tag: made,
        keep: !dryRun,
      }),
    });
    if (!("result" in answer)) throw new Error("failure" in answer ? answer.failure : "unexpected answer");
    if (answer.snapshot) this.#tags.set(answer.snapshot, made);
    const { result, isCutOff } = answer;
    return { memory: answer.snapshot ?? memory, result, ...(isCutOff && { isCutOff }) };
  }

  async expand(process: ProcessRecord, snapshot: Uint8Array) {
    this.#sourceOf(process.module);
    const order: Order = { kind: "expand", module: process.module, snapshot };
    const answer = await this.#submit({
      ...{ module: process.module, tag: undefined, limit: this.#limit },
      order: () => order,
    });
    if (!("memory" in answer)) throw new Error("failure" in answer ? answer.failure : "unexpected answer");
    return answer.memory;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { settle } of this.#queue.splice(0)) settle(CLOSED, null);
    await Promise.all(this.#workers.map((worker) => worker.thread.terminate()));
  }
}

/** No worker will run the job: its caller would wait forever. */
const CLOSED: Answer = { failure: "the evaluator is closed" };

function failed(error: string): EvaluationResult {
  return { Output: "", Messages: [], Assignments: [], Spawns: [], Error: error };
}

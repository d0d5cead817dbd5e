import { isNextInChain } from "../scheduler/order.ts";
import type { MemoryChange, Store } from "../store/store.ts";
import type { Assignment, EvaluatedMessage, EvaluationRecord, EvaluationResult, Tag } from "../types.ts";
import type { UnitContext } from "./context.ts";
import { UnitError } from "./http.ts";
import { memoryCache } from "./memory-cache.ts";
import { evaluatedMessage, fromOf } from "./message.ts";
import { keepPatches, patchesOf } from "./patches.ts";
import { effectsOf, rootOf } from "./pushed.ts";
import { assignmentShownFor } from "./scheduling.ts";

/** A message that a cron creates. */
interface CronTick {
  /** `0-10-seconds`. */
  readonly cron: string;
  readonly tags: readonly Tag[];
  readonly timestamp: number;
  readonly height: number;
}

export interface Evaluating {
  /** Evaluates a process' scheduled messages that are not evaluated yet, in order. */
  wake(process: string): void;
  /** The result of a message or an assignment, once it is evaluated. Throws UnitError if it never will be. */
  result(process: string, id: string, signal: AbortSignal): Promise<EvaluationResult>;
  /** The result of the entry with that nonce, once it is evaluated. Throws UnitError if there is no such entry. */
  resultAt(process: string, nonce: number, signal: AbortSignal): Promise<EvaluationResult>;
  dryRun(process: string, body: Record<string, unknown>): Promise<EvaluationResult>;
  /** Evaluates a cron message after everything scheduled now; drops it if one of the same cron is already waiting. */
  tick(process: string, tick: CronTick): void;
  state(process: string): Promise<{ memory: Uint8Array; last: Assignment | undefined }>;
  close(): Promise<void>;
}

/** Evaluates each process' messages one after another, and different processes in parallel. */
export function evaluating(context: UnitContext, push: () => void): Evaluating {
  return new Evaluations(context, push);
}

class Evaluations implements Evaluating {
  readonly #context: UnitContext;
  readonly #push: () => void;
  readonly #memories: ReturnType<typeof memoryCache>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #ticks = new Map<string, CronTick[]>();
  readonly #waiters = new Map<string, Set<(failure?: Error) => void>>();
  /** A process whose module cannot be loaded is retried at the next request, not in a loop. */
  readonly #failing = new Set<string>();
  #closing = false;

  constructor(context: UnitContext, push: () => void) {
    this.#context = context;
    this.#push = push;
    this.#memories = memoryCache(context.store);
  }

  get #store(): Store {
    return this.#context.store;
  }

  wake(process: string): void {
    if (this.#closing || this.#running.has(process)) return;
    const work = this.#drain(process)
      .catch((error: unknown) => {
        this.#context.log(`evaluation of ${process} stopped: ${String(error)}`);
        this.#tell(process, error instanceof Error ? error : new Error(String(error)));
      })
      .finally(() => {
        this.#running.delete(process);
        if (this.#hasWork(process) && !this.#failing.has(process)) this.wake(process);
      });
    this.#running.set(process, work);
  }

  #hasWork(process: string): boolean {
    return (
      (this.#ticks.get(process)?.length ?? 0) > 0 ||
      (this.#store.lastAssignment(process)?.nonce ?? -1) > this.#store.lastEvaluated(process)
    );
  }

  async #drain(process: string): Promise<void> {
    this.#failing.add(process);
    while (!this.#closing) {
      const nonce = this.#store.lastEvaluated(process) + 1;
      const [next] = this.#store.assignments(process, { fromNonce: nonce, limit: 1 });
      if (next) await this.#evaluateScheduled(next, nonce);
      else {
        const tick = this.#ticks.get(process)?.shift();
        if (tick === undefined) break;
        await this.#evaluateTick(process, tick, nonce - 1);
      }
    }
    this.#failing.delete(process);
  }

  async #evaluateScheduled(assignment: Assignment, nonce: number): Promise<void> {
    const [earlier] = this.#store.assignments(assignment.process, { fromNonce: nonce - 1, limit: 1 });
    if (!isNextInChain(nonce === 0 ? undefined : earlier, assignment)) {
      throw new UnitError(422, `HashChain invalid on message ${assignment.message}`);
    }
    const item = this.#store.item(assignment.message);
    const data = this.#store.data(assignment.message);
    if (item === undefined || data === undefined)
      throw new Error(`message ${assignment.message} has no bytes`);
    const message = evaluatedMessage(assignment, item, data);
    const about = {
      ordinate: assignment.nonce,
      cron: null,
      message: assignment.message,
      root: rootOf(assignment, item, this.#context.messenger.address),
    };
    if (this.#isSkipped(assignment))
      this.#keep(assignment.process, message, about, { isOnNode: true, result: EMPTY });
    else await this.#evaluate(assignment.process, message, about);
  }

  /** Whether a node does not evaluate an entry, because an earlier one is the same item. */
  #isSkipped({ process, message, nonce }: Assignment): boolean {
    if (!this.#context.node.deduplicates || !this.#isOnNode(process)) return false;
    return (this.#store.assignment(process, message)?.nonce ?? nonce) < nonce;
  }

  #isOnNode(process: string): boolean {
    return this.#store.process(process)?.scheduler === this.#context.node.address;
  }

  async #evaluateTick(process: string, tick: CronTick, ordinate: number): Promise<void> {
    const owner = this.#store.process(process)?.owner ?? "";
    const message: EvaluatedMessage = {
      ...{ Owner: owner, Target: process, From: owner, Tags: tick.tags, Timestamp: tick.timestamp },
      ...{ "Block-Height": tick.height, Cron: true },
    };
    await this.#evaluate(process, message, { ordinate, cron: tick.cron, message: null, root: null });
  }

  async #evaluate(id: string, message: EvaluatedMessage, about: About): Promise<void> {
    const process = this.#store.process(id);
    if (process === undefined) throw new Error(`process ${id} is not known`);
    const before = this.#memories.get(id);
    const { memory, result } = await this.#context.evaluator.evaluate({
      process,
      memory: before,
      message,
      dryRun: false,
    });
    const keeps = memory !== null && memory !== before;
    const isOnNode = process.scheduler === this.#context.node.address;
    const change = keeps ? { memory: { before, after: memory } } : {};
    this.#keep(id, message, about, { isOnNode, result, ...change });
  }

  #keep(
    id: string,
    message: EvaluatedMessage,
    about: About,
    { isOnNode, result, memory }: { isOnNode: boolean; result: EvaluationResult; memory?: MemoryChange },
  ): void {
    const patches = isOnNode ? patchesOf(result) : [];
    const record: EvaluationRecord = {
      ...{ process: id, ordinate: about.ordinate, cron: about.cron, message: about.message },
      ...{ timestamp: message.Timestamp, height: message["Block-Height"], result },
      ...(patches.length === 0 ? {} : { patches }),
    };
    this.#store.atomically(() => {
      // A node delivers an outbox only if its slot is pushed.
      this.#store.saveEvaluation(record, memory, isOnNode ? [] : effectsOf(id, about.root, result));
      if (patches.length > 0) keepPatches(this.#store, id, patches);
    });
    if (memory !== undefined) this.#memories.set(id, memory.after);
    this.#tell(id);
    this.#push();
  }

  #tell(process: string, failure?: Error): void {
    for (const waiter of this.#waiters.get(process) ?? []) waiter(failure);
  }

  /** The result of an entry, once it is available. */
  async #evaluated({ process, nonce }: Assignment, signal: AbortSignal): Promise<EvaluationResult> {
    for (;;) {
      const found = this.#store.evaluationAt(process, nonce);
      if (found) return found.result;
      await new Promise<void>((resolve, reject) => {
        const set = this.#waiters.get(process) ?? new Set();
        this.#waiters.set(process, set);
        const done = (failure?: Error) => {
          set.delete(done);
          signal.removeEventListener("abort", aborted);
          if (failure) reject(failure instanceof UnitError ? failure : new UnitError(500, failure.message));
          else resolve();
        };
        const aborted = () => done(new Error("the client went away"));
        set.add(done);
        signal.addEventListener("abort", aborted);
        this.wake(process);
      });
    }
  }

  async result(process: string, id: string, signal: AbortSignal): Promise<EvaluationResult> {
    if (this.#store.process(process) === undefined) throw new UnitError(500, PROCESS_UNKNOWN);
    // Like the real unit: the scheduler unit decides which process the id belongs to, even if the call names another one.
    const assignment =
      id === process ? this.#store.assignment(process, process) : assignmentShownFor(this.#store, id);
    if (assignment === undefined)
      throw new UnitError(500, schedulerError("message", "Message or Process not found"));
    return this.#evaluated(assignment, signal);
  }

  async resultAt(process: string, nonce: number, signal: AbortSignal): Promise<EvaluationResult> {
    const [assignment] = this.#store.assignments(process, { fromNonce: nonce, toNonce: nonce, limit: 1 });
    if (assignment === undefined) throw new UnitError(404, "Requested slot not yet available in schedule.");
    return this.#evaluated(assignment, signal);
  }

  async dryRun(id: string, body: Record<string, unknown>): Promise<EvaluationResult> {
    const process = this.#store.process(id);
    if (process === undefined) throw new UnitError(500, PROCESS_UNKNOWN);
    const last = this.#store.lastAssignment(id);
    // Like the real unit: first evaluates everything scheduled so far, and fails if there is only the spawn.
    if (last === undefined || (last.nonce === 0 && !this.#isOnNode(id)))
      throw new UnitError(500, schedulerError("latest message", "Latest message not available"));
    await this.#evaluated(last, new AbortController().signal);
    const tags = (Array.isArray(body.Tags) ? body.Tags : []) as Tag[];
    const owner = String(body.Owner ?? "1234");
    const message = {
      ...{
        Timestamp: last?.timestamp ?? this.#context.now(),
        "Block-Height": last?.height ?? 0,
        Cron: false,
      },
      ...body,
      ...{ Target: id, Owner: owner, Tags: tags, From: fromOf(tags, owner), "Read-Only": true },
    } as EvaluatedMessage;
    return (
      await this.#context.evaluator.evaluate({
        process,
        memory: this.#memories.get(id),
        message,
        dryRun: true,
      })
    ).result;
  }

  tick(process: string, tick: CronTick): void {
    const waiting = this.#ticks.get(process) ?? [];
    this.#ticks.set(process, waiting);
    if (waiting.some(({ cron }) => cron === tick.cron)) return;
    waiting.push(tick);
    this.wake(process);
  }

  async state(id: string): Promise<{ memory: Uint8Array; last: Assignment | undefined }> {
    const process = this.#store.process(id);
    if (process === undefined) throw new UnitError(500, PROCESS_UNKNOWN);
    const last = this.#store.lastAssignment(id);
    if (last) await this.#evaluated(last, new AbortController().signal);
    const memory = this.#memories.get(id) ?? new Uint8Array();
    return { memory: (await this.#context.evaluator.expand?.(process, memory)) ?? memory, last };
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const process of this.#waiters.keys()) this.#tell(process, new Error("the units are closing"));
    await this.#context.evaluator.close?.();
    await Promise.all(this.#running.values());
  }
}

/** What an evaluation is recorded under. */
interface About {
  readonly ordinate: number;
  readonly cron: string | null;
  readonly message: string | null;
  readonly root: string | null;
}

/** The result of an item that a node skips. */
const EMPTY: EvaluationResult = { Output: "", Messages: [], Spawns: [], Assignments: [] };

/** The real unit's error for a process that the gateway does not show. */
const PROCESS_UNKNOWN = "TypeError: Cannot read properties of undefined (reading 'tags')";

/** How the compute unit reports an error of the scheduler unit. */
function schedulerError(about: string, text: string): string {
  const answer = JSON.stringify({ error: text });
  return `Error: Error Encountered when loading ${about} from Scheduler Unit: 400: ${answer}`;
}

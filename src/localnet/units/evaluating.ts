import { continues } from "../scheduler/order.ts";
import type {
  Assignment,
  Effect,
  EvaluatedMessage,
  EvaluationRecord,
  EvaluationResult,
  Tag,
} from "../types.ts";
import type { UnitContext } from "./context.ts";
import { UnitError } from "./http.ts";
import { memoryCache } from "./memory-cache.ts";
import { evaluatedMessage, fromOf } from "./message.ts";
import { shownAs } from "./scheduling.ts";

/** A message that a cron makes. */
interface CronTick {
  /** `0-10-seconds`. */
  readonly cron: string;
  readonly tags: readonly Tag[];
  readonly timestamp: number;
  readonly height: number;
}

export interface Evaluating {
  /** Evaluates what is scheduled for a process and not evaluated yet, in order. */
  wake(process: string): void;
  /** What a message or an assignment came to, once it is evaluated. Throws UnitError when it never will be. */
  result(process: string, id: string, signal: AbortSignal): Promise<EvaluationResult>;
  dryRun(process: string, body: Record<string, unknown>): Promise<EvaluationResult>;
  /** Evaluates a cron message after what is scheduled now; a second one of the same cron is dropped while one waits. */
  tick(process: string, tick: CronTick): void;
  state(process: string): Promise<{ memory: Uint8Array; last: Assignment | undefined }>;
  close(): Promise<void>;
}

/** Evaluates each process' messages one after the other; different processes in parallel. */
export function evaluating(context: UnitContext, push: () => void): Evaluating {
  const { store, evaluator } = context;
  const memories = memoryCache(store);
  const running = new Map<string, Promise<void>>();
  const ticks = new Map<string, CronTick[]>();
  const waiters = new Map<string, Set<(failure?: Error) => void>>();
  let closing = false;

  function wake(process: string): void {
    if (closing || running.has(process)) return;
    const work = drain(process)
      .catch((error: unknown) => {
        context.log(`evaluation of ${process} stopped: ${String(error)}`);
        tell(process, error instanceof Error ? error : new Error(String(error)));
      })
      .finally(() => {
        running.delete(process);
        if (hasWork(process) && !failing.has(process)) wake(process);
      });
    running.set(process, work);
  }

  // A process whose module cannot be loaded is tried again when somebody asks, not in a loop.
  const failing = new Set<string>();
  const hasWork = (process: string) =>
    (ticks.get(process)?.length ?? 0) > 0 ||
    (store.lastAssignment(process)?.nonce ?? -1) > store.lastEvaluated(process);

  async function drain(process: string): Promise<void> {
    failing.add(process);
    while (!closing) {
      const nonce = store.lastEvaluated(process) + 1;
      const [next] = store.assignments(process, { fromNonce: nonce, limit: 1 });
      if (next) await evaluateScheduled(next, nonce);
      else {
        const tick = ticks.get(process)?.shift();
        if (tick === undefined) break;
        await evaluateTick(process, tick, nonce - 1);
      }
    }
    failing.delete(process);
  }

  async function evaluateScheduled(assignment: Assignment, nonce: number): Promise<void> {
    const [earlier] = store.assignments(assignment.process, { fromNonce: nonce - 1, limit: 1 });
    if (!continues(nonce === 0 ? undefined : earlier, assignment)) {
      throw new UnitError(422, `HashChain invalid on message ${assignment.message}`);
    }
    const item = store.item(assignment.message);
    const data = store.data(assignment.message);
    if (item === undefined || data === undefined)
      throw new Error(`message ${assignment.message} has no bytes`);
    const message = evaluatedMessage(assignment, item, data);
    await evaluate(assignment.process, message, {
      ordinate: assignment.nonce,
      cron: null,
      message: assignment.message,
      root: rootOf(item.tags) ?? assignment.message,
    });
  }

  async function evaluateTick(process: string, tick: CronTick, ordinate: number): Promise<void> {
    const owner = store.process(process)?.owner ?? "";
    const message: EvaluatedMessage = {
      ...{ Owner: owner, Target: process, From: owner, Tags: tick.tags, Timestamp: tick.timestamp },
      ...{ "Block-Height": tick.height, Cron: true },
    };
    await evaluate(process, message, { ordinate, cron: tick.cron, message: null, root: null });
  }

  async function evaluate(
    id: string,
    message: EvaluatedMessage,
    about: { ordinate: number; cron: string | null; message: string | null; root: string | null },
  ): Promise<void> {
    const process = store.process(id);
    if (process === undefined) throw new Error(`process ${id} is not known`);
    const before = memories.get(id);
    const { memory, result } = await evaluator.evaluate({ process, memory: before, message, dryRun: false });
    const record: EvaluationRecord = {
      ...{ process: id, ordinate: about.ordinate, cron: about.cron, message: about.message },
      ...{ timestamp: message.Timestamp, height: message["Block-Height"], result },
    };
    const keeps = result.Error === undefined && memory !== null && memory !== before;
    store.saveEvaluation(record, keeps ? memory : undefined, effectsOf(id, about.root, result));
    if (keeps) memories.set(id, memory);
    tell(id);
    push();
  }

  function tell(process: string, failure?: Error): void {
    for (const waiter of waiters.get(process) ?? []) waiter(failure);
  }

  /** The result of an entry, when it is there. */
  async function evaluated({ process, message }: Assignment, signal: AbortSignal): Promise<EvaluationResult> {
    for (;;) {
      const found = store.evaluation(process, message);
      if (found) return found.result;
      await new Promise<void>((resolve, reject) => {
        const set = waiters.get(process) ?? new Set();
        waiters.set(process, set);
        const done = (failure?: Error) => {
          set.delete(done);
          signal.removeEventListener("abort", aborted);
          if (failure) reject(failure instanceof UnitError ? failure : new UnitError(500, failure.message));
          else resolve();
        };
        const aborted = () => done(new Error("the client went away"));
        set.add(done);
        signal.addEventListener("abort", aborted);
        wake(process);
      });
    }
  }

  return {
    wake,

    async result(process, id, signal) {
      if (store.process(process) === undefined) throw new UnitError(500, PROCESS_UNKNOWN);
      // As the real unit: the scheduler unit says where the id belongs, even to another process than the one that was named.
      const assignment = id === process ? store.assignment(process, process) : shownAs(store, id);
      if (assignment === undefined)
        throw new UnitError(500, schedulerSays("message", "Message or Process not found"));
      return evaluated(assignment, signal);
    },

    async dryRun(id, body) {
      const process = store.process(id);
      if (process === undefined) throw new UnitError(500, PROCESS_UNKNOWN);
      const last = store.lastAssignment(id);
      // As the real unit: everything scheduled so far first, and nothing where there is nothing but the spawn.
      if (last === undefined || last.nonce === 0)
        throw new UnitError(500, schedulerSays("latest message", "Latest message not available"));
      await evaluated(last, new AbortController().signal);
      const tags = (Array.isArray(body.Tags) ? body.Tags : []) as Tag[];
      const owner = String(body.Owner ?? "1234");
      const message = {
        ...{ Timestamp: last?.timestamp ?? context.now(), "Block-Height": last?.height ?? 0, Cron: false },
        ...body,
        ...{ Target: id, Owner: owner, Tags: tags, From: fromOf(tags, owner), "Read-Only": true },
      } as EvaluatedMessage;
      return (await evaluator.evaluate({ process, memory: memories.get(id), message, dryRun: true })).result;
    },

    tick(process, tick) {
      const waiting = ticks.get(process) ?? [];
      ticks.set(process, waiting);
      if (waiting.some(({ cron }) => cron === tick.cron)) return;
      waiting.push(tick);
      wake(process);
    },

    async state(id) {
      const process = store.process(id);
      if (process === undefined) throw new UnitError(500, PROCESS_UNKNOWN);
      const last = store.lastAssignment(id);
      if (last) await evaluated(last, new AbortController().signal);
      const memory = memories.get(id) ?? new Uint8Array();
      return { memory: (await evaluator.expand?.(process, memory)) ?? memory, last };
    },

    async close() {
      closing = true;
      for (const process of waiters.keys()) tell(process, new Error("the units are closing"));
      await evaluator.close?.();
      await Promise.all(running.values());
    },
  };
}

function effectsOf(process: string, root: string | null, result: EvaluationResult): Effect[] {
  if (result.Error !== undefined) return [];
  const each = (kind: Effect["kind"], items: readonly Effect["item"][]) =>
    items.map((item) => ({ kind, process, root, item }));
  return [
    ...each("message", result.Messages),
    ...each("spawn", result.Spawns),
    ...each("assignment", result.Assignments),
  ];
}

function rootOf(tags: readonly Tag[]): string | undefined {
  return tags.find(({ name }) => name === "Pushed-For")?.value;
}

/** What the real unit says of a process that the gateway does not show: it falls over the missing item. */
const PROCESS_UNKNOWN = "TypeError: Cannot read properties of undefined (reading 'tags')";

/** How the compute unit reports what the scheduler unit said. */
function schedulerSays(about: string, text: string): string {
  const said = JSON.stringify({ error: text });
  return `Error: Error Encountered when loading ${about} from Scheduler Unit: 400: ${said}`;
}

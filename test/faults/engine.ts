import { join } from "node:path";
import * as configBundle from "../../providers/config-bundle/lifecycle.ts";
import * as processes from "../../providers/process/lifecycle.ts";
import * as release from "../../providers/release/lifecycle.ts";
import { PartialFailure } from "../../providers/run/partial-failure.ts";
import { endRun } from "../../providers/run/session.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { readJson, writeAtomically } from "../../src/fleet/files.ts";
import { type Declared, declare, type Spec } from "./spec.ts";

type Raw = Record<string, unknown>;

interface Lifecycle {
  check(olds: Raw, news: Raw): Promise<{ inputs: Raw; failures: { property: string; reason: string }[] }>;
  diff(id: string, olds: Raw, news: Raw): Promise<{ changes: boolean }>;
  create(inputs: Raw): Promise<{ id: string; outs: Raw }>;
  update(id: string, olds: Raw, news: Raw): Promise<{ outs: Raw }>;
  read(id: string, props: Raw): Promise<{ props: Raw }>;
  remove(id: string, props: Raw): Promise<void>;
}

const LIFECYCLES: Record<Declared["kind"], Lifecycle> = {
  process: processes as unknown as Lifecycle,
  "config-bundle": configBundle as unknown as Lifecycle,
  wiring: wiring as unknown as Lifecycle,
  release: release as unknown as Lifecycle,
};

/** The engine's record of one resource, as in Pulumi's state. */
export interface Recorded {
  readonly kind: Declared["kind"];
  readonly id: string;
  readonly outputs: Raw;
  /** The last create or update failed half-way: the next run calls update. */
  readonly failed: boolean;
}

export type State = Record<string, Recorded>;

export interface RunResult {
  readonly created: string[];
  readonly updated: string[];
  readonly deleted: string[];
  readonly errors: { readonly name: string; readonly message: string; readonly code: string }[];
  /** What a refresh found changed by hand, by resource. */
  readonly drift: Record<string, string[]>;
}

/**
 * Pulumi's handling of lifecycles without Pulumi: a state that is written after every step, diffs, creates and updates in
 * order of dependency and in parallel, partial failures that are kept, removals last. One call is one run.
 */
export class Engine {
  readonly spec: Spec;
  readonly #path: string;

  constructor(spec: Spec) {
    this.spec = spec;
    this.#path = join(spec.home, spec.stateFile ?? "state.json");
  }

  async state(): Promise<State> {
    return ((await readJson(this.#path)) ?? {}) as State;
  }

  async up(): Promise<RunResult> {
    return this.#run(async (state, result) => {
      const resources = await declare(this.spec);
      const steps = new Map<string, Promise<boolean>>();
      const stepOf = (resource: Declared): Promise<boolean> => {
        const known = steps.get(resource.name);
        if (known) return known;
        const before = resources.filter(({ name }) => resource.after.includes(name));
        const step = Promise.all(before.map(stepOf)).then((done) =>
          done.every(Boolean) ? this.#apply(resource, state, result) : false,
        );
        steps.set(resource.name, step);
        return step;
      };
      const done = await Promise.all(resources.map(stepOf));
      if (!done.every(Boolean)) return;
      const declared = new Set(resources.map(({ name }) => name));
      await this.#remove(
        Object.keys(state).filter((name) => !declared.has(name)),
        state,
        result,
      );
    });
  }

  async refresh(): Promise<RunResult> {
    return this.#run(async (state, result) => {
      await Promise.all(
        Object.entries(state).map(async ([name, recorded]) => {
          await this.#attempt(name, result, async () => {
            const { props } = await LIFECYCLES[recorded.kind].read(recorded.id, recorded.outputs);
            const found = (props.drift as string[] | undefined) ?? [];
            if (found.length > 0) result.drift[name] = found;
            if (JSON.stringify(props) !== JSON.stringify(recorded.outputs)) result.updated.push(name);
            state[name] = { ...recorded, outputs: props, failed: false };
          });
        }),
      );
      await this.#save(state);
    });
  }

  async destroy(): Promise<RunResult> {
    return this.#run((state, result) => this.#remove(Object.keys(state), state, result));
  }

  async #run(work: (state: State, result: RunResult) => Promise<void>): Promise<RunResult> {
    const result: RunResult = { created: [], updated: [], deleted: [], errors: [], drift: {} };
    try {
      await work(await this.state(), result);
    } finally {
      await endRun();
    }
    return result;
  }

  async #apply(resource: Declared, state: State, result: RunResult): Promise<boolean> {
    const { kind, name } = resource;
    const lifecycle = LIFECYCLES[kind];
    return this.#attempt(name, result, async () => {
      const earlier = state[name];
      const raw = resource.inputs((other) => state[other]?.outputs ?? {});
      const { inputs, failures } = await lifecycle.check(earlier?.outputs ?? {}, raw);
      const [failure] = failures;
      if (failure) throw new Error(`${failure.property}: ${failure.reason}`);
      try {
        if (!earlier) {
          const { id, outs } = await lifecycle.create(inputs);
          state[name] = { kind, id, outputs: outs, failed: false };
          result.created.push(name);
        } else if (earlier.failed || (await lifecycle.diff(earlier.id, earlier.outputs, inputs)).changes) {
          const { outs } = await lifecycle.update(earlier.id, earlier.outputs, inputs);
          state[name] = { kind, id: earlier.id, outputs: outs, failed: false };
          result.updated.push(name);
        }
      } catch (error) {
        if (error instanceof PartialFailure) {
          state[name] = { kind, id: error.id, outputs: error.properties, failed: true };
          await this.#save(state);
        }
        throw error;
      }
      await this.#save(state);
    });
  }

  async #remove(names: readonly string[], state: State, result: RunResult): Promise<void> {
    for (const name of [...names].reverse()) {
      const recorded = state[name];
      if (!recorded) continue;
      const gone = await this.#attempt(name, result, async () => {
        await LIFECYCLES[recorded.kind].remove(recorded.id, recorded.outputs);
        delete state[name];
        result.deleted.push(name);
        await this.#save(state);
      });
      if (!gone) return;
    }
  }

  async #attempt(name: string, result: RunResult, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      const cause = error instanceof PartialFailure ? error.cause : error;
      const { code = "", message = String(cause) } = cause as { code?: string; message?: string };
      result.errors.push({ name, message, code });
      return false;
    }
  }

  #saving: Promise<void> = Promise.resolve();

  /** One after another, as Pulumi writes its checkpoint after each step. */
  #save(state: State): Promise<void> {
    this.#saving = this.#saving.then(() => writeAtomically(this.#path, JSON.stringify(state)));
    return this.#saving;
  }
}

import AoLoader from "@permaweb/ao-loader";
import type { EvaluatedMessage, EvaluationResult } from "../types.ts";
import { CountingClock, watched } from "./outside.ts";
import {
  copyPages,
  decodeSnapshot,
  differingPages,
  encodeSnapshot,
  PAGE,
  type Pages,
  restore,
  type Settled,
} from "./snapshot.ts";

/** The environment of a module's `handle`. */
export interface Environment {
  readonly Process: { readonly Id: string; readonly Owner: string; readonly Tags: readonly unknown[] };
  readonly Module: { readonly Id: string; readonly Owner: string; readonly Tags: readonly unknown[] };
}

type Handle = (
  buffer: Uint8Array | null,
  message: EvaluatedMessage,
  env: Environment,
) => Promise<Partial<EvaluationResult>>;
// ao-loader's type declarations do not cover this loader.
const load = AoLoader as unknown as (
  binary: (info: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) => Promise<void>,
  options: object,
) => Promise<Handle>;

/**
 * One live WebAssembly instance of an image, shared by all processes of that image. Between two evaluations, only the
 * pages that differ are exchanged, so a small evaluation takes milliseconds although a memory is over 100 MB.
 */
export class ImageInstance {
  /** The memory of a new instance, in which every process must boot. */
  #base: Pages;
  #baseLength: number;
  #memory: WebAssembly.Memory;
  #handle: Handle;
  /** The pages that currently differ from the base. */
  #dirty: Iterable<number> = [];
  /** The settled part of the snapshot of the memory that the instance holds. */
  #settled: Settled | undefined;
  readonly #clock: CountingClock;
  /** Whether a program has changed what is kept outside of its memory, such as files: the instance must not evaluate again. */
  isSpent = false;
  /** Tag of the memory that the instance currently holds, if any. */
  holds: number | null = null;

  private constructor(handle: Handle, memory: WebAssembly.Memory, clock: CountingClock) {
    this.#handle = handle;
    this.#clock = clock;
    this.#memory = memory;
    const bytes = new Uint8Array(memory.buffer);
    this.#base = copyPages(bytes, differingPages(bytes, new Map()));
    this.#baseLength = bytes.length;
  }

  static async create(module: WebAssembly.Module, options: object): Promise<ImageInstance> {
    let instance: WebAssembly.Instance | undefined;
    let made: ImageInstance | undefined;
    const spend = () => {
      if (made !== undefined) made.isSpent = true;
    };
    const handle = await load(
      async (info, receive) => {
        instance = await WebAssembly.instantiate(module, watched(info, spend));
        receive(instance);
      },
      { ...options, UNSAFE_MEMORY: true },
    );
    const memory = Object.values(instance?.exports ?? {}).find(
      (value) => value instanceof WebAssembly.Memory,
    );
    if (memory === undefined) throw new Error("the module exports no memory");
    made = new ImageInstance(handle, memory, new CountingClock());
    return made;
  }

  /**
   * Evaluates a message on a memory. `snapshot: "held"` means the memory that the instance already holds.
   * Returns the new snapshot, or null if it must not be kept. Rejects on a trap or an exit, after which the instance is unusable.
   */
  async evaluate(
    snapshot: Uint8Array | null | "held",
    message: EvaluatedMessage,
    env: Environment,
    keep: boolean,
  ): Promise<{ snapshot: Uint8Array | null; result: EvaluationResult }> {
    const buffer = snapshot === "held" ? null : this.#fill(snapshot);
    this.holds = null;
    this.#clock.restart();
    let result: EvaluationResult;
    try {
      result = toResult(await this.#handle(buffer, message, env));
    } catch (reason) {
      if (reason instanceof Error) throw reason;
      if (isExit(reason))
        throw new Error(`the program called os.exit(${reason.status}), and nothing was kept`);
      result = toResult({ Error: String(reason) });
    }
    const memory = new Uint8Array(this.#memory.buffer);
    const dirty = differingPages(memory, this.#base);
    this.#dirty = dirty;
    if (!keep || result.Error !== undefined) return { snapshot: null, result };
    const made = encodeSnapshot(memory, dirty, this.#settled);
    this.#settled = made.settled;
    return { snapshot: made.snapshot, result };
  }

  /** Loads the memory; returns a whole buffer for the loader to copy if the instance is still too small for it. */
  #fill(snapshot: Uint8Array | null): Uint8Array | null {
    const { byteLength, pages, settled } =
      snapshot === null
        ? { byteLength: this.#baseLength, pages: new Map<number, Uint8Array>(), settled: undefined }
        : decodeSnapshot(snapshot);
    this.#settled = settled;
    const memory = new Uint8Array(this.#memory.buffer);
    if (byteLength <= memory.length) {
      restore(memory, this.#base, this.#dirty, pages);
      return null;
    }
    return this.#whole(byteLength, pages);
  }

  /** Size of its memory in bytes, which never shrinks. */
  get size(): number {
    return this.#memory.buffer.byteLength;
  }

  /** The whole raw memory of a snapshot. */
  expand(snapshot: Uint8Array): Uint8Array {
    const { byteLength, pages } = decodeSnapshot(snapshot);
    return this.#whole(byteLength, pages);
  }

  #whole(byteLength: number, pages: Pages): Uint8Array {
    const whole = new Uint8Array(byteLength);
    for (const [page, content] of this.#base) whole.set(content, page * PAGE);
    for (const [page, content] of pages) whole.set(content, page * PAGE);
    return whole;
  }
}

/** Whether the program has ended itself, which unwinds its stack as a trap does. The loader throws an object that is no `Error`. */
const isExit = (reason: unknown): reason is { readonly status: number } =>
  typeof reason === "object" && reason !== null && "name" in reason && reason.name === "ExitStatus";

/** The loader's answer with every field, without the memory. */
function toResult(raw: Partial<EvaluationResult>): EvaluationResult {
  const output = raw.Output ?? "";
  // Older images report a full memory as ordinary output; the real compute unit also keeps the earlier memory then.
  const full = typeof output === "string" && output.endsWith("not enough memory for buffer allocation");
  const error = raw.Error ?? (full ? output : undefined);
  return {
    Output: typeof output === "number" ? String(output) : output,
    Messages: raw.Messages ?? [],
    Assignments: raw.Assignments ?? [],
    Spawns: raw.Spawns ?? [],
    ...(raw.GasUsed === undefined ? {} : { GasUsed: raw.GasUsed }),
    ...(error === undefined ? {} : { Error: typeof error === "string" ? error : JSON.stringify(error) }),
  };
}

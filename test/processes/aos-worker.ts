/**
 * The child process with the evaluator: V8 reads `--experimental-wasm-memory64` only at start, so the
 * images cannot run in the test runner itself. Every process has its own WebAssembly instance and keeps
 * its memory in place; a failed evaluation is undone by rebuilding the instance and replaying what succeeded.
 * The result is that of a compute unit (the failed message never happened), without copying 110 MB a message.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Evaluation, WorkerRequest } from "./aos-wire.ts";

interface Result extends Omit<Evaluation, "ms"> {
  Memory: ArrayBuffer;
}
type Message = Extract<WorkerRequest, { op: "send" }>["message"];
type Handle = (memory: Uint8Array | null, message: Message, env: unknown) => Promise<Result>;

const require = createRequire(import.meta.url);
const load = require("@permaweb/ao-loader") as (binary: unknown, options: object) => Promise<Handle>;
const PAGE = 65_536;

/** The part of WebAssembly that is used here; ES2023's type library has none of it. */
interface Wasm {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<object>;
}
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: Wasm };

/** The pages of a memory that are not empty, and its size: 2 MB instead of 110. */
interface Pages {
  readonly bytes: number;
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

interface Live {
  readonly image: string;
  readonly env: unknown;
  handle: Handle;
  base: Pages | undefined;
  journal: Message[];
  memory: ArrayBuffer | undefined;
  /** The starting point of a copy, and the number of messages before it was taken. */
  copied?: { pages: Pages; at: number };
}

const modules = new Map<string, Promise<object>>();
const pristine = new Map<string, Pages>();
const live = new Map<string, Live>();

async function instance(image: string): Promise<Handle> {
  const found = modules.get(image) ?? wasm.compile(readFileSync(image));
  modules.set(image, found);
  const compiled = await found;
  const instantiate = (imports: object, done: (made: object) => void) => {
    void wasm.instantiate(compiled, imports).then(done);
    return {};
  };
  return load(instantiate, { format: "wasm64-unknown-emscripten-draft_2024_02_15", UNSAFE_MEMORY: true });
}

function save(memory: ArrayBuffer): Pages {
  const words = new Int32Array(memory);
  const pages = new Map<number, Uint8Array>();
  const step = PAGE / 4;
  for (let start = 0; start < words.length; start += step) {
    for (let at = start; at < start + step; at++) {
      if (words[at] !== 0) {
        pages.set(start * 4, new Uint8Array(memory.slice(start * 4, start * 4 + PAGE)));
        break;
      }
    }
  }
  return { bytes: memory.byteLength, pages };
}

function restore(saved: Pages): Uint8Array {
  const memory = new Uint8Array(saved.bytes);
  for (const [offset, page] of saved.pages) memory.set(page, offset);
  return memory;
}

async function evaluate(process: Live, message: Message): Promise<Evaluation> {
  const started = globalThis.process.hrtime.bigint();
  const first: Uint8Array | null =
    process.memory === undefined && process.base !== undefined ? restore(process.base) : null;
  let result: Result;
  try {
    result = await process.handle(first, message, process.env);
  } catch (thrown) {
    result = { Memory: new ArrayBuffer(0), Error: `thrown: ${String(thrown)}` } as Result;
  }
  if (result.Error) {
    await rebuild(process);
  } else {
    process.memory = result.Memory;
    process.journal.push(message);
  }
  const ms = Number(globalThis.process.hrtime.bigint() - started) / 1e6;
  const { Memory: _, ...rest } = result;
  return { ...rest, ms };
}

/** Restores the memory before the failed message. */
async function rebuild(process: Live): Promise<void> {
  const again = process.journal;
  process.handle = await instance(process.image);
  process.memory = undefined;
  process.journal = [];
  for (const message of again) {
    const first: Uint8Array | null =
      process.memory === undefined && process.base !== undefined ? restore(process.base) : null;
    process.memory = (await process.handle(first, message, process.env)).Memory;
    process.journal.push(message);
  }
}

async function serve(request: WorkerRequest): Promise<unknown> {
  switch (request.op) {
    case "boot": {
      const key = `${request.image}|${request.boot.From}`;
      const process: Live = {
        image: request.image,
        env: request.env,
        handle: await instance(request.image),
        base: pristine.get(key),
        journal: [],
        memory: undefined,
      };
      live.set(request.process, process);
      if (process.base === undefined) {
        const booted = await evaluate(process, request.boot);
        if (booted.Error) throw new Error(`boot failed: ${booted.Error}`);
        if (process.memory) pristine.set(key, save(process.memory));
      }
      return true;
    }
    case "send": {
      const process = live.get(request.process);
      if (!process) throw new Error(`no process ${request.process}`);
      return evaluate(process, request.message);
    }
    case "clone": {
      const process = live.get(request.process);
      if (!process?.memory) throw new Error(`no process ${request.process}`);
      if (process.copied?.at !== process.journal.length) {
        process.copied = { pages: save(process.memory), at: process.journal.length };
      }
      const base = process.copied.pages;
      const handle = await instance(process.image);
      live.set(request.as, { ...process, handle, base, journal: [], memory: undefined });
      return true;
    }
    case "drop":
      return live.delete(request.process);
  }
}

// One at a time: the loader replaces `console.log` and `Math.random` during a call.
let queue = Promise.resolve();
process.on("message", (request: WorkerRequest) => {
  queue = queue.then(async () => {
    try {
      process.send?.({ id: request.id, value: await serve(request) });
    } catch (error) {
      process.send?.({ id: request.id, error: String(error) });
    }
  });
});
process.on("disconnect", () => process.exit(0));

/**
 * The child process with the evaluator: V8 reads `--experimental-wasm-memory64` only at start, so the
 * images cannot run in the test runner itself. Every process has its own WebAssembly instance and keeps
 * its memory in place; a failed evaluation is undone by rebuilding the instance and replaying what succeeded since the last failure.
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

const EMPTY = Buffer.alloc(PAGE);

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
/** The part of WebAssembly that is used here; ES2023's type library has none of it. */
interface Wasm {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ exports: Record<string, unknown> }>;
  readonly Memory: new () => WasmMemory;
}
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: Wasm };

/** The pages of a memory that are not empty, and its size: 2 MB instead of 110. */
interface Pages {
  readonly bytes: number;
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** A running image. */
interface Instance {
  readonly handle: Handle;
  readonly memory: WasmMemory;
}

interface Live {
  readonly image: string;
  readonly env: unknown;
  instance: Instance;
  base: Pages | undefined;
  journal: Message[];
  memory: ArrayBuffer | undefined;
  /** The starting point of a copy, and the number of messages before it was taken. */
  copied?: { pages: Pages; at: number };
}

const modules = new Map<string, Promise<object>>();
/** The pages that are not empty in a new instance of each image. */
const initial = new Map<string, readonly number[]>();
const pristine = new Map<string, Pages>();
const live = new Map<string, Live>();

async function instanceOf(image: string): Promise<Instance> {
  const found = modules.get(image) ?? wasm.compile(readFileSync(image));
  modules.set(image, found);
  const compiled = await found;
  let memory: WasmMemory | undefined;
  const instantiate = (imports: object, done: (made: object) => void) => {
    void wasm.instantiate(compiled, imports).then((made) => {
      memory = Object.values(made.exports).find((value) => value instanceof wasm.Memory) as WasmMemory;
      done(made);
    });
    return {};
  };
  const options = { format: "wasm64-unknown-emscripten-draft_2024_02_15", UNSAFE_MEMORY: true };
  const handle = await load(instantiate, options);
  if (memory === undefined) throw new Error(`${image} exports no memory`);
  if (!initial.has(image)) initial.set(image, [...save(memory.buffer).pages.keys()]);
  return { handle, memory };
}

function save(memory: ArrayBuffer): Pages {
  const bytes = Buffer.from(memory);
  const pages = new Map<number, Uint8Array>();
  for (let start = 0; start < bytes.length; start += PAGE) {
    const end = Math.min(start + PAGE, bytes.length);
    if (bytes.compare(EMPTY, 0, end - start, start, end) !== 0)
      pages.set(start, new Uint8Array(memory.slice(start, end)));
  }
  return { bytes: memory.byteLength, pages };
}

/**
 * Makes the memory of a new instance equal to saved pages. It touches no page that is empty in both: those of 110 MB would take longer than
 * most evaluations.
 *
 * @returns the whole memory for the loader if the instance is too small for it
 */
function restore({ image, instance }: Live, { bytes, pages }: Pages): Uint8Array | null {
  const memory = new Uint8Array(instance.memory.buffer);
  const isLarger = bytes > memory.length;
  const target = isLarger ? new Uint8Array(bytes) : memory;
  if (!isLarger)
    for (const offset of initial.get(image) ?? [])
      if (!pages.has(offset)) target.fill(0, offset, offset + PAGE);
  for (const [offset, page] of pages) target.set(page, offset);
  return isLarger ? target : null;
}

/** The memory to start with, for a process that has not evaluated a message in its instance. */
const first = (process: Live): Uint8Array | null =>
  process.memory === undefined && process.base !== undefined ? restore(process, process.base) : null;

async function evaluate(process: Live, message: Message): Promise<Evaluation> {
  const started = globalThis.process.hrtime.bigint();
  let result: Result;
  try {
    result = await process.instance.handle(first(process), message, process.env);
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

/** Restores the memory before the failed message, from which the next failure starts. */
async function rebuild(process: Live): Promise<void> {
  process.instance = await instanceOf(process.image);
  process.memory = undefined;
  for (const message of process.journal)
    process.memory = (await process.instance.handle(first(process), message, process.env)).Memory;
  if (process.memory !== undefined) process.base = save(process.memory);
  process.journal = [];
  delete process.copied;
}

async function serve(request: WorkerRequest): Promise<unknown> {
  switch (request.op) {
    case "boot": {
      const key = `${request.image}|${request.boot.From}`;
      const process: Live = {
        image: request.image,
        env: request.env,
        instance: await instanceOf(request.image),
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
      if (!process) throw new Error(`no process ${request.process}`);
      if (process.memory !== undefined && process.copied?.at !== process.journal.length)
        process.copied = { pages: save(process.memory), at: process.journal.length };
      // Nothing has run in its instance since it was rebuilt.
      const base = process.memory === undefined ? process.base : process.copied?.pages;
      if (base === undefined) throw new Error(`${request.process} has not booted`);
      const instance = await instanceOf(process.image);
      live.set(request.as, { ...process, instance, base, journal: [], memory: undefined });
      return true;
    }
    case "drop":
      return live.delete(request.process);
    case "forget":
      live.clear();
      pristine.clear();
      return true;
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

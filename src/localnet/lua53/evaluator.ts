import { readFileSync } from "node:fs";
import type { EvaluationInput, Evaluator, ModuleSource } from "../evaluator.ts";
import type { EvaluatedMessage, ProcessRecord, Tag } from "../types.ts";
import { baseOf, type ComputeInput, outputIn, requestOf, resultOf } from "./shapes.ts";

interface LuaEvaluatorOptions {
  /** Evaluates the image. */
  readonly wasm: Evaluator;
  /** Id of the aos image whose Lua is used. The memories of all processes are kept as differences from it. */
  readonly image: string;
  /** Finds a module's bytes; undefined if it was not published. */
  loadModule(id: string): ModuleSource | undefined;
  /** Time limit of an evaluation in seconds. Messages take milliseconds, and a load part of a second. @default 20 */
  readonly timeoutSeconds?: number;
}

/**
 * Evaluates processes of a node's device `lua@5.3a`: a Lua module whose `compute` is called with each message. Its Lua is that of an aos
 * image, which is real Lua 5.3 in a memory that can be stored; a host in Lua takes the place of aos there.
 *
 * An error that the module raises is thrown: the message remains unevaluated, as on nodes, where it ends the process. An evaluation that does
 * not end has no limit on a node: whoever asks waits. Here it is ended and fails, and is not run again while this network runs.
 */
export function luaEvaluator(options: LuaEvaluatorOptions): Evaluator {
  return new LuaProcesses(options);
}

class LuaProcesses implements Evaluator {
  readonly #options: LuaEvaluatorOptions;
  readonly #vm: ProcessRecord;
  /** The memory in which every process of a module starts. */
  readonly #started = new Map<string, Promise<Uint8Array>>();
  /** Messages whose evaluation was ended at the time limit, by process: each later question about one would take as long again. */
  readonly #cutOff = new Map<string, { readonly nonce: number | undefined; readonly why: string }>();

  constructor(options: LuaEvaluatorOptions) {
    this.#options = options;
    this.#vm = vmOf(options.image);
  }

  async evaluate({ process, memory, message, dryRun }: EvaluationInput) {
    const start = memory ?? (await this.#start(process.module));
    const ended = dryRun ? undefined : this.#cutOff.get(process.id);
    if (ended !== undefined && ended.nonce === message.Nonce) throw new Error(ended.why);
    const input: ComputeInput = { base: baseOf(process), request: requestOf(process, message) };
    const made = await this.#run(start, carrierOf(this.#vm, input), dryRun, (why) => {
      if (!dryRun) this.#cutOff.set(process.id, { nonce: message.Nonce, why });
    });
    return { memory: dryRun ? memory : made.memory, result: resultOf(outputIn(made.output)) };
  }

  expand(_: ProcessRecord, memory: Uint8Array): Promise<Uint8Array> {
    return this.#options.wasm.expand?.(this.#vm, memory) ?? Promise.resolve(memory);
  }

  #start(module: string): Promise<Uint8Array> {
    const known = this.#started.get(module);
    if (known) return known;
    const started = this.#load(module);
    this.#started.set(module, started);
    // A module may be published later.
    started.catch(() => this.#started.delete(module));
    return started;
  }

  async #load(module: string): Promise<Uint8Array> {
    const source = this.#options.loadModule(module);
    if (source === undefined) throw new Error(`Lua module '${module}' not found.`);
    let memory: Uint8Array | null = null;
    for (const message of startOf(this.#vm, Buffer.from(source.wasm).toString("utf8"))) {
      const made: { memory: Uint8Array; output: unknown } = await this.#run(memory, message, false);
      memory = made.memory;
      if (isRefused(made.output)) throw new Error(made.output.thrown);
    }
    return memory ?? new Uint8Array();
  }

  /** @param cutOff called with the reason if it was ended at the time limit */
  async #run(
    memory: Uint8Array | null,
    message: EvaluatedMessage,
    dryRun: boolean,
    cutOff: (why: string) => void = () => {},
  ) {
    const { wasm, timeoutSeconds: seconds = 20 } = this.#options;
    const made = await wasm.evaluate({ process: this.#vm, memory, message, dryRun, seconds });
    if (made.isCutOff && made.result.Error !== undefined) cutOff(made.result.Error);
    if (made.result.Error !== undefined) throw new Error(made.result.Error);
    return { memory: made.memory ?? new Uint8Array(), output: made.result.Output };
  }
}

const isRefused = (output: unknown): output is { thrown: string } =>
  typeof output === "object" && output !== null && "thrown" in output;

const OWNER = "V".repeat(43);

/** The process of the image that stands for all processes of the device. */
export function vmOf(image: string): ProcessRecord {
  const tags = tagsOf({ Type: "Process", Module: image });
  return { id: "L".repeat(43), owner: OWNER, module: image, scheduler: OWNER, tags };
}

/** The messages that make a new process of the image a Lua state of a module. */
export function startOf(vm: ProcessRecord, module: string): EvaluatedMessage[] {
  const host = readFileSync(new URL("./host.lua", import.meta.url), "utf8");
  return [
    messageOf(vm, { Id: vm.id, Tags: vm.tags, Data: " " }),
    messageOf(vm, { Tags: tagsOf({ Action: "Eval" }), Data: host }),
    messageOf(vm, { Data: { module } }),
  ];
}

/** A call of the module's `compute`, as a message to the image. */
export const carrierOf = (vm: ProcessRecord, input: ComputeInput): EvaluatedMessage =>
  messageOf(vm, { Data: input });

const messageOf = (vm: ProcessRecord, fields: Partial<EvaluatedMessage>): EvaluatedMessage => ({
  ...{
    Id: "m".repeat(43),
    Owner: OWNER,
    From: OWNER,
    Target: vm.id,
    Tags: [],
    Epoch: 0,
    Nonce: 0,
    Cron: false,
  },
  ...{ Timestamp: 1_700_000_000_000, "Block-Height": 1_500_000 },
  ...fields,
});

const tagsOf = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([name, value]) => ({ name, value }));

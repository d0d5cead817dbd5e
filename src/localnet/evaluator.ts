import type { EvaluatedMessage, EvaluationResult, ProcessRecord } from "./types.ts";

/**
 * Turns a memory and a message into a new memory and a result. There are three implementations: WebAssembly (real aos), `lua@5.3a`, and a
 * simulation.
 *
 * Contract:
 * - `memory` is opaque to callers; `null` means that the process has not evaluated anything yet.
 * - A failed evaluation sets `result.Error` and returns the given memory, except on `lua@5.3a`, which keeps what it changed.
 * - A dry run returns the given memory.
 * - A *thrown* error means that nothing was evaluated (unknown module, broken image): the message remains unevaluated.
 * - Calls for different processes may overlap; calls for one process never do, except dry runs.
 */
export interface Evaluator {
  evaluate(input: EvaluationInput): Promise<Evaluated>;
  /** The whole raw memory, for `GET /state/<process>`. Default: the opaque bytes. */
  expand?(process: ProcessRecord, memory: Uint8Array): Promise<Uint8Array>;
  close?(): Promise<void>;
}

interface Evaluated {
  readonly memory: Uint8Array | null;
  readonly result: EvaluationResult;
  /** It took longer than its time limit and was ended; `result.Error` says so. */
  readonly isCutOff?: true;
}

export interface EvaluationInput {
  readonly process: ProcessRecord;
  readonly memory: Uint8Array | null;
  readonly message: EvaluatedMessage;
  readonly dryRun: boolean;
  /** Time limit in seconds. @default the evaluator's */
  readonly seconds?: number;
}

/** A module as the gateway serves it: WebAssembly, or Lua for `lua@5.3a`. */
export interface ModuleSource {
  readonly id: string;
  readonly owner: string;
  readonly tags: readonly { readonly name: string; readonly value: string }[];
  readonly wasm: Uint8Array;
}

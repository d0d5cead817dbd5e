import type { EvaluationInput, Evaluator } from "../../src/localnet/evaluator.ts";
import type { EvaluationResult } from "../../src/localnet/types.ts";
import { evaluate } from "./model.ts";
import type { ModelMessage, ProcessState } from "./state.ts";

/** What presets may change in evaluations, also while the network runs. */
export interface EvaluatorKnobs {
  /** Dry-runs see the memory of this number of evaluations ago. */
  staleDryruns?: () => number;
  /** Called before a scheduled message is evaluated; with "lost", what it sends is lost for good. */
  before?: (input: EvaluationInput) => Promise<"lost" | undefined>;
}

const KEPT = 20;

/** The model of a process behind the units' seam: its memory is its state as JSON. */
export function simulatedEvaluator(knobs: EvaluatorKnobs): Evaluator {
  const states = new WeakMap<Uint8Array, ProcessState>();
  const history = new Map<string, (Uint8Array | null)[]>();

  const stateOf = (memory: Uint8Array | null): ProcessState | null => {
    if (memory === null) return null;
    const known = states.get(memory) ?? (JSON.parse(new TextDecoder().decode(memory)) as ProcessState);
    states.set(memory, known);
    return known;
  };

  return {
    async evaluate(input) {
      const { process, dryRun } = input;
      const fate = dryRun ? undefined : await knobs.before?.(input);
      const past = history.get(process.id) ?? [];
      const behind = dryRun ? (knobs.staleDryruns?.() ?? 0) : 0;
      const memory = behind > 0 ? (past.at(-1 - behind) ?? past[0] ?? input.memory) : input.memory;
      const evaluated = evaluate(stateOf(memory), process, modelMessage(input));
      if (evaluated.slow > 0) await new Promise((done) => setTimeout(done, evaluated.slow));
      const result = fate === "lost" ? { ...evaluated.result, Messages: [], Spawns: [] } : evaluated.result;
      if (dryRun || result.Error !== undefined) return { memory: input.memory, result: answerOf(result) };
      const after = new TextEncoder().encode(JSON.stringify(evaluated.state));
      states.set(after, evaluated.state);
      history.set(process.id, [...past.slice(1 - KEPT), after]);
      return { memory: after, result: answerOf(result) };
    },
  };
}

/** Reads a memory that the simulated evaluator wrote. */
export function readState(memory: Uint8Array | null): ProcessState | undefined {
  return memory === null ? undefined : (JSON.parse(new TextDecoder().decode(memory)) as ProcessState);
}

function modelMessage({ process, message }: EvaluationInput): ModelMessage {
  return {
    id: message.Id ?? "",
    from: message.From,
    owner: message.Owner,
    tags: message.Tags,
    data: typeof message.Data === "string" ? message.Data : "",
    timestamp: message.Timestamp,
    blockHeight: message["Block-Height"],
    assigned: message.Target !== process.id,
    ...(message.Nonce === undefined ? {} : { slot: message.Nonce }),
  };
}

/** A failed evaluation has an empty output, as a compute unit shows it. */
function answerOf(result: ReturnType<typeof evaluate>["result"]): EvaluationResult {
  return { ...result, Output: result.Output ?? "" };
}

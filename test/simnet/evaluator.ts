import type { EvaluationInput, Evaluator } from "../../src/localnet/evaluator.ts";
import type { EvaluationResult } from "../../src/localnet/types.ts";
import { evaluate } from "./model.ts";
import type { FleetState, ModelMessage, ProcessState } from "./state.ts";

/** What presets may change in evaluations, also while the network runs. */
export interface EvaluatorKnobs {
  /** Dry-runs see the memory of this number of evaluations ago. */
  staleDryruns?: () => number;
  /** Called before a scheduled message is evaluated; with "lost", what it sends is lost for good. */
  before?: (input: EvaluationInput) => Promise<"lost" | undefined>;
  /** `process slot` → what a message changed that had changed something in an earlier slot. */
  readonly effects: Map<string, string>;
}

const KEPT = 20;

/** The model of a process behind the units' seam: its memory is its state as JSON. */
export function simulatedEvaluator(knobs: EvaluatorKnobs): Evaluator {
  const states = new WeakMap<Uint8Array, ProcessState>();
  const history = new Map<string, (Uint8Array | null)[]>();
  /** Messages that had an effect. */
  const effective = new Set<string>();

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
      const before = stateOf(memory);
      const outcome = evaluate(before, process, modelMessage(input));
      if (outcome.slow > 0) await new Promise((done) => setTimeout(done, outcome.slow));
      const result = fate === "lost" ? { ...outcome.result, Messages: [], Spawns: [] } : outcome.result;
      if (dryRun) return { memory: input.memory, result: answerOf(result) };
      const effect = effectOf(before, outcome);
      const key = `${process.id} ${input.message.Id}`;
      if (effect !== undefined && effective.has(key))
        knobs.effects.set(`${process.id} ${input.message.Nonce}`, effect);
      if (effect !== undefined) effective.add(key);
      if (result.Error !== undefined) return { memory: input.memory, result: answerOf(result) };
      const after = new TextEncoder().encode(JSON.stringify(outcome.state));
      states.set(after, outcome.state);
      history.set(process.id, [...past.slice(1 - KEPT), after]);
      return { memory: after, result: answerOf(result) };
    },
  };
}

/** What a message did: undefined if it left nothing but traces in counters. */
function effectOf(
  before: ProcessState | null,
  { state, result }: ReturnType<typeof evaluate>,
): string | undefined {
  if (result.Error !== undefined) return undefined;
  const sent = result.Messages.length + result.Spawns.length;
  if (sent > 0) return `sent ${sent} messages`;
  const isSame = before !== null && lasting(before) === lasting(state);
  return isSame ? undefined : "changed the state";
}

/** A state without what counts messages. Before the library is loaded, unknown ones are only kept in the inbox. */
function lasting({ inbox, fleet, ...rest }: ProcessState): string {
  const { stats: _, seen: __, ...kept }: Partial<FleetState> = fleet ?? {};
  return JSON.stringify([rest, kept, fleet === undefined ? 0 : inbox]);
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

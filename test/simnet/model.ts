import {
  errorResult,
  evalError,
  evalResult,
  freshState,
  handlerError,
  inboxLine,
  isTrusted,
  messageResult,
  outMessage,
} from "./aos.ts";
import { answer } from "./dispatch.ts";
import { actionsOf, changedByHand } from "./fleet.ts";
import { isTable, LuaError, parse, run, type Scope, type Table, text, type Value } from "./lua.ts";
import { type Program, readProgram } from "./program.ts";
import { isOnNode, withPublished } from "./published.ts";
import type { FleetState, ModelMessage, ModelOut, ModelProcess, ModelResult, ProcessState } from "./state.ts";
import { tagOf } from "./state.ts";

/** The result of an evaluation; `state` is the earlier one if it failed. */
export interface Evaluated {
  readonly state: ProcessState;
  readonly result: ModelResult;
  /** Wall-clock milliseconds that the script requests. */
  readonly slow: number;
}

/**
 * One evaluation of a simulated process: aos' rules (owner, trust, inbox, atomic Eval) and, once a program was
 * committed, the actions of the process library. The given state is not changed.
 */
export function evaluate(
  before: ProcessState | null,
  spawned: ModelProcess,
  message: ModelMessage,
): Evaluated {
  const state = before === null ? freshState() : structuredClone(before);
  // The owner is a global of aos: the owner can transfer the process.
  const { Owner: given } = state.globals;
  const process = typeof given === "string" ? { ...spawned, owner: given } : spawned;
  const slow = state.script.slow ?? 0;
  try {
    const handled = before === null ? boot(state, process, message) : receive(state, process, message);
    const result = withPublished(state, process, message, handled);
    return { state, result, slow: Math.max(slow, state.script.slow ?? 0) };
  } catch (error) {
    if (!(error instanceof LuaFailure)) throw error;
    return { state: before ?? freshState(), result: errorResult(error.message), slow };
  }
}

/** A Lua error as the unit shows it. */
class LuaFailure extends Error {}

function boot(state: ProcessState, process: ModelProcess, message: ModelMessage): ModelResult {
  if (tagOf(process.tags, "On-Boot") === "Data") evalText(state, process, message);
  return messageResult(process, state, "", []);
}

function receive(state: ProcessState, process: ModelProcess, message: ModelMessage): ModelResult {
  const action = tagOf(message.tags, "Action") ?? "";
  if (state.fleet) {
    state.fleet.stats.messages += 1;
    state.fleet.stats.lastMessageAt = message.timestamp;
    // As in the library: where the network repeats messages, the same bytes in another slot are not handled again.
    if (isOnNode(process) && !state.fleet.plain && !state.script.older) {
      const { seen, loads } = state.fleet;
      if ([process.id, ...seen, ...loads].includes(message.id)) return messageResult(process, state, "", []);
      state.fleet.seen = [...state.fleet.seen.slice(-4095), message.id];
    }
  }
  if (!isTrusted(process, message)) {
    const line = `Message is not trusted! From: ${message.from} - Owner: ${message.owner}`;
    return messageResult(process, state, line, []);
  }
  if (message.assigned) {
    const line = `Assignment is not trusted! From: ${message.from} - Owner: ${message.owner}`;
    return messageResult(process, state, line, []);
  }
  if (action === "Eval" && message.from === process.owner) {
    const { output, messages } = evalText(state, process, message);
    return evalResult(process, state, output, messages);
  }
  if (state.script.errors?.includes(action))
    throw new LuaFailure(handlerError(action, '[string "aos"]:1: scripted'));
  const handled =
    action === "Eval"
      ? undefined
      : (custom(state, process, message, action) ?? fleet(state, process, message, action));
  if (handled) return messageResult(process, state, "", silent(state, action) ? [] : handled);
  state.inbox += 1;
  return messageResult(process, state, inboxLine(message), []);
}

function silent(state: ProcessState, action: string): boolean {
  const scripted = state.script.silent;
  return Array.isArray(scripted) ? scripted.includes(action) : scripted === true;
}

function evalText(
  state: ProcessState,
  process: ModelProcess,
  message: ModelMessage,
): { output: string; messages: readonly ModelOut[] } {
  const program = readProgram(message.data);
  if (program) return { output: load(state, program, message), messages: [] };
  return runText(state, process, message);
}

function load(state: ProcessState, program: Program, message: ModelMessage): string {
  const stored = state.fleet;
  // Without the library too, a load that ran before is not run again.
  if (stored?.plain && stored.loads.includes(message.id)) {
    const { sourceHash, epoch, handlers } = stored;
    return JSON.stringify({ fleet: "committed", sourceHash, epoch, handlers });
  }
  if (program.guard !== undefined && stored && !stored.plain && program.guard < stored.epoch) {
    stored.stats.refused += 1;
    stored.stats.staleEpochs += 1;
    stored.stats.refusals.STALE_EPOCH = (stored.stats.refusals.STALE_EPOCH ?? 0) + 1;
    return JSON.stringify({ fleet: "refused", code: "STALE_EPOCH", epoch: stored.epoch });
  }
  const failure = program.script.evalError ?? program.error?.message;
  if (failure !== undefined)
    throw new LuaFailure(evalError(`[string "aos"]:${program.error?.line ?? 1}: ${failure}`));
  state.script = program.script;
  if (!program.commit) return "";
  const repaired = changedByHand(state);
  state.handlers = state.handlers.filter(
    ({ name, byHand }) => !program.strangers.includes(name) && !(byHand && !program.script.older),
  );
  const { commit } = program;
  state.fleet = {
    ...(stored ?? freshFleet(message.timestamp)),
    name: program.name ?? (stored?.name || commit.process),
    // As in the library: a program that does not describe itself has no type.
    processType:
      program.processType ??
      (program.name === undefined ? "" : program.name.toUpperCase().replaceAll("-", "_")),
    capabilities: [...program.capabilities],
    version: commit.version,
    release: commit.release,
    sourceHash: commit.sourceHash,
    epoch: Math.max(stored?.epoch ?? 0, commit.epoch),
    loads: [...(stored?.loads ?? []), message.id],
    status: stored?.status === "DRAINING" || stored?.status === "RETIRED" ? stored.status : "ACTIVE",
    actions: [...program.actions],
    handlers: program.script.older ? ["fleet", "fleet.unknown"] : ["ao-fleet.first", "ao-fleet.last"],
    declared: program.name !== undefined,
    plain: program.plain,
    healthChecks: 0,
  };
  const { sourceHash, epoch, handlers } = state.fleet;
  if (program.plain) return JSON.stringify({ fleet: "committed", sourceHash, epoch });
  return JSON.stringify({
    fleet: "committed",
    sourceHash,
    epoch,
    handlers: [...handlers, ...state.handlers.filter(({ byHand }) => byHand).map(({ name }) => name)],
    ...(program.script.older || repaired.length === 0 ? {} : { repaired }),
    ...(stored === undefined || program.script.older
      ? {}
      : { kept: program.script.kept ?? { globals: [], states: [], changes: [] } }),
    // A scripted program itself answers nothing.
    answeredByProgram: [],
    actions: actionsOf(state.fleet),
    migrations: 0,
    stateVersion: "1",
  });
}

function freshFleet(startedAt: number): FleetState {
  return {
    ...{ name: "", processType: "", version: "", capabilities: [], release: "", sourceHash: "", epoch: 0 },
    ...{
      status: "ACTIVE",
      handlers: [],
      actions: [],
      declared: false,
      plain: false,
    },
    ...{
      configs: {},
      configHistory: {},
      configHighest: {},
      peers: {},
      admitted: {},
      peersHash: "",
      withoutLibrary: [],
      allowed: [],
      state: {},
      seen: [],
      loads: [],
      audit: [],
      auditSeq: 0,
      refusedSenders: {},
      strangersRefused: 0,
      healthChecks: 0,
    },
    stats: {
      messages: 0,
      errors: 0,
      refused: 0,
      staleEpochs: 0,
      byAction: {},
      refusals: {},
      startedAt,
      lastMessageAt: startedAt,
    },
  };
}

function runText(
  state: ProcessState,
  process: ModelProcess,
  message: ModelMessage,
): { output: string; messages: readonly ModelOut[] } {
  const printed: string[] = [];
  const messages: ModelOut[] = [];
  const scope = scopeOf(state, process, message, { messages, print: (line) => printed.push(line) });
  try {
    const value = run(parseEval(message.data), scope);
    const { Owner: given } = scope.locals;
    if (typeof given === "string" && given !== process.owner) state.globals.Owner = given;
    const output = value === undefined || value === null ? printed : [...printed, text(value)];
    return { output: output.join("\n"), messages };
  } catch (error) {
    if (!(error instanceof LuaError)) throw error;
    if (error.unsupported) return { output: "", messages: [] };
    throw new LuaFailure(error.message.includes("syntax error") ? error.message : evalError(error.message));
  }
}

/** aos first tries the text as an expression. */
function parseEval(source: string): ReturnType<typeof parse> {
  try {
    return parse(`return ${source}`);
  } catch {
    return parse(source);
  }
}

interface Effects {
  readonly messages: ModelOut[];
  print(line: string): void;
}

function scopeOf(state: ProcessState, process: ModelProcess, message: ModelMessage, effects: Effects): Scope {
  const tags = Object.fromEntries(message.tags.map(({ name, value }) => [name, value]));
  const inbound: Table = {
    ...tags,
    ...{ Id: message.id, From: message.from, Owner: message.owner, Data: message.data },
    ...{ Timestamp: message.timestamp, "Block-Height": message.blockHeight },
  };
  const send = (table: Table, target: Value | undefined, inReplyTo?: string): Value => {
    const given = Object.entries(table).filter(([key]) => !["Target", "Data", "Tags"].includes(key));
    const nested = isTable(table.Tags) ? Object.entries(table.Tags) : [];
    // A patch keeps the types of its values.
    const kept = (value: Value) => (table.device === "patch@1.0" ? (value as never) : text(value));
    effects.messages.push(
      outMessage(state, {
        target: text(table.Target ?? target),
        type: "Message",
        tags: [...given, ...nested].map(([name, value]) => ({ name, value: kept(value) })),
        data: table.Data === undefined ? "" : text(table.Data),
        inReplyTo,
        sentFor: message,
      }),
    );
    return null;
  };
  const asTable = (value: Value | undefined): Table => (isTable(value) ? value : {});
  const isolated = {
    msg: inbound,
    m: inbound,
    Inbox: Object.fromEntries(
      Array(state.inbox)
        .fill(null)
        .map((_, i) => [String(i + 1), true]),
    ),
  };
  return {
    globals: state.globals,
    locals: { ...isolated, ao: { id: process.id }, Owner: process.owner },
    builtins: {
      error: ([value], line) => {
        throw new LuaError(`[string "aos"]:${line}: ${text(value)}`);
      },
      print: ([value]) => {
        effects.print(text(value));
        return null;
      },
      tostring: ([value]) => text(value),
      tonumber: ([value]) => Number(value),
      Send: ([table]) => send(asTable(table), undefined),
      "ao.send": ([table]) => send(asTable(table), undefined),
      "m.reply": ([table]) => send(asTable(table), message.from, tags.Reference),
      "msg.reply": ([table]) => send(asTable(table), message.from, tags.Reference),
      "os.time": () => message.timestamp,
      "Handlers.add": ([name, action, fn]) => {
        if (fn === null || typeof fn !== "object" || isTable(fn))
          throw new LuaError('[string "aos"]:1: invalid handler');
        const handler = { name: text(name), action: text(action), fn, byHand: state.fleet !== undefined };
        state.handlers = [...state.handlers.filter((other) => other.name !== handler.name), handler];
        return state.handlers.length;
      },
    },
  };
}

/** Handlers that an Eval added with `Handlers.add`. */
function custom(
  state: ProcessState,
  process: ModelProcess,
  message: ModelMessage,
  action: string,
): readonly ModelOut[] | undefined {
  const handler = state.handlers.find((other) => other.action === action);
  if (!handler) return undefined;
  const messages: ModelOut[] = [];
  const scope = scopeOf(state, process, message, { messages, print: () => {} });
  const [param] = handler.fn.params;
  const aliased =
    param === undefined || param === "m"
      ? scope
      : { ...scope, locals: { ...scope.locals, [param]: scope.locals.m ?? null } };
  try {
    run(handler.fn.body, aliased);
  } catch (error) {
    if (error instanceof LuaError) throw new LuaFailure(handlerError(action, error.message));
    throw error;
  }
  return messages;
}

/** The actions of the process library; undefined when the message goes to the inbox. */
function fleet(
  state: ProcessState,
  process: ModelProcess,
  message: ModelMessage,
  action: string,
): readonly ModelOut[] | undefined {
  const { fleet: stored } = state;
  if (!stored || stored.plain || action === "" || state.script.missing?.includes(action)) return undefined;
  // An unexpected answer is dropped, unless the inbox is the program's own.
  if (action.endsWith("-Response")) return stored.declared ? [] : undefined;
  const answered = answer({ process, state, fleet: stored, message, data: {} }, action);
  return answered?.silent ? [] : answered && [answered.reply];
}

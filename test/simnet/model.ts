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
import { isCoordinator, LEDGER_ACTIONS } from "./coordinator.ts";
import { ACTIONS, admitEpoch, allowed, type Request } from "./fleet.ts";
import { isTable, LuaError, parse, run, type Scope, type Table, text, type Value } from "./lua.ts";
import { type Program, readProgram } from "./program.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import type { FleetState, ModelMessage, ModelOut, ModelProcess, ModelResult, ProcessState } from "./state.ts";
import { tagOf } from "./state.ts";

/** What an evaluation comes to; `state` is the earlier one when it failed. */
export interface Evaluated {
  readonly state: ProcessState;
  readonly result: ModelResult;
  /** Wall-clock milliseconds that the script asks for. */
  readonly slow: number;
}

const LIMIT = 1_000_000;

/**
 * One evaluation of a simulated process: aos' rules (owner, trust, inbox, atomic Eval) and, once a program was
 * committed, the actions of the process library. The state given is not changed.
 */
export function evaluate(
  before: ProcessState | null,
  process: ModelProcess,
  message: ModelMessage,
): Evaluated {
  const state = before === null ? freshState() : structuredClone(before);
  const slow = state.script.slow ?? 0;
  try {
    const result = before === null ? boot(state, process, message) : receive(state, process, message);
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
  if (program.guard !== undefined && stored && !stored.plain && program.guard < stored.epoch) {
    stored.stats.refused += 1;
    return JSON.stringify({ fleet: "refused", code: "STALE_EPOCH", epoch: stored.epoch });
  }
  const failure = program.script.evalError ?? program.error?.message;
  if (failure !== undefined)
    throw new LuaFailure(evalError(`[string "aos"]:${program.error?.line ?? 1}: ${failure}`));
  state.script = program.script;
  if (!program.commit) return "";
  const { commit } = program;
  state.fleet = {
    configs: {},
    peers: {},
    allowed: [],
    state: {},
    audit: [],
    auditSeq: 0,
    stats: {
      messages: 0,
      errors: 0,
      refused: 0,
      byAction: {},
      startedAt: message.timestamp,
      lastMessageAt: 0,
    },
    ...stored,
    name: program.name ?? commit.process,
    processType: program.processType ?? commit.process.toUpperCase().replaceAll("-", "_"),
    capabilities: [...program.capabilities],
    version: commit.version,
    release: commit.release,
    sourceHash: commit.sourceHash,
    epoch: Math.max(stored?.epoch ?? 0, commit.epoch),
    status: stored?.status === "DRAINING" || stored?.status === "RETIRED" ? stored.status : "ACTIVE",
    handlers: [...program.handlers],
    plain: program.plain,
    healthChecks: 0,
  };
  const { sourceHash, epoch, handlers } = state.fleet;
  return JSON.stringify({ fleet: "committed", sourceHash, epoch, handlers });
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
    effects.messages.push(
      outMessage(state, {
        target: text(table.Target ?? target),
        type: "Message",
        tags: [...given, ...nested].map(([name, value]) => ({ name, value: text(value) })),
        data: table.Data === undefined ? "" : text(table.Data),
        inReplyTo,
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
        const handler = { name: text(name), action: text(action), fn };
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
  if (!stored || stored.plain || action === "" || action.endsWith("-Response")) return undefined;
  if (state.script.missing?.includes(action)) return undefined;
  const stats = stored.stats;
  stats.messages += 1;
  stats.byAction[action] = (stats.byAction[action] ?? 0) + 1;
  stats.lastMessageAt = message.timestamp;
  try {
    const data = answer({ process, state, fleet: stored, message, data: {} }, action);
    return [reply(state, message, `${action}-Response`, "ok", { success: true, ...data })];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, remedy, more } = error;
    return [
      reply(state, message, "Error-Response", "error", {
        success: false,
        error: { code, message: error.message, remedy, ...more },
      }),
    ];
  }
}

function answer(request: Request, action: string): Json {
  const { fleet: stored, message } = request;
  const ledgerAction = isCoordinator(stored) ? LEDGER_ACTIONS[action] : undefined;
  const libAction = ACTIONS[action];
  const known = ledgerAction ?? libAction ?? (stored.handlers.includes(action) ? GENERIC : undefined);
  if (!known)
    throw new Refusal("UNKNOWN_ACTION", `${stored.name} has no action ${action}`, "See Info.endpoints.");
  const control = known === libAction && libAction.control;
  const guarded = control || known.who !== "anyone";
  try {
    if (!allowed(known.who, request))
      throw new Refusal(
        "FORBIDDEN",
        `${action} needs the role ${known.who}`,
        "Send it from the owner's wallet.",
      );
    if (control) admitEpoch(request);
    else if (known !== libAction) admitStatus(stored);
    const reply = known.run({ ...request, data: dataOf(message) });
    if (guarded) audit(stored, message, action, "ok");
    return reply;
  } catch (error) {
    if (error instanceof Refusal && (error.code === "FORBIDDEN" || error.code === "STALE_EPOCH"))
      stored.stats.refused += 1;
    if (error instanceof Refusal && guarded) audit(stored, message, action, "refused", error.code);
    throw error;
  }
}

const GENERIC = { who: "anyone" as const, run: (): Json => ({}) };

function admitStatus({ status, name }: FleetState): void {
  if (status === "RETIRED")
    throw new Refusal("GONE", `${name} is retired`, "Ask the registry for its successor.");
  if (status === "DRAINING")
    throw new Refusal("DRAINING", `${name} takes no new requests`, "Try again later.");
}

function dataOf(message: ModelMessage): Json {
  if (message.data.length > LIMIT)
    throw new Refusal("TOO_LARGE", `data of ${message.data.length} bytes`, "Send at most 1 MB.");
  const trimmed = message.data.trim();
  if (trimmed === "") return {};
  try {
    const data: unknown = JSON.parse(trimmed);
    return isObject(data) ? data : {};
  } catch {
    throw new Refusal("BAD_JSON", "the data is no JSON", "Send JSON.");
  }
}

function audit(
  stored: FleetState,
  message: ModelMessage,
  action: string,
  outcome: string,
  code?: string,
): void {
  stored.auditSeq += 1;
  const entry = { seq: stored.auditSeq, at: message.timestamp, from: message.from, action, outcome };
  stored.audit = [...stored.audit.slice(-199), code === undefined ? entry : { ...entry, code }];
}

function reply(
  state: ProcessState,
  message: ModelMessage,
  action: string,
  status: string,
  data: Json,
): ModelOut {
  return outMessage(state, {
    target: message.from,
    type: "Message",
    tags: [
      { name: "Action", value: action },
      { name: "Correlation-Id", value: tagOf(message.tags, "Correlation-Id") ?? message.id },
      { name: "Status", value: status },
    ],
    data: JSON.stringify(data),
    inReplyTo: tagOf(message.tags, "Reference"),
  });
}

import { outMessage } from "./aos.ts";
import { isCoordinator, LEDGER_ACTIONS } from "./coordinator.ts";
import { ACTIONS, type Action, allowed, epochOf, type Request } from "./fleet.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import {
  type AuditEntry,
  type AuthorClass,
  type FleetState,
  type ModelMessage,
  type ModelOut,
  type ProcessState,
  tagOf,
} from "./state.ts";

const MAX_BYTES = 1024 * 1024;
const RING = 100;
/** An action that only the program's text declares: open to anyone, answered only with success. */
const DECLARED: Action = { run: () => ({}) };

/** A router's table, as the test sets it. */
const TRAFFIC: Action = {
  always: true,
  readonly: true,
  run: ({ state }) => ({ ...state.script.traffic }) as Json,
};

/** A message's way through the library: recognized, allowed, read, run, answered. Undefined: not for the library. */
export function answer(request: Request, action: string): { reply: ModelOut; silent: boolean } | undefined {
  const { state, fleet, message } = request;
  const isRouters = action === "GET_TRAFFIC" && state.script.traffic !== undefined;
  const entry = isRouters ? TRAFFIC : find(fleet, action);
  if (!entry && !fleet.declared && fleet.status === "ACTIVE") return undefined;
  const send = (ok: boolean, data: Json) => ({
    reply: reply(state, message, action, ok, data),
    silent: entry?.silent === true,
  });
  try {
    if (!entry) throw stopped(fleet) ?? unknown(action);
    fleet.stats.byAction[action] = (fleet.stats.byAction[action] ?? 0) + 1;
    const data = admit(entry, request, action);
    const body = entry.run({ ...request, data });
    if (guarded(entry)) audit(request, action, "ok");
    return send(true, { success: true, ...body });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, remedy, more } = error;
    countRefusal(request, code);
    if (entry && (guarded(entry) || code === "FORBIDDEN")) audit(request, action, "refused", code);
    return send(false, { success: false, error: { code, message: error.message, remedy, ...more } });
  }
}

function find(fleet: FleetState, action: string): Action | undefined {
  const ledger = isCoordinator(fleet) ? LEDGER_ACTIONS[action] : undefined;
  return ledger ?? ACTIONS[action] ?? (fleet.actions.includes(action) ? DECLARED : undefined);
}

const NOT_SECRET =
  " This only limits who makes the process send it: the state of a process is public, and a dry run reads it.";

/** In the library's order: stopped, role, epoch, data, schema; only then is the epoch adopted. */
function admit(entry: Action, request: Request, action: string): Json {
  const { fleet, message, process } = request;
  const halted = stopped(fleet);
  if (halted && !entry.always) throw halted;
  if (!allowed(entry.who ?? "anyone", request))
    throw new Refusal(
      "FORBIDDEN",
      `${action} is not allowed for this sender`,
      `The sender is ${message.from}, the owner of the process is ${process.owner}: use the owner's wallet, or ask the owner for permission.${entry.readonly ? NOT_SECRET : ""}`,
    );
  const given = tagOf(message.tags, "Epoch") !== undefined;
  const epoch = entry.control || (entry.optionalEpoch && given) ? epochOf(request) : undefined;
  const data = entry.noData ? {} : dataOf(message, entry.maxBytes ?? MAX_BYTES);
  entry.check?.(data);
  if (epoch !== undefined) fleet.epoch = epoch;
  return data;
}

function stopped({ status }: FleetState): Refusal | undefined {
  if (status === "RETIRED")
    return new Refusal("GONE", "this process is retired", "Ask the fleet which process replaced it.");
  if (status === "DRAINING")
    return new Refusal(
      "DRAINING",
      "this process accepts no new requests",
      "Send it again later; another revision may take over.",
    );
  return undefined;
}

function unknown(action: string): Refusal {
  const remedy = "Info lists the actions; they are case-sensitive.";
  return new Refusal("UNKNOWN_ACTION", `unknown action ${action.slice(0, 64)}`, remedy);
}

function dataOf({ data }: ModelMessage, most: number): Json {
  if (data === "") return {};
  const bytes = Buffer.byteLength(data);
  if (bytes > most)
    throw new Refusal("TOO_LARGE", `Data has ${bytes} bytes, the limit is ${most}`, "Send less data.");
  try {
    const value: unknown = JSON.parse(data);
    if (isObject(value)) return value;
  } catch {
    // reported below
  }
  throw new Refusal("BAD_JSON", "Data is not a JSON object", "Send a JSON object as Data.");
}

function guarded({ control, who, readonly }: Action): boolean {
  return control === true || (who !== undefined && who !== "anyone" && readonly !== true);
}

function classOf(request: Request): AuthorClass {
  if (allowed("deployer", request)) return "operators";
  return allowed("peer", request) ? "members" : "others";
}

function countRefusal(request: Request, code: string): void {
  const { stats, refusedSenders } = request.fleet;
  stats.refused += 1;
  if (code === "STALE_EPOCH") stats.staleEpochs += 1;
  stats.refusals[code] = (stats.refusals[code] ?? 0) + 1;
  if (classOf(request) !== "others") return;
  const { from, timestamp: at } = request.message;
  refusedSenders[from] = { count: (refusedSenders[from]?.count ?? 0) + 1, code, at };
}

function audit(request: Request, action: string, outcome: AuditEntry["outcome"], code?: string): void {
  const { fleet, message } = request;
  const { from, timestamp: at } = message;
  const author = classOf(request);
  fleet.auditSeq += 1;
  const seq = fleet.auditSeq;
  const ring = fleet.audit.filter(
    (entry) => entry.class === author && (entry.outcome === "ok") === (outcome === "ok"),
  );
  const isRefusedOther = author === "others" && outcome !== "ok";
  if (isRefusedOther) fleet.strangersRefused += 1;
  const last = (isRefusedOther ? ring : ring.slice(-1)).findLast(
    (entry) =>
      entry.from === from && entry.action === action && entry.outcome === outcome && entry.code === code,
  );
  if (last) {
    Object.assign(last, { seq, at, count: last.count + 1 });
  } else {
    const [oldest] = ring;
    const kept = ring.length >= RING ? fleet.audit.filter((entry) => entry !== oldest) : fleet.audit;
    fleet.audit = [
      ...kept,
      { class: author, seq, at, from, action, outcome, ...(code === undefined ? {} : { code }), count: 1 },
    ];
  }
  fleet.audit.sort((a, b) => a.seq - b.seq);
}

function reply(
  state: ProcessState,
  message: ModelMessage,
  action: string,
  ok: boolean,
  data: Json,
): ModelOut {
  const given = tagOf(message.tags, "Correlation-Id");
  return outMessage(state, {
    target: message.from,
    type: "Message",
    tags: [
      { name: "Action", value: ok ? `${action}-Response` : "Error-Response" },
      { name: "Correlation-Id", value: given && given.length <= 256 ? given : message.id },
      { name: "Status", value: ok ? "ok" : "error" },
      { name: "Request-Action", value: action },
    ],
    data: JSON.stringify(data),
    inReplyTo: tagOf(message.tags, "Reference"),
    sentFor: message,
  });
}

import { getConfig, restoreConfig, updateConfig } from "./config.ts";
import { healthReport } from "./health.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import type { FleetState, ModelMessage, ModelProcess, ProcessState } from "./state.ts";
import { tagOf } from "./state.ts";
import { exportKeys, exportState, importState, keys } from "./state-transfer.ts";

/** What a handler sees. */
export interface Request {
  readonly process: ModelProcess;
  readonly state: ProcessState;
  readonly fleet: FleetState;
  readonly message: ModelMessage;
  readonly data: Json;
}

/** The allowed senders: deployers are peers too, the owner is everything. */
export type Who = "anyone" | "peer" | "deployer" | "owner";

/** An action of a process, as the library declares it. */
export interface Action {
  /** Default: anyone. */
  readonly who?: Who;
  /** Needs the tag `Epoch`. */
  readonly control?: boolean;
  /** A tag `Epoch` must not be stale when it is there. */
  readonly optionalEpoch?: boolean;
  /** Changes nothing: neither audited nor undone. */
  readonly readonly?: boolean;
  /** Answers while draining and retired. */
  readonly always?: boolean;
  /** Data is not read. */
  readonly noData?: boolean;
  /** Never replies. */
  readonly silent?: boolean;
  /** Bytes of data; default 1 MiB. */
  readonly maxBytes?: number;
  /** Refuses invalid data before the epoch is adopted. */
  check?(data: Json): void;
  run(request: Request): Json;
}

const control = { who: "deployer", control: true, always: true } as const;

const RANGE = { salt: "string", from: "any", to: "any" } as const;

/** The actions that every fleet process understands. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  Info: { always: true, noData: true, readonly: true, run: infoReport },
  HEALTH_CHECK: { always: true, readonly: true, run: healthReport },
  GET_STATISTICS: {
    always: true,
    noData: true,
    readonly: true,
    run: ({ fleet }) => ({ statistics: statistics(fleet) }),
  },
  UPDATE_CONFIG: {
    ...control,
    check: needs({ configData: "table", configType: "string", version: "any" }),
    run: updateConfig,
  },
  RESTORE_CONFIG: {
    ...control,
    check: needs({ configType: "string", hash: "string", version: "any" }),
    run: restoreConfig,
  },
  GET_CONFIG: { who: "peer", always: true, readonly: true, run: getConfig },
  WIRE_PEERS: { ...control, check: needs({ peers: "table" }), run: wirePeers },
  ADMIT_PEER: { ...control, check: needs({ name: "string", processId: "string" }), run: admitPeer },
  RETIRE: { ...control, run: setStatus("RETIRED") },
  RESUME: { ...control, run: setStatus("ACTIVE") },
  DRAIN: { ...control, run: setStatus("DRAINING") },
  EXPORT_STATE: { who: "deployer", always: true, noData: true, readonly: true, run: exportState },
  IMPORT_STATE: {
    ...control,
    maxBytes: 8 * 1024 * 1024,
    check: needs({ state: "table", digest: "string" }),
    run: importState,
  },
  // Scripted programs keep nothing by key: nothing is moved, and nothing is refused for it.
  GET_KEYS: { always: true, readonly: true, check: needs(RANGE), run: keys },
  EXPORT_KEYS: { who: "deployer", always: true, readonly: true, check: needs(RANGE), run: exportKeys },
  SEAL_KEYS: { ...control, check: needs(RANGE), run: () => ({ sealed: [] }) },
  UNSEAL_KEYS: { ...control, check: needs(RANGE), run: () => ({ sealed: [] }) },
  IMPORT_KEYS: {
    ...control,
    maxBytes: 8 * 1024 * 1024,
    check: needs({ ...RANGE, state: "table", digest: "string" }),
    run: importState,
  },
  SET_ALLOWED: {
    who: "owner",
    always: true,
    optionalEpoch: true,
    check: needs({ allowed: "array" }),
    run: setAllowed,
  },
  AUDIT: { who: "deployer", always: true, readonly: true, run: audit },
  PROBE_PEERS: { who: "deployer", always: true, readonly: true, run: probePeers },
  LOGS: { who: "deployer", always: true, readonly: true, run: () => ({ entries: [] }) },
};

/** Whether the sender has the role. */
export function allowed(who: Who, { process, fleet, message }: Request): boolean {
  if (who === "anyone") return true;
  // A forwarded message does not have its carrier's role.
  if (tagOf(message.tags, "On-Behalf-Of") !== undefined) return false;
  const owner = message.from === process.owner;
  const deployer = owner || fleet.allowed.includes(message.from);
  if (owner) return true;
  if (who === "owner") return false;
  const peers = [...Object.values(fleet.peers), ...Object.values(fleet.admitted).flat()];
  return deployer || (who === "peer" && peers.includes(message.from));
}

/** The epoch of a control message, or a refusal. */
export function epochOf({ fleet, message }: Request): number {
  const given = tagOf(message.tags, "Epoch");
  const epoch = given !== undefined && /^\d+$/.test(given) ? Number(given) : undefined;
  if (epoch !== undefined && epoch >= fleet.epoch) return epoch;
  throw new Refusal(
    "STALE_EPOCH",
    `epoch ${given?.slice(0, 20) ?? "(missing)"} is stale: the current epoch is ${fleet.epoch}`,
    "Another deployment is newer. Start a new one and send its epoch in the tag Epoch.",
    { epoch: fleet.epoch },
  );
}

/** Refuses data like the library's schema: every problem at its path. */
export function needs(
  fields: Readonly<Record<string, "string" | "table" | "array" | "any">>,
): (data: Json) => void {
  const expected = { string: "a string", table: "an object", array: "a list", any: "a value" };
  const fits = (kind: keyof typeof expected, value: unknown): boolean => {
    if (kind === "any") return value !== undefined;
    if (kind === "string") return typeof value === "string";
    return kind === "array" ? Array.isArray(value) : typeof value === "object" && value !== null;
  };
  return (data) => {
    const problems = Object.entries(fields)
      .filter(([name, kind]) => !fits(kind, data[name]))
      .map(([path, kind]) => ({
        path,
        got: data[path] === undefined ? "nothing" : String(data[path]),
        expected: expected[kind],
      }));
    const [first] = problems;
    if (!first) return;
    throw new Refusal(
      "INVALID_DATA",
      `${first.path} is ${first.got}, expected ${first.expected}`,
      "Fix the values at these paths.",
      { problems },
    );
  };
}

/** The `statistics` of a reply. A model has no heap. */
export function statistics(fleet: FleetState): Json {
  return { ...fleet.stats, luaHeapKB: 0, openCalls: 0, openRequests: 0, heldBytes: 0, undoTables: 0 };
}

/** The names of all actions, sorted. */
export function actionsOf(fleet: FleetState): string[] {
  return [...new Set([...Object.keys(ACTIONS), ...fleet.actions])].sort();
}

/** What an Eval by hand added to a loaded process' handlers. */
export function changedByHand({ handlers }: ProcessState): Json[] {
  return handlers
    .filter(({ byHand }) => byHand)
    .map(({ name }) => ({ kind: "HANDLER", change: "ADDED", name }));
}

/** The reply to Info. */
export function infoReport({ process, fleet, state, message }: Request): Json {
  const actions = actionsOf(fleet);
  return {
    name: fleet.name,
    processType: fleet.processType,
    version: state.script.version ?? fleet.version,
    status: fleet.status,
    capabilities: fleet.capabilities,
    endpoints: actions,
    actions,
    handlers: [...fleet.handlers, ...changedByHand(state).map(({ name }) => String(name))],
    ...(state.script.older ? {} : { answeredByProgram: [], guarded: [], guardedByRule: [] }),
    ...(state.script.older ? {} : { changedByHand: changedByHand(state) }),
    epoch: fleet.epoch,
    release: state.script.release ?? fleet.release,
    sourceHash: state.script.sourceHash ?? fleet.sourceHash,
    stateVersion: "1",
    migrations: [],
    configVersions: Object.fromEntries(
      Object.entries(fleet.configs).map(([type, { version }]) => [type, version]),
    ),
    peers: fleet.peers,
    peersHash: fleet.peersHash,
    ...(state.script.older ? {} : { peersWithoutLibrary: fleet.withoutLibrary }),
    ...(state.script.older || fleet.router === undefined ? {} : { router: fleet.router }),
    allowed: fleet.allowed,
    owner: process.owner,
    stats: statistics(fleet),
    at: message.timestamp,
    slot: message.slot,
  };
}

function wirePeers({ fleet, state, data }: Request): Json {
  const { router, hash = "" } = data;
  const peers = isObject(data.peers) ? data.peers : {};
  const problems = Object.entries(peers).flatMap(([name, id]) => {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name))
      return [{ path: "peers", got: name, expected: "names of letters, digits and hyphens" }];
    if (typeof id !== "string" || !/^[\w-]{1,128}$/.test(id))
      return [{ path: `peers.${name}`, got: String(id), expected: "a process id" }];
    return [];
  });
  const without = state.script.older ? undefined : namesIn(data.withoutLibrary);
  for (const name of without ?? [])
    if (peers[name] === undefined)
      problems.push({ path: "withoutLibrary", got: name, expected: "names in peers" });
  if (problems.length > 0)
    throw new Refusal("INVALID_DATA", "invalid peers", "Send peers as { name: processId }.", {
      problems,
    });
  const before = fleet.admitted;
  fleet.admitted = {};
  for (const name of Object.keys(peers)) {
    const was = fleet.peers[name];
    const kept = before[name] ?? [];
    const ids = was === undefined || was === peers[name] ? kept : latest(kept, was);
    if (ids.length > 0) fleet.admitted[name] = ids;
  }
  fleet.peers = peers as Record<string, string>;
  fleet.peersHash = String(hash);
  if (typeof router === "string") fleet.router = router;
  else delete fleet.router;
  if (without !== undefined) fleet.withoutLibrary = without;
  return {
    peers,
    hash: fleet.peersHash,
    ...(typeof router === "string" ? { router } : {}),
    ...(without === undefined ? {} : { withoutLibrary: without }),
  };
}

const namesIn = (list: unknown): string[] =>
  Array.isArray(list) ? [...new Set(list.map(String))].sort() : [];

const latest = (ids: readonly string[], id: string): string[] =>
  [...ids.filter((each) => each !== id), id].slice(-8);

function admitPeer({ fleet, data }: Request): Json {
  const name = String(data.name);
  if (fleet.peers[name] === undefined)
    throw new Refusal(
      "PEER_UNKNOWN",
      `this process has no peer ${name.slice(0, 60)}`,
      "Wire it first: WIRE_PEERS.",
    );
  const ids = latest(fleet.admitted[name] ?? [], String(data.processId));
  fleet.admitted[name] = ids;
  return { name, admitted: ids };
}

function setStatus(status: FleetState["status"]): (request: Request) => Json {
  return ({ fleet }) => {
    fleet.status = status;
    return { status };
  };
}

function setAllowed({ fleet, data }: Request): Json {
  fleet.allowed = (data.allowed as unknown[]).map(String);
  return { allowed: fleet.allowed };
}

/** A model does not wait for its peers: it reports that all answered except those that the script calls deaf. */
function probePeers({ fleet, state, data }: Request): Json {
  const named = Array.isArray(data.peers) ? data.peers.map(String) : Object.keys(fleet.peers);
  const peers = named.map((name) => {
    const processId = fleet.peers[name];
    if (processId === undefined)
      return [name, { ok: false, code: "PEER_UNKNOWN", message: "there is no wired peer of that name" }];
    if (fleet.withoutLibrary.includes(name))
      return [
        name,
        { ok: false, code: "LIB_REQUIRED", message: "it runs without the fleet's library", processId },
      ];
    if (state.script.deaf?.includes(name))
      return [name, { ok: false, code: "TIMEOUT", message: `${name} did not answer`, processId, ms: 30_000 }];
    return [name, { ok: true, name, status: "ACTIVE", version: fleet.version, processId, ms: 0 }];
  });
  return { peers: Object.fromEntries(peers) };
}

function audit({ fleet, data }: Request): Json {
  const since = typeof data.since === "number" ? data.since : 0;
  const senders = Object.entries(fleet.refusedSenders).map(([from, one]) => ({ from, over: 0, ...one }));
  return {
    entries: fleet.audit.filter(({ seq }) => seq > since).map(({ class: _, ...entry }) => entry),
    refusals: {
      byReason: fleet.stats.refusals,
      bySender: senders.sort((a, b) => b.count - a.count || (a.from < b.from ? -1 : 1)),
      strangers: fleet.strangersRefused,
    },
  };
}

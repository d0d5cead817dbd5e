import { hashOf } from "../../core/hash.ts";
import { checkConfig } from "./config.ts";
import type { HealthStatus } from "./program.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import type { FleetState, ModelMessage, ModelProcess, ProcessState } from "./state.ts";
import { tagOf } from "./state.ts";

/** What a handler sees. */
export interface Request {
  readonly process: ModelProcess;
  readonly state: ProcessState;
  readonly fleet: FleetState;
  readonly message: ModelMessage;
  readonly data: Json;
}

/** Who may ask: each role includes the ones before it, `peer` stands beside. */
export type Who = "anyone" | "peer" | "deployer" | "owner" | "deployer-or-peer";

interface Action {
  readonly who: Who;
  /** Needs the tag `Epoch`. */
  readonly control: boolean;
  run(request: Request): Json;
}

/** The actions that every fleet process understands. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  Info: { who: "anyone", control: false, run: info },
  HEALTH_CHECK: { who: "anyone", control: false, run: health },
  GET_STATISTICS: { who: "anyone", control: false, run: ({ fleet }) => ({ statistics: statistics(fleet) }) },
  UPDATE_CONFIG: { who: "deployer", control: true, run: updateConfig },
  GET_CONFIG: { who: "deployer-or-peer", control: false, run: getConfig },
  WIRE_PEERS: { who: "deployer", control: true, run: wirePeers },
  RETIRE: { who: "deployer", control: true, run: setStatus("RETIRED") },
  RESUME: { who: "deployer", control: true, run: setStatus("ACTIVE") },
  DRAIN: { who: "deployer", control: true, run: setStatus("DRAINING") },
  EXPORT_STATE: { who: "deployer", control: false, run: exportState },
  IMPORT_STATE: { who: "deployer", control: true, run: importState },
  SET_ALLOWED: { who: "owner", control: false, run: setAllowed },
  AUDIT: { who: "deployer", control: false, run: audit },
};

/** Whether the sender has the role. */
export function allowed(who: Who, { process, fleet, message }: Request): boolean {
  const owner = message.from === process.owner;
  const deployer = owner || fleet.allowed.includes(message.from);
  const peer = Object.values(fleet.peers).includes(message.from);
  if (who === "anyone") return true;
  if (who === "owner") return owner;
  if (who === "deployer") return deployer;
  return who === "peer" ? peer : deployer || peer;
}

/** The epoch rule: an integer not below the stored one; a larger one raises it. */
export function admitEpoch({ fleet, message }: Request): void {
  const given = tagOf(message.tags, "Epoch");
  const epoch = given !== undefined && /^\d+$/.test(given) ? Number(given) : undefined;
  if (epoch === undefined || epoch < fleet.epoch) {
    throw new Refusal(
      "STALE_EPOCH",
      `epoch ${given ?? "(missing)"} is older than ${fleet.epoch}`,
      "Begin a new deployment to get a current epoch.",
      { epoch: fleet.epoch },
    );
  }
  fleet.epoch = epoch;
}

function info({ fleet, state, message }: Request): Json {
  return {
    name: fleet.name,
    processType: fleet.processType,
    version: state.script.version ?? fleet.version,
    status: fleet.status,
    capabilities: fleet.capabilities,
    endpoints: [...Object.keys(ACTIONS), ...fleet.handlers].sort(),
    epoch: fleet.epoch,
    release: state.script.release ?? fleet.release,
    sourceHash: state.script.sourceHash ?? fleet.sourceHash,
    configVersions: Object.fromEntries(
      Object.entries(fleet.configs).map(([type, { version }]) => [type, version]),
    ),
    peers: fleet.peers,
    stats: statistics(fleet),
    at: message.timestamp,
  };
}

const KINDS = ["STARTUP", "READINESS", "LIVENESS", "PERFORMANCE"];
const SETS: Readonly<Record<string, readonly string[]>> = {
  ALL: KINDS,
  POST_DEPLOYMENT: KINDS,
  PRE_DEPLOYMENT: ["LIVENESS"],
  CONTINUOUS: ["LIVENESS", "PERFORMANCE"],
  ROLLBACK_VERIFICATION: KINDS,
};

function health({ fleet, state, message, data }: Request): Json {
  const asked = isObject(data.healthCheck) ? data.healthCheck : {};
  const type = typeof asked.checkType === "string" ? asked.checkType : "ALL";
  const kinds = SETS[type] ?? (KINDS.includes(type) ? [type] : undefined);
  if (!kinds)
    throw new Refusal(
      "INVALID",
      `checkType ${type} is unknown`,
      `Use one of ${[...KINDS, ...Object.keys(SETS)].join(", ")}.`,
    );
  const version = state.script.version ?? fleet.version;
  const sourceHash = state.script.sourceHash ?? fleet.sourceHash;
  let status = nextHealth(fleet, state);
  const checks = kinds.map((checkType) => ({
    name: checkType.toLowerCase(),
    checkType,
    status: status as string,
    detail: status === "HEALTHY" ? "ok" : (state.script.reason ?? `scripted ${status}`),
  }));
  const mismatch = (what: string, expected: unknown, got: string): void => {
    if (typeof expected !== "string" || expected === got) return;
    status = "UNHEALTHY";
    checks.push({
      name: what,
      checkType: "READINESS",
      status,
      detail: `expected ${expected}, running ${got}`,
    });
  };
  mismatch("version", asked.expectedVersion, version);
  mismatch("sourceHash", asked.expectedSourceHash, sourceHash);
  return {
    healthStatus: status,
    checks,
    nonce: state.script.wrongNonce ? "0" : asked.nonce,
    version,
    sourceHash,
    release: state.script.release ?? fleet.release,
    epoch: fleet.epoch,
    slot: message.slot,
  };
}

function nextHealth(fleet: FleetState, state: ProcessState): HealthStatus {
  const scripted = [state.script.health ?? "HEALTHY"].flat() as HealthStatus[];
  const status = scripted[Math.min(fleet.healthChecks, scripted.length - 1)] ?? "HEALTHY";
  fleet.healthChecks += 1;
  return status;
}

function statistics(fleet: FleetState): Json {
  return { ...fleet.stats, luaHeapKB: 0 };
}

function updateConfig({ fleet, state, data }: Request): Json {
  const { configType, configData, version, hash } = data;
  if (typeof configType !== "string" || typeof version !== "number" || typeof hash !== "string")
    throw new Refusal(
      "INVALID",
      "configType, version and hash are needed",
      "Send configType, configData, version and hash.",
    );
  const problems = checkConfig(configType, configData);
  if (state.script.refuseConfig?.includes(configType))
    problems.push({ path: configType, got: "(scripted)", expected: "something else" });
  if (problems.length > 0)
    throw new Refusal(
      "INVALID_CONFIG",
      `${configType} has ${problems.length} problem(s)`,
      "Correct the values named.",
      {
        problems,
      },
    );
  const stored = fleet.configs[configType];
  if (stored && (version < stored.version || (version === stored.version && hash !== stored.hash)))
    throw new Refusal(
      "INVALID_CONFIG",
      `${configType} version ${version} does not follow ${stored.version}`,
      "Send a higher version.",
      { problems: [{ path: "version", got: version, expected: `> ${stored.version}` }] },
    );
  fleet.configs[configType] = { configData, version, hash };
  return { configType, version, hash };
}

function getConfig({ fleet, data }: Request): Json {
  const type = data.configType;
  const configs =
    typeof type === "string"
      ? Object.fromEntries(Object.entries(fleet.configs).filter(([name]) => name === type))
      : fleet.configs;
  return { configs };
}

function wirePeers({ fleet, data }: Request): Json {
  const { peers, router, hash } = data;
  if (!isObject(peers) || !Object.values(peers).every((id) => typeof id === "string"))
    throw new Refusal(
      "INVALID",
      "peers must be a table of names to process ids",
      "Send peers as {name: id}.",
    );
  fleet.peers = peers as Record<string, string>;
  if (typeof router === "string") fleet.router = router;
  else delete fleet.router;
  fleet.wiringHash = String(hash);
  return { peers, hash };
}

function setStatus(status: FleetState["status"]): (request: Request) => Json {
  return ({ fleet }) => {
    fleet.status = status;
    return { status };
  };
}

function exportState({ fleet, state, message }: Request): Json {
  const exported = state.script.state ?? fleet.state;
  return { state: exported, digest: hashOf(exported), slot: message.slot };
}

function importState({ fleet, data }: Request): Json {
  const { state, digest } = data;
  if (!isObject(state) || hashOf(state) !== digest)
    throw new Refusal(
      "DIGEST_MISMATCH",
      "the state does not have the digest given",
      "Export again and send both unchanged.",
    );
  fleet.state = state;
  return { digest };
}

function setAllowed({ fleet, data }: Request): Json {
  const list = data.allowed;
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === "string"))
    throw new Refusal(
      "INVALID",
      "allowed must be a list of addresses",
      "Send allowed as a list of addresses.",
    );
  fleet.allowed = list;
  return { allowed: list };
}

function audit({ fleet, data }: Request): Json {
  const since = typeof data.since === "number" ? data.since : 0;
  return { entries: fleet.audit.filter(({ seq }) => seq > since) };
}

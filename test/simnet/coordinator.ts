import { type Action, infoReport, needs, statistics as ownStatistics, type Request } from "./fleet.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import { type Deployment, type FleetState, type LedgerState, tagOf } from "./state.ts";

/** True for the process that keeps the ledger. */
export function isCoordinator(fleet: FleetState): boolean {
  return fleet.name === "deployment-coordinator" || fleet.processType === "DEPLOYMENT_COORDINATOR";
}

/** The ledger's actions. Runs compare and set the epoch themselves. */
export const LEDGER_ACTIONS: Readonly<Record<string, Action>> = {
  DEPLOY_PROCESS: { who: "deployer", run: deploy },
  DEPLOYMENT_STATUS: { readonly: true, run: status },
  PROCESS_REGISTRATION: {
    who: "deployer",
    optionalEpoch: true,
    check: (data) => {
      needs({ processRegistration: "table" })(data);
      needs({ processId: "string", processType: "string", version: "string" })(given(data));
      hasText(given(data), "processType");
    },
    run: register,
  },
  PROCESS_DEREGISTRATION: { who: "deployer", optionalEpoch: true, run: deregister },
  PROCESS_DISCOVERY: { readonly: true, run: discover },
  GET_STATISTICS: { always: true, readonly: true, run: statistics },
  Info: { always: true, noData: true, readonly: true, run: info },
  LEDGER: { readonly: true, run: ledger },
  STARTUP: { silent: true, run: () => ({}) },
  Error: { silent: true, run: () => ({}) },
};

const GUARDED = ["DEPLOY_PROCESS", "PROCESS_DEREGISTRATION", "PROCESS_REGISTRATION"];

function info(request: Request): Json {
  const report = infoReport(request);
  return "guarded" in report ? { ...report, guarded: GUARDED } : report;
}

/** Milliseconds for which a run counts as alive after its last message. */
const ALIVE = 150_000;

function ledgerOf(fleet: FleetState): LedgerState {
  fleet.ledger ??= { deployments: {}, order: [], entries: [], registered: {} };
  return fleet.ledger;
}

function write({ fleet, message }: Request, kind: string, fields: Json): void {
  const { entries } = ledgerOf(fleet);
  entries.push({ seq: entries.length + 1, at: message.timestamp, from: message.from, kind, ...fields });
}

function given(data: Json): Json {
  return isObject(data.processRegistration) ? data.processRegistration : data;
}

function deploy(request: Request): Json {
  const phase = tagOf(request.message.tags, "Phase") ?? "begin";
  const data = isObject(request.data.deployRequest) ? request.data.deployRequest : request.data;
  if (phase === "begin") return begin({ ...request, data });
  if (phase === "progress") return progress({ ...request, data });
  if (phase === "finish") return finish({ ...request, data });
  throw new Refusal(
    "INVALID_DATA",
    `unknown phase ${phase}`,
    "Set the tag Phase to begin, progress or finish.",
  );
}

function idOf({ message, data }: Request): string {
  const id = tagOf(message.tags, "Deployment-Id") ?? data.deploymentId;
  if (typeof id === "string" && id !== "" && id.length <= 128) return id;
  throw new Refusal("INVALID_DATA", "the deployment has no id", "Send it in the tag Deployment-Id.");
}

function epochTag({ message }: Request): number | undefined {
  const text = tagOf(message.tags, "Epoch");
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function stale({ fleet, message }: Request, needed: number): Refusal {
  return new Refusal(
    "STALE_EPOCH",
    `epoch ${tagOf(message.tags, "Epoch") ?? "(missing)"} is not accepted: this requires epoch ${needed}`,
    "Another deployment began in the meantime. Read the epoch with Info and start again.",
    { epoch: fleet.epoch },
  );
}

function begin(request: Request): Json {
  const { fleet, message, data } = request;
  const ledger = ledgerOf(fleet);
  const id = idOf(request);
  const known = ledger.deployments[id];
  if (known) return answer(known);
  refuseBeside(request);
  if (epochTag(request) !== fleet.epoch) throw stale(request, fleet.epoch);
  for (const other of Object.values(ledger.deployments))
    if (other.status === "RUNNING")
      data.takeOver === true
        ? end(request, other, "FAILED", `taken over by ${id}`, "TAKEN_OVER")
        : end(request, other, "FAILED", `it never finished; ${id} began after it`, "UNFINISHED");
  fleet.epoch += 1;
  const deployment: Deployment = {
    deploymentId: id,
    epoch: fleet.epoch,
    status: "RUNNING",
    startedAt: message.timestamp,
    seenAt: message.timestamp,
    ...(typeof data.operator === "string" ? { operator: data.operator } : {}),
    request: data,
    processes: {},
  };
  ledger.deployments[id] = deployment;
  ledger.order.push(id);
  write(request, "DEPLOYMENT_BEGUN", { deploymentId: id, epoch: fleet.epoch });
  return answer(deployment);
}

/** Refuses a run while one of another operator is in progress and alive. */
function refuseBeside({ fleet, message, data }: Request): void {
  if (data.takeOver === true) return;
  for (const other of Object.values(ledgerOf(fleet).deployments)) {
    const { deploymentId, operator, status: state, epoch, startedAt, seenAt } = other;
    const silent = message.timestamp - seenAt;
    // A run whose epoch has passed is fenced out already.
    if (state !== "RUNNING" || epoch !== fleet.epoch || operator === data.operator || silent >= ALIVE)
      continue;
    const seconds = (ms: number) => Math.floor(ms / 1000);
    throw new Refusal(
      "DEPLOYMENT_IN_PROGRESS",
      `${deploymentId} of operator ${operator ?? message.from} is in progress: it began ${seconds(message.timestamp - startedAt)} s ago and last reported ${seconds(silent)} s ago`,
      `Wait until it ends or has not reported for ${seconds(ALIVE)} s. If it is dead, take over: npx fleet deploy --take-over, or FLEET_TAKE_OVER=1 pulumi up.`,
      { deploymentId, operator, startedAt, seenAt },
    );
  }
}

function running(request: Request): Deployment {
  const id = idOf(request);
  const deployment = ledgerOf(request.fleet).deployments[id];
  if (!deployment)
    throw new Refusal(
      "UNKNOWN_DEPLOYMENT",
      `there is no deployment ${id}`,
      "Begin it first, or use an id that LEDGER lists.",
    );
  if (epochTag(request) !== deployment.epoch || deployment.epoch !== request.fleet.epoch)
    throw stale(request, deployment.epoch);
  return deployment;
}

function progress(request: Request): Json {
  const deployment = running(request);
  const named = isObject(request.data.processes) ? request.data.processes : {};
  if (deployment.status !== "RUNNING") return answer(deployment);
  deployment.seenAt = request.message.timestamp;
  for (const [name, result] of Object.entries(named)) {
    if (!isObject(result))
      throw new Refusal(
        "INVALID_DATA",
        "processes is not a table of results by name",
        "Send { name: { status, processId, … } }.",
      );
    deployment.processes[name] = { ...deployment.processes[name], ...result, at: request.message.timestamp };
    write(request, "PROCESS_PROGRESS", { deploymentId: deployment.deploymentId, process: name, ...result });
  }
  return answer(deployment);
}

function finish(request: Request): Json {
  const { data } = request;
  const deployment = running(request);
  if (deployment.status !== "RUNNING") return answer(deployment);
  if (data.manifest !== undefined) deployment.manifest = data.manifest;
  const wanted = data.status;
  const state = wanted === "FAILED" || wanted === "ROLLED_BACK" || wanted === "HELD" ? wanted : "COMPLETED";
  end(request, deployment, state, typeof data.reason === "string" ? data.reason : undefined);
  return answer(deployment);
}

function end(
  request: Request,
  deployment: Deployment,
  state: Deployment["status"],
  reason?: string,
  cause?: string,
): void {
  deployment.status = state;
  deployment.finishedAt = request.message.timestamp;
  if (reason !== undefined) deployment.reason = reason;
  const { deploymentId, epoch } = deployment;
  write(request, "DEPLOYMENT_FINISHED", {
    deploymentId,
    epoch,
    status: state,
    ...(reason === undefined ? {} : { reason }),
    ...(cause === undefined ? {} : { cause }),
  });
}

function answer({ deploymentId, epoch, status: state, startedAt, finishedAt }: Deployment): Json {
  const times = finishedAt === undefined ? { startedAt } : { startedAt, finishedAt };
  return { deploymentId, epoch, status: state, phase: state, ...times };
}

function status({ fleet, message, data }: Request): Json {
  const ledger = ledgerOf(fleet);
  const id = tagOf(message.tags, "Deployment-Id") ?? data.deploymentId ?? ledger.order.at(-1);
  const deployment = ledger.deployments[String(id)];
  if (!deployment)
    throw new Refusal("UNKNOWN_DEPLOYMENT", `there is no deployment ${id}`, "Use an id that LEDGER lists.");
  return { ...deployment, phase: deployment.status };
}

/** Like the ledger's schema: a string of at least 1 character. */
function hasText(data: Json, path: string): void {
  if (data[path] !== "") return;
  const problem = { path, got: "a string of 0 characters", expected: "1 or more characters" };
  throw new Refusal(
    "INVALID_DATA",
    `${path} is ${problem.got}, expected ${problem.expected}`,
    "Fix the values at these paths.",
    {
      problems: [problem],
    },
  );
}

function register(request: Request): Json {
  const { fleet, message, data } = request;
  const registration = given(data);
  const id = String(registration.processId);
  const { registered } = ledgerOf(fleet);
  const known = registered[id];
  const registrationTime = known?.registrationTime ?? message.timestamp;
  registered[id] = { capabilities: [], ...registration, registrationTime, updatedAt: message.timestamp };
  write(request, known ? "PROCESS_UPDATED" : "PROCESS_REGISTERED", {
    processId: id,
    processType: registration.processType,
    version: registration.version,
  });
  return { processId: id, registrationTime, registeredProcessCount: Object.keys(registered).length };
}

function deregister(request: Request): Json {
  const { registered } = ledgerOf(request.fleet);
  const id = given(request.data).processId;
  if (typeof id !== "string") throw new Refusal("INVALID_DATA", "processId is missing", "Set processId.");
  if (registered[id]) write(request, "PROCESS_DEREGISTERED", { processId: id });
  delete registered[id];
  return { processId: id, registeredProcessCount: Object.keys(registered).length };
}

function discover({ fleet, message, data }: Request): Json {
  const type = tagOf(message.tags, "Process-Type") ?? data.processType;
  const all = Object.entries(ledgerOf(fleet).registered);
  const processes = Object.fromEntries(
    all.filter(([, entry]) => type === undefined || entry.processType === type),
  );
  return { processes, count: Object.keys(processes).length };
}

function statistics({ fleet }: Request): Json {
  const all = Object.values(ledgerOf(fleet).deployments);
  const count = (state: Deployment["status"]) => all.filter((entry) => entry.status === state).length;
  const seconds = all.flatMap(({ startedAt, finishedAt }) =>
    finishedAt === undefined ? [] : [(finishedAt - startedAt) / 1000],
  );
  const rolledBack = count("ROLLED_BACK");
  return {
    statistics: {
      ...ownStatistics(fleet),
      totalDeployments: all.length,
      successfulDeployments: count("COMPLETED"),
      failedDeployments: count("FAILED") + rolledBack,
      rolledBackDeployments: rolledBack,
      activeDeployments: count("RUNNING"),
      averageDeploymentTime:
        seconds.length === 0 ? 0 : seconds.reduce((sum, s) => sum + s, 0) / seconds.length,
      rollbackRate: all.length === 0 ? 0 : (rolledBack / all.length) * 100,
    },
    processInfo: { name: fleet.name, version: fleet.version, epoch: fleet.epoch },
  };
}

function ledger({ fleet, data }: Request): Json {
  const since = typeof data.since === "number" ? data.since : 0;
  const limit = typeof data.limit === "number" ? data.limit : 100;
  const { entries } = ledgerOf(fleet);
  const wanted = entries
    .slice(since)
    .filter(({ kind }) => data.kind === undefined || kind === data.kind)
    .slice(0, limit);
  const next = wanted.length === limit ? Number(wanted.at(-1)?.seq) : Math.max(since, entries.length);
  return { entries: wanted, next, length: entries.length, epoch: fleet.epoch };
}

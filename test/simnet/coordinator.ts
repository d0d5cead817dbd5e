import type { Request, Who } from "./fleet.ts";
import { isObject, type Json, Refusal } from "./reply.ts";
import { type Deployment, type FleetState, type LedgerState, tagOf } from "./state.ts";

/** True for the process that keeps the ledger. */
export function isCoordinator(fleet: FleetState): boolean {
  return fleet.name === "deployment-coordinator" || fleet.processType === "DEPLOYMENT_COORDINATOR";
}

/** The ledger's actions; epochs are compared and set here, so none of them needs the epoch rule of control actions. */
export const LEDGER_ACTIONS: Readonly<Record<string, { readonly who: Who; run(request: Request): Json }>> = {
  DEPLOY_PROCESS: { who: "deployer", run: deploy },
  DEPLOYMENT_STATUS: { who: "anyone", run: status },
  PROCESS_REGISTRATION: { who: "deployer", run: register },
  PROCESS_DEREGISTRATION: { who: "deployer", run: deregister },
  PROCESS_DISCOVERY: { who: "anyone", run: discover },
  GET_STATISTICS: { who: "anyone", run: statistics },
  LEDGER: { who: "anyone", run: ledger },
};

function ledgerOf(fleet: FleetState): LedgerState {
  fleet.ledger ??= { epoch: fleet.epoch, deployments: {}, order: [], registered: {} };
  return fleet.ledger;
}

function deploy(request: Request): Json {
  const { message } = request;
  const phase = tagOf(message.tags, "Phase") ?? "begin";
  if (phase === "begin") return begin(request);
  if (phase === "finish") return finish(request);
  throw new Refusal("INVALID", `Phase ${phase} is unknown`, "Use the tag Phase with begin or finish.");
}

function begin({ fleet, message, data }: Request): Json {
  const ledger = ledgerOf(fleet);
  const id = tagOf(message.tags, "Deployment-Id") ?? message.id;
  const earlier = ledger.deployments[id];
  if (earlier) return answer(earlier);
  if (Number(tagOf(message.tags, "Epoch") ?? Number.NaN) !== fleet.epoch) throw stale(fleet, message.tags);
  for (const other of Object.values(ledger.deployments)) {
    if (other.status !== "RUNNING") continue;
    other.status = "FAILED";
    other.finishedAt = message.timestamp;
  }
  fleet.epoch += 1;
  ledger.epoch = fleet.epoch;
  const deployment: Deployment = {
    deploymentId: id,
    epoch: fleet.epoch,
    status: "RUNNING",
    startedAt: message.timestamp,
    request: data.deployRequest ?? data,
  };
  ledger.deployments[id] = deployment;
  ledger.order.push(id);
  return answer(deployment);
}

function finish({ fleet, message, data }: Request): Json {
  const ledger = ledgerOf(fleet);
  const id = tagOf(message.tags, "Deployment-Id") ?? String(data.deploymentId ?? "");
  const deployment = ledger.deployments[id];
  if (!deployment) throw new Refusal("UNKNOWN_DEPLOYMENT", `no deployment ${id}`, "Begin it first.");
  if (
    Number(tagOf(message.tags, "Epoch") ?? Number.NaN) !== deployment.epoch ||
    deployment.epoch !== fleet.epoch
  )
    throw stale(fleet, message.tags);
  if (deployment.status === "RUNNING") {
    deployment.status = data.status === "FAILED" ? "FAILED" : "COMPLETED";
    deployment.finishedAt = message.timestamp;
    deployment.manifest = data.manifest ?? data;
  }
  return answer(deployment);
}

function answer({ deploymentId, epoch, status: state }: Deployment): Json {
  return { deploymentId, epoch, status: state };
}

function stale(fleet: FleetState, tags: Request["message"]["tags"]): Refusal {
  return new Refusal(
    "STALE_EPOCH",
    `epoch ${tagOf(tags, "Epoch") ?? "(missing)"} is not the current ${fleet.epoch}`,
    "Read the current epoch and begin again.",
    { epoch: fleet.epoch },
  );
}

function status({ fleet, message, data }: Request): Json {
  const id = tagOf(message.tags, "Deployment-Id") ?? String(data.deploymentId ?? "");
  const deployment = ledgerOf(fleet).deployments[id];
  if (!deployment)
    throw new Refusal("UNKNOWN_DEPLOYMENT", `no deployment ${id}`, "Name one that LEDGER lists.");
  return { ...deployment };
}

function register({ fleet, message, data }: Request): Json {
  const given = isObject(data.processRegistration) ? data.processRegistration : data;
  const id = given.processId;
  if (typeof id !== "string" || id === "")
    throw new Refusal("INVALID", "processRegistration.processId is missing", "Send the process' id.");
  const { registered } = ledgerOf(fleet);
  const registrationTime = registered[id]?.registrationTime ?? message.timestamp;
  registered[id] = { ...given, registrationTime };
  return { processId: id, registrationTime, registeredProcessCount: Object.keys(registered).length };
}

function deregister({ fleet, data }: Request): Json {
  const given = isObject(data.processRegistration) ? data.processRegistration : data;
  const { registered } = ledgerOf(fleet);
  delete registered[String(given.processId)];
  return { processId: given.processId, registeredProcessCount: Object.keys(registered).length };
}

function discover({ fleet, message }: Request): Json {
  const type = tagOf(message.tags, "Process-Type");
  const processes = Object.fromEntries(
    Object.entries(ledgerOf(fleet).registered).filter(
      ([, entry]) => type === undefined || entry.processType === type,
    ),
  );
  return { processes, count: Object.keys(processes).length };
}

function statistics({ fleet }: Request): Json {
  const all = Object.values(ledgerOf(fleet).deployments);
  const done = all.filter(({ finishedAt }) => finishedAt !== undefined);
  const times = done.map((entry) => (entry.finishedAt ?? 0) - entry.startedAt);
  return {
    statistics: {
      ...fleet.stats,
      luaHeapKB: 0,
      totalDeployments: all.length,
      successfulDeployments: all.filter((entry) => entry.status === "COMPLETED").length,
      failedDeployments: all.filter((entry) => entry.status === "FAILED").length,
      rolledBackDeployments: 0,
      averageDeploymentTime:
        times.length === 0 ? 0 : times.reduce((sum, ms) => sum + ms, 0) / times.length / 1000,
      rollbackRate: 0,
    },
    processInfo: { name: fleet.name, version: fleet.version, epoch: fleet.epoch },
  };
}

function ledger({ fleet, data }: Request): Json {
  const since = typeof data.since === "number" ? data.since : 0;
  const limit = typeof data.limit === "number" ? data.limit : 100;
  const { order, deployments } = ledgerOf(fleet);
  const entries = order
    .slice(since, since + limit)
    .map((id, index) => ({ seq: since + index + 1, ...deployments[id] }));
  return { entries, epoch: fleet.epoch };
}

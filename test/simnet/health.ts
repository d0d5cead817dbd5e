import { CHECK_SETS, type CheckKind as Kind } from "../../src/fleet/health/check-types.ts";
import { changedByHand, type Request } from "./fleet.ts";
import type { HealthStatus } from "./program.ts";
import { isObject, type Json, Refusal } from "./reply.ts";

const SETS: Readonly<Record<string, readonly Kind[]>> = CHECK_SETS;

interface Check {
  readonly name: string;
  readonly checkType: Kind;
  readonly status: HealthStatus;
  readonly detail: string;
}

/** The reply to HEALTH_CHECK: the library's own checks, and a scripted one that decides if the script sets it. */
export function healthReport(request: Request): Json {
  const { fleet, state, message, data } = request;
  const asked = isObject(data.healthCheck) ? data.healthCheck : {};
  const type = asked.checkType === undefined ? "ALL" : String(asked.checkType);
  const kinds = SETS[type];
  if (!kinds) {
    const problem = {
      path: "healthCheck.checkType",
      got: type,
      expected: `one of ${Object.keys(SETS).sort().join(" ")}`,
    };
    throw new Refusal(
      "INVALID_DATA",
      `${problem.path} is ${type}, expected ${problem.expected}`,
      "Fix the values at these paths.",
      {
        problems: [problem],
      },
    );
  }
  const scripted = nextHealth(request);
  const checks = kinds.flatMap((kind) => builtin(kind, request, asked));
  const [first = "LIVENESS"] = kinds;
  if (scripted !== "HEALTHY")
    checks.push({
      name: "scripted",
      checkType: first,
      status: scripted,
      detail: state.script.reason ?? `scripted ${scripted}`,
    });
  return {
    healthStatus: worst(checks),
    checks,
    nonce: state.script.wrongNonce ? "0" : (asked.nonce ?? ""),
    version: state.script.version ?? fleet.version,
    sourceHash: state.script.sourceHash ?? fleet.sourceHash,
    release: state.script.release ?? fleet.release,
    ...(state.script.older ? {} : { changedByHand: changedByHand(state) }),
    epoch: fleet.epoch,
    slot: message.slot,
    at: message.timestamp,
  };
}

function nextHealth({ fleet, state }: Request): HealthStatus {
  const scripted = [state.script.health ?? "HEALTHY"].flat() as HealthStatus[];
  const status = scripted[Math.min(fleet.healthChecks, scripted.length - 1)] ?? "HEALTHY";
  fleet.healthChecks += 1;
  return status;
}

function builtin(checkType: Kind, { fleet, state }: Request, asked: Json): Check[] {
  const check = (name: string, ok: boolean, detail: string): Check => ({
    name,
    checkType,
    status: ok ? "HEALTHY" : "UNHEALTHY",
    detail,
  });
  const same = (name: string, expected: unknown, actual: string): Check[] =>
    typeof expected === "string"
      ? [
          check(
            name,
            expected === actual,
            expected === actual ? actual : `expected ${expected}, running ${actual}`,
          ),
        ]
      : [];
  const byHand = changedByHand(state).map(({ name }) => `handler ${name} was added`);
  if (checkType === "STARTUP")
    return [
      check("program", true, `release ${fleet.release}, code ${fleet.sourceHash.slice(0, 8)}`),
      check("handlers", true, "first: fleet"),
      ...(state.script.older ? [] : [check("code", byHand.length === 0, byHand.join(", "))]),
      ...same("version", asked.expectedVersion, state.script.version ?? fleet.version),
      ...same("sourceHash", asked.expectedSourceHash, state.script.sourceHash ?? fleet.sourceHash),
    ];
  if (checkType === "READINESS") {
    const names = Object.keys(fleet.peers).sort();
    return [
      check("status", fleet.status === "ACTIVE", fleet.status),
      check("peers", true, names.length > 0 ? `wired: ${names.join(" ")}` : "not wired yet"),
    ];
  }
  if (checkType === "LIVENESS")
    return [
      ...(fleet.status === "RETIRED" && asked.checkType !== "CONTINUOUS"
        ? [check("service", false, "it is retired")]
        : []),
      check("invariants", true, "all hold"),
      check("calls", true, "0 of 256 requests are open, 0 of 4096 calls are open"),
    ];
  return [
    check("errorRate", true, `${fleet.stats.messages} requests are too few for a verdict`),
    check("errorRateOfStrangers", true, "0 requests are too few for a verdict"),
    check("luaHeap", true, "0.0 MB, no limit set"),
  ];
}

function worst(checks: readonly Check[]): HealthStatus {
  const seen = checks.map(({ status }) => status);
  return seen.includes("UNHEALTHY") ? "UNHEALTHY" : seen.includes("DEGRADED") ? "DEGRADED" : "HEALTHY";
}

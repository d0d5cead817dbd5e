import { infoReport, type Request } from "./fleet.ts";
import { healthReport } from "./health.ts";
import type { Json } from "./reply.ts";
import type { ModelMessage, ModelOut, ModelProcess, ModelResult, ProcessState } from "./state.ts";
import { tagOf } from "./state.ts";

/** Milliseconds after which a message leads to a new judgement. */
const JUDGE_EVERY = 60_000;

/** Whether a process runs on a HyperBEAM node. */
export const isOnNode = (process: ModelProcess): boolean => tagOf(process.tags, "Variant") === "ao.N.1";

/** A result with what the process publishes after the message, as in the library: on a node, and only if something changed. */
export function withPublished(
  state: ProcessState,
  process: ModelProcess,
  message: ModelMessage,
  result: ModelResult,
): ModelResult {
  const { fleet, script } = state;
  if (!fleet || fleet.plain || script.older || !isOnNode(process)) return result;
  const request: Request = { process, state, fleet, message, data: {} };
  const { stats, handlers: _handlers, at, slot, ...facts } = infoReport(request);
  const text = JSON.stringify([facts, fleet.stats.errors, fleet.loads.length]);
  const isRecent = message.timestamp - (fleet.published?.judgedAt ?? 0) < JUDGE_EVERY;
  if (fleet.published?.facts === text && isRecent) return result;
  fleet.published = { facts: text, judgedAt: message.timestamp };
  const health = judged(request);
  const own = { ...facts, schema: 1, stats, health, at, slot };
  const { release, version, status, epoch } = facts;
  const values = { release, version, status, epoch, health: health.healthStatus, state: JSON.stringify(own) };
  return { ...result, Messages: [...result.Messages, patch(values)] };
}

/** Its own judgement, which is none of the checks that a script counts. */
function judged(request: Request): { healthStatus: unknown; failed: unknown[] } {
  const { fleet } = request;
  const before = fleet.healthChecks;
  const { healthStatus, checks } = healthReport(request);
  fleet.healthChecks = before;
  const failed = (checks as { status: string }[]).filter(({ status }) => status !== "HEALTHY");
  return { healthStatus, failed };
}

const patch = (values: Json): ModelOut => ({
  Anchor: "0".repeat(32),
  Data: "",
  Tags: [
    { name: "device", value: "patch@1.0" },
    // A patch keeps the types of its values.
    { name: "fleet", value: values as never },
  ],
});

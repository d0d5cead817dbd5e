import { z } from "zod";
import type { Snapshot } from "./metrics.ts";
import type { Origin } from "./notify/message.ts";
import type { Performance } from "./statistics.ts";
import { LEVELS, TYPE_NAMES } from "./types.ts";
import { stateNow, type Watched } from "./watch.ts";

const figure = z.number().nullable();
const state = z.enum(["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE", "UNKNOWN"]);
const time = z.iso.datetime();

/** One round as `fleet monitor --once --json` prints it; published as `docs/reference/monitoring/report.schema.json`. */
export const ReportSchema = z
  .object({
    success: z.boolean().describe("True if the fleet passes and no alert of level ERROR or CRITICAL is open"),
    project: z.string(),
    stack: z.string(),
    network: z.string(),
    at: time,
    seconds: z.number().describe("Duration of the round"),
    fleet: z.object({
      state,
      passed: z.boolean(),
      counts: z.object({
        HEALTHY: z.number(),
        DEGRADED: z.number(),
        UNHEALTHY: z.number(),
        OFFLINE: z.number(),
        UNKNOWN: z.number().describe("Could not be read: a unit was slow, down or failed"),
        total: z.number(),
      }),
    }),
    processes: z.array(
      z.object({
        name: z.string(),
        processId: z.string(),
        state,
        since: time,
        lastState: state.describe("The last known state; equals `state` unless that is UNKNOWN"),
        lastAnswerAt: time.nullable(),
        outcome: z.enum(["answered", "silent", "wrong", "unread", "unknown"]),
        code: z.string().describe("Why it did not answer: NO_REPLY, UNIT_SLOW, …; empty if it did"),
        misses: z.number(),
        responseMs: figure,
        publishedAt: time
          .nullable()
          .describe(
            "Set if it was not asked: it is shown as it published itself at that time. Null if it was",
          ),
        version: z.string(),
        sourceHash: z.string(),
        release: z.string(),
        epoch: figure,
        slot: figure,
        pendingSlots: figure,
        messages: figure,
        errors: figure,
        refused: figure,
        luaHeapKB: figure,
        lastTickAt: time
          .nullable()
          .describe("Latest tick of its cron, by the scheduler's clock; null if it had none"),
        drift: z.array(z.string()),
        detail: z.string(),
      }),
    ),
    deploymentStatistics: z
      .object({
        totalDeployments: z.number(),
        successfulDeployments: z.number(),
        failedDeployments: z.number(),
        rolledBackDeployments: z.number(),
        activeDeployments: z.number(),
        averageDeploymentTime: z.number().describe("Seconds"),
        rollbackRate: z.number().describe("Percent"),
      })
      .nullable()
      .describe("Null if the fleet has no ledger, or it could not be read"),
    performanceMetrics: z.object({
      messageProcessingTime: figure.describe("Milliseconds, average over the last hour"),
      messageProcessingTimeP95: figure,
      throughput: figure.describe("Messages per minute"),
      errorRate: figure,
      coordinatorMemoryUsage: figure.describe("Megabytes of Lua heap"),
      coordinatorCpuUsage: z.null().describe("Always null: AO does not report it"),
      availability: figure,
    }),
    dora: z
      .object({
        windowDays: z.number(),
        deploymentFrequency: z.number().describe("Successful deployments per day"),
        leadTimeSeconds: figure,
        changeFailureRate: figure,
        timeToRestoreSeconds: figure,
      })
      .nullable(),
    alerts: z.array(
      z.object({
        alertId: z.string(),
        type: z.enum(TYPE_NAMES),
        source: z.string(),
        message: z.string(),
        level: z.enum(LEVELS),
        state: z.enum(["OPEN", "ACKNOWLEDGED", "RESOLVED"]),
        count: z.number(),
        raisedAt: time,
        lastAt: time,
      }),
    ),
    notifications: z.array(
      z.object({
        receiver: z.string(),
        ok: z.boolean(),
        posts: z.number(),
        reason: z.string().optional(),
      }),
    ),
    notes: z.array(z.string()).describe("What could not be read, and why"),
  })
  .meta({ title: "ao-fleet monitoring report" });

export type Report = z.infer<typeof ReportSchema>;

const iso = (at: number): string => new Date(at).toISOString();

/** A round as a document. Pure. */
export function reportOf(
  origin: Origin,
  snapshot: Snapshot,
  performance: Performance,
  notes: readonly string[],
): Report {
  const { figures, dora, watched, counts } = snapshot;
  const open = snapshot.alerts.filter(({ state }) => state !== "RESOLVED");
  const grave = open.some(({ level }) => level === "ERROR" || level === "CRITICAL");
  const { finishedDeployments: _finished, ...statistics } = figures ?? { finishedDeployments: 0 };
  return {
    success: snapshot.passed && !grave,
    ...origin,
    at: iso(snapshot.at),
    seconds: Math.round(snapshot.seconds * 1000) / 1000,
    fleet: { state: snapshot.state, passed: snapshot.passed, counts },
    processes: watched.map((each) => ({
      name: each.name,
      processId: each.processId,
      state: stateNow(each),
      since: iso(stateNow(each) === "UNKNOWN" ? (each.unknownSince ?? each.since) : each.since),
      lastState: each.state,
      lastAnswerAt: each.lastAnswerAt === undefined ? null : iso(each.lastAnswerAt),
      ...figuresOf(each),
    })),
    deploymentStatistics: figures ? (statistics as Report["deploymentStatistics"]) : null,
    performanceMetrics: performance,
    dora: dora ?? null,
    alerts: open.map(({ alertId, type, source, message, level, state, count, raisedAt, lastAt }) => ({
      ...{ alertId, type, source, message, level, state, count },
      raisedAt: iso(raisedAt),
      lastAt: iso(lastAt),
    })),
    notifications: [...snapshot.deliveries],
    notes: [...notes],
  };
}

function figuresOf({ reading, misses, counters }: Watched) {
  return {
    outcome: reading.outcome,
    code: reading.code ?? "",
    misses,
    responseMs: reading.responseMs === undefined ? null : Math.round(reading.responseMs),
    publishedAt: reading.outcome === "answered" && reading.published ? iso(reading.published.at) : null,
    version: reading.version ?? "",
    sourceHash: reading.sourceHash ?? "",
    release: reading.release ?? "",
    epoch: reading.epoch ?? null,
    slot: reading.slot ?? null,
    pendingSlots:
      reading.slot === undefined ? null : Math.max(0, reading.slot - (reading.evaluatedSlot ?? reading.slot)),
    messages: counters?.messages ?? null,
    errors: counters?.errors ?? null,
    refused: counters?.refused ?? null,
    luaHeapKB: counters?.luaHeapKB ?? null,
    lastTickAt: reading.lastTickAt === undefined ? null : iso(reading.lastTickAt),
    drift: [...(reading.drift ?? [])],
    detail: reading.detail ?? "",
  };
}

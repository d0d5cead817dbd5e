import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type Alert, isOpen } from "./alert-book.ts";
import type { Dora, Figures } from "./deployments.ts";
import type { Origin } from "./notify/message.ts";
import type { Delivery } from "./notify/send.ts";
import { STATES, type State } from "./reading.ts";
import { missedTicks } from "./ticks.ts";
import { LEVELS } from "./types.ts";
import type { StateCounts } from "./verdict.ts";
import { stateNow, type Watched } from "./watch.ts";

const SHOWN = [...STATES, "UNKNOWN"] as const;

/** The result of one round. */
export interface Snapshot {
  readonly at: number;
  readonly seconds: number;
  readonly watched: readonly Watched[];
  readonly state: State | "UNKNOWN";
  readonly passed: boolean;
  readonly counts: StateCounts;
  readonly alerts: readonly Alert[];
  readonly figures?: Figures;
  readonly dora?: Dora;
  readonly deliveries: readonly Delivery[];
}

/** The fleet's figures for Prometheus; every name is `aofleet_*` and described in docs/reference/metrics.md. */
export interface Metrics {
  readonly registry: Registry;
  record(snapshot: Snapshot): void;
}

/** Metrics of one stack, in their own registry, labelled with project, stack and network. */
export function metricsOf(origin: Origin): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ ...origin });
  const meters = metersOf(registry);
  const parts = [healthMetrics, processMetrics, fleetMetrics, deploymentMetrics, monitorMetrics].map((part) =>
    part(meters),
  );
  return {
    registry,
    record(snapshot) {
      for (const record of parts) record(snapshot);
    },
  };
}

/** Creates gauges and counters in a registry. */
const metersOf = (registry: Registry) => ({
  registry,
  gauge: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers: [registry] }),
  counter: <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers: [registry] }),
});
type Meters = ReturnType<typeof metersOf>;
type Recorder = (snapshot: Snapshot) => void;

/** The health that a process reports, and its response time. */
function healthMetrics({ registry, gauge }: Meters): Recorder {
  const process = ["process"] as const;
  const up = gauge(
    "aofleet_process_up",
    "1 if the process is HEALTHY or DEGRADED, else 0; unchanged while its state is UNKNOWN",
    process,
  );
  const state = gauge("aofleet_process_state", "1 for the current state of the process, 0 for the others", [
    "process",
    "state",
  ]);
  const info = gauge("aofleet_process_info", "1; the labels show what the process runs", [
    "process",
    "process_id",
    "version",
    "source_hash",
    "release",
  ]);
  const answer = new Histogram({
    name: "aofleet_process_response_seconds",
    help: "Response time of health checks in seconds",
    labelNames: process,
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30],
    registers: [registry],
  });
  let latest = 0;
  return (snapshot) => {
    const { watched } = snapshot;
    for (const each of [up, state, info]) each.reset();
    for (const each of watched) {
      const { name, processId, state: now, reading, lastAnswerAt } = each;
      const label = { process: name };
      up.set(label, now === "HEALTHY" || now === "DEGRADED" ? 1 : 0);
      for (const one of SHOWN) state.set({ ...label, state: one }, one === stateNow(each) ? 1 : 0);
      const { version = "", sourceHash = "", release = "" } = reading;
      info.set({ ...label, process_id: processId, version, source_hash: sourceHash, release }, 1);
      if (reading.responseMs !== undefined && lastAnswerAt === snapshot.at && latest !== snapshot.at)
        answer.observe(label, reading.responseMs / 1000);
    }
    latest = snapshot.at;
  };
}

/** The counters of a process, and the release it runs. */
function processMetrics({ gauge, counter }: Meters): Recorder {
  const process = ["process"] as const;
  const slot = gauge("aofleet_process_slot", "Newest slot that the scheduler has assigned", process);
  const pending = gauge("aofleet_process_pending_slots", "Slots that are not evaluated yet", process);
  const messages = counter(
    "aofleet_process_messages_total",
    "Requests handled since the first load",
    process,
  );
  const errors = counter("aofleet_process_errors_total", "Requests that ended in a Lua error", process);
  const refused = counter(
    "aofleet_process_refused_total",
    "Messages refused because of their sender, epoch, size, data or values",
    process,
  );
  const heap = gauge("aofleet_process_lua_heap_bytes", "Bytes on the Lua heap", process);
  const epoch = gauge(
    "aofleet_process_epoch",
    "Epoch of the deployment that last changed the process",
    process,
  );
  const drift = gauge("aofleet_process_drift", "1 if the process does not run what was deployed", process);
  const misses = gauge("aofleet_process_misses", "Rounds in a row without an answer", process);
  const missed = gauge(
    "aofleet_process_missed_ticks",
    "Intervals without a tick of its cron, if the fleet's monitor drives it",
    process,
  );
  return ({ at, watched }) => {
    for (const each of [slot, pending, heap, epoch, drift, misses, missed]) each.reset();
    for (const each of [messages, errors, refused]) each.reset();
    for (const { name, reading, counters, misses: inARow } of watched) {
      const label = { process: name };
      misses.set(label, inARow);
      if (reading.cron) missed.set(label, missedTicks(reading, at));
      drift.set(label, (reading.drift ?? []).length > 0 ? 1 : 0);
      if (reading.slot !== undefined) {
        slot.set(label, reading.slot);
        pending.set(label, Math.max(0, reading.slot - (reading.evaluatedSlot ?? reading.slot)));
      }
      if (reading.epoch !== undefined) epoch.set(label, reading.epoch);
      if (counters) {
        setTo(messages, label, counters.messages);
        setTo(errors, label, counters.errors);
        setTo(refused, label, counters.refused);
        heap.set(label, counters.luaHeapKB * 1024);
      }
    }
  };
}

function fleetMetrics({ gauge }: Meters): Recorder {
  const fleetState = gauge("aofleet_fleet_state", "1 for the current state of the fleet, 0 for the others", [
    "state",
  ]);
  const fleetPasses = gauge("aofleet_fleet_passes", "1 if the fleet passes its thresholds");
  const processes = gauge("aofleet_fleet_processes", "Processes by state", ["state"]);
  const alerts = gauge("aofleet_alerts", "Unresolved alerts", ["type", "level", "state"]);
  return (snapshot) => {
    for (const each of [fleetState, processes, alerts]) each.reset();
    for (const each of SHOWN) {
      fleetState.set({ state: each }, each === snapshot.state ? 1 : 0);
      processes.set({ state: each }, snapshot.counts[each]);
    }
    fleetPasses.set(snapshot.passed ? 1 : 0);
    for (const level of LEVELS) {
      for (const { type, state: how } of snapshot.alerts.filter(
        (each) => isOpen(each) && each.level === level,
      ))
        alerts.inc({ type, level, state: how });
    }
  };
}

function deploymentMetrics({ gauge, counter }: Meters): Recorder {
  const deployments = counter("aofleet_deployments_total", "Deployments in the ledger, by outcome", [
    "outcome",
  ]);
  const active = gauge("aofleet_deployments_active", "Deployments that are running");
  const average = gauge(
    "aofleet_deployment_duration_seconds_average",
    "Average duration of a deployment in seconds",
  );
  const rollback = gauge("aofleet_rollback_ratio", "Share of deployments that were rolled back");
  const frequency = gauge(
    "aofleet_dora_deployments_per_day",
    "DORA: successful deployments per day, over 30 days",
  );
  const lead = gauge(
    "aofleet_dora_lead_time_seconds",
    "DORA: median seconds from commit to deployment, over 30 days",
  );
  const failureRate = gauge(
    "aofleet_dora_change_failure_ratio",
    "DORA: share of deployments that failed or were rolled back, over 30 days",
  );
  const restore = gauge(
    "aofleet_dora_time_to_restore_seconds",
    "DORA: median seconds from a failed deployment to the next successful one, over 30 days",
  );
  return ({ figures, dora }) => {
    if (figures) {
      setTo(deployments, { outcome: "successful" }, figures.successfulDeployments);
      setTo(deployments, { outcome: "failed" }, figures.failedDeployments - figures.rolledBackDeployments);
      setTo(deployments, { outcome: "rolled_back" }, figures.rolledBackDeployments);
      active.set(figures.activeDeployments);
      average.set(figures.averageDeploymentTime);
      rollback.set(figures.rollbackRate / 100);
    }
    if (dora) {
      frequency.set(dora.deploymentFrequency);
      setOrDrop(lead, dora.leadTimeSeconds);
      setOrDrop(failureRate, dora.changeFailureRate);
      setOrDrop(restore, dora.timeToRestoreSeconds);
    }
  };
}

function monitorMetrics({ gauge, counter }: Meters): Recorder {
  const rounds = counter("aofleet_monitor_rounds_total", "Rounds since the monitor started");
  const duration = gauge("aofleet_monitor_round_seconds", "Duration of the latest round in seconds");
  const last = gauge(
    "aofleet_monitor_last_round_timestamp_seconds",
    "Start of the latest round, in seconds since 1970",
  );
  const reads = counter("aofleet_monitor_reads_total", "Reads of processes, by outcome", ["outcome"]);
  const sent = counter("aofleet_notifications_total", "Notifications to receivers, by outcome", [
    "receiver",
    "outcome",
  ]);
  return (snapshot) => {
    for (const { reading } of snapshot.watched) reads.inc({ outcome: reading.outcome });
    rounds.inc();
    duration.set(snapshot.seconds);
    last.set(snapshot.at / 1000);
    for (const { receiver, ok } of snapshot.deliveries) sent.inc({ receiver, outcome: ok ? "ok" : "failed" });
  };
}

/** Sets a counter to a value that was counted elsewhere. */
const setTo = <L extends string>(each: Counter<L>, labels: Record<L, string>, value: number) => {
  each.remove(labels);
  each.inc(labels, value);
};
const setOrDrop = (each: Gauge, value: number | null) => {
  if (value === null) each.remove();
  else each.set(value);
};

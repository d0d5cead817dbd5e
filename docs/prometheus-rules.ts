import { stringify } from "yaml";
import { LIMITS } from "../src/monitor/limits.ts";

/** A Prometheus alerting rule. */
interface PromRule {
  readonly alert: string;
  readonly expr: string;
  /** How long the expression must hold before the alert fires; a Prometheus duration. */
  readonly for: string;
  readonly severity: "warning" | "error" | "critical";
  /** One sentence with Prometheus templates. */
  readonly summary: string;
}

const round = LIMITS.intervalMs / 1000;

/** Rules with the monitor's own thresholds, for users of Prometheus Alertmanager. */
export const PROM_RULES: readonly PromRule[] = [
  {
    alert: "AoFleetMonitorSilent",
    expr: `time() - aofleet_monitor_last_round_timestamp_seconds > ${10 * round} or absent(aofleet_monitor_last_round_timestamp_seconds)`,
    for: "1m",
    severity: "critical",
    summary: "fleet monitor has not run a round for five minutes: the other rules see no data",
  },
  {
    alert: "AoFleetNotFit",
    expr: "aofleet_fleet_passes == 0",
    for: "1m",
    severity: "error",
    summary: "The fleet {{ $labels.project }}/{{ $labels.stack }} does not pass its thresholds",
  },
  {
    alert: "AoFleetProcessOffline",
    expr: 'aofleet_process_state{state="OFFLINE"} == 1',
    for: "0m",
    severity: "critical",
    summary: `{{ $labels.process }} did not answer ${LIMITS.missesToOffline} checks in a row`,
  },
  {
    alert: "AoFleetProcessUnhealthy",
    expr: 'aofleet_process_state{state="UNHEALTHY"} == 1',
    for: "0m",
    severity: "error",
    summary: "{{ $labels.process }} reports that it is unhealthy, or its answer is invalid",
  },
  {
    alert: "AoFleetProcessSlow",
    expr: `histogram_quantile(0.95, sum by (project, stack, process, le) (rate(aofleet_process_response_seconds_bucket[10m]))) > ${LIMITS.responseMs / 1000}`,
    for: "5m",
    severity: "warning",
    summary: `{{ $labels.process }} takes longer than ${LIMITS.responseMs} ms to answer`,
  },
  {
    alert: "AoFleetProcessStuck",
    expr: "aofleet_process_pending_slots > 0",
    for: `${2 * round}s`,
    severity: "error",
    summary: "{{ $labels.process }} has {{ $value }} messages that are not evaluated",
  },
  {
    alert: "AoFleetProcessErrors",
    expr: `sum by (project, stack, process) (increase(aofleet_process_errors_total[5m])) / clamp_min(sum by (project, stack, process) (increase(aofleet_process_messages_total[5m])), 1) > ${LIMITS.errorRate}`,
    for: "1m",
    severity: "error",
    summary: "{{ $value | humanizePercentage }} of the requests to {{ $labels.process }} end in an error",
  },
  {
    alert: "AoFleetProcessDrift",
    expr: "aofleet_process_drift == 1 unless on (project, stack) aofleet_deployments_active > 0",
    for: "1m",
    severity: "error",
    summary: "{{ $labels.process }} does not run what was deployed",
  },
  {
    alert: "AoFleetCronMissed",
    expr: `aofleet_process_missed_ticks >= ${LIMITS.missedTicks} unless on (project, stack) aofleet_deployments_active > 0`,
    for: "0m",
    severity: "error",
    summary: "The cron of {{ $labels.process }} did not tick for {{ $value }} intervals",
  },
  {
    alert: "AoFleetAttack",
    expr: `increase(aofleet_process_refused_total[1m]) >= ${LIMITS.refusals}`,
    for: "0m",
    severity: "critical",
    summary: "{{ $labels.process }} refused {{ $value | humanize }} messages within a minute",
  },
  {
    alert: "AoFleetDeploymentFailureRateHigh",
    expr:
      `sum by (project, stack) (aofleet_deployments_total{outcome=~"failed|rolled_back"}) / sum by (project, stack) (aofleet_deployments_total) > ${LIMITS.failureRate}` +
      ` and sum by (project, stack) (aofleet_deployments_total) > ${LIMITS.deploymentSample}`,
    for: "0m",
    severity: "error",
    summary: "{{ $value | humanizePercentage }} of the deployments of {{ $labels.stack }} failed",
  },
  {
    alert: "AoFleetRollbackRateHigh",
    expr: `aofleet_rollback_ratio > ${LIMITS.rollbackRate} and on (project, stack) sum by (project, stack) (aofleet_deployments_total) > ${LIMITS.deploymentSample}`,
    for: "0m",
    severity: "warning",
    summary: "{{ $value | humanizePercentage }} of the deployments of {{ $labels.stack }} were rolled back",
  },
  {
    alert: "AoFleetDeploymentTimeExceeded",
    expr: `aofleet_deployment_duration_seconds_average > ${LIMITS.deploymentSeconds}`,
    for: "0m",
    severity: "warning",
    summary: "Deployments of {{ $labels.stack }} take {{ $value | humanizeDuration }} on average",
  },
  {
    alert: "AoFleetNotificationsFail",
    expr: 'increase(aofleet_notifications_total{outcome="failed"}[15m]) > 0',
    for: "0m",
    severity: "warning",
    summary: "The receiver {{ $labels.receiver }} rejects notifications",
  },
];

/** The file for Prometheus' `rule_files`. */
export function rulesYaml(): string {
  const rules = PROM_RULES.map(({ alert, expr, for: held, severity, summary }) => ({
    alert,
    expr,
    for: held,
    labels: { severity },
    annotations: { summary },
  }));
  return `# Generated by \`npm run docs\`. Check it with: promtool check rules prometheus-rules.yml\n${stringify({ groups: [{ name: "ao-fleet", rules }] }, { lineWidth: 0 })}`;
}

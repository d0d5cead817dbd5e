/** A query of a panel and the legend of its series. */
interface Query {
  readonly expr: string;
  readonly legend?: string;
  readonly instant?: boolean;
}

interface Panel {
  readonly title: string;
  readonly type: "stat" | "timeseries" | "table" | "state-timeline";
  readonly width: number;
  readonly height: number;
  readonly queries: readonly Query[];
  readonly unit?: string;
  /** Value from which the panel is red; green below. */
  readonly redFrom?: number;
  /** Value below which the panel is red; green from there. */
  readonly redBelow?: number;
  readonly description?: string;
}

const FLEET = 'project="$project",stack="$stack"';
const PROCESS = `${FLEET},process=~"$process"`;
const STATES = ["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE", "UNKNOWN"];

const PANELS: readonly Panel[] = [
  {
    ...{ title: "Fleet passes", type: "stat", width: 4, height: 4, redBelow: 1 },
    queries: [{ expr: `aofleet_fleet_passes{${FLEET}}` }],
    description: "1 if at least 95 % are healthy, at most 10 % offline and at most 5 % unhealthy",
  },
  {
    ...{ title: "Healthy processes", type: "stat", width: 4, height: 4, unit: "percentunit", redBelow: 0.95 },
    queries: [
      {
        expr: `sum(aofleet_fleet_processes{${FLEET},state="HEALTHY"}) / sum(aofleet_fleet_processes{${FLEET}})`,
      },
    ],
  },
  {
    ...{ title: "Open alerts", type: "stat", width: 4, height: 4, redFrom: 1 },
    queries: [{ expr: `sum(aofleet_alerts{${FLEET}}) or vector(0)` }],
  },
  {
    ...{ title: "Drifting", type: "stat", width: 4, height: 4, redFrom: 1 },
    queries: [{ expr: `sum(aofleet_process_drift{${FLEET}})` }],
  },
  {
    ...{
      title: "Failed deployments",
      type: "stat",
      width: 4,
      height: 4,
      unit: "percentunit",
      redFrom: 0.1,
    },
    queries: [
      {
        expr: `sum(aofleet_deployments_total{${FLEET},outcome=~"failed|rolled_back"}) / sum(aofleet_deployments_total{${FLEET}})`,
      },
    ],
  },
  {
    ...{ title: "Latest round", type: "stat", width: 4, height: 4, unit: "s", redFrom: 300 },
    queries: [{ expr: `time() - aofleet_monitor_last_round_timestamp_seconds{${FLEET}}` }],
    description: "Seconds since the start of the monitor's latest round",
  },
  {
    ...{ title: "States", type: "state-timeline", width: 24, height: 8 },
    queries: [
      {
        expr: STATES.map(
          (state, index) =>
            `${index + 1} * sum by (process) (aofleet_process_state{${PROCESS},state="${state}"})`,
        ).join(" + "),
        legend: "{{process}}",
      },
    ],
  },
  {
    ...{ title: "Response time, 95th percentile", type: "timeseries", width: 12, height: 8, unit: "s" },
    queries: [
      {
        expr: `histogram_quantile(0.95, sum by (process, le) (rate(aofleet_process_response_seconds_bucket{${PROCESS}}[$__rate_interval])))`,
        legend: "{{process}}",
      },
    ],
  },
  {
    ...{ title: "Messages per minute", type: "timeseries", width: 12, height: 8 },
    queries: [
      {
        expr: `60 * rate(aofleet_process_messages_total{${PROCESS}}[$__rate_interval])`,
        legend: "{{process}}",
      },
    ],
  },
  {
    ...{ title: "Errors and refusals per minute", type: "timeseries", width: 12, height: 8 },
    queries: [
      {
        expr: `60 * rate(aofleet_process_errors_total{${PROCESS}}[$__rate_interval])`,
        legend: "{{process}} errors",
      },
      {
        expr: `60 * rate(aofleet_process_refused_total{${PROCESS}}[$__rate_interval])`,
        legend: "{{process}} refused",
      },
    ],
  },
  {
    ...{ title: "Pending slots", type: "timeseries", width: 6, height: 8 },
    queries: [{ expr: `aofleet_process_pending_slots{${PROCESS}}`, legend: "{{process}}" }],
  },
  {
    ...{ title: "Lua heap", type: "timeseries", width: 6, height: 8, unit: "bytes" },
    queries: [{ expr: `aofleet_process_lua_heap_bytes{${PROCESS}}`, legend: "{{process}}" }],
  },
  {
    ...{ title: "Running versions", type: "table", width: 12, height: 8 },
    queries: [{ expr: `aofleet_process_info{${PROCESS}}`, instant: true }],
  },
  {
    ...{ title: "Alerts", type: "table", width: 12, height: 8 },
    queries: [{ expr: `aofleet_alerts{${FLEET}}`, instant: true }],
  },
  {
    ...{ title: "Deployments per day (DORA)", type: "stat", width: 6, height: 4 },
    queries: [{ expr: `aofleet_dora_deployments_per_day{${FLEET}}` }],
  },
  {
    ...{ title: "Lead time (DORA)", type: "stat", width: 6, height: 4, unit: "s" },
    queries: [{ expr: `aofleet_dora_lead_time_seconds{${FLEET}}` }],
  },
  {
    ...{
      title: "Change failure rate (DORA)",
      type: "stat",
      width: 6,
      height: 4,
      unit: "percentunit",
      redFrom: 0.15,
    },
    queries: [{ expr: `aofleet_dora_change_failure_ratio{${FLEET}}` }],
  },
  {
    ...{ title: "Time to restore (DORA)", type: "stat", width: 6, height: 4, unit: "s" },
    queries: [{ expr: `aofleet_dora_time_to_restore_seconds{${FLEET}}` }],
  },
];

/** Every expression of the dashboard, for tests. */
export const BOARD_EXPRESSIONS: readonly string[] = PANELS.flatMap(({ queries }) =>
  queries.map(({ expr }) => expr),
);

/** The dashboard as Grafana imports it; the import asks for the data source. */
export function grafanaBoard(): object {
  return {
    title: "AO fleet",
    uid: "ao-fleet",
    tags: ["ao-fleet"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        variable("project", "label_values(aofleet_fleet_passes, project)"),
        variable("stack", 'label_values(aofleet_fleet_passes{project="$project"}, stack)'),
        variable("process", `label_values(aofleet_process_up{${FLEET}}, process)`, {
          includeAll: true,
          multi: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
        }),
      ],
    },
    panels: panels(),
  };
}

/** All panels with their positions, row by row. */
function panels(): object[] {
  let [x, y, rowHeight] = [0, 0, 0];
  return PANELS.map((panel, index) => {
    if (x + panel.width > 24) {
      y += rowHeight;
      [x, rowHeight] = [0, 0];
    }
    const gridPos = { x, y, w: panel.width, h: panel.height };
    x += panel.width;
    rowHeight = Math.max(rowHeight, panel.height);
    return {
      id: index + 1,
      title: panel.title,
      type: panel.type,
      ...(panel.description === undefined ? {} : { description: panel.description }),
      datasource: { type: "prometheus", uid: "$datasource" },
      gridPos,
      fieldConfig: {
        defaults: {
          ...(panel.unit === undefined ? {} : { unit: panel.unit }),
          ...(panel.type === "state-timeline" ? { mappings: stateMappings() } : {}),
          thresholds: { mode: "absolute", steps: stepsOf(panel) },
        },
        overrides: [],
      },
      targets: panel.queries.map(({ expr, legend, instant }, n) => ({
        refId: String.fromCharCode(65 + n),
        expr,
        ...(legend === undefined ? {} : { legendFormat: legend }),
        ...(instant ? { instant: true, format: "table" } : {}),
      })),
    };
  });
}

const variable = (name: string, query: string, more: object = {}) => ({
  name,
  type: "query",
  datasource: { type: "prometheus", uid: "$datasource" },
  query: { query, refId: name },
  refresh: 2,
  ...more,
});

function stepsOf({ redFrom, redBelow }: Panel): object[] {
  if (redFrom !== undefined)
    return [
      { color: "green", value: null },
      { color: "red", value: redFrom },
    ];
  if (redBelow !== undefined)
    return [
      { color: "red", value: null },
      { color: "green", value: redBelow },
    ];
  return [{ color: "green", value: null }];
}

function stateMappings(): object[] {
  const colours = ["green", "yellow", "orange", "red", "blue"];
  const options = Object.fromEntries(
    STATES.map((state, index) => [String(index + 1), { text: state, color: colours[index], index }]),
  );
  return [{ type: "value", options }];
}

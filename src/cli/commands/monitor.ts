import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { brief } from "../../core/brief.ts";
import { lineOf } from "../../monitor/notify/message.ts";
import type { Report } from "../../monitor/report.ts";
import { openStore } from "../../monitor/store.ts";
import { realClock } from "../../operations/observe/clock.ts";
import { commitTimes } from "../../operations/observe/commits.ts";
import { figureLines, lastHealth, publishedText } from "../../operations/observe/figure-lines.ts";
import { settingsOf, storePath } from "../../operations/observe/files.ts";
import { lastTickText } from "../../operations/observe/mark-ticks.ts";
import { type Monitor, monitorOf, type RoundResult } from "../../operations/observe/monitor.ts";
import { lockMonitor } from "../../operations/observe/monitor-lock.ts";
import { repeat, together } from "../../operations/observe/rounds.ts";
import { type MetricsServer, serveMetrics } from "../../operations/observe/server.ts";
import { type CronClock, cronClockOf } from "../../operations/tick/cron-clock.ts";
import { clash } from "../clash.ts";
import { type Cli, type Context, count, defineCommand, number, seconds } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";
import { untilSignal } from "../until-signal.ts";

const Options = z.looseObject({
  once: z.boolean().default(false),
  rounds: z.number().optional(),
  interval: z.number().optional(),
  config: z.string().optional(),
  metricsPort: z.number().optional(),
  notify: z.boolean().default(true),
  tick: z.boolean().default(false),
  json: z.boolean().default(false),
});

export function monitorCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "monitor",
    summary: "watch the fleet: health, statistics, alerts, metrics",
    description:
      "Checks every process and the ledger in rounds, stores figures in .fleet/monitor, raises and resolves alerts and notifies " +
      "receivers. Reads by dry-runs: signs nothing unless `alerts.ledger` is set or --tick is given. Respects the units' rate limits. " +
      "With --once, exit code 1 if the fleet does not pass or an alert of level ERROR or CRITICAL is open. " +
      "With --tick, also sends the ticks of the crons of a fleet with cronDriver: monitor, each once, signed by the owner's wallet: " +
      "a HyperBEAM node drives no crons. Of ticks that were missed while no monitor ran, only the latest is sent.",
    examples: [
      ["npx fleet monitor", "one round every 30 seconds, until Ctrl-C"],
      ["npx fleet monitor --once --json", "one round as a JSON document, for cron and CI"],
      ["npx fleet monitor --metrics-port 9464", "also serve http://127.0.0.1:9464/metrics for Prometheus"],
      ["npx fleet monitor --tick", "also be the clock of the fleet's crons"],
    ],
    define(command) {
      command
        .option("--once", "run one round, then exit")
        .option("--rounds <number>", "run this number of rounds, then exit", count(1))
        .option(
          "--interval <seconds>",
          "time from one round to the next (default: limits.intervalMs, 30 s)",
          seconds,
        )
        .option("--config <file>", "settings file (default: monitoring.<stack>.yaml, then monitoring.yaml)")
        .option(
          "--metrics-port <port>",
          "serve metrics on this port of 127.0.0.1; 0 chooses a free port",
          port,
        )
        .option("--no-notify", "do not notify receivers")
        .option(
          "--tick",
          "also send the ticks of crons that the network does not drive (cronDriver: monitor)",
        );
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: z.output<typeof Options>): Promise<ExitCode> {
  const rounds = options.once ? 1 : options.rounds;
  if (options.json && rounds !== 1) {
    throw clash(
      "--json prints one document, so it needs exactly one round.",
      "--json with --once",
      "Pass --once; or read http://127.0.0.1:<port>/report with --metrics-port.",
    );
  }
  const { env } = context.host;
  const stack = await context.stack();
  const { settings: read, file } = settingsOf(context.projectDir, stack, options.config, env);
  const settings =
    options.interval === undefined
      ? read
      : { ...read, limits: { ...read.limits, intervalMs: options.interval * 1000 } };
  const fleet = await context.fleet({ journal: "discard", wallet: settings.alerts.ledger });
  const path = storePath(fleet.session.scope);
  const store = openStore(path);
  const lock = await lockMonitor(path).catch((error: unknown) => {
    store.close();
    throw error;
  });
  try {
    const clock = options.tick
      ? await cronClockOf(await context.fleet({ journal: "ticks" }), (line) => context.out.note(line))
      : undefined;
    const monitor = await monitorOf({
      fleet,
      history: await context.host.history(fleet, 30),
      store,
      settings,
      clock: realClock,
      env,
      commits: () => commitTimes(context.projectDir),
      notify: options.notify,
      assertHeld: lock.assertHeld,
    });
    context.out.detail(file === undefined ? "settings: defaults" : `settings: ${file}`);
    return await watch(context, { monitor, clock }, rounds, options.metricsPort);
  } finally {
    await lock.release();
    store.close();
  }
}

async function watch(
  context: Context,
  { monitor, clock }: { readonly monitor: Monitor; readonly clock: CronClock | undefined },
  rounds: number | undefined,
  metricsPort: number | undefined,
) {
  const { out } = context;
  let latest: { result: RoundResult; at: number } | undefined;
  const ended = untilSignal();
  let server: MetricsServer | undefined;
  try {
    if (metricsPort !== undefined) {
      server = await serveMetrics(
        {
          metrics: monitor.metrics,
          latest: () => latest?.result.report,
          fresh: () => latest !== undefined && Date.now() - latest.at < 3 * monitor.intervalMs,
        },
        metricsPort,
      );
      out.note(`metrics: ${server.url}/metrics`);
    }
    if (rounds !== 1)
      out.note(`one round every ${Math.round(monitor.intervalMs / 1000)} s; press Ctrl-C to stop`);
    if (rounds === 1) await clock?.ticker.once();
    await together(ended.signal, [
      (signal) =>
        repeat(monitor, realClock, signal, rounds, (result) => {
          latest = { result, at: Date.now() };
          clock?.ticked.follow(result.serving);
          show(context, result, rounds === 1);
        }),
      ...(clock === undefined || rounds === 1 ? [] : [(signal: AbortSignal) => clock.ticker.run(signal)]),
    ]);
    return rounds === undefined || latest?.result.report.success === true ? EXIT.ok : EXIT.failed;
  } finally {
    ended.forget();
    await server?.close();
  }
}

const COLOUR = {
  HEALTHY: "green",
  DEGRADED: "yellow",
  UNHEALTHY: "red",
  OFFLINE: "red",
  UNKNOWN: "yellow",
} as const;

function show({ out }: Context, { report, changes }: RoundResult, whole: boolean): void {
  for (const change of changes) out.alert(lineOf(change));
  out.note(report.notes);
  out.document(report);
  const { counts, state } = report.fleet;
  const open = report.alerts.length;
  const fit = out.style(COLOUR[state], state);
  out.line(
    `${report.at} ${report.project}/${report.stack} ${fit}: ${counts.HEALTHY} of ${counts.total} healthy, ${amount(open, "alert")} open`,
  );
  if (whole) out.quote(details(report));

  function details({ processes, alerts }: Report): string[] {
    const figure = (value: number | null, unit = "") => (value === null ? "" : `${value}${unit}`);
    const now = Date.parse(report.at);
    const rows = processes.map((each) => [
      each.name,
      out.style(COLOUR[each.state], each.state),
      figure(each.responseMs, " ms"),
      figure(each.slot),
      figure(each.pendingSlots),
      figure(each.messages),
      figure(each.errors),
      figure(each.refused),
      figure(each.luaHeapKB, " kB"),
      brief(
        [
          lastHealth(each, report.at),
          publishedText(each, report.at),
          each.detail,
          ...each.drift,
          lastTickText(each.lastTickAt, now),
        ]
          .filter(Boolean)
          .join("; "),
        120,
      ),
    ]);
    const heading = [
      "process",
      "state",
      "response",
      "slot",
      "pending",
      "messages",
      "errors",
      "refused",
      "heap",
      "",
    ];
    const lines = alerts.map(
      ({ level, type, source, message, alertId, state: how }) =>
        `${alertId} ${level} ${type} ${source}: ${message}${how === "ACKNOWLEDGED" ? " (acknowledged)" : ""}`,
    );
    return [
      "",
      ...table(heading, rows),
      "",
      ...figureLines(report),
      ...(lines.length > 0 ? ["", ...lines] : []),
    ];
  }
}

/** Commander parser: a TCP port, or 0. */
const port = number(
  "a port from 0 to 65535",
  (value) => Number.isInteger(value) && value >= 0 && value <= 65_535,
);

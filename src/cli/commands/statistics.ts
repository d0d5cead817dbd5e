import type { Command } from "commander";
import { z } from "zod";
import { membersWithLibrary } from "../../operations/members-named.ts";
import { deploymentFigures, fleetStatistics } from "../../operations/observe/statistics.ts";
import { type Cli, type Context, defineCommand, seconds } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({ timeout: z.number() });

export function statisticsCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "statistics",
    summary: "show statistics of processes: messages, errors, refusals, memory, deployments",
    description:
      "Asks every process for its own counters (GET_STATISTICS); nothing is estimated. Further revisions that have part of a member's " +
      "traffic get their own rows. The deployment coordinator adds the figures of deployments. Exit code 1 if a process did not answer.",
    examples: [
      ["npx fleet statistics", "all members"],
      ["npx fleet statistics coordinator --json", "one member, with its messages by action"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 30);
    },
    options: Options,
    run,
  });
}

async function run(
  { out, ...context }: Context,
  { timeout }: z.output<typeof Options>,
  names: readonly string[],
): Promise<ExitCode> {
  const fleet = await context.fleet({ journal: "discard" });
  const asked = await fleetStatistics(fleet, membersWithLibrary(fleet, names, true, out), timeout);
  const known = asked.flatMap((one) => (one.statistics ? [{ ...one, statistics: one.statistics }] : []));
  const heading = [
    "process",
    "messages",
    "errors",
    "refused",
    "stale",
    "heap kB",
    "open calls",
    "last message",
  ];
  const rows = known.map(({ name, statistics }) => [
    name,
    ...[statistics.messages, statistics.errors, statistics.refused, statistics.staleEpochs].map(String),
    statistics.luaHeapKB.toFixed(0),
    String(statistics.openCalls),
    statistics.lastMessageAt > 0 ? new Date(statistics.lastMessageAt).toISOString().slice(0, 19) : "never",
  ]);
  if (rows.length > 0) out.line(table(heading, rows));
  for (const { name, statistics } of known) {
    const figures = deploymentFigures(statistics);
    if (figures !== "") out.line(`${name}: ${figures}`);
    const busiest = Object.entries(statistics.byAction).sort(([, a], [, b]) => b - a);
    if (busiest.length > 0)
      out.detail(`${name}: ${busiest.map(([action, n]) => `${action} ${n}`).join(", ")}`);
  }
  const silent = asked.filter(({ statistics }) => statistics === undefined);
  for (const { error } of silent) if (error) out.problem("alert", error);
  out.document({ success: silent.length === 0, stack: fleet.stack, processes: asked });
  return silent.length === 0 ? EXIT.ok : EXIT.failed;
}

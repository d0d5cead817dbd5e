import type { Command } from "commander";
import { z } from "zod";
import { ageOf } from "../../core/age.ts";
import { brief } from "../../core/brief.ts";
import type { Problem } from "../../core/errors.ts";
import { shortHash } from "../../core/hash.ts";
import { own } from "../../core/own.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { needsSignedRead } from "../../fleet/health/without-library.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import { monitoredCrons } from "../../fleet/members/monitored-crons.ts";
import { saveLastKnown } from "../../operations/observe/last-known.ts";
import { linksOf, markLinks } from "../../operations/observe/links.ts";
import { markMoved } from "../../operations/observe/mark-moved.ts";
import { markReplaced } from "../../operations/observe/mark-replaced.ts";
import { markSealed, sealedLine } from "../../operations/observe/mark-sealed.ts";
import { lastTickText, markTicks } from "../../operations/observe/mark-ticks.ts";
import { answersIn, checkMember, quickCheck } from "../../operations/observe/status.ts";
import type { StatusRow } from "../../operations/observe/status-row.ts";
import { type ShownTraffic, trafficOf } from "../../operations/observe/traffic.ts";
import { routerIn } from "../../operations/rollout/router.ts";
import { clash } from "../clash.ts";
import { type Cli, type Context, defineCommand, seconds } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";
import { ROLLOUT_UNREAD, trafficLines } from "../traffic.ts";

const Options = z.looseObject({
  quick: z.boolean().default(false),
  watch: z.union([z.boolean(), z.number()]).optional(),
  timeout: z.number(),
  router: z.string().optional(),
  json: z.boolean().default(false),
});

export function statusCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "status",
    summary: "show the status of every process and of the rollout",
    description:
      "Asks every process of the fleet by a signed health check (LIVENESS), and shows its health, version, code, epoch and release. " +
      "A member without the library (lib: false) is judged by aos' answer to a signed Eval that reads its code. " +
      "If the fleet has a traffic table, shows the phase and each revision's share and figures. " +
      "Every further revision that has part of a member's traffic gets its own row: member (start of its id). " +
      "Ranges of callers' keys that a process with partitioned state has sealed are shown, since when, and whether the router still sends it " +
      "their requests: then a deployer died in a hand-over, and the next deployment completes or reverts it. " +
      "A revision that drains because a rollout replaces it is shown with its replacement and does not count as unhealthy. " +
      "Exit code 1 if any process is not HEALTHY. On a HyperBEAM node, --quick cannot read members without the library: they are UNKNOWN " +
      "(NEEDS_SIGNED_READ) and do not count, unless there are no others.",
    examples: [
      ["npx fleet status", "the fleet of the selected stack"],
      ["npx fleet status --quick", "sign nothing (published state, or Info by dry-run)"],
      ["npx fleet status --watch 10", "repeat every 10 seconds"],
    ],
    define(command) {
      command
        .option(
          "--quick",
          "read what processes publish, or Info by dry-run: signs nothing; for display, not for decisions",
        )
        .option("-w, --watch [seconds]", "repeat at this interval (default: 5)", seconds)
        .option("--router <member>", "member that carries the router (default: from the stack's state)")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 30);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: z.output<typeof Options>): Promise<ExitCode> {
  const watch = options.watch === true ? 5 : options.watch || undefined;
  if (watch !== undefined && options.json) {
    throw clash("--watch never ends, so it cannot print one JSON document.", "--watch or --json");
  }
  const fleet = await context.fleet({ journal: "discard", wallet: !options.quick });
  if (fleet.members.length === 0) return nothing(context, fleet);
  const router = await routerIn(context, fleet, options.router);
  for (;;) {
    const crons = await monitoredCrons(fleet.session.scope);
    const unread: Problem[] = [];
    const [traffic, ...found] = await Promise.all([
      trafficOf(fleet, router, { quick: options.quick, seconds: options.timeout }, (problem) =>
        unread.push(problem),
      ),
      ...servingIn(fleet).map((member) =>
        options.quick
          ? quickCheck(fleet, member, options.timeout, crons)
          : checkMember(fleet, member, options.timeout),
      ),
    ]);
    saveLastKnown(fleet.session.scope, answersIn(found, Date.now()));
    const marked = markSealed(markReplaced(found, traffic), unread.length > 0 ? null : traffic);
    const moved = await markMoved(marked, { projectDir: context.projectDir, scope: fleet.session.scope });
    const rows = markLinks(fleet, await markTicks(fleet, moved, crons, Date.now()));
    // What only a signed read can tell is not counted.
    const counted = rows.filter((row) => !needsSignedRead(row));
    const healthy =
      counted.length > 0 &&
      counted.every(
        ({ health, replacedBy }) =>
          health === "HEALTHY" || (options.quick && health === "ACTIVE") || replacedBy !== undefined,
      );
    if (watch !== undefined) context.out.clear();
    print(context, fleet, rows, traffic);
    for (const problem of unread) context.out.problem("alert", problem, ROLLOUT_UNREAD);
    const shown = {
      ...(traffic === undefined ? {} : { traffic }),
      ...(unread[0] === undefined ? {} : { trafficUnread: unread[0] }),
    };
    context.out.document({ success: healthy, stack: fleet.stack, processes: rows, ...shown });
    if (watch === undefined || !context.host.isRead()) return healthy ? EXIT.ok : EXIT.failed;
    await context.host.pause(watch);
  }
}

const COLOUR: Readonly<Record<string, "green" | "yellow" | "red">> = {
  HEALTHY: "green",
  ACTIVE: "green",
  DEGRADED: "yellow",
  DRAINING: "yellow",
  UNKNOWN: "yellow",
};

function print(
  { out }: Context,
  { project, stack, session }: FleetSession,
  rows: readonly StatusRow[],
  traffic: ShownTraffic | undefined,
): void {
  out.line(`${project}/${stack} on ${session.network.kind}`);
  const cells = rows.map((row) => [
    row.name,
    row.processId,
    out.style(own(COLOUR, row.health) ?? "red", row.health),
    row.version,
    shortHash(row.sourceHash),
    String(row.generation),
    row.epoch === null ? "" : String(row.epoch),
    row.release,
    publishedText(row),
  ]);
  // The last column has no heading, and is empty for what was asked.
  const heading = ["process", "id", "health", "version", "code", "gen", "epoch", "release", ""];
  for (const line of table(heading, cells)) out.line(line);
  for (const row of rows) {
    const { name, reasons, lastTickAt } = row;
    const ticked = lastTickText(lastTickAt, Date.now());
    if (ticked !== "") out.line(`  ${name}: ${ticked}`);
    for (const reason of reasons) out.quote(`  ${name}: ${brief(reason, 240)}`);
    const sealed = sealedLine(row);
    if (sealed !== undefined) out.line(`  ${name}: ${sealed}`);
  }
  for (const line of traffic ? trafficLines(traffic) : []) out.line(line);
  const { explorer, node } = linksOf(session.network, { processId: "<id>" });
  if (explorer !== null) out.line(`explorer: ${explorer}`);
  if (node !== null) out.line(`published: ${node}`);
}

/** `published 5 min ago, slot 12`. */
function publishedText({ published }: StatusRow): string {
  if (!published) return "";
  const slot = published.slot === null ? "" : `, slot ${published.slot}`;
  return `published ${ageOf(Date.now() - Date.parse(published.at))} ago${slot}`;
}

function nothing({ out, onStack }: Context, { stack }: FleetSession) {
  out.line(`The stack ${stack} has no processes yet. Deploy it: npx fleet deploy${onStack}`);
  out.document({ success: true, stack, processes: [] });
  return EXIT.ok;
}

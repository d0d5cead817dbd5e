import type { Command } from "commander";
import { z } from "zod";
import { brief } from "../../core/brief.ts";
import { entryText, type HistoryEntry, historyOfStack } from "../../operations/rollback/entries.ts";
import { readHistory } from "../../operations/rollback/read-history.ts";
import { type Cli, count, defineCommand, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";

const Options = z.looseObject({
  limit: z.number(),
  ledger: z.boolean().default(true),
  timeout: z.number(),
});

export function historyCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "history",
    summary: "list releases and deployments",
    description:
      "Merges the stack's history and the ledger into one list, newest first: every release with its number for `fleet rollback --to`, " +
      "and deployments that failed, were interrupted or were rolled back.",
    examples: [
      ["npx fleet history", "the latest twenty entries"],
      ["npx fleet history --limit 100 --json", "more entries, as JSON"],
      ["npx fleet history --no-ledger", "without asking the deployment coordinator"],
    ],
    define(command) {
      command
        .option("--limit <number>", "maximum number of entries", count(1), 20)
        .option("--no-ledger", "use only the stack's history and this machine")
        .option("--timeout <seconds>", "time limit for the ledger", seconds, 60);
    },
    options: Options,
    async run(context, options) {
      const fleet = await context.fleet({ journal: "discard", wallet: options.ledger });
      const known = await readHistory(context, fleet, options.ledger ? options.timeout : 0);
      const entries = historyOfStack(known.releases, known.runs, known.updates, known.heldAt).slice(
        0,
        options.limit,
      );
      const { withoutLedger } = known;
      const ledger =
        fleet.ledger === undefined
          ? "none"
          : (withoutLedger?.code ?? (options.ledger ? "read" : "not-asked"));
      context.out.document({
        success: true,
        stack: fleet.stack,
        entries,
        ledger,
      });
      if (withoutLedger) context.out.problem("note", withoutLedger.problems[0], "without the ledger: ");
      if (entries.length === 0)
        context.out.line(
          ledger === "read" || ledger === "none"
            ? `The stack ${fleet.stack} has no deployments yet.`
            : `The stack's history and this machine have no deployments of ${fleet.stack}; the ledger was not read.`,
        );
      else context.out.line(historyLines(entries, context.out));
      return EXIT.ok;
    },
  });
}

const COLOUR = {
  succeeded: "green",
  failed: "red",
  held: "yellow",
  interrupted: "red",
  running: "cyan",
  "rolled-back": "yellow",
} as const;

function historyLines(entries: readonly HistoryEntry[], out: Output): string[] {
  const rows = entries.map((entry) => [
    `${entry.current ? "*" : " "}${entry.number ?? ""}`,
    entry.at.replace("T", " ").replace(/\.\d+Z$/, "Z"),
    out.style(COLOUR[entry.result], entry.result),
    entry.deploymentId ?? "",
    brief(entry.who, 20),
    entry.git ?? "",
    entry.kind === "rollback" && entry.reason === undefined ? entryText(entry) : brief(entryText(entry), 80),
  ]);
  return table([" #", "when", "result", "deployment", "who", "commit", "what"], rows);
}

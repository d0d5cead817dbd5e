import type { Command } from "commander";
import { z } from "zod";
import { audit } from "../../operations/audit/check.ts";
import { collect } from "../../operations/audit/collect.ts";
import { type Cli, count, defineCommand, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({ reach: z.number(), timeout: z.number() });
const COLOURS = { ok: "green", note: "yellow", problem: "red" } as const;

export function auditCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "audit",
    summary: "compare the ledger with the journal, the releases and the processes",
    description:
      "Compares the records of changes: the ledger's runs, epochs and registrations; this machine's journal of signed messages and its " +
      "releases; the scheduled messages of each process; and each process' own audit, which names strangers. Exit code 1 if two records " +
      "contradict each other, or if no process' messages or own audit could be read.",
    examples: [
      ["npx fleet audit", "the whole fleet"],
      ["npx fleet audit --json", "every finding as JSON"],
    ],
    define(command) {
      command
        .option("--reach <number>", "maximum number of slots per process to search", count(1), 500)
        .option("--timeout <seconds>", "time limit for the answers", seconds, 60);
    },
    options: Options,
    async run({ out, host, ...context }, { reach, timeout }) {
      const fleet = await context.fleet({ journal: "discard" });
      const history = await host.history(fleet, timeout);
      const sources = await collect(fleet, history, {
        reach,
        seconds: timeout,
        note: (line) => out.note(line),
      });
      const findings = audit(sources);
      const success = findings.every(({ level }) => level !== "problem");
      const rows = findings.map(({ level, code, about, what }) => [
        out.style(COLOURS[level], level),
        about,
        code,
        what,
      ]);
      out.quote(table(["", "about", "code", "what"], rows));
      out.document({ success, stack: fleet.stack, runs: sources.runs ?? null, findings });
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}

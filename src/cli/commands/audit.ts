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
    summary: "check the ledger against the journal, the releases and what processes saw",
    description:
      "Compares who says to have done what: the ledger's runs, epochs and registrations; this machine's journal of signed messages and " +
      "its releases; the order of each process' messages; and each process' own audit, which names strangers that tried. Exit code 1 " +
      "when two of them contradict each other.",
    examples: [
      ["npx fleet audit", "the whole fleet"],
      ["npx fleet audit --json", "with every finding"],
    ],
    define(command) {
      command
        .option("--reach <number>", "how many slots of each process to look back through", count(1), 500)
        .option("--timeout <seconds>", "until every process must have answered", seconds, 60);
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
      for (const line of table(["", "about", "code", "what"], rows)) out.line(line);
      out.document({ success, stack: fleet.stack, runs: sources.runs ?? null, findings });
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}

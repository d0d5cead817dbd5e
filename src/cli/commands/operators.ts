import type { Command } from "commander";
import { z } from "zod";
import { type Act, type Operator, readOperators } from "../../operations/operators/read.ts";
import { type Cli, count, defineCommand, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";
import { table } from "../table.ts";

export function operatorsCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "operators",
    summary: "list who may change the fleet, and who did",
    description:
      "Asks every process of the stack by a signed message who owns it and which other addresses may change it (`allowed` in the " +
      "declaration), and the ledger who deployed, rolled back and changed settings. Fails if a process does not answer, because then " +
      "the list may lack somebody.",
    examples: [
      ["npx fleet operators", "owners, deployers, and the latest ten acts"],
      ["npx fleet operators --limit 100 --json", "more acts, as JSON"],
    ],
    define(command) {
      command
        .option("--limit <number>", "maximum number of acts", count(0), 10)
        .option("--timeout <seconds>", "time limit for each process", seconds, 60);
    },
    options: z.looseObject({ limit: z.number(), timeout: z.number() }),
    async run({ fleet: open, out }, { limit, timeout }) {
      const fleet = await open({ journal: "discard" });
      const { operators, acts, withoutLedger, unread } = await readOperators(fleet, timeout);
      const success = unread.length === 0 && withoutLedger === undefined;
      const latest = acts?.slice(0, limit);
      out.document({ success, stack: fleet.stack, operators, acts: latest ?? null, unread });
      out.line(table(["address", "who", "owns", "may change"], operators.map(operatorRow)));
      for (const { process, code } of unread) out.note(`${process}: its owner is unknown [${code}]`);
      if (withoutLedger) out.problem("note", withoutLedger.problems[0], "without the ledger: ");
      else if (latest === undefined) out.line("The fleet has no ledger, so nothing records who changed it.");
      else if (latest.length > 0)
        out.line([
          "",
          ...table(["when", "address", "operator", "what", "deployment", "status"], latest.map(actRow)),
        ]);
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}

const operatorRow = ({ address, member, you, owns, deploys }: Operator): string[] => [
  address,
  you ? "this stack's wallet" : (member ?? "another wallet"),
  owns.join(" "),
  deploys.join(" "),
];

const actRow = ({ at, address, operator = "", kind, deploymentId = "", status = "" }: Act): string[] => [
  at,
  address,
  operator,
  kind,
  deploymentId,
  status,
];

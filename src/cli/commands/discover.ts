import type { Command } from "commander";
import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import { registry } from "../../fleet/protocol/registry.ts";
import { type Cli, defineCommand, seconds } from "../command.ts";
import { table } from "../table.ts";

export function discoverCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "discover",
    summary: "list the processes registered in the fleet's ledger",
    description:
      "Asks the process that keeps the ledger (the deployment coordinator) for its registrations, by PROCESS_DISCOVERY.",
    examples: [
      ["npx fleet discover", "every registered process"],
      ["npx fleet discover --type BATTLE", "processes of one type"],
    ],
    define(command) {
      command
        .option("-t, --type <type>", "only processes that report this type in Info")
        .option("--timeout <seconds>", "time limit for the ledger", seconds, 30);
    },
    options: z.looseObject({ type: z.string().optional(), timeout: z.number() }),
    async run(context, { type, timeout }) {
      const fleet = await context.fleet({ journal: "discard" });
      if (fleet.ledger === undefined) {
        throw new FleetError({
          code: "NO_LEDGER",
          what: `The fleet of the stack ${fleet.stack} has no ledger, so nothing is registered.`,
          expected: "a deployed member that `ledger` in index.ts names",
          remedy: "npx fleet status lists the members; npx fleet deploy deploys the ledger.",
        });
      }
      const ledger = pickMember(fleet, fleet.ledger);
      const found = await registry(fleet.session, ledger, fleet.session.budget(timeout), type);
      const processes = Object.entries(found).map(([processId, info]) => ({
        processId,
        name: info.metadata?.name ?? "",
        ...info,
      }));
      const rows = processes.map(({ name, processType, processId, version, capabilities }) => [
        name,
        processType,
        processId,
        version,
        capabilities.join(" "),
      ]);
      for (const line of table(["process", "type", "id", "version", "capabilities"], rows))
        context.out.line(line);
      context.out.document({ success: true, count: processes.length, processes });
      return undefined;
    },
  });
}

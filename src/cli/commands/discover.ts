import type { Command } from "commander";
import { z } from "zod";
import { registeredProcesses } from "../../operations/observe/registered.ts";
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
      const processes = await registeredProcesses(fleet, type, timeout);
      const rows = processes.map(({ name, processType, processId, version, capabilities }) => [
        name,
        processType,
        processId,
        version,
        capabilities.join(" "),
      ]);
      context.out.line(table(["process", "type", "id", "version", "capabilities"], rows));
      context.out.document({ success: true, count: processes.length, processes });
      return undefined;
    },
  });
}

import { Command } from "commander";
import type { Cli } from "../command.ts";
import { acknowledgeCommand, resolveCommand } from "./alerts/change.ts";
import { listCommand } from "./alerts/list.ts";
import { rulesCommand } from "./alerts/rules.ts";
import { testCommand } from "./alerts/send-test.ts";
import { silenceCommand, unsilenceCommand } from "./alerts/silence.ts";

/** `fleet alerts`: commands for the alerts of `fleet monitor`. */
export function alertsCommand(cli: Cli): Command {
  const group = new Command("alerts")
    .summary("list, acknowledge, silence and test alerts")
    .description(
      "Works on the alerts that `fleet monitor` raises and stores in .fleet/monitor; docs/how-to/alerts.md describes them.",
    );
  for (const make of [
    listCommand,
    acknowledgeCommand,
    resolveCommand,
    silenceCommand,
    unsilenceCommand,
    rulesCommand,
    testCommand,
  ]) {
    group.addCommand(make(cli));
  }
  return group;
}

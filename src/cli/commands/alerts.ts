import type { Command } from "commander";
import { type Cli, groupOf } from "../command.ts";
import { acknowledgeCommand, resolveCommand } from "./alerts/change.ts";
import { listCommand } from "./alerts/list.ts";
import { rulesCommand } from "./alerts/rules.ts";
import { testCommand } from "./alerts/send-test.ts";
import { silenceCommand, unsilenceCommand } from "./alerts/silence.ts";

/** `fleet alerts`: commands for the alerts of `fleet monitor`. */
export const alertsCommand = (cli: Cli): Command =>
  groupOf(
    cli,
    {
      name: "alerts",
      summary: "list, acknowledge, silence and test alerts",
      description:
        "Works on the alerts that `fleet monitor` raises and stores in .fleet/monitor; docs/how-to/alerts.md describes them.",
    },
    [
      listCommand,
      acknowledgeCommand,
      resolveCommand,
      silenceCommand,
      unsilenceCommand,
      rulesCommand,
      testCommand,
    ],
  );

import type { Command } from "commander";
import { z } from "zod";
import { FleetError } from "../../../core/errors.ts";
import { deliver } from "../../../monitor/notify/send.ts";
import { testOne } from "../../../operations/observe/alert-test.ts";
import { settingsOf } from "../../../operations/observe/files.ts";
import { readStackConfig } from "../../../operations/workspace/stack-config.ts";
import { type Cli, defineCommand } from "../../command.ts";
import { EXIT } from "../../exit.ts";

export function testCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "test",
    summary: "send a test alert to the receivers",
    description:
      "Sends a test alert and its resolution to every receiver in monitoring.yaml, or to the named one, whatever its minLevel. " +
      "Exit code 1 if a receiver refuses it.",
    examples: [["npx fleet alerts test --receiver ops", "check one webhook"]],
    define(command) {
      command
        .option("--receiver <name>", "only this receiver")
        .option("--config <file>", "settings (default: monitoring.<stack>.yaml, else monitoring.yaml)");
    },
    options: z.looseObject({ receiver: z.string().optional(), config: z.string().optional() }),
    async run(context, { receiver, config }) {
      const stack = await context.stack();
      const { settings } = settingsOf(context.projectDir, stack, config, context.host.env);
      const chosen = settings.receivers.filter(({ name }) => receiver === undefined || name === receiver);
      if (chosen.length === 0) {
        const names = settings.receivers.map(({ name }) => name);
        throw new FleetError({
          code: "NO_RECEIVER",
          what: receiver === undefined ? "No receiver is configured." : `Unknown receiver "${receiver}".`,
          expected: names.length > 0 ? `one of ${names.join(", ")}` : "receivers in monitoring.yaml",
          remedy: "docs/how-to/alerts.md shows how to add one.",
        });
      }
      const { project } = readStackConfig(context.projectDir, stack);
      const origin = { project, stack, network: "test" };
      const sent = [];
      for (const each of chosen) {
        const { ok, reason } = await testOne((changes) =>
          deliver(each, changes, origin, { env: context.host.env }),
        );
        context.out.line(`${each.name}: ${ok ? "accepted" : reason}`);
        sent.push({ receiver: each.name, ok, ...(reason === undefined ? {} : { reason }) });
      }
      const success = sent.every(({ ok }) => ok);
      context.out.document({ success, receivers: sent });
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}

import type { Command } from "commander";
import { z } from "zod";
import { testReceivers } from "../../../operations/observe/alert-test.ts";
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
      const { project } = readStackConfig(context.projectDir, stack);
      const origin = { project, stack, network: "test" };
      const sent = await testReceivers(settings.receivers, receiver, origin, context.host.env);
      for (const { receiver: name, ok, reason } of sent)
        context.out.line(`${name}: ${ok ? "accepted" : reason}`);
      const success = sent.every(({ ok }) => ok);
      context.out.document({ success, receivers: sent });
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}

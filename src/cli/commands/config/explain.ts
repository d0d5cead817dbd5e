import type { Command } from "commander";
import { z } from "zod";
import { settingText } from "../../../fleet/config/setting-text.ts";
import { originOf } from "../../../operations/settings/describe.ts";
import { explainedSettings, isOlder, latestPlan } from "../../../operations/settings/explain.ts";
import { type Cli, defineCommand } from "../../command.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../table.ts";

const Options = z.looseObject({ type: z.string().optional(), defaults: z.boolean().default(true) });

export function explainCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "explain",
    summary: "show where each setting comes from",
    description:
      "Lists every setting of the latest plan (`pulumi preview` or `up`) with the layer that sets it: default, fleet, member, stack for " +
      "all members, stack for one member, or secret. Sends nothing.",
    examples: [
      ["npx fleet config explain battle", "all settings of battle"],
      ["npx fleet config explain --type LOGGING_CONFIG", "one type, all members"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this type")
        .option("--no-defaults", "leave out settings that are not declared");
    },
    options: Options,
    async run({ out, projectDir, ...context }, options, names) {
      const stack = await context.stack();
      const plan = await latestPlan(projectDir, stack);
      const rows = explainedSettings(plan, names, options);
      out.document({ success: true, stack, plannedAt: plan.at, settings: rows });
      const cells = rows.map(({ member, configType, setting, idle, ...row }) => [
        member,
        `${configType}.${setting}`,
        row.secret === true ? "(secret)" : settingText(row.value),
        `${originOf(row, stack)}${idle === undefined ? "" : ` (not enforceable: ${idle})`}`,
      ]);
      if (cells.length === 0) out.line("No settings are declared, and none has a default.");
      else out.line(table(["process", "setting", "value", "from"], cells));
      if (isOlder(plan, projectDir, stack))
        out.note(
          `The plan is from ${plan.at}; index.ts or the stack's config changed since. To update it: npx pulumi preview`,
        );
      return EXIT.ok;
    },
  });
}

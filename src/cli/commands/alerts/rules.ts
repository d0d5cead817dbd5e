import type { Command } from "commander";
import { z } from "zod";
import { TYPE_NAMES, TYPES } from "../../../monitor/types.ts";
import { settingsOf } from "../../../operations/observe/files.ts";
import { type Cli, defineCommand } from "../../command.ts";
import { table } from "../../table.ts";

export function rulesCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "rules",
    summary: "check the settings and show the rules in force",
    description:
      "Reads monitoring.yaml as `fleet monitor` does. Reports every problem with its location; exit code 1 if there are any.",
    examples: [["npx fleet alerts rules --config monitoring.prod.yaml", "check a file"]],
    define(command) {
      command.option(
        "--config <file>",
        "settings file (default: monitoring.<stack>.yaml, then monitoring.yaml)",
      );
    },
    options: z.looseObject({ config: z.string().optional() }),
    async run(context, { config }) {
      const { settings, file } = settingsOf(
        context.projectDir,
        await context.stack(),
        config,
        context.host.env,
      );
      const { alerts, limits, receivers } = settings;
      const rules = TYPE_NAMES.map((type) => ({
        type,
        level: alerts.levels[type] ?? TYPES[type],
        on: !alerts.off.includes(type),
      }));
      context.out.document({
        success: true,
        file: file ?? null,
        rules,
        limits,
        // Addresses of receivers are secrets.
        receivers: receivers.map(({ name, kind, minLevel }) => ({ name, kind, minLevel })),
      });
      context.out.line(file ?? "no monitoring.yaml: defaults");
      const rows = rules.map(({ type, level, on }) => [type, on ? level : "off"]);
      context.out.line(table(["type", "level"], rows));
      for (const [name, value] of Object.entries(limits)) context.out.line(`${name} ${value}`);
      for (const { name, kind, minLevel } of receivers)
        context.out.line(`${name}: ${kind}, level ${minLevel} or higher`);
      return undefined;
    },
  });
}

import type { Command } from "commander";
import { z } from "zod";
import { brief } from "../../../core/brief.ts";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { authorOf, fieldsOf, noneSent, whenOf } from "../../../operations/settings/describe.ts";
import { liveConfigs } from "../../../operations/settings/live.ts";
import { versionState, versionsOf } from "../../../operations/settings/versions.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../table.ts";

const Options = z.looseObject({ timeout: z.number(), type: z.string().optional() });

export function configHistoryCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "history",
    summary: "list the versions of settings, with their authors",
    description:
      "Each process keeps the latest ten versions of a config type. Lists them newest first: who set each and when, which one is in force (*), " +
      "which were reverted because other members refused them, and which were cleared.",
    examples: [
      ["npx fleet config history battle", "all types"],
      ["npx fleet config history battle --type PROCESS_CONFIG --json", "one type, as JSON"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this type")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 60);
    },
    options: Options,
    async run({ out, ...context }, { timeout, type }, names) {
      const fleet = await context.fleet({ journal: "discard" });
      const live = await liveConfigs(fleet, membersWithLibrary(fleet, names, true, out), {
        configType: type,
        history: true,
        seconds: timeout,
      });
      const versions = versionsOf(live);
      out.document({ success: true, stack: fleet.stack, versions });
      const rows = versions.map(({ member, configType, ...entry }) => [
        member,
        configType,
        `${entry.current === true ? "*" : " "}v${entry.version}`,
        whenOf(entry),
        authorOf(fleet, entry),
        versionState(entry),
        brief(entry.configData === undefined ? "(no longer stored)" : fieldsOf(entry.configData), 80),
      ]);
      if (rows.length === 0) out.line(noneSent({ type, names }));
      else out.line(table(["process", "type", " version", "set", "by", "state", "settings"], rows));
      return EXIT.ok;
    },
  });
}

import type { Command } from "commander";
import { z } from "zod";
import { brief } from "../../../core/brief.ts";
import type { HistoryEntry } from "../../../fleet/config/held.ts";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { liveConfigs } from "../../../operations/settings/live.ts";
import { authorOf, fieldsOf, whenOf } from "../../../operations/settings/words.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../table.ts";

const Options = z.looseObject({ timeout: z.number(), type: z.string().optional() });

export function configHistoryCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "history",
    summary: "list the versions that processes remember, with who set them",
    description:
      "Each process keeps the latest ten versions of a type: newest first, who set it and when, what is in force (*), what was taken back because " +
      "others did not take it, and what was cleared.",
    examples: [
      ["npx fleet config history battle", "every type"],
      ["npx fleet config history battle --type PROCESS_CONFIG --json", "one, for a program"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this one")
        .option("--timeout <seconds>", "until every process must have answered", seconds, 60);
    },
    options: Options,
    async run({ out, ...context }, { timeout, type }, names) {
      const fleet = await context.fleet({ journal: "discard" });
      const live = await liveConfigs(fleet, membersWithLibrary(fleet, names, true, out), {
        configType: type,
        history: true,
        seconds: timeout,
      });
      const versions = live.flatMap(({ member, told }) =>
        Object.entries(told.history)
          .sort(([a], [b]) => a.localeCompare(b))
          .flatMap(([configType, entries]) =>
            [...entries].reverse().map((entry) => ({ member: member.name, configType, ...entry })),
          ),
      );
      out.document({ success: true, stack: fleet.stack, versions });
      const rows = versions.map(({ member, configType, ...entry }) => [
        member,
        configType,
        `${entry.current === true ? "*" : " "}v${entry.version}`,
        whenOf(entry),
        authorOf(fleet, entry),
        stateOf(entry),
        brief(entry.configData === undefined ? "(too old: not kept)" : fieldsOf(entry.configData), 80),
      ]);
      if (rows.length === 0) out.line("None was ever sent any.");
      else
        for (const line of table(["process", "type", " version", "set", "by", "state", "settings"], rows))
          out.line(line);
      return EXIT.ok;
    },
  });
}

function stateOf({ current, takenBack, cleared }: HistoryEntry): string {
  if (current === true) return "in force";
  if (takenBack) return "taken back";
  return cleared ? "cleared" : "earlier";
}

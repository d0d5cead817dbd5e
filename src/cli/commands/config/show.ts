import type { Command } from "commander";
import { z } from "zod";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { authorOf, fieldsOf, noneHeld, whenOf } from "../../../operations/settings/describe.ts";
import { liveConfigs } from "../../../operations/settings/live.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../table.ts";

const Options = z.looseObject({ timeout: z.number(), type: z.string().optional() });

export function showCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "show",
    summary: "show the settings that processes hold",
    description:
      "Asks each process for its settings: version, values, who set them and when. Does not show sealed secrets. Settings marked with * are " +
      "stored and reported, but nothing on AO can enforce them.",
    examples: [
      ["npx fleet config show", "all members, all types"],
      ["npx fleet config show battle --type PROCESS_CONFIG", "one type of one member"],
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
        seconds: timeout,
      });
      const members = live.map(({ member, reply }) => [member.name, reply.held] as const);
      out.document({ success: true, stack: fleet.stack, members: Object.fromEntries(members) });
      const rows = live.flatMap(({ member, reply }) =>
        Object.entries(reply.held)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([name, held]) => [
            member.name,
            name,
            `v${held.version}`,
            whenOf(held),
            authorOf(fleet, held),
            fieldsOf(
              Object.fromEntries(
                Object.entries(held.data).map(([key, value]) => [
                  held.notEnforceable.includes(key) ? `${key}*` : key,
                  value,
                ]),
              ),
            ),
          ]),
      );
      if (rows.length === 0) out.line(noneHeld({ type, names }));
      else out.line(table(["process", "type", "version", "since", "by", "settings"], rows));
      return EXIT.ok;
    },
  });
}

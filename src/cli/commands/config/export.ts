import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../../core/amount.ts";
import { printableJson } from "../../../core/printable.ts";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { exportedSettings, fileText, wholeFile } from "../../../operations/settings/file.ts";
import { declaredBy, liveConfigs } from "../../../operations/settings/live.ts";
import { writeConfigFile } from "../../../operations/settings/write-file.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";

const Options = z.looseObject({
  timeout: z.number(),
  type: z.string().optional(),
  file: z.string().optional(),
});

export function exportCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "export",
    summary: "export the settings that processes hold",
    description:
      "Writes settings by member and config type, with a hash for each and one for the whole file. Secrets stay sealed, as on the network. " +
      "Without --file, prints them to stdout, with --json too.",
    examples: [
      ["npx fleet config export --file settings.json", "all members"],
      ["npx fleet config export battle --type FEATURE_FLAGS", "one type of one member, to stdout"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this type")
        .option("-f, --file <path>", "output file")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 60);
    },
    options: Options,
    async run({ out, host, ...context }, { timeout, type, file }, names) {
      const fleet = await context.fleet({ journal: "discard" });
      const live = await liveConfigs(fleet, membersWithLibrary(fleet, names, true, out), {
        configType: type,
        seconds: timeout,
      });
      const settings = exportedSettings(fleet, live, (await declaredBy(fleet)) ?? {}, new Date());
      const text = fileText(settings);
      if (file === undefined) {
        out.document(wholeFile(settings));
        out.verbatim(printableJson(text));
        return EXIT.ok;
      }
      const path = resolve(host.cwd, file);
      await writeConfigFile(path, text);
      const count = Object.values(settings.members).flatMap(Object.keys).length;
      out.document({ success: true, stack: fleet.stack, file: path, count });
      out.line(
        `Exported ${amount(count, "setting")} of ${amount(live.length, "process", "processes")} to ${path}`,
      );
      return EXIT.ok;
    },
  });
}

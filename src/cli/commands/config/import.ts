import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { DRIFT_NOTE } from "../../../operations/settings/describe.ts";
import { readFileText } from "../../../operations/settings/file.ts";
import { changesBySending, configFileText, configsToSend } from "../../../operations/settings/import.ts";
import { recordChanges } from "../../../operations/settings/record.ts";
import { SendOptions, sendConfigs } from "../../../operations/settings/send.ts";
import { askToConfirm } from "../../can-confirm.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";

const Options = SendOptions.extend({ type: z.string().optional() });

export function importCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "import",
    summary: "send the settings of a file to the processes",
    description:
      "Verifies the hashes of the file and the rules of each config type, shows the changes by field, and sends settings to members that hold " +
      "different ones. If a member refuses, all get their previous settings back; the error names each that may not have them.",
    examples: [
      ["npx fleet config import settings.json", "everything in the file"],
      ["npx fleet config import settings.json battle --yes", "one member, without confirmation"],
    ],
    define(command) {
      command
        .argument("<file>", "a file that fleet config export wrote")
        .argument("[members...]", "names of members (default: all in the file)")
        .option("--type <config type>", "only this type")
        .option("-y, --yes", "skip the confirmation")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 120);
    },
    options: Options,
    async run(context, { timeout, yes, type }, [path = "", ...names]) {
      const { out, host } = context;
      const file = readFileText(await configFileText(resolve(host.cwd, path)), path);
      const fleet = await context.fleet({ journal: "discard" });
      const wanted = configsToSend(file, fleet, names, type);
      const changes = await changesBySending(fleet, wanted, timeout);
      for (const { member, configType, fields } of changes) {
        out.line(`${member} ${configType}:`);
        for (const field of fields) out.line(`  ${field}`);
      }
      if (changes.length === 0) {
        out.line("Every process already holds the settings of the file.");
        out.document({ success: true, stack: fleet.stack, sent: [] });
        return EXIT.ok;
      }
      if (!(await askToConfirm(context, yes, "Send these settings?"))) return EXIT.ok;
      const sent = await sendConfigs(fleet, wanted, timeout);
      await recordChanges(fleet, sent, `config import of ${file.hash.slice(0, 8)}`, (line) => out.note(line));
      out.document({ success: true, stack: fleet.stack, sent });
      for (const { member, configType, version } of sent) out.line(`${member}: ${configType} v${version}`);
      out.note(DRIFT_NOTE);
      return EXIT.ok;
    },
  });
}

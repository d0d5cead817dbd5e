import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { FleetError, type Problem, throwAll } from "../../../core/errors.ts";
import { checkValue } from "../../../fleet/config/check.ts";
import { RULES } from "../../../fleet/config/lua.ts";
import { explainData } from "../../../fleet/config/setting-text.ts";
import type { FleetSession } from "../../../fleet/fleet-session.ts";
import { pickMember } from "../../../fleet/members/known-fleet.ts";
import { DRIFT_NOTE } from "../../../operations/settings/describe.ts";
import { type ConfigFile, readFileText } from "../../../operations/settings/file.ts";
import { liveConfigs } from "../../../operations/settings/live.ts";
import { recordChanges } from "../../../operations/settings/record.ts";
import { type ConfigToSend, SendOptions, sendConfigs } from "../../../operations/settings/send.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { askToConfirm } from "../../config/confirm.ts";
import { EXIT } from "../../exit.ts";

const Options = SendOptions.extend({ type: z.string().optional() });

export function importCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "import",
    summary: "send the settings of a file to the processes",
    description:
      "Verifies the hashes of the file and the rules of each config type, shows the changes by field, and sends settings to members that hold " +
      "different ones. If a member refuses, all get their previous settings back.",
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
      const file = readFileText(await textOf(resolve(host.cwd, path)), path);
      const fleet = await context.fleet({ journal: "discard" });
      const wanted = wantedOf(file, fleet, names, type);
      const members = [...new Map(wanted.map(({ member }) => [member.name, member])).values()];
      const live = await liveConfigs(fleet, members, { seconds: timeout });
      let changes = 0;
      for (const { member, configType, data } of wanted) {
        const held = live.find((one) => one.member.name === member.name)?.reply.held[configType];
        const fields = explainData(held?.data ?? {}, data);
        if (held && fields.length === 0) continue;
        changes += 1;
        out.line(`${member.name} ${configType}:`);
        for (const field of fields) out.line(`  ${field}`);
      }
      if (changes === 0) {
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

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new FleetError({
      code: "CONFIG_FILE_MISSING",
      what: "Cannot read the settings file.",
      at: path,
      got: error.code ?? error.message,
      expected: "a file that npx fleet config export wrote",
      remedy: "Fix the path.",
    });
  });
}

/** The settings to send. @throws FleetError with every unknown member and every invalid value */
function wantedOf(
  file: ConfigFile,
  fleet: FleetSession,
  names: readonly string[],
  type: string | undefined,
): ConfigToSend[] {
  const problems: Problem[] = [];
  const chosen = names.length > 0 ? names : Object.keys(file.members);
  const wanted = chosen.flatMap((name) => {
    const member = pickMember(fleet, name);
    const types = Object.entries(file.members[name] ?? {}).filter(
      ([one]) => type === undefined || one === type,
    );
    if (types.length === 0 && names.length > 0)
      problems.push({
        code: "NOT_IN_FILE",
        what: `The file has no ${type ?? "settings"} of ${name}.`,
        got: name,
        expected: `one of ${Object.keys(file.members).join(", ")}`,
        remedy: "Fix the name.",
      });
    return types.map(([configType, { configData, rule }]): ConfigToSend => {
      const known = RULES[configType] ?? rule;
      for (const { path, got, expected } of known ? checkValue(configData, known, "") : [])
        problems.push({
          code: "BAD_VALUE",
          what: "Invalid value in the settings file.",
          at: `members.${name}.${configType}${path}`,
          got,
          expected,
          remedy:
            "Export the settings again; or, if the type has changed since, roll back its code together with its settings: npx fleet rollback.",
        });
      return { member, configType, data: configData, rule };
    });
  });
  throwAll(problems);
  return wanted;
}

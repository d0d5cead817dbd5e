import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { FleetError, type Problem, throwAll } from "../../../core/errors.ts";
import { checkValue } from "../../../fleet/config/check.ts";
import { RULES } from "../../../fleet/config/lua.ts";
import { explainData } from "../../../fleet/config/words.ts";
import type { FleetSession } from "../../../fleet/fleet-session.ts";
import { pickMember } from "../../../fleet/members/known.ts";
import { type ConfigFile, readFileText } from "../../../operations/settings/file.ts";
import { liveConfigs } from "../../../operations/settings/live.ts";
import { recordChanges } from "../../../operations/settings/record.ts";
import { SendOptions, sendConfigs, type Wanted } from "../../../operations/settings/send.ts";
import { DRIFT_NOTE } from "../../../operations/settings/words.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { confirmed } from "../../config/confirm.ts";
import { EXIT } from "../../exit.ts";

const Options = SendOptions.extend({ type: z.string().optional() });

export function importCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "import",
    summary: "bring the settings of a file back to the processes",
    description:
      "Verifies the file by its hashes and every value by the rules of its type, shows what would change by field, and sends to those that hold " +
      "something else. All take theirs, or every one gets back what it held.",
    examples: [
      ["npx fleet config import settings.json", "all that is in it"],
      ["npx fleet config import settings.json battle --yes", "one member's, without a question"],
    ],
    define(command) {
      command
        .argument("<file>", "what fleet config export wrote")
        .argument("[members...]", "names of members (default: all in the file)")
        .option("--type <config type>", "only this one")
        .option("-y, --yes", "do not ask")
        .option("--timeout <seconds>", "until every process must have answered", seconds, 120);
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
        const held = live.find((one) => one.member.name === member.name)?.told.held[configType];
        const fields = explainData(held?.data ?? {}, data);
        if (held && fields.length === 0) continue;
        changes += 1;
        out.line(`${member.name} ${configType}:`);
        for (const field of fields) out.line(`  ${field}`);
      }
      if (changes === 0) {
        out.line("Every process holds what is in the file.");
        out.document({ success: true, stack: fleet.stack, sent: [] });
        return EXIT.ok;
      }
      if (!(await confirmed(context, yes, "Send them?"))) return EXIT.ok;
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
      what: "The file of settings cannot be read.",
      at: path,
      got: error.code ?? error.message,
      expected: "what npx fleet config export wrote",
      remedy: "Mend the path.",
    });
  });
}

/** @throws FleetError with every unknown member and every value that does not fit */
function wantedOf(
  file: ConfigFile,
  fleet: FleetSession,
  names: readonly string[],
  type: string | undefined,
): Wanted[] {
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
        remedy: "Mend the name.",
      });
    return types.map(([configType, { configData, rule }]): Wanted => {
      const known = RULES[configType] ?? rule;
      for (const { path, got, expected } of known ? checkValue(configData, known, "") : [])
        problems.push({
          code: "BAD_VALUE",
          what: "A setting in the file is not as it must be.",
          at: `members.${name}.${configType}${path}`,
          got,
          expected,
          remedy:
            "Export again; or bring back a file from before the type changed with the code of its time: npx fleet rollback.",
        });
      return { member, configType, data: configData, rule };
    });
  });
  throwAll(problems);
  return wanted;
}

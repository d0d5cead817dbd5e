import type { Command } from "commander";
import { z } from "zod";
import { explainData } from "../../../fleet/config/setting-text.ts";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { DRIFT_NOTE } from "../../../operations/settings/describe.ts";
import { declaredBy, liveConfigs } from "../../../operations/settings/live.ts";
import { recordChanges } from "../../../operations/settings/record.ts";
import { SendOptions, sendConfigs } from "../../../operations/settings/send.ts";
import { earlierConfigs } from "../../../operations/settings/versions.ts";
import { askToConfirm } from "../../can-confirm.ts";
import { type Cli, type Context, defineCommand, seconds } from "../../command.ts";
import { EXIT, type ExitCode } from "../../exit.ts";

const Options = SendOptions.extend({ type: z.string(), to: z.string() });

export function configRollbackCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "rollback",
    summary: "restore an earlier version of a config type",
    description:
      "Sends the settings of an earlier version again as a new version, since versions only increase. If a member refuses, all get their " +
      "previous settings back. Meant for emergencies: `fleet rollback` rolls back code and settings together.",
    examples: [
      ["npx fleet config rollback battle --type PROCESS_CONFIG", "the version before the one in force"],
      [
        "npx fleet config rollback battle shop --type LOGGING_CONFIG --to 2 --yes",
        "a given version, without confirmation",
      ],
    ],
    define(command) {
      command
        .argument("<members...>", "names of members")
        .requiredOption("--type <config type>", "config type")
        .option("--to <version>", "a version that each member has in its history", "previous")
        .option("-y, --yes", "skip the confirmation")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 120);
    },
    options: Options,
    run,
  });
}

async function run(
  context: Context,
  { timeout, yes, type, to }: z.output<typeof Options>,
  names: readonly string[],
): Promise<ExitCode> {
  const { out } = context;
  const fleet = await context.fleet({ journal: "discard" });
  const live = await liveConfigs(fleet, membersWithLibrary(fleet, names, false, out), {
    configType: type,
    history: true,
    seconds: timeout,
  });
  const wanted = earlierConfigs(live, (await declaredBy(fleet)) ?? {}, type, to);
  for (const { member, data, version } of wanted) {
    const held = live.find((one) => one.member === member)?.reply.held[type];
    const fields = explainData(held?.data ?? {}, data);
    out.line(
      `${member.name} ${type}: back to v${version}${fields.length === 0 ? ", which it already holds" : ""}`,
    );
    for (const field of fields) out.line(`  ${field}`);
  }
  if (!(await askToConfirm(context, yes, "Send these settings?"))) return EXIT.ok;
  const sent = await sendConfigs(fleet, wanted, timeout);
  await recordChanges(fleet, sent, `config rollback to ${to}`, (line) => out.note(line));
  out.document({ success: true, stack: fleet.stack, sent });
  for (const { member, version } of sent) out.line(`${member}: ${type} v${version}`);
  if (sent.length > 0) out.note(DRIFT_NOTE);
  return EXIT.ok;
}

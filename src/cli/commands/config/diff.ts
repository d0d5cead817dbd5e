import type { Command } from "commander";
import { z } from "zod";
import { membersWithLibrary } from "../../../operations/members-named.ts";
import { authorOf, noneDiffers, whenOf } from "../../../operations/settings/describe.ts";
import { comparesVersions, settingDifferences } from "../../../operations/settings/differences.ts";
import { type Cli, defineCommand, seconds } from "../../command.ts";
import { EXIT } from "../../exit.ts";

const Options = z.looseObject({
  timeout: z.number(),
  type: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
});

export function diffCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "diff",
    summary: "compare settings by field: declared with held, or two versions",
    description:
      "Without --from: compares what the running release declares with what each process holds; exit code 3 if they differ. " +
      "With --from: compares that version of a type with --to, or with the one that the process holds.",
    examples: [
      ["npx fleet config diff", "which members were changed by hand, by whom, in which fields"],
      ["npx fleet config diff battle --type PROCESS_CONFIG --from 2", "what changed since version 2"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this type; required with --from")
        .option("--from <version>", "a version from the process' history")
        .option("--to <version>", "another version (default: the one that it holds)")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 60);
    },
    options: Options,
    async run({ out, ...context }, { timeout, type, from, to }, names) {
      const fleet = await context.fleet({ journal: "discard" });
      const members = membersWithLibrary(fleet, names, true, out);
      const versions = comparesVersions({ from, to });
      const differences = await settingDifferences(fleet, members, { type, from, to, seconds: timeout });
      out.document({ success: true, stack: fleet.stack, differences });
      if (differences.length === 0) out.line(versions ? "No differences." : noneDiffers({ type, names }));
      for (const { member, configType, before, after, fields, ...author } of differences) {
        const who = authorOf(fleet, author);
        const when = whenOf(author);
        const by = [who === "" ? "" : `by ${who}`, when === "" ? "" : `at ${when}`].filter(
          (part) => part !== "",
        );
        out.line(
          `${member} ${configType}: ${before} → ${after}${by.length > 0 ? `, set ${by.join(" ")}` : ""}`,
        );
        for (const field of fields) out.line(`  ${field}`);
      }
      return differences.length > 0 && !versions ? EXIT.changes : EXIT.ok;
    },
  });
}

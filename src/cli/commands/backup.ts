import type { Command } from "commander";
import { z } from "zod";
import { contentsText } from "../../fleet/snapshot/contents.ts";
import { saveStates } from "../../operations/backup/save.ts";
import { membersWithLibrary } from "../../operations/members-named.ts";
import { type Cli, defineCommand, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({ timeout: z.number() });

export function backupCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "backup",
    summary: "save the states of processes",
    description:
      "Exports the state of each process at one slot and saves it, compressed, under its digest in .fleet/snapshots. Every upgrade does " +
      "the same automatically. Exit code 1 if a state could not be saved.",
    examples: [
      ["npx fleet backup", "all members"],
      ["npx fleet backup battle shop", "two members"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--timeout <seconds>", "time limit for the answers", seconds, 120);
    },
    options: Options,
    async run({ out, ...context }, { timeout }, names) {
      const fleet = await context.fleet({ journal: "discard" });
      const members = membersWithLibrary(fleet, names, true, out);
      const { taken, failed } = await saveStates(fleet, members, timeout, (problem) =>
        out.problem("alert", problem),
      );
      out.document({ success: failed.length === 0, stack: fleet.stack, snapshots: taken, failed });
      const rows = taken.map(({ member, digest, slot, bytes, states = [], globals = [] }) => [
        member,
        digest,
        String(slot),
        `${bytes}`,
        contentsText({ states, globals }),
      ]);
      if (rows.length > 0) out.line(table(["process", "digest", "slot", "bytes", "holds"], rows));
      return failed.length === 0 ? EXIT.ok : EXIT.failed;
    },
  });
}

import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { spanIn } from "../../core/span.ts";
import { clean } from "../../operations/cleanup/files.ts";
import { currentPin } from "../../operations/rollback/pin.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import { type Cli, count, defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";

/** Commander parser: a span of time. */
function span(text: string): string {
  if (spanIn(text) === undefined)
    throw new InvalidArgumentError("Expected a number with a unit: 7d, 12h, 30m.");
  return text;
}

const Options = z.looseObject({
  olderThan: z.string(),
  keep: z.number(),
  dryRun: z.boolean().default(false),
});

export function cleanupCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "cleanup",
    summary: "remove old artifacts, logs, releases, bundles and snapshots on this machine",
    description:
      "Removes files that are older than the given age. Keeps everything needed by releases that are newer, among the latest, running, or " +
      "pinned. Compresses large logs. Affects files on this machine only, not the network or the ledger.",
    examples: [
      ["npx fleet cleanup", "remove everything older than seven days"],
      ["npx fleet cleanup --older-than 30d --dry-run", "show what would be removed"],
    ],
    define(command) {
      command
        .option("--older-than <span>", "minimum age: 7d, 12h, 30m", span, "7d")
        .option(
          "--keep <number>",
          "number of latest releases per stack, and of latest snapshots per member, to keep",
          count(1),
          10,
        )
        .option("--dry-run", "show what would be removed without removing it");
    },
    options: Options,
    async run(context, { olderThan, keep, dryRun }) {
      const { out, projectDir } = context;
      const workspace = await context.workspace();
      const { project } = readStackConfig(projectDir, await context.stack());
      const cleaned = await clean({
        projectDir,
        project,
        retention: { since: Date.now() - (spanIn(olderThan) ?? 0), releases: keep, snapshots: keep },
        pinned: (stack) => currentPin({ workspace, stack })?.release,
        dryRun,
      });
      out.document({ success: true, dryRun, ...cleaned });
      for (const [what, found] of Object.entries(cleaned)) {
        const files: readonly string[] = Array.isArray(found) ? found : [];
        for (const file of files) out.detail(file);
        const number = Array.isArray(found) ? found.length : found;
        out.line(
          `${what.padEnd(10)} ${number} ${dryRun ? (what === "rotated" ? "would be compressed" : "would be removed") : what === "rotated" ? "compressed" : "removed"}`,
        );
      }
      return EXIT.ok;
    },
  });
}

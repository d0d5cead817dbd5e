import { relative } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import type { Problem } from "../../core/errors.ts";
import { createSupportBundle } from "../../operations/support/bundle.ts";
import { type Cli, count, defineCommand, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";

const Options = z.looseObject({
  output: z.string().optional(),
  offline: z.boolean().default(false),
  messages: z.number(),
  timeout: z.number(),
});

export function supportBundleCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "support-bundle",
    summary: "create an archive for support requests, without secrets",
    description:
      "Creates one archive with mode 600 of versions, doctor's findings, settings, manifest, reports, logs, the journal without its signed " +
      "bytes, and each process' own reports and newest messages (data truncated to 300 characters). Redacts the wallet's numbers, the " +
      "passphrase, tokens and values with private names. Review it before you send it: messages may contain data of your users.",
    examples: [
      ["npx fleet support-bundle", "build/support-<time>.tgz"],
      ["npx fleet support-bundle --offline", "only files on this machine"],
    ],
    define(command) {
      command
        .option("-o, --output <file>", "output file (default: build/support-<time>.tgz)")
        .option("--offline", "do not ask the processes")
        .option("--messages <number>", "number of newest messages per process", count(1), 25)
        .option("--timeout <seconds>", "time limit for one answer", seconds, 20);
    },
    options: Options,
    async run(context, options) {
      const { out, host } = context;
      let unreachable: Problem | undefined;
      const { file, bytes, files } = await createSupportBundle(
        context,
        { ...options, env: host.env },
        (problem) => {
          unreachable = problem;
          out.problem("alert", problem, "The archive has nothing of the processes: ");
        },
      );
      for (const name of files) out.detail(name);
      out.line(relative(host.cwd, file) || file);
      out.note(
        `${amount(files.length, "file")}, ${Math.ceil(bytes / 1024)} kB; secrets were redacted, but review it before you send it`,
      );
      out.document({
        success: true,
        file,
        bytes,
        files,
        ...(unreachable === undefined ? {} : { unreachable }),
      });
      return EXIT.ok;
    },
  });
}

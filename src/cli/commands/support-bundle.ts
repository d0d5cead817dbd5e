import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { FleetError, formatProblem } from "../../core/errors.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import { type BundleFile, filesOf, journalOf, processOf } from "../../operations/support/collect.ts";
import { redactFile } from "../../operations/support/redact.ts";
import { secretsOf } from "../../operations/validate/secrets.ts";
import { MAX_CONCURRENT, mapConcurrently } from "../../operations/validate/subject.ts";
import { doctor } from "../../toolchain/doctor.ts";
import { type Cli, type Context, count, defineCommand, seconds } from "../command.ts";
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
      const { out, host, projectDir } = context;
      const workspace = await context.workspace();
      const stack = await context.stack();
      const secrets = await secretsOf(workspace, stack);
      const findings = await doctor(projectDir, host.env);
      const about = {
        ...{ madeAt: new Date().toISOString(), stack, platform: process.platform, arch: process.arch },
        node: process.version,
      };
      const parts: BundleFile[] = [
        { name: "about.json", text: JSON.stringify(about) },
        { name: "doctor.json", text: JSON.stringify(findings) },
        ...(await filesOf(projectDir)),
        ...(options.offline ? [] : await ofTheFleet(context, options)),
      ];
      const time = new Date().toISOString().replace(/[-:]|\..*/g, "");
      const file = resolve(projectDir, options.output ?? join("build", `support-${time}.tgz`));
      await pack(
        file,
        `support-${time}`,
        parts.map(({ name, text }) => ({ name, text: redactFile(name, text, secrets) })),
      );
      const { size } = await stat(file);
      for (const { name } of parts) out.detail(name);
      out.line(relative(host.cwd, file) || file);
      out.note(
        `${amount(parts.length, "file")}, ${Math.ceil(size / 1024)} kB; secrets were redacted, but review it before you send it`,
      );
      out.document({ success: true, file, bytes: size, files: parts.map(({ name }) => name) });
      return EXIT.ok;
    },
  });
}

/** Reports of the processes and the journal; if the fleet cannot be reached, the reason. */
async function ofTheFleet(
  { out, ...context }: Context,
  { timeout, messages }: z.output<typeof Options>,
): Promise<BundleFile[]> {
  try {
    const fleet = await context.fleet({ journal: "discard", wallet: false });
    const history = await context.host.history(fleet, timeout);
    const journal = await journalOf(fleet);
    const processes = await mapConcurrently(servingIn(fleet), MAX_CONCURRENT, (member) =>
      processOf(fleet, history, member, { seconds: timeout, messages }),
    );
    return [journal, ...processes];
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    out.note(`cannot reach the fleet: ${formatProblem(error.problems[0])}`);
    return [{ name: "unreachable.json", text: JSON.stringify({ problems: error.problems }) }];
  }
}

async function pack(file: string, root: string, parts: readonly BundleFile[]): Promise<void> {
  const { create } = await import("tar");
  const folder = await mkdtemp(join(tmpdir(), "fleet-support-"));
  try {
    for (const { name, text } of parts) {
      const path = join(folder, root, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { mode: 0o600 });
    }
    await mkdir(dirname(file), { recursive: true });
    // Create the file with its mode first, so that nobody else can read it while it is written.
    await writeFile(file, "", { mode: 0o600 });
    await create({ gzip: true, file, cwd: folder, portable: true }, [root]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

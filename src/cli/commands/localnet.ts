import { resolve } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import { UsageError } from "../../core/usage-error.ts";
import type { LocalNetworkInfo } from "../../localnet/index.ts";
import { localFolderOf, readStackConfig } from "../../operations/workspace/stack-config.ts";
import { type Cli, type Context, count, defineCommand, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";

const DirSchema = z.looseObject({ dir: z.string().optional(), stack: z.string().optional() });
type DirOptions = z.output<typeof DirSchema>;

/** `fleet localnet`: the embedded AO network of this project. */
export function localnetCommand(cli: Cli): Command {
  const group = new Command("localnet")
    .summary("start, stop and look at the embedded AO network")
    .description(
      "The embedded AO network of a dev stack: real evaluator, own units, loopback only. `pulumi up` starts it by itself; " +
        "ids and state are kept in its folder.",
    );
  for (const make of [startCommand, stopCommand, statusCommand, resetCommand, logsCommand])
    group.addCommand(make(cli));
  return group;
}

const dir = (command: Command) => {
  command.option("--dir <folder>", "its folder (default: localDir of the stack's settings)");
};
const common = { define: dir, options: DirSchema };

function startCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "start",
    summary: "start it, or find it running",
    description: "Starts the network on its folder and waits until it answers. Done twice, it is done once.",
    examples: [["npx fleet localnet start", "and print where it is"]],
    define(command) {
      dir(command);
      command.option("--timeout <seconds>", "until it must answer", seconds, 60);
    },
    options: DirSchema.extend({ timeout: z.number() }),
    async run(context, options) {
      const localnet = await context.host.localnet();
      const folder = folderOf(context, options);
      const info = await localnet.start(folder, {
        timeoutSeconds: options.timeout,
        log: (line) => context.out.note(line),
      });
      show(context, true, info);
      return undefined;
    },
  });
}

function stopCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "stop",
    summary: "stop it; ids and state are kept",
    description: "Stops the network. The next start goes on with the same processes, ids and ports.",
    examples: [["npx fleet localnet stop", "until the next start"]],
    async run(context, options) {
      const localnet = await context.host.localnet();
      const stopped = await localnet.stop(folderOf(context, options));
      context.out.line(stopped ? "stopped" : "it was not running");
      context.out.document({ success: true, stopped });
      return undefined;
    },
  });
}

function statusCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "status",
    summary: "say whether it runs, and where",
    description: "Exit code 1 when it does not run.",
    examples: [["npx fleet localnet status --json", "its addresses and modules"]],
    async run(context, options) {
      const localnet = await context.host.localnet();
      const { running, info } = await localnet.status(folderOf(context, options));
      show(context, running, info);
      return running ? EXIT.ok : EXIT.failed;
    },
  });
}

function resetCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "reset",
    summary: "stop it and forget all its processes",
    description:
      "Stops the network and removes its state. The fleet in it is lost; `pulumi up` makes a new one after `pulumi destroy`.",
    examples: [["npx fleet localnet reset --yes", "without a question"]],
    define(command) {
      dir(command);
      command.option("-y, --yes", "do not ask");
    },
    options: DirSchema.extend({ yes: z.boolean().default(false) }),
    async run(context, options) {
      const folder = folderOf(context, options);
      await agree(context, options.yes, `Forget all processes in ${folder}?`);
      await (await context.host.localnet()).reset(folder);
      context.out.line(`forgotten: ${folder}`);
      context.out.document({ success: true, dir: folder });
      return undefined;
    },
  });
}

function logsCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "logs",
    summary: "show what it wrote last",
    description: "The last lines of the network's own log.",
    examples: [["npx fleet localnet logs --lines 20", "the last 20 lines"]],
    define(command) {
      dir(command);
      command.option("-n, --lines <number>", "how many", count(1), 100);
    },
    options: DirSchema.extend({ lines: z.number() }),
    async run(context, options) {
      const text = await (await context.host.localnet()).logs(folderOf(context, options), options.lines);
      context.out.line(text);
      context.out.document({ success: true, lines: text === "" ? [] : text.split("\n") });
      return undefined;
    },
  });
}

/** Without asking pulumi: the folder rarely differs between stacks, so the dev stack's is the default. */
function folderOf({ projectDir }: Context, { dir, stack }: DirOptions): string {
  if (dir !== undefined) return resolve(projectDir, dir);
  return localFolderOf(readStackConfig(projectDir, stack ?? "dev"), projectDir);
}

async function agree({ host }: Context, yes: boolean, question: string): Promise<void> {
  if (yes) return;
  if (host.stdin.isTTY && (await host.confirm(question))) return;
  throw new UsageError({
    code: "NOT_CONFIRMED",
    what: "This cannot be undone, and nobody agreed to it.",
    expected: "yes",
    remedy: "Answer yes, or give --yes.",
  });
}

function show({ out }: Context, running: boolean, info: LocalNetworkInfo | undefined): void {
  out.document({ success: true, running, ...(info === undefined ? {} : { network: info }) });
  out.line(running ? out.style("green", "running") : "not running");
  if (!info || !running) return;
  const lines = [
    ["gateway", info.gatewayUrl],
    ["messenger", info.muUrl],
    ["compute", info.cuUrl],
    ["scheduler", `${info.suUrl}  ${info.scheduler}`],
    ["folder", info.dir],
    ["process", `${info.pid}, since ${info.startedAt}`],
    ...Object.entries(info.modules).map(([name, id]) => [`module ${name}`, id]),
  ];
  for (const [name = "", value = ""] of lines) out.line(`  ${name.padEnd(18)} ${value}`);
}

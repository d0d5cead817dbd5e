import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { UsageError } from "../../core/usage-error.ts";
import type { LocalNetworkInfo } from "../../localnet/index.ts";
import { localFolderOf, readStackConfig } from "../../operations/workspace/stack-config.ts";
import { type Cli, type Context, count, defineCommand, groupOf, seconds } from "../command.ts";
import { EXIT } from "../exit.ts";

const DirSchema = z.looseObject({ dir: z.string().optional(), stack: z.string().optional() });
type DirOptions = z.output<typeof DirSchema>;

/** `fleet localnet`: commands for the embedded AO network of this project. */
export const localnetCommand = (cli: Cli): Command =>
  groupOf(
    cli,
    {
      name: "localnet",
      summary: "start, stop and inspect the embedded AO network",
      description:
        "The embedded AO network of a dev stack: a real evaluator and its own units, on loopback only. `pulumi up` starts it " +
        "automatically; ids and state are kept in its folder.",
    },
    [startCommand, stopCommand, statusCommand, resetCommand, logsCommand],
  );

const dir = (command: Command) => {
  command.option("--dir <folder>", "folder of the network (default: the stack setting localDir)");
};
const common = { define: dir, options: DirSchema };

function startCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "start",
    summary: "start the network",
    description: "Starts the network in its folder, if it is not running, and waits until it answers.",
    examples: [["npx fleet localnet start", "start it and print its addresses"]],
    define(command) {
      dir(command);
      command.option("--timeout <seconds>", "time limit for the start", seconds, 60);
    },
    options: DirSchema.extend({ timeout: z.number() }),
    async run(context, options) {
      const localnet = await context.host.localnet();
      const folder = folderOf(context, options);
      const info = await localnet.start(folder, {
        timeoutSeconds: options.timeout,
        log: (line) => context.out.note(line),
      });
      show(context, info);
      return undefined;
    },
  });
}

function stopCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "stop",
    summary: "stop the network",
    description: "Stops the network. Processes, ids, state and ports are kept for the next start.",
    examples: [["npx fleet localnet stop", "stop it"]],
    async run(context, options) {
      const localnet = await context.host.localnet();
      const stopped = await localnet.stop(folderOf(context, options));
      context.out.line(stopped ? "stopped" : "not running");
      context.out.document({ success: true, stopped });
      return undefined;
    },
  });
}

function statusCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "status",
    summary: "show whether the network is running",
    description: "Shows the network's addresses and modules. Exit code 1 if it is not running.",
    examples: [["npx fleet localnet status --json", "addresses and modules as JSON"]],
    async run(context, options) {
      const localnet = await context.host.localnet();
      const { running, info } = await localnet.status(folderOf(context, options));
      show(context, info, running);
      return running ? EXIT.ok : EXIT.failed;
    },
  });
}

function resetCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "reset",
    summary: "stop the network and delete all its processes",
    description:
      "Stops the network and deletes its state. The fleets in it are lost. Pulumi's state still names their processes, so `pulumi up` fails " +
      "with PROCESS_GONE until `pulumi destroy` has removed them; then `pulumi up` creates a new fleet.",
    examples: [["npx fleet localnet reset --yes", "without confirmation"]],
    define(command) {
      dir(command);
      command.option("-y, --yes", "skip the confirmation");
    },
    options: DirSchema.extend({ yes: z.boolean().default(false) }),
    async run(context, options) {
      const folder = folderOf(context, options);
      await agree(context, options.yes, `Delete all processes in ${folder}?`);
      await (await context.host.localnet()).reset(folder);
      context.out.line(`deleted: ${folder}`);
      context.out.note("for each stack that was deployed there: pulumi destroy, then pulumi up");
      context.out.document({ success: true, dir: folder });
      return undefined;
    },
  });
}

function logsCommand(cli: Cli): Command {
  return defineCommand(cli, {
    ...common,
    name: "logs",
    summary: "show the network's log",
    description: "Shows the last lines of the network's log.",
    examples: [["npx fleet localnet logs --lines 20", "the last 20 lines"]],
    define(command) {
      dir(command);
      command.option("-n, --lines <number>", "number of lines", count(1), 100);
    },
    options: DirSchema.extend({ lines: z.number() }),
    async run(context, options) {
      const text = await (await context.host.localnet()).logs(folderOf(context, options), options.lines);
      context.out.line(text.split("\n"));
      context.out.document({ success: true, lines: text === "" ? [] : text.split("\n") });
      return undefined;
    },
  });
}

/** The network's folder. Does not start pulumi to find the stack: the folder rarely differs, so the dev stack's is the default. */
function folderOf({ projectDir }: Context, { dir, stack }: DirOptions): string {
  if (dir !== undefined) return resolve(projectDir, dir);
  return localFolderOf(readStackConfig(projectDir, stack ?? "dev"), projectDir);
}

async function agree({ host }: Context, yes: boolean, question: string): Promise<void> {
  if (yes) return;
  if (host.stdin.isTTY && (await host.confirm(question))) return;
  throw new UsageError({
    code: "NOT_CONFIRMED",
    what: "This cannot be undone and was not confirmed.",
    expected: "yes",
    remedy: "Answer yes, or pass --yes.",
  });
}

function show({ out }: Context, info: LocalNetworkInfo | undefined, running = true): void {
  out.document({ success: running, running, ...(info === undefined ? {} : { network: info }) });
  out.line(running ? out.style("green", "running") : "not running");
  if (!info || !running) return;
  const lines = [
    ["gateway", info.gatewayUrl],
    ["messenger", info.muUrl],
    ["compute", info.cuUrl],
    ["scheduler", `${info.suUrl}  ${info.scheduler}`],
    ["node", `${info.nodeUrl}  ${info.nodeAddress}`],
    ["folder", info.dir],
    ["process", `${info.pid}, since ${info.startedAt}`],
    ...Object.entries(info.modules).map(([name, id]) => [`module ${name}`, id]),
  ];
  for (const [name = "", value = ""] of lines) out.line(`  ${name.padEnd(18)} ${value}`);
}

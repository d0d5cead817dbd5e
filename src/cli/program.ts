import { Command } from "commander";
import type { Cli } from "./command.ts";
import type { Streams } from "./output.ts";
import { shownLine } from "./styled.ts";

/** Every command, in the order of the help. Each is loaded only when it is called, to start quickly. */
const COMMANDS: Readonly<Record<string, (cli: Cli) => Promise<Command>>> = {
  deploy: async (cli) => (await import("./commands/deploy.ts")).deployCommand(cli),
  preview: async (cli) => (await import("./commands/preview.ts")).previewCommand(cli),
  status: async (cli) => (await import("./commands/status.ts")).statusCommand(cli),
  validate: async (cli) => (await import("./commands/validate.ts")).validateCommand(cli),
  statistics: async (cli) => (await import("./commands/statistics.ts")).statisticsCommand(cli),
  dashboard: async (cli) => (await import("./commands/dashboard.ts")).dashboardCommand(cli),
  alerts: async (cli) => (await import("./commands/alerts.ts")).alertsCommand(cli),
  monitor: async (cli) => (await import("./commands/monitor.ts")).monitorCommand(cli),
  history: async (cli) => (await import("./commands/history.ts")).historyCommand(cli),
  promote: async (cli) => (await import("./commands/rollout.ts")).promoteCommand(cli),
  pause: async (cli) => (await import("./commands/rollout.ts")).pauseCommand(cli),
  resume: async (cli) => (await import("./commands/rollout.ts")).resumeCommand(cli),
  abort: async (cli) => (await import("./commands/rollout.ts")).abortCommand(cli),
  rollback: async (cli) => (await import("./commands/rollback.ts")).rollbackCommand(cli),
  backup: async (cli) => (await import("./commands/backup.ts")).backupCommand(cli),
  restore: async (cli) => (await import("./commands/restore.ts")).restoreCommand(cli),
  adopt: async (cli) => (await import("./commands/adopt.ts")).adoptCommand(cli),
  move: async (cli) => (await import("./commands/move.ts")).moveCommand(cli),
  cleanup: async (cli) => (await import("./commands/cleanup.ts")).cleanupCommand(cli),
  config: async (cli) => (await import("./commands/config.ts")).configCommand(cli),
  operators: async (cli) => (await import("./commands/operators.ts")).operatorsCommand(cli),
  "rotate-wallet": async (cli) => (await import("./commands/rotate-wallet.ts")).rotateWalletCommand(cli),
  discover: async (cli) => (await import("./commands/discover.ts")).discoverCommand(cli),
  call: async (cli) => (await import("./commands/call.ts")).callCommand(cli),
  logs: async (cli) => (await import("./commands/logs.ts")).logsCommand(cli),
  query: async (cli) => (await import("./commands/query.ts")).queryCommand(cli),
  trace: async (cli) => (await import("./commands/trace.ts")).traceCommand(cli),
  audit: async (cli) => (await import("./commands/audit.ts")).auditCommand(cli),
  localnet: async (cli) => (await import("./commands/localnet.ts")).localnetCommand(cli),
  init: async ({ host }) => (await import("./commands/init.ts")).initCommand(host),
  setup: async (cli) => (await import("./commands/setup.ts")).setupCommand(cli),
  stack: async (cli) => (await import("./commands/stack.ts")).stackCommand(cli),
  doctor: async (cli) => (await import("./commands/doctor.ts")).doctorCommand(cli),
  "support-bundle": async (cli) => (await import("./commands/support-bundle.ts")).supportBundleCommand(cli),
  env: async (cli) => (await import("./commands/env.ts")).envCommand(cli),
  test: async (cli) => (await import("./commands/test.ts")).testCommand(cli),
  bundle: async (cli) => (await import("./commands/bundle.ts")).bundleCommand(cli.host),
};

/**
 * Builds the command tree for help, docs and parsing.
 *
 * @param words the arguments; if the first one is a command, only that command is built. @default all commands
 */
export async function buildProgram(
  cli: Cli,
  version: string,
  words: readonly string[] = [],
): Promise<Command> {
  const program = new Command("fleet")
    .description("Fleets of AO processes as code: preview, deploy with health checks, inspect, call.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "show a command's options");
  const [first = ""] = words;
  const named = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  const makers = named ? [named] : ["-V", "--version"].includes(first) ? [] : Object.values(COMMANDS);
  for (const command of await Promise.all(makers.map((make) => make(cli)))) program.addCommand(command);
  settle(program, cli.host);
  return program;
}

/** Makes every command throw instead of exiting, and print on the host's streams. */
function settle(command: Command, { stdout, stderr }: Streams): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      // It repeats words of the command line.
      writeErr: (text) => stderr.write(text.split("\n").map(shownLine).join("\n")),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
    });
  for (const child of command.commands) settle(child, { stdout, stderr });
}

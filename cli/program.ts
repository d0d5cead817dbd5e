import { Command } from "commander";
import type { Cli } from "./command.ts";
import { adoptCommand } from "./commands/adopt.ts";
import { alertsCommand } from "./commands/alerts.ts";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand } from "./commands/backup.ts";
import { bundleCommand } from "./commands/bundle.ts";
import { callCommand } from "./commands/call.ts";
import { cleanupCommand } from "./commands/cleanup.ts";
import { configCommand } from "./commands/config.ts";
import { dashboardCommand } from "./commands/dashboard.ts";
import { deployCommand } from "./commands/deploy.ts";
import { discoverCommand } from "./commands/discover.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { envCommand } from "./commands/env.ts";
import { historyCommand } from "./commands/history.ts";
import { localnetCommand } from "./commands/localnet.ts";
import { logsCommand } from "./commands/logs.ts";
import { monitorCommand } from "./commands/monitor.ts";
import { queryCommand } from "./commands/query.ts";
import { restoreCommand } from "./commands/restore.ts";
import { rollbackCommand } from "./commands/rollback.ts";
import { abortCommand, pauseCommand, promoteCommand, resumeCommand } from "./commands/rollout.ts";
import { statisticsCommand } from "./commands/statistics.ts";
import { statusCommand } from "./commands/status.ts";
import { supportBundleCommand } from "./commands/support-bundle.ts";
import { traceCommand } from "./commands/trace.ts";
import { validateCommand } from "./commands/validate.ts";
import type { Streams } from "./output.ts";

/** The whole command line: help, docs and parsing come from this one tree. */
export function buildProgram(cli: Cli, version: string): Command {
  const program = new Command("fleet")
    .description("Fleets of AO processes as code: preview, deploy with health checks, look, call.")
    .version(version, "-V, --version", "print the version")
    .helpCommand("help [command]", "show a command's options");
  for (const make of [
    deployCommand,
    statusCommand,
    validateCommand,
    statisticsCommand,
    dashboardCommand,
    alertsCommand,
    monitorCommand,
    historyCommand,
    promoteCommand,
    pauseCommand,
    resumeCommand,
    abortCommand,
    rollbackCommand,
    backupCommand,
    restoreCommand,
    adoptCommand,
    cleanupCommand,
    configCommand,
    discoverCommand,
    callCommand,
    logsCommand,
    queryCommand,
    traceCommand,
    auditCommand,
    localnetCommand,
    doctorCommand,
    supportBundleCommand,
    envCommand,
  ]) {
    program.addCommand(make(cli));
  }
  program.addCommand(bundleCommand(cli.host));
  settle(program, cli.host);
  return program;
}

/** Every command throws instead of ending the process, and speaks on the host's streams. */
function settle(command: Command, { stdout, stderr }: Streams): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
    });
  for (const child of command.commands) settle(child, { stdout, stderr });
}

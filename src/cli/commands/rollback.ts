import type { Command } from "commander";
import { UsageError } from "../../core/usage-error.ts";
import { freeStack } from "../../operations/recover/free.ts";
import { newRollbackId } from "../../operations/rollback/id.ts";
import type { KnownHistory } from "../../operations/rollback/known.ts";
import { perform } from "../../operations/rollback/perform.ts";
import type { RollbackType } from "../../operations/rollback/phases.ts";
import { currentPin, setPin } from "../../operations/rollback/pin.ts";
import { prepare } from "../../operations/rollback/prepare.ts";
import { type Cli, type Context, count, defineCommand, names, seconds } from "../command.ts";
import { EXIT_OF } from "../deploy/report.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { knownAndChosen } from "../rollback/choose.ts";
import { showAndConfirm } from "../rollback/confirm.ts";
import { Options, type RollbackOptions } from "../rollback/options.ts";
import { toldOn } from "../rollback/told.ts";

export function rollbackCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "rollback",
    summary: "go back to an earlier release: code, settings and wiring together",
    description:
      "Chooses a release from the history, shows what would change, pins the stack to it and runs an ordinary `pulumi up`: earlier " +
      "code goes in place, dependents first, with the process' state of now migrated down (or, with --restore-state, the state of then). " +
      "Where messages would be lost, nothing is done until --accept-divergence. A pinned stack ignores index.ts until --clear.",
    examples: [
      ["npx fleet rollback", "choose from a list"],
      ["npx fleet rollback --to 3 --yes", "to release 3 of `fleet history`"],
      [
        'npx fleet rollback --deployment-id deploy-… --reason "wrong prices" --yes',
        "leave that deployment: to the release before it",
      ],
      ["npx fleet rollback --to 3 --manual", "when the deployment coordinator does not answer"],
      ["npx fleet rollback --clear", "follow the program again"],
    ],
    define(command) {
      command
        .option("--to <release>", "go to this release: a number of `fleet history`, or a deployment id")
        .option("--deployment-id <id>", "leave this deployment: go to the release before it")
        .option("--reason <text>", "why; kept in the ledger and the report")
        .option("--manual", "without the deployment coordinator, from history alone")
        .option(
          "--emergency",
          "at once: callers first where a router can send them back, no preview, no question",
        )
        .option("--preserve-state", "keep the state of now, migrated down (this is what is done without it)")
        .option("--restore-state", "put back the state that each process had then, too")
        .option("--only <names>", "these members only; the others stay as they run now", names)
        .option("--accept-divergence", "give up what was handled since, where there is no other way")
        .option("--clear", "take the pin out: the next deploy follows the program again")
        .option("--dry-run", "show what would change, and change nothing")
        .option("--timeout <seconds>", "end the run when it takes longer (exit code 124)", seconds)
        .option("--parallel <number>", "steps at once", count(1), 32)
        .option("-y, --yes", "do not ask")
        .addHelpText("after", `\n${exitCodesText()}`);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: RollbackOptions): Promise<ExitCode> {
  const { host, out } = context;
  checkUsage(context, options);
  if (options.clear) return clear(context, await context.stack());
  const free = await freeStack(context, context.out);
  if (!free) {
    out.document({ success: false, error: { code: "STACK_LOCKED" } });
    return EXIT.locked;
  }
  const { stack, workspace } = free;
  const fleet = await context.fleet({ journal: "discard", asksRouter: !options.emergency });
  const { known, release } = await knownAndChosen(context, fleet, options);
  const rollbackId = newRollbackId(new Date());
  const prepared = await prepare(context, fleet, known, release, {
    rollbackId,
    only: options.only,
    restoreState: options.restoreState,
    manual: options.manual,
    traffic: known.traffic,
    emergency: options.emergency,
    again: isFailed(known, options.deploymentId),
  });
  const engine = await host.engine(workspace, stack, (line) => out.note(line));
  const shown = await showAndConfirm(context, engine, prepared, known, options);
  if (shown !== "go on") return shown;
  const { report, outcome } = await perform(
    context,
    fleet,
    engine,
    prepared,
    {
      rollbackId,
      deploymentId: options.deploymentId ?? known.current?.deploymentId ?? "",
      reason: options.reason ?? "no reason was given",
      rollbackType: typeOf(options),
      preserveState: !options.restoreState,
      manual: options.manual,
      automatic: false,
      acceptedDivergence: prepared.diverged.length > 0,
      emergency: options.emergency,
      ...(known.traffic === undefined ? {} : { traffic: known.traffic }),
      timeout: options.timeout,
      parallel: options.parallel,
    },
    toldOn(out),
  );
  out.document({ success: report.status === "COMPLETED", ...report });
  if (report.status === "COMPLETED") return EXIT.ok;
  return outcome.status === "succeeded" ? EXIT.failed : EXIT_OF[outcome.status];
}

function checkUsage({ host }: Context, options: RollbackOptions): void {
  const { to, deploymentId, clear: only, yes, dryRun, emergency } = options;
  const wrong = (code: string, what: string, expected: string, remedy: string) =>
    new UsageError({ code, what, expected, remedy });
  if (only) return;
  if (to !== undefined && deploymentId !== undefined) {
    throw wrong(
      "OPTIONS_CLASH",
      "--to names a release to go to, --deployment-id a deployment to leave: both at once is unclear.",
      "--to or --deployment-id",
      "Drop one of them.",
    );
  }
  if (host.stdin.isTTY || (to === undefined && deploymentId === undefined)) return;
  if (!yes && !dryRun && !emergency) {
    throw wrong(
      "NOT_CONFIRMED",
      "Nobody can be asked here, and --yes was not given.",
      "a terminal, or --yes",
      "Add --yes to go back without a question, or --dry-run to look only.",
    );
  }
}

async function clear(context: Context, stack: string): Promise<ExitCode> {
  const { host, out } = context;
  const place = { host, workspace: await context.workspace(), stack };
  const pin = currentPin(place);
  await setPin(place, undefined);
  out.document({ success: true, stack, cleared: pin?.release ?? null });
  out.line(
    pin === undefined
      ? `The stack ${stack} is not pinned.`
      : `The stack ${stack} follows the program again. npx fleet deploy brings it there.`,
  );
  return EXIT.ok;
}

/** Whether the deployment to leave is one that failed: then the release before it may be what the state calls current. */
const isFailed = (known: KnownHistory, leave: string | undefined): boolean =>
  leave !== undefined && !known.releases.some(({ deploymentId }) => deploymentId === leave);

const typeOf = ({ emergency, restoreState }: RollbackOptions): RollbackType =>
  emergency ? "EMERGENCY" : restoreState ? "STATE" : "DEPLOYMENT";

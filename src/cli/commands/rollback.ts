import type { Command } from "commander";
import { newId } from "../../core/stamp.ts";
import type { RollbackType } from "../../fleet/protocol/rollback.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { chooseRelease } from "../../operations/rollback/choose.ts";
import { perform } from "../../operations/rollback/perform.ts";
import { currentPin, setPin } from "../../operations/rollback/pin.ts";
import { prepare } from "../../operations/rollback/prepare.ts";
import type { StackHistory } from "../../operations/rollback/read-history.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { clash } from "../clash.ts";
import { type Cli, type Context, count, defineCommand, names, seconds } from "../command.ts";
import { EXIT_OF } from "../deploy/report.ts";
import { lockedOut } from "../ends.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { releaseChooser } from "../rollback/choose.ts";
import { showAndConfirm } from "../rollback/confirm.ts";
import { rollbackObserver } from "../rollback/observer.ts";
import { Options, type RollbackOptions } from "../rollback/options.ts";

export function rollbackCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "rollback",
    summary: "roll back to an earlier release: code, settings and wiring together",
    description:
      "Chooses a release from the history, shows the plan, pins the stack to that release and runs an ordinary `pulumi up`: the earlier " +
      "code is loaded in place, dependents first, and the present state is migrated down (or, with --restore-state, the earlier state " +
      "is restored). A rollback that would lose messages requires --accept-divergence, and one that would lose " +
      "state which cannot be saved first requires --without-backup. A pinned stack ignores index.ts until --clear.",
    examples: [
      ["npx fleet rollback", "choose from a list"],
      ["npx fleet rollback --to 3 --yes", "to release 3 of `fleet history`"],
      [
        'npx fleet rollback --deployment-id deploy-… --reason "wrong prices" --yes',
        "undo that deployment: return to the release before it",
      ],
      ["npx fleet rollback --to 3 --manual", "if the deployment coordinator does not answer"],
      ["npx fleet rollback --clear", "follow the program again"],
    ],
    define(command) {
      command
        .option("--to <release>", "return to this release: a number from `fleet history`, or a deployment id")
        .option("--deployment-id <id>", "undo this deployment: return to the release before it")
        .option("--reason <text>", "the reason; recorded in the ledger and the report")
        .option("--manual", "work without the deployment coordinator, from history alone")
        .option("--emergency", "switch callers first if a router can, without preview and confirmation")
        .option("--preserve-state", "keep the present state, migrated down (the default)")
        .option("--restore-state", "also restore the state that each process had then")
        .option("--only <names>", "roll back these members only; leave the others as they are", names)
        .option("--accept-divergence", "accept that messages handled since are lost")
        .option(
          "--without-backup",
          "accept the loss of state that cannot be saved first (stack setting: withoutBackup)",
        )
        .option("--clear", "remove the pin: the next deploy follows the program again")
        .option("--dry-run", "show the plan without changing anything")
        .option("--timeout <seconds>", "stop the run after this time (exit code 124)", seconds)
        .option("--parallel <number>", "resource operations to run at a time", count(1), 32)
        .option("-y, --yes", "skip the confirmation")
        .addHelpText("after", `\n${exitCodesText()}`);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: RollbackOptions): Promise<ExitCode> {
  const { host, out, onStack } = context;
  checkUsage(context, options);
  if (options.clear) return clear(context, await context.stack());
  const free = await freeStack(context, context.out);
  if (!free) return lockedOut(out);
  const { stack, workspace } = free;
  const fleet = await context.fleet({ journal: "discard", asksRouter: !options.emergency });
  const { known, release } = await chooseRelease(context, fleet, options, releaseChooser(context));
  const rollbackId = newId("rollback", new Date());
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
  if (shown !== "continue") return shown;
  const { report, outcome } = await perform(
    context,
    fleet,
    engine,
    prepared,
    {
      rollbackId,
      deploymentId: options.deploymentId ?? known.current?.deploymentId ?? "",
      reason: options.reason ?? "no reason given",
      rollbackType: typeOf(options),
      preserveState: !options.restoreState,
      manual: options.manual,
      automatic: false,
      acceptedDivergence: prepared.diverged.length > 0,
      // What the plan named was accepted, by an option or on the terminal.
      withoutBackup: options.withoutBackup || options.emergency || prepared.unsaved.length > 0,
      emergency: options.emergency,
      ...(known.traffic === undefined ? {} : { traffic: known.traffic }),
      ...(known.withoutState === undefined ? {} : { withoutState: known.withoutState }),
      timeout: options.timeout,
      parallel: options.parallel,
    },
    rollbackObserver(out, onStack),
  );
  out.document({ success: report.status === "COMPLETED", ...report });
  if (report.status === "COMPLETED") return EXIT.ok;
  return outcome.status === "succeeded" ? EXIT.failed : EXIT_OF[outcome.status];
}

function checkUsage(context: Context, options: RollbackOptions): void {
  const { to, deploymentId, clear: only, yes, dryRun, emergency } = options;
  if (only) return;
  if (to !== undefined && deploymentId !== undefined) {
    throw clash(
      "--to and --deployment-id cannot be combined: one names the release to return to, the other the deployment to undo.",
      "--to or --deployment-id",
    );
  }
  if (options.preserveState && options.restoreState) {
    throw clash(
      "--preserve-state and --restore-state cannot be combined: one keeps the present state, the other replaces it.",
      "--preserve-state or --restore-state",
    );
  }
  // Without a target, the command asks for one first.
  const asksFirst = to === undefined && deploymentId === undefined;
  assertCanConfirm(
    context,
    asksFirst || yes || dryRun || emergency,
    "Pass --yes to confirm, or --dry-run to only show the plan.",
  );
}

async function clear(context: Context, stack: string): Promise<ExitCode> {
  const { host, out, onStack } = context;
  const place = { host, workspace: await context.workspace(), stack };
  const pin = currentPin(place);
  await setPin(place, undefined);
  out.document({ success: true, stack, cleared: pin?.release ?? null });
  out.line(
    pin === undefined
      ? `The stack ${stack} is not pinned.`
      : `The stack ${stack} follows the program again. To apply it: npx fleet deploy${onStack}`,
  );
  return EXIT.ok;
}

/** Whether the deployment to undo failed: then the release before it may already be the current one. */
const isFailed = (known: StackHistory, leave: string | undefined): boolean =>
  leave !== undefined && !known.releases.some(({ deploymentId }) => deploymentId === leave);

const typeOf = ({ emergency, restoreState }: RollbackOptions): RollbackType =>
  emergency ? "EMERGENCY" : restoreState ? "STATE" : "DEPLOYMENT";

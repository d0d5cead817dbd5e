import type { Command } from "commander";
import { z } from "zod";
import { FleetError, formatProblem } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import type { Engine } from "../../operations/deploy/engine.ts";
import { planLines, preview } from "../../operations/deploy/preview.ts";
import { freeStack } from "../../operations/recover/free.ts";
import { historyFor } from "../../operations/rollback/history-for.ts";
import { newRollbackId } from "../../operations/rollback/id.ts";
import type { KnownHistory } from "../../operations/rollback/known.ts";
import { lostWords } from "../../operations/rollback/lost.ts";
import type { MemberWay } from "../../operations/rollback/member-way.ts";
import { perform, pinRequest } from "../../operations/rollback/perform.ts";
import type { RollbackType } from "../../operations/rollback/phases.ts";
import { currentPin, setPin } from "../../operations/rollback/pin.ts";
import { type PreparedRollback, prepare } from "../../operations/rollback/prepare.ts";
import type { KnownRelease } from "../../operations/rollback/releases.ts";
import { surprises } from "../../operations/rollback/surprises.ts";
import { lastOf, nothingEarlier, targetOf } from "../../operations/rollback/target.ts";
import { wayLines } from "../../operations/rollback/way-words.ts";
import { type Cli, type Context, count, defineCommand, names, seconds } from "../command.ts";
import { EXIT_OF, failureLines } from "../deploy/report.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { toldOn } from "../rollback/told.ts";

/** Seconds for which the ledger may be silent. */
const LEDGER_PATIENCE = 30;

const Options = z.looseObject({
  to: z.string().optional(),
  deploymentId: z.string().optional(),
  reason: z.string().max(1000).optional(),
  manual: z.boolean().default(false),
  emergency: z.boolean().default(false),
  preserveState: z.boolean().default(true),
  restoreState: z.boolean().default(false),
  only: z.array(z.string()).default([]),
  acceptDivergence: z.boolean().default(false),
  clear: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  timeout: z.number().optional(),
  parallel: z.number(),
  yes: z.boolean().default(false),
});
export type RollbackOptions = z.output<typeof Options>;

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
  const shown = await show(context, engine, prepared, known, options);
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

/** In an emergency a release that is named by its id, and is here, is not looked for in the ledger. */
async function knownAndChosen(
  context: Context,
  fleet: FleetSession,
  options: RollbackOptions,
): Promise<{ known: KnownHistory; release: KnownRelease }> {
  if (options.emergency && options.to !== undefined) {
    const here = await historyFor(context, fleet, 0);
    const release = here.releases.find(
      ({ deploymentId, document }) => deploymentId === options.to && document,
    );
    if (release) return { known: here, release };
  }
  const known = await historyFor(context, fleet, options.manual ? 0 : LEDGER_PATIENCE);
  if (known.withoutLedger) throw silentLedger(fleet, known.withoutLedger);
  return { known, release: await chosen(context, known, options) };
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

async function chosen(
  { host }: Context,
  known: KnownHistory,
  options: RollbackOptions,
): Promise<KnownRelease> {
  const { to, deploymentId } = options;
  if (to !== undefined || deploymentId !== undefined) {
    return targetOf(known.releases, known.runs, {
      ...(to === undefined ? {} : { to }),
      ...(deploymentId === undefined ? {} : { leave: deploymentId }),
    });
  }
  const others = [...known.releases].reverse();
  if (others.length < 2) throw nothingEarlier(known);
  if (!host.stdin.isTTY) {
    throw new UsageError({
      code: "NOT_CHOSEN",
      what: "Not a terminal, and no release was named.",
      expected: `--to <number or deployment id>, ${lastOf(known.releases)}; or --deployment-id <id>`,
      remedy: "npx fleet history lists the releases.",
    });
  }
  return host.choose(
    "Go back to which release?",
    others.map((release) => ({
      value: release,
      name: `${String(release.number).padStart(3)}  ${release.releasedAt.slice(0, 19).replace("T", " ")}  ${release.deploymentId}`,
      description:
        release.changed.join("; ") || (release.pinnedTo ? `rollback to ${release.pinnedTo}` : "no words"),
      ...(release.current ? { disabled: "(runs now)" } : {}),
    })),
  );
}

/** Whether the deployment to leave is one that failed: then the release before it may be what the state calls current. */
const isFailed = (known: KnownHistory, leave: string | undefined): boolean =>
  leave !== undefined && !known.releases.some(({ deploymentId }) => deploymentId === leave);

async function show(
  context: Context,
  engine: Engine,
  prepared: PreparedRollback,
  known: KnownHistory,
  options: RollbackOptions,
): Promise<ExitCode | "go on"> {
  const { out, host } = context;
  const { target, number, ways, diverged } = prepared;
  out.note(
    `from ${known.current?.deploymentId ?? "what runs"} to release ${number ?? ""} ${target.deploymentId}:`,
  );
  for (const line of wayLines(ways)) out.note(line);
  for (const { name, lost } of diverged) {
    if (lost) out.alert(`${name}: ${lostWords(lost)} not in the state that it goes back to.`);
  }
  const asked = host.stdin.isTTY === true && !options.yes && !options.emergency;
  const isLossy = diverged.length > 0;
  // Nobody can say that it may be lost, so there is nothing to preview.
  if (isLossy && !options.acceptDivergence && !options.dryRun && !asked) return refuseLoss(context, diverged);
  if (!options.emergency || options.dryRun) {
    const clock = startClock(options.timeout, (why) => out.alert(`ending the preview: ${why}`));
    const plan = await preview(
      engine,
      { only: [], parallel: options.parallel, refresh: false, told: pinRequest(prepared) },
      clock,
    ).finally(() => clock.stop());
    for (const failure of plan.failures) for (const line of failureLines(failure)) out.alert(line);
    if (!plan.ok) {
      out.document({ success: false, dryRun: options.dryRun, failures: plan.failures });
      return plan.locked ? EXIT.locked : EXIT.failed;
    }
    surprises(plan.steps, ways, known.current);
    if (options.dryRun) {
      const { steps, notes, changes } = plan;
      out.document({ success: true, dryRun: true, to: target.deploymentId, ways, steps, notes, changes });
    }
    for (const line of planLines(plan)) out.note(line);
  }
  if (options.dryRun) return EXIT.ok;
  if (isLossy && !options.acceptDivergence && !(await host.confirm("Give them up?"))) {
    return refuseLoss(context, diverged);
  }
  if (asked && !(await host.confirm(`Go back to ${target.deploymentId}?`))) {
    out.note("Nothing was changed.");
    return EXIT.ok;
  }
  return "go on";
}

function refuseLoss({ out }: Context, diverged: readonly MemberWay[]): ExitCode {
  const error = divergence(diverged.map(({ name }) => name));
  out.alert(formatProblem(error.problems[0]));
  out.document({ success: false, error: { code: error.code, problems: error.problems }, diverged });
  return EXIT.held;
}

function divergence(members: readonly string[]): FleetError {
  return new FleetError({
    code: "DIVERGENCE",
    what: `Going back would lose what ${members.join(", ")} handled since. Nothing was changed.`,
    expected: "your word that it may be lost",
    remedy:
      "Add --accept-divergence; or --only with the other members; or go forward with a `down` migration.",
  });
}

function silentLedger(fleet: FleetSession, cause: FleetError): FleetError {
  return new FleetError(
    {
      code: "LEDGER_SILENT",
      what: `The deployment coordinator ${fleet.ledger} does not answer, so nobody knows whether somebody else deploys now.`,
      got: cause.problems[0].what,
      expected: "its ledger",
      remedy: "Try again; or go back without it, from history alone: add --manual",
    },
    { cause },
  );
}

const typeOf = ({ emergency, restoreState }: RollbackOptions): RollbackType =>
  emergency ? "EMERGENCY" : restoreState ? "STATE" : "DEPLOYMENT";

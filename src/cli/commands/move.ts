import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { FleetError, formatProblem, throwAll } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import { contentsText, isEmpty } from "../../fleet/snapshot/contents.ts";
import { continueMove, newIdsOf, newIdsPath, type SettingsOfBoth } from "../../operations/move/finish.ts";
import { move, standingOf } from "../../operations/move/move.ts";
import { movedTo } from "../../operations/move/moved-setting.ts";
import { type MemberMove, type MovePlan, planMove, type Sides } from "../../operations/move/plan.ts";
import { type MoveRecord, sideOf } from "../../operations/move/record.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { type Cli, type Context, defineCommand, names, seconds } from "../command.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({
  to: z.string(),
  withoutState: z.array(z.string()).default([]),
  acceptLoss: z.array(z.string()).default([]),
  retire: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  timeout: z.number(),
  yes: z.boolean().default(false),
});
type MoveOptions = z.output<typeof Options>;

export function moveCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "move",
    summary: "move the state of a fleet to the same fleet in another stack, as on another network",
    description:
      "Moves from the stack to the one that --to names, on which the same fleet was deployed by pulumi up. Shows which state each member " +
      "would carry and every reason why it cannot, and asks for confirmation. Then the old processes refuse requests (DRAINING), each " +
      "state is exported at a slot, imported and read back, and the new processes serve once every digest is equal. If anything fails " +
      "before, the old processes serve again. A move that was killed continues with the same command. Ledger, routing table and peers " +
      "are the new fleet's own.",
    examples: [
      ["npx fleet move --to mainnet --dry-run", "show what would be moved to the stack mainnet"],
      ["npx fleet move --to mainnet", "show, confirm, move; the old processes are kept"],
      ["npx fleet move --stack dev --to mainnet --retire --yes", "and retire the old processes"],
      ["npx fleet move --stack mainnet --to dev", "move it back with its present state"],
    ],
    define(command) {
      command
        .requiredOption("--to <stack>", "the stack to move to; its fleet must be deployed")
        .option(
          "--without-state <names>",
          "members whose new process starts without the old one's state",
          names,
        )
        .option(
          "--accept-loss <names>",
          "members whose state in code, which no export contains, may be lost",
          names,
        )
        .option(
          "--retire",
          "retire the old processes at the end (default: they are kept, and refuse requests)",
        )
        .option("--dry-run", "show the plan without changing anything")
        .option("--timeout <seconds>", "time limit for each answer of a process", seconds, 120)
        .option("-y, --yes", "skip the confirmation")
        .addHelpText("after", `\n${exitCodesText()}`);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: MoveOptions): Promise<ExitCode> {
  const { out, host, projectDir } = context;
  assertCanConfirm(
    context,
    options.yes || options.dryRun,
    "Pass --yes to move without confirmation, or --dry-run to only show the plan.",
  );
  const from = await context.stack();
  assertOtherStack(projectDir, from, options.to);
  const other = onStack(context, options.to);
  const [free, otherFree] = [await freeStack(context, out), await freeStack(other, out)];
  if (!free || !otherFree) {
    out.document({ success: false, error: { code: "STACK_LOCKED" } });
    return EXIT.locked;
  }
  const source = await context.fleet({ journal: "keep" });
  const target = await other.fleet({ journal: "keep" });
  try {
    const workspaces = { source: free.workspace, target: otherFree.workspace };
    return await onBoth(context, { source, target }, { host, workspaces }, options);
  } finally {
    await target.close();
  }
}

async function onBoth(
  context: Context,
  sides: Sides,
  settings: SettingsOfBoth,
  options: MoveOptions,
): Promise<ExitCode> {
  const { out, host, projectDir } = context;
  const { source, target } = sides;
  const standing = await standingOf(sides, movedTo(projectDir, source.stack));
  if (standing.kind === "to-finish") {
    out.note("Every state was copied and is equal: this only finishes the move.");
    if (options.dryRun) {
      out.document({ success: true, dryRun: true, ...newIdsOf(standing.record) });
      return EXIT.ok;
    }
    return told(context, sides, await continueMove(sides, standing.record, settings, options.timeout));
  }
  const { id, isContinued } = standing;
  const asked = { withoutState: options.withoutState, acceptLoss: options.acceptLoss };
  const plan = await planMove(sides, { ...asked, id, isContinued, seconds: options.timeout });
  show(context, sides, plan);
  throwAll(plan.problems);
  if (options.dryRun) {
    out.document({ success: true, dryRun: true, ...planDocument(sides, plan) });
    return EXIT.ok;
  }
  const question = `Move ${amount(plan.members.length, "member")} from ${source.stack} to ${target.stack}? Callers are refused (DRAINING) while states are copied; the old processes do not serve again.`;
  if (!options.yes && !(await host.confirm(question))) {
    out.note("Nothing was changed.");
    return EXIT.ok;
  }
  return perform(context, sides, plan, settings, { ...options, id });
}

async function perform(
  context: Context,
  sides: Sides,
  { members }: MovePlan,
  settings: SettingsOfBoth,
  { id, timeout, retire }: MoveOptions & { readonly id: string },
): Promise<ExitCode> {
  const { out, host, projectDir } = context;
  let isStopped = false;
  const release = host.interrupts(() => {
    isStopped = true;
    out.alert("stopping the move after the running step");
  });
  try {
    const moved = await move(
      {
        ...sides,
        ...{ members, id, seconds: timeout },
        reopensTarget: movedTo(projectDir, sides.target.stack) === undefined,
        isStopped: () => isStopped,
        pause: (time) => host.pause(time),
        note: (line) => out.note(line),
      },
      settings,
      retire,
    );
    return told(context, sides, moved);
  } catch (error) {
    if (!(isStopped && error instanceof FleetError)) throw error;
    out.error(error);
    return EXIT.interrupted;
  } finally {
    release();
  }
}

function assertOtherStack(projectDir: string, from: string, to: string): void {
  if (from === to) {
    throw new UsageError({
      code: "SAME_STACK",
      what: "A fleet cannot be moved to its own stack.",
      at: "--to",
      got: to,
      expected: "another stack of this project",
      remedy: "Name the new stack with --to, and the old one with --stack.",
    });
  }
  const file = `Pulumi.${to}.yaml`;
  if (existsSync(join(projectDir, file))) return;
  throw new UsageError({
    code: "STACK_UNKNOWN",
    what: `There is no stack "${to}": the project has no ${file}.`,
    at: "--to",
    got: to,
    expected: "the stack on the new network, with the same fleet",
    remedy: `Create it: npx pulumi stack init ${to}; set its network and wallet; npx pulumi up --stack ${to}`,
  });
}

/** The context of the same command on another stack. Its caller closes the fleet. */
function onStack(context: Context, stack: string): Context {
  const { host, out, projectDir } = context;
  const workspace = () => host.workspace(projectDir, stack);
  return {
    ...context,
    stack: async () => stack,
    workspace,
    fleet: async (options) =>
      host.openFleet(await workspace(), stack, { ...options, note: (line) => out.note(line) }),
  };
}

/** What a member carries, in words. */
function carriedWords({ carries, own }: MemberMove): string {
  if (carries === undefined) return own === "ledger" ? "its own (ledger)" : "its own (--without-state)";
  return isEmpty(carries.given.contents) ? "no state" : contentsText(carries.given.contents);
}

function show({ out }: Context, { source, target }: Sides, { members, warnings }: MovePlan): void {
  const network = (fleet: Sides["source"]) => {
    const { kind, protocol } = sideOf(fleet).network;
    return kind === protocol ? kind : `${kind}, ${protocol}`;
  };
  out.line(`From ${source.stack} (${network(source)}) to ${target.stack} (${network(target)}):`);
  const rows = members.map((member) => [
    member.name,
    member.from.processId,
    member.to.processId,
    carriedWords(member),
  ]);
  if (rows.length > 0)
    for (const line of table(["process", "old id", "new id", "state"], rows)) out.line(line);
  for (const warning of warnings) out.note(`warning: ${formatProblem(warning)}`);
}

/** The plan as a document. Digests and slots are the present ones: the final ones are taken when the old processes are stopped. */
function planDocument({ source, target }: Sides, { members, warnings }: MovePlan): object {
  const processes = members.map(({ name, from, to, carries }) => {
    const ids = { from: from.processId, to: to.processId };
    if (carries === undefined) return [name, { ...ids, state: "own" }];
    const { contents, digest, exported } = carries.given;
    if (isEmpty(contents)) return [name, { ...ids, state: "empty" }];
    return [name, { ...ids, state: "carried", digest, slot: exported.snapshot.slot, ...contents }];
  });
  return { from: sideOf(source), to: sideOf(target), processes: Object.fromEntries(processes), warnings };
}

function told({ out, projectDir }: Context, sides: Sides, record: MoveRecord): ExitCode {
  const { from, to, retires, members } = record;
  const file = relative(projectDir, newIdsPath(sides));
  out.document({ success: true, ...newIdsOf(record), file });
  const rows = members.map(({ name, state, digest = "", slot, ...place }) => [
    name,
    place.from.processId,
    place.to.processId,
    state === "equal" ? "equal by digest" : state === "empty" ? "no state" : "its own",
    digest.slice(0, 12),
    slot === undefined ? "" : String(slot),
  ]);
  for (const line of table(["process", "old id", "new id", "state", "digest", "slot"], rows)) out.line(line);
  out.line(`The fleet serves in ${to.stack}. The new ids for its callers: ${file}`);
  out.line(
    retires
      ? `The old processes are retired (GONE). To remove them from the state: npx pulumi destroy --stack ${from.stack}`
      : "The old processes are kept: they refuse requests (DRAINING) and keep their state.",
  );
  out.line(
    `Deployments to ${from.stack} are refused (movedTo in Pulumi.${from.stack}.yaml): commit that file.`,
  );
  return EXIT.ok;
}

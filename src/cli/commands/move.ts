import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { FleetError, throwAll } from "../../core/errors.ts";
import { UsageError } from "../../core/usage-error.ts";
import { MOVE_TIMEOUT, type MoveOptionsKept, type MoveRecord } from "../../fleet/move-record.ts";
import { finishMove, newIdsOf, type SettingsOfBoth } from "../../operations/move/finish.ts";
import { move, standingOf } from "../../operations/move/move.ts";
import { movedTo } from "../../operations/move/moved-setting.ts";
import { continuedOptions } from "../../operations/move/options.ts";
import { type MovePlan, permanentIn, planMove, type Sides } from "../../operations/move/plan.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { hasSettings } from "../../operations/workspace/stack-config.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { type Cli, type Context, defineCommand, names, seconds } from "../command.ts";
import { declined, lockedOut } from "../ends.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { planDocument, showMoved, showPlan } from "../move/show.ts";

const Options = z.looseObject({
  to: z.string(),
  withoutState: z.array(z.string()).optional(),
  acceptLoss: z.array(z.string()).optional(),
  retire: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  timeout: z.number().optional(),
  yes: z.boolean().default(false),
});
type MoveOptions = z.output<typeof Options>;

/** The two fleets of a move, and their stacks. */
interface Both {
  readonly sides: Sides;
  readonly settings: SettingsOfBoth;
  /** Whether no deployment holds one of the stacks. */
  readonly isFree: () => Promise<boolean>;
}

export function moveCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "move",
    summary: "move the state of a fleet to the same fleet in another stack, as on another network",
    description:
      "Moves from the stack to the one that --to names, on which the same fleet was deployed by pulumi up. Shows which state each member " +
      "would carry and every reason why it cannot, and asks for confirmation. Then the old processes refuse requests (DRAINING), each " +
      "state is exported at a slot, imported and read back, and the new processes serve once every digest is equal. If anything fails " +
      "before, the old processes serve again. A move that was killed continues with the same command, and copies what that one was told to: other names " +
      "for --without-state or --accept-loss are refused. Until it ends, deployments to both " +
      "stacks are refused (STACK_MOVING). Ledger, routing table and peers are the new fleet's own.",
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
        .option(
          "--dry-run",
          "show the plan without changing anything; it asks the processes by signed messages, which get slots",
        )
        .option(
          "--timeout <seconds>",
          `time limit for each answer of a process (default: ${MOVE_TIMEOUT})`,
          seconds,
        )
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
  if (!free || !otherFree) return lockedOut(out);
  const source = await context.fleet({ journal: "keep", asksRouter: "signed" });
  const target = await other.fleet({ journal: "keep", asksRouter: "signed" });
  try {
    const workspaces = { source: free.workspace, target: otherFree.workspace };
    const both: Both = {
      sides: { source, target },
      settings: { host, workspaces },
      isFree: async () =>
        (await freeStack(context, out)) !== undefined && (await freeStack(other, out)) !== undefined,
    };
    return await onBoth(context, both, options);
  } finally {
    await target.close();
  }
}

async function onBoth(context: Context, both: Both, options: MoveOptions): Promise<ExitCode> {
  const { out, host, projectDir } = context;
  const { sides } = both;
  const { source, target } = sides;
  const standing = await standingOf(sides, projectDir);
  const begun = standing.kind === "to-finish" ? standing.record : standing.begun;
  const ends = { from: source.stack, to: target.stack };
  const { options: kept, notes } = continuedOptions(begun, options, ends);
  out.note(notes);
  if (standing.kind === "to-finish") return finish(context, both, standing.record, options, kept);
  const { id, isContinued } = standing;
  const permanent = permanentIn(sides);
  if (permanent.length > 0)
    out.note(
      `The plan asks every process by signed messages (Info, EXPORT_STATE). They are permanent in ${permanent.join(" and ")}, and may cost something.`,
    );
  const { timeout: seconds, ...asked } = kept;
  const plan = await planMove(sides, { ...asked, id, isContinued, seconds });
  showPlan(context, sides, plan);
  throwAll(plan.problems);
  if (options.dryRun) {
    out.document({ success: true, dryRun: true, ...planDocument(sides, plan) });
    return EXIT.ok;
  }
  const end = options.retire ? "are retired at the end (GONE)" : "do not serve again";
  const question = `Move ${amount(plan.members.length, "member")} from ${source.stack} to ${target.stack}? Callers are refused (DRAINING) while states are copied. What the new processes in ${target.stack} hold is saved and replaced; the old ones in ${source.stack} ${end}.`;
  if (!options.yes && !(await host.confirm(question))) return declined(out, source.stack);
  return perform(context, both, plan, { id, isContinued, retires: options.retire, options: kept });
}

/** Finishes a move that was killed after its last copy. Whether the old processes are retired is set by this command, not by the killed one. */
async function finish(
  context: Context,
  { sides, settings }: Both,
  begun: MoveRecord,
  options: MoveOptions,
  { timeout }: MoveOptionsKept,
): Promise<ExitCode> {
  const { out, host } = context;
  const record = { ...begun, retires: options.retire };
  out.note("Every state was copied and is equal: this only finishes the move.");
  if (options.dryRun) {
    out.document({ success: true, dryRun: true, ...newIdsOf(record) });
    return EXIT.ok;
  }
  const question = `Finish the move, and retire the old processes in ${record.from.stack}? They answer GONE, and the fleet cannot return to them.`;
  if (record.retires && !options.yes && !(await host.confirm(question)))
    return declined(out, record.from.stack);
  return showMoved(context, sides, await finishMove(sides, record, settings, timeout));
}

async function perform(
  context: Context,
  { sides, settings, isFree }: Both,
  { members }: MovePlan,
  told: {
    readonly id: string;
    readonly isContinued: boolean;
    readonly retires: boolean;
    readonly options: MoveOptionsKept;
  },
): Promise<ExitCode> {
  const { out, host, projectDir } = context;
  const { id, isContinued, options } = told;
  let isStopped = false;
  const release = host.interrupts(() => {
    isStopped = true;
    out.alert("stopping the move after the running step");
  });
  try {
    const moved = await move(
      {
        ...sides,
        ...{ members, id, isContinued, seconds: options.timeout },
        reopensTarget: movedTo(projectDir, sides.target.stack) === undefined,
        isFree,
        isStopped: () => isStopped,
        pause: (time) => host.pause(time),
        note: (line) => out.note(line),
      },
      settings,
      told,
    );
    return showMoved(context, sides, moved);
  } catch (error) {
    const isLocked = error instanceof FleetError && error.code === "STACK_LOCKED";
    if (!isLocked && !(isStopped && error instanceof FleetError)) throw error;
    out.error(error);
    return isLocked ? EXIT.locked : EXIT.interrupted;
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
  if (hasSettings(projectDir, to)) return;
  throw new UsageError({
    code: "STACK_UNKNOWN",
    what: `There is no stack "${to}": the project has no Pulumi.${to}.yaml.`,
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

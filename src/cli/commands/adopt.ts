import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { throwAll } from "../../core/errors.ts";
import { candidatesToAdopt, listed, withAdoption } from "../../operations/adopt/adoption.ts";
import { decideAdoptions } from "../../operations/adopt/decide.ts";
import { type DeclaredMember, declaredMembers } from "../../operations/adopt/declared.ts";
import type { Candidate } from "../../operations/adopt/find.ts";
import { describeCandidate, foundRow, problemsOf, type Verdict } from "../../operations/adopt/verdict.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { type Cli, type Context, count, defineCommand, names, pair, seconds } from "../command.ts";
import { EXIT_OF, planFailureLines } from "../deploy/report.ts";
import { runUp } from "../deploy/up.ts";
import { declined, lockedOut } from "../ends.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";
import { table } from "../table.ts";

const Options = z.looseObject({
  process: z.record(z.string(), z.string()).default({}),
  only: z.array(z.string()).default([]),
  allowCreate: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  takeOver: z.boolean().default(false),
  timeout: z.number().optional(),
  parallel: z.number(),
  yes: z.boolean().default(false),
});
type AdoptOptions = z.output<typeof Options>;

export function adoptCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "adopt",
    summary: "adopt a running fleet into a stack whose state is lost or empty",
    description:
      "Rebuilds the stack's state from the program, the wallet and the network alone. Searches for the process of every declared member " +
      "that is not in the state (by the key of its spawn, in the ledger, the last release and the router's table; of several, the one " +
      "that serves), shows the result, asks for confirmation and runs up. A process that runs the declared code is not changed; others " +
      "get the declared code loaded and keep their state. Spawns nothing: a missing member is an error unless --allow-create is given.",
    examples: [
      ["npx fleet adopt --dry-run", "show what can be adopted"],
      ["npx fleet adopt", "search, confirm, adopt"],
      ["npx fleet adopt --process battle=<id> --yes", "choose one of several processes"],
    ],
    define(command) {
      command
        .option("--process <name=id>", "use this AO process for that member (repeatable)", pair)
        .option("--only <names>", "adopt these members only", names)
        .option("--allow-create", "create members that are not found")
        .option("--dry-run", "show what was found without changing anything")
        .option("--take-over", "take over from another operator's deployment that the ledger considers alive")
        .option("--timeout <seconds>", "stop the run after this time (exit code 124)", seconds)
        .option("--parallel <number>", "resource operations to run at a time", count(1), 32)
        .option("-y, --yes", "skip the confirmation")
        .addHelpText("after", `\n${exitCodesText()}`);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: AdoptOptions): Promise<ExitCode> {
  const { host, out } = context;
  assertCanConfirm(
    context,
    options.dryRun || options.yes,
    "Pass --yes to adopt without confirmation, or --dry-run to only show what was found.",
  );
  const free = await freeStack(context, context.out);
  if (!free) return lockedOut(out);
  const { stack, workspace } = free;
  const engine = await host.engine(workspace, stack, (line) => out.note(line));
  const clock = startClock(
    options.timeout,
    (why) => out.alert(`stopping the preview: ${why}`),
    host.interrupts,
  );
  const declared = await declaredMembers(
    engine,
    { ...options, projectDir: context.projectDir },
    clock,
  ).finally(() => clock.stop());
  const { status, failures } = declared.plan;
  if (status !== "succeeded") {
    out.alert(planFailureLines(stack, declared.plan));
    out.document({ success: false, status, stack, failures });
    return EXIT_OF[status];
  }
  const verdicts = await decideAdoptions(context, declared, options.process, chooserOf(context, options));
  show(context, stack, declared.members, verdicts);
  const problems = problemsOf(verdicts, options);
  const taken = candidatesToAdopt(verdicts);
  if (options.dryRun || problems.length > 0 || declared.members.length === 0) {
    throwAll(problems);
    out.document({ success: true, stack, dryRun: options.dryRun, ...listed(verdicts) });
    if (declared.members.length === 0) out.note(`Every declared member is already in the state of ${stack}.`);
    return EXIT.ok;
  }
  const others = declared.members.length - taken.size;
  const question = `Adopt ${amount(taken.size, "process", "processes")} into ${stack}${others > 0 ? `; ${others} more will be created or are named by the program` : ""}?`;
  if (!options.yes && !(await host.confirm(question))) return declined(out, stack);
  return withAdoption(context.projectDir, taken, options.allowCreate, async (adopt) => {
    const { code } = await runUp(context, stack, engine, {
      only: options.only,
      retries: 0,
      parallel: options.parallel,
      refresh: false,
      takeOver: options.takeOver,
      timeout: options.timeout,
      doing: "adopting",
      runRequest: { adopt },
      document: listed(verdicts),
    });
    return code;
  });
}

/** Asks a person which of several processes a member adopts; undefined if nobody can be asked. */
const chooserOf = ({ host }: Context, { yes, dryRun }: AdoptOptions) =>
  host.stdin.isTTY === true && !yes && !dryRun
    ? (name: string, candidates: readonly Candidate[]) =>
        host.choose(
          `Which process is ${name}?`,
          candidates.map((candidate) => ({ value: candidate, name: describeCandidate(candidate) })),
        )
    : undefined;

function show(
  { out }: Context,
  stack: string,
  members: readonly DeclaredMember[],
  verdicts: ReadonlyMap<string, Verdict>,
): void {
  if (members.length === 0) return;
  const rows = members.map((member) => foundRow(member, verdicts.get(member.name)));
  out.line(`Found for ${stack}:`);
  out.line(table(["process", "id", "generation", "code", "found by"], rows));
}

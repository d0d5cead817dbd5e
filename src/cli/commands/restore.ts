import type { Command } from "commander";
import { z } from "zod";
import { FleetError, throwAll } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { UsageError } from "../../core/usage-error.ts";
import { contentsOf, contentsWords, StateSchema } from "../../fleet/snapshot/contents.ts";
import { type Snapshot, snapshotStore } from "../../fleet/snapshot/store.ts";
import { snapshotFor } from "../../operations/backup/find.ts";
import { putBack, putBackLines } from "../../operations/backup/put-back.ts";
import { membersWithLibrary } from "../../operations/members-named.ts";
import { ownerWords, recover } from "../../operations/recover/index.ts";
import { type Cli, type Context, defineCommand } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";

const Options = z.looseObject({
  all: z.boolean().default(false),
  digest: z.string().optional(),
  before: z.string().optional(),
  list: z.boolean().default(false),
  yes: z.boolean().default(false),
});
export type RestoreOptions = z.output<typeof Options>;

export function restoreCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "restore",
    summary: "put kept states back into processes",
    description:
      "Puts the newest kept state of each process back (or the one that is named), after it has kept the state of now. The code stays: an " +
      "earlier shape is migrated up. Proved by reading the state back: its digest is the snapshot's.",
    examples: [
      ["npx fleet restore battle --list", "what is kept"],
      ["npx fleet restore battle", "the newest, after a question"],
      ["npx fleet restore battle --digest 3fa2b1 --yes", "that one"],
      ["npx fleet restore --all --before deploy-…", "all, as they were before that deployment"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members")
        .option("--all", "every member")
        .option("--digest <digest>", "the snapshot with this digest, or its first characters")
        .option("--before <deployment>", "what was kept by this deployment, before its code came in")
        .option("--list", "show what is kept, and change nothing")
        .option("-y, --yes", "do not ask");
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: RestoreOptions, names: readonly string[]): Promise<ExitCode> {
  const { out, host } = context;
  if (!options.list && !options.yes && !host.stdin.isTTY) {
    throw new UsageError({
      code: "NOT_CONFIRMED",
      what: "Nobody can be asked here, and --yes was not given.",
      expected: "a terminal, or --yes",
      remedy: "Add --yes to put the states back without a question, or --list to look only.",
    });
  }
  const fleet = await context.fleet({ journal: "discard", wallet: !options.list });
  const members = membersWithLibrary(fleet, names, options.all || options.list, out);
  const store = snapshotStore(fleet.session.scope);
  if (options.list) {
    const snapshots = (await Promise.all(members.map(({ name }) => store.list(name)))).flat();
    out.document({ success: true, stack: fleet.stack, snapshots });
    for (const snapshot of snapshots) out.line(words(snapshot));
    return EXIT.ok;
  }
  const workspace = await context.workspace();
  const recovery = await recover(workspace, fleet.project, fleet.stack, (line) => out.note(line));
  if (recovery.kind === "held") {
    out.alert(
      `The stack ${fleet.stack} is held by ${recovery.locks.map(ownerWords).join(", ")}. [STACK_LOCKED]`,
    );
    return EXIT.locked;
  }
  const chosen = await Promise.all(members.map((member) => snapshotFor(fleet, member, options)));
  throwAll(chosen.flatMap((one) => (one instanceof FleetError ? one.problems : [])));
  const wanted = chosen.flatMap((one) => (one instanceof FleetError ? [] : [one]));
  for (const { snapshot } of wanted) out.note(words(snapshot));
  if (
    !options.yes &&
    !(await host.confirm("Put these states back? What was handled since is not in them."))
  ) {
    out.note("Nothing was changed.");
    return EXIT.ok;
  }
  const restored = [];
  for (const { member, snapshot, text } of wanted) {
    const done = await putBack(fleet, member, snapshot, text);
    const { before, ...more } = done;
    const held = { states: before.states ?? [], globals: before.globals ?? [] };
    restored.push({ member: member.name, digest: snapshot.digest, kept: before.digest, held, ...more });
    // Earlier versions did not write down what is in a snapshot.
    const contents = contentsOf(StateSchema.parse(parseJson(text)));
    for (const line of putBackLines(member.name, { ...snapshot, ...contents }, done)) out.line(line);
  }
  out.document({ success: true, stack: fleet.stack, restored });
  return EXIT.ok;
}

function words({
  member,
  digest,
  takenAt,
  reason,
  deploymentId,
  bytes,
  sourceHash,
  stateVersion,
  states,
  globals,
}: Snapshot): string {
  const holds = states === undefined ? "" : `, holds ${contentsWords({ states, globals: globals ?? [] })}`;
  const code = sourceHash === "" ? "" : `, code ${sourceHash.slice(0, 8)}`;
  return `${member.padEnd(22)} ${digest.slice(0, 16)}  ${takenAt}  ${reason.padEnd(7)} ${deploymentId}  ${bytes} bytes, shape ${stateVersion}${holds}${code}`;
}

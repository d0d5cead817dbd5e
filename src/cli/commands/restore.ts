import type { Command } from "commander";
import { z } from "zod";
import { contentsText } from "../../fleet/snapshot/contents.ts";
import type { Home } from "../../fleet/snapshot/find.ts";
import type { Snapshot } from "../../fleet/snapshot/store.ts";
import { assertNewest, savedStates, snapshotsFor } from "../../operations/backup/find.ts";
import { planLines, planRestores } from "../../operations/backup/newer-states.ts";
import { restoreStates } from "../../operations/backup/restore.ts";
import { membersWithLibrary } from "../../operations/members-named.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { assertCanConfirm } from "../can-confirm.ts";
import { type Cli, type Context, defineCommand } from "../command.ts";
import { declined, lockedOut } from "../ends.ts";
import { EXIT, type ExitCode } from "../exit.ts";

const Options = z.looseObject({
  all: z.boolean().default(false),
  digest: z.string().optional(),
  before: z.string().optional(),
  list: z.boolean().default(false),
  yes: z.boolean().default(false),
});
type RestoreOptions = z.output<typeof Options>;

export function restoreCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "restore",
    summary: "restore saved states of processes",
    description:
      "Saves the present state of each process, then restores the newest state that a backup or a deployment saved, or the one that is " +
      "named, from this machine or from the network. The code stays the same: an earlier shape is migrated up, and states that the saved " +
      "one does not contain get their default. Reads the state back and compares what the saved one contains by digest.",
    examples: [
      ["npx fleet restore battle --list", "list the saved states"],
      ["npx fleet restore battle", "the newest backup, after confirmation"],
      ["npx fleet restore battle --digest 3fa2b1c4 --yes", "a given state"],
      ["npx fleet restore --all --before deploy-…", "all members, as they were before that deployment"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members")
        .option("--all", "every member")
        .option(
          "--digest <digest>",
          "the snapshot with this digest, or with one that starts with these digits (at least 8)",
        )
        .option("--before <deployment>", "the snapshot that this deployment saved before it loaded code")
        .option("--list", "list the saved states without changing anything")
        .option("-y, --yes", "skip the confirmation");
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: RestoreOptions, names: readonly string[]): Promise<ExitCode> {
  const { out, host } = context;
  assertCanConfirm(
    context,
    options.list || options.yes,
    "Pass --yes to restore without confirmation, or --list to only list the saved states.",
  );
  if (options.list) return list(context, names);
  if (!(await freeStack(context, out))) return lockedOut(out);
  const fleet = await context.fleet({ journal: "discard" });
  const members = membersWithLibrary(fleet, names, options.all, out);
  const found = await snapshotsFor(fleet, members, options, (line) => out.note(line));
  for (const { snapshot, from, unread = [] } of found) {
    out.note(describeSnapshot(snapshot, from));
    for (const what of unread)
      out.note(`${snapshot.member}: may be a later state, and cannot be read: ${what}`);
  }
  // With --yes, nobody reads these notes before the restore.
  if (options.yes) assertNewest(found);
  const wanted = await planRestores(fleet, found);
  out.note(wanted.flatMap(planLines));
  if (
    !options.yes &&
    !(await host.confirm("Restore these states? They do not contain what was handled since."))
  )
    return declined(out, fleet.stack);
  const restored = await restoreStates(fleet, wanted, (line) => out.line(line));
  const unread = found.flatMap(({ member: { name }, unread = [] }) =>
    unread.map((what) => `${name}: ${what}`),
  );
  out.document({ success: true, stack: fleet.stack, restored, unread });
  return EXIT.ok;
}

async function list(context: Context, names: readonly string[]): Promise<ExitCode> {
  const { out } = context;
  const fleet = await context.fleet({ journal: "discard", wallet: false });
  const { snapshots, unread } = await savedStates(fleet, membersWithLibrary(fleet, names, true, out));
  out.document({ success: true, stack: fleet.stack, snapshots, unread });
  for (const snapshot of snapshots) out.line(describeSnapshot(snapshot, snapshot.from));
  for (const what of unread) out.note(`not listed: ${what}`);
  return EXIT.ok;
}

function describeSnapshot(
  {
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
  }: Snapshot,
  from: Home | undefined,
): string {
  const holds = states === undefined ? "" : `, holds ${contentsText({ states, globals: globals ?? [] })}`;
  const code = sourceHash === "" ? "" : `, code ${sourceHash.slice(0, 8)}`;
  return `${member.padEnd(22)} ${digest.slice(0, 16)}  ${takenAt}  ${reason.padEnd(7)} ${deploymentId}  ${bytes} bytes, shape ${stateVersion}${holds}${code}${from === "the network" ? ", on the network" : ""}`;
}

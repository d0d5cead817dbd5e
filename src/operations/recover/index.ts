import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FleetError } from "../../core/errors.ts";
import { backendFolder } from "../../toolchain/backend.ts";
import { readStack } from "../workspace/stack-reads.ts";
import { runPulumi, type Workspace } from "../workspace/workspace.ts";
import { isTorn, type StackLock, stackLocks } from "./locks.ts";
import { removeTornLock, stopOrphans } from "./orphans.ts";
import { withoutPending } from "./pending.ts";

/** Whether a deployment can start. */
type Recovery =
  | { readonly kind: "free" }
  /** The lock's owner is running, or on another machine: nothing was changed. */
  | { readonly kind: "held"; readonly locks: readonly StackLock[] };

/**
 * Repairs a stack that a killed run left behind: removes a lock whose owner is dead, stops its provider, clears its pending operations.
 * Logs every step. Starts no `pulumi` if there is nothing to repair.
 *
 * @param takesOver whether a person says that the run that may hold the stack is gone: then the lock of another machine is removed as well, and
 *   on a backend that is not a folder, where nothing shows whose lock it is, any lock. Never that of a run that is alive on this machine.
 * @throws FleetError RECOVERY_FAILED with pulumi's output
 */
export async function recover(
  workspace: Workspace,
  project: string,
  stack: string,
  log: (line: string) => void,
  takesOver = false,
): Promise<Recovery> {
  const { projectDir, env } = workspace;
  const locks = await stackLocks(env.PULUMI_BACKEND_URL, projectDir, project, stack);
  const isFree = ({ owner }: StackLock) => owner === "dead" || (takesOver && owner === "elsewhere");
  const held = locks.filter((lock) => !isFree(lock));
  if (held.length > 0) return { kind: "held", locks: held };
  for (const { pid, what } of await stopOrphans(projectDir, project, stack))
    log(`recovery: stopped the ${what} of a killed run (pid ${pid})`);
  const torn = await removeTornLock(projectDir, project, stack);
  if (torn !== undefined) log(`recovery: removed the truncated lock ${torn}, which nobody holds`);
  const isHidden = takesOver && backendFolder(env.PULUMI_BACKEND_URL, projectDir) === undefined;
  if (locks.length === 0 && !isHidden) return { kind: "free" };
  for (const lock of locks)
    log(
      isTorn(lock)
        ? `recovery: removed the truncated lock ${lock.path} (${lock.bytes} bytes); no pulumi works on this stack`
        : lock.owner === "elsewhere"
          ? `recovery: removed the lock of ${describeOwner(lock)}, which is taken over`
          : `recovery: removed the stale lock of pid ${lock.pid} (since ${lock.since}); that process is gone`,
    );
  // Nothing to take over before the first deployment.
  if (
    isHidden &&
    (await readStack({ pulumi: runPulumi }, workspace, stack, ["stack", "export"])) === undefined
  )
    return { kind: "free" };
  await pulumi(workspace, ["cancel", "--yes", "--stack", stack]);
  if (isHidden) log("recovery: removed any lock of the run that is taken over");
  await clearPending(workspace, stack, log);
  return { kind: "free" };
}

/** `alice on host (pid 4242, since 2026-…)`. */
export function describeOwner(lock: StackLock): string {
  if (isTorn(lock)) return `pulumi (pid ${lock.pid}; the lock ${lock.path} is truncated)`;
  const { username, hostname, pid, since } = lock;
  return `${username} on ${hostname} (pid ${pid}, since ${since})`;
}

async function clearPending(workspace: Workspace, stack: string, log: (line: string) => void): Promise<void> {
  const exported = await pulumi(workspace, ["stack", "export", "--stack", stack]);
  const { operations, cleared, traffic } = withoutPending(exported);
  if (operations.length === 0) return;
  for (const { type, name } of operations)
    log(`recovery: ${type} ${name} was interrupted; this run continues it`);
  for (const name of traffic)
    log(`recovery: the router may have another table than the state of ${name}; this run asks it`);
  const folder = await mkdtemp(join(tmpdir(), "fleet-recovery-"));
  try {
    const file = join(folder, "stack.json");
    await writeFile(file, cleared, { mode: 0o600 });
    // The file is removed below, so the command cannot be repeated by hand; a refresh clears the same operations.
    const byHand = ["refresh", "--yes", "--clear-pending-creates", "--stack", stack];
    await pulumi(workspace, ["stack", "import", "--file", file, "--stack", stack], byHand);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param byHand what a person can run instead if it fails; the same by default */
async function pulumi(
  workspace: Workspace,
  args: readonly string[],
  byHand: readonly string[] = args,
): Promise<string> {
  const answer = await runPulumi(workspace, args);
  if (answer.code === 0) return answer.stdout;
  throw new FleetError({
    code: "RECOVERY_FAILED",
    what: `A killed run left the stack behind, and \`pulumi ${args[0]}\` could not repair it.`,
    got: answer.output.slice(-500),
    expected: "exit code 0",
    remedy: `Run it by hand: npx pulumi ${byHand.join(" ")}`,
  });
}

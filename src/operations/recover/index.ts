import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FleetError } from "../../core/errors.ts";
import { run } from "../../toolchain/run.ts";
import type { Workspace } from "../workspace/workspace.ts";
import { isTorn, type StackLock, stackLocks } from "./locks.ts";
import { withoutPending } from "./pending.ts";
import { endZombies, removeTornLock } from "./zombie.ts";

export type { StackLock } from "./locks.ts";

/** What a deploy starts from. */
export type Recovery =
  | { readonly kind: "free" }
  /** Somebody lives who holds the stack, or nobody here can know: nothing was touched. */
  | { readonly kind: "held"; readonly locks: readonly StackLock[] };

/**
 * Puts a stack right that a killed run left behind: a lock whose owner is dead, its provider that still runs, operations
 * that never ended. Every step is told to `log`. A stack that is fine is only looked at: no `pulumi` is started for it.
 *
 * @throws FleetError RECOVERY_FAILED with what pulumi said
 */
export async function recover(
  workspace: Workspace,
  project: string,
  stack: string,
  log: (line: string) => void,
): Promise<Recovery> {
  const { projectDir, env } = workspace;
  const locks = await stackLocks(env.PULUMI_BACKEND_URL, projectDir, project, stack);
  const held = locks.filter(({ owner }) => owner !== "dead");
  if (held.length > 0) return { kind: "held", locks: held };
  for (const { pid, what } of await endZombies(projectDir, project, stack))
    log(`recovery: a ${what} of a killed run (pid ${pid}) has ended`);
  const torn = await removeTornLock(projectDir, project, stack);
  if (torn !== undefined) log(`recovery: the lock ${torn} is cut, and nobody holds it: removed`);
  if (locks.length === 0) return { kind: "free" };
  for (const lock of locks)
    log(
      isTorn(lock)
        ? `recovery: the lock ${lock.path} is cut (${lock.bytes} bytes), and no pulumi works on this stack: removed`
        : `recovery: the lock of pid ${lock.pid} (since ${lock.since}) is stale, that process is gone: removed`,
    );
  await pulumi(workspace, ["cancel", "--yes", "--stack", stack]);
  await clearPending(workspace, stack, log);
  return { kind: "free" };
}

/** `alice on host (pid 4242, since 2026-…)`. */
export function ownerWords(lock: StackLock): string {
  if (isTorn(lock)) return `pulumi (pid ${lock.pid}; the lock ${lock.path} is cut)`;
  const { username, hostname, pid, since } = lock;
  return `${username} on ${hostname} (pid ${pid}, since ${since})`;
}

async function clearPending(workspace: Workspace, stack: string, log: (line: string) => void): Promise<void> {
  const exported = await pulumi(workspace, ["stack", "export", "--stack", stack]);
  const { operations, cleared } = withoutPending(exported);
  if (operations.length === 0) return;
  for (const { type, name } of operations)
    log(`recovery: ${type} ${name} was interrupted; this run goes on with it`);
  const folder = await mkdtemp(join(tmpdir(), "fleet-recovery-"));
  try {
    const file = join(folder, "stack.json");
    await writeFile(file, cleared, { mode: 0o600 });
    await pulumi(workspace, ["stack", "import", "--file", file, "--stack", stack]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pulumi(workspace: Workspace, args: readonly string[]): Promise<string> {
  const answer = await run(workspace.pulumi, [...args, "--non-interactive"], {
    cwd: workspace.projectDir,
    env: workspace.env,
  });
  if (answer.code === 0) return answer.stdout;
  throw new FleetError({
    code: "RECOVERY_FAILED",
    what: `The stack is left by a killed run, and \`pulumi ${args[0]}\` could not put it right.`,
    got: answer.output.slice(-500),
    expected: "exit code 0",
    remedy: `Run it by hand: npx pulumi ${args.join(" ")}`,
  });
}

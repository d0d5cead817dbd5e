import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { FleetError } from "../../core/errors.ts";
import type { Context } from "../command.ts";

/**
 * Runs `fleet rollback` in a process of its own, so that closing the page or the dashboard does not interrupt it.
 *
 * @throws FleetError ROLLBACK_FAILED with its last lines
 */
export async function runRollback(
  context: Context,
  stack: string,
  { to, reason }: { readonly to: string; readonly reason: string },
  say: (line: string) => void,
): Promise<void> {
  const command = fileURLToPath(new URL("../fleet.mjs", import.meta.url));
  const args = [command, "rollback", "--to", to, "--reason", reason, "--yes", "--stack", stack];
  const child = spawn(process.execPath, args, {
    cwd: context.projectDir,
    env: { ...context.host.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      say(line);
      last.push(line);
      if (last.length > 12) last.shift();
    });
  }
  const code = await new Promise<number>((done) => {
    child.on("error", () => done(127));
    child.on("close", (ended) => done(ended ?? 1));
  });
  if (code === 0) return;
  throw new FleetError({
    code: "ROLLBACK_FAILED",
    what: `The rollback to ${to} ended with exit code ${code}.`,
    got: last.join("\n"),
    expected: "exit code 0",
    remedy: `Read its report in build/, then run: npx fleet rollback --to ${to}`,
  });
}

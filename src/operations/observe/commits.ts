import { run } from "../../toolchain/run.ts";

/** Times of the project's commits in the last 60 days, milliseconds since 1970; empty if the folder is not in a git repository. */
export async function commitTimes(projectDir: string): Promise<number[]> {
  const args = ["log", "--since=60.days", "--format=%ct", "-n", "5000", "--", "."];
  const { code, stdout } = await run("git", args, { cwd: projectDir, timeoutMs: 10_000 });
  if (code !== 0) return [];
  return stdout
    .split("\n")
    .map((line) => Number(line) * 1000)
    .filter((time) => Number.isFinite(time) && time > 0);
}

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Milliseconds between two looks at who started this process. */
const INTERVAL = 500;

let watching = false;

/**
 * Ends a provider soon after the pulumi command that started it: when that one was killed, its provider must not go on
 * deploying beside the next one. What it signed is in the journal, so nothing is lost. Pulumi starts it through a shell that
 * outlives the command, so the shell's parent is looked at too. Does nothing in any other program.
 */
export function endWithParent(): void {
  if (watching || !process.argv[1]?.includes("dynamic-provider")) return;
  watching = true;
  const shell = process.ppid;
  let command: number | undefined;
  const look = async () => {
    const started = await parentOf(process.ppid);
    command ??= started;
    const orphaned = process.ppid !== shell || (started !== undefined && started !== command);
    // By `exit`, so that the lock of the journal is released on the way.
    if (orphaned || command === 1) process.exit(1);
  };
  setInterval(() => void look(), INTERVAL).unref();
  void look();
}

/** The parent of a process; undefined where that cannot be told. */
async function parentOf(pid: number): Promise<number | undefined> {
  try {
    if (process.platform === "linux") {
      const text = await readFile(`/proc/${pid}/stat`, "utf8");
      // The second field, a name in brackets, may hold spaces: count from its end.
      return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
    }
    if (process.platform === "win32") return undefined;
    const { stdout } = await promisify(execFile)("ps", ["-o", "ppid=", "-p", String(pid)]);
    return Number(stdout.trim());
  } catch {
    return undefined;
  }
}

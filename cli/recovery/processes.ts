import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Whether a process of this machine lives. One of another user counts as alive; one that only waits to be reaped does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    return statFields(pid)[0] !== "Z";
  } catch {
    return true;
  }
}

/** When a living process was started, in milliseconds since 1970; undefined where the system does not tell. */
export function startedAt(pid: number): number | undefined {
  try {
    const ticks = Number(statFields(pid)[19]);
    const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    return Number.isFinite(ticks) ? Date.now() - uptime * 1000 + ticks * 10 : undefined;
  } catch {
    return undefined;
  }
}

/** The parent's pid; undefined when it cannot be known. A process whose parent died belongs to pid 1. */
export function parentOf(pid: number): number | undefined {
  try {
    return Number(statFields(pid)[1]);
  } catch {
    return parentByPs(pid);
  }
}

/** Linux: the fields of /proc/<pid>/stat after the command's name, which may hold blanks. */
function statFields(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function parentByPs(pid: number): number | undefined {
  try {
    const found = Number(execFileSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).trim());
    return Number.isInteger(found) && found > 0 ? found : undefined;
  } catch {
    return undefined;
  }
}

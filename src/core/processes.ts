/** What the operating system reports about processes: on Linux from /proc, elsewhere from `ps`; undefined where neither reports it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** Whether a process is alive. A process of another user counts as alive; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return statFields(pid)?.[0] !== "Z";
}

/** A string that distinguishes a process from a later one with the same pid; "" where the system does not provide one. */
export function startTicksOf(pid: number): string {
  return statFields(pid)?.[19] ?? "";
}

/** When a running process was started, in milliseconds since 1970; undefined where the system does not provide it. */
export function startedAt(pid: number): number | undefined {
  try {
    const ticks = Number(statFields(pid)?.[19]);
    const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    return Number.isFinite(ticks) ? Date.now() - uptime * 1000 + ticks * 10 : undefined;
  } catch {
    return undefined;
  }
}

/** The parent's pid. A process whose parent died belongs to pid 1, or to the nearest ancestor that adopts orphans. */
export function parentOf(pid: number): number | undefined {
  const found = Number(statFields(pid)?.[1] ?? ps(pid, "ppid"));
  return Number.isInteger(found) && found > 0 ? found : undefined;
}

/** Whether it is a Linux kernel thread: those have no command line. */
export function isKernelThread(pid: number): boolean {
  return process.platform === "linux" && (pid === 2 || parentOf(pid) === 2) && !procFile(pid, "cmdline");
}

/** The arguments of its command line, the program first; undefined for a process that is gone or exiting. Outside Linux, arguments are split at spaces. */
export function argumentsOf(pid: number): readonly string[] | undefined {
  if (process.platform !== "linux") return ps(pid, "args")?.split(/\s+/);
  const text = procFile(pid, "cmdline");
  return text ? text.replace(/\0$/, "").split("\0") : undefined;
}

/** Its nearest ancestor that runs a program of that name; undefined if there is none. */
export function ancestorNamed(pid: number, name: string): number | undefined {
  for (let at = parentOf(pid); at !== undefined; at = parentOf(at)) {
    if (programOf(at) === name) return at;
    if (at === 1) return undefined;
  }
  return undefined;
}

/** The name of its program, without folder and `.exe`; undefined for one that is gone. */
export function programOf(pid: number): string | undefined {
  const [program] = argumentsOf(pid) ?? [];
  return program === undefined ? undefined : basename(program).replace(/\.exe$/, "");
}

/** The working directory; undefined where it cannot be read (another user's process, another system). */
export function folderOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/** The environment that a process was started with, as `NAME=value`; undefined where it cannot be read. */
export function environmentOf(pid: number): readonly string[] | undefined {
  return procFile(pid, "environ")?.split("\0");
}

/** All pids of this machine; none where the system does not list them. */
export function allProcesses(): number[] {
  if (process.platform !== "linux") return (ps(undefined, "pid") ?? "").split(/\s+/).map(Number);
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** Kills a process, if it is alive. */
export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone, or not permitted.
  }
}

/** Linux: the fields of /proc/<pid>/stat after the command's name, which may contain spaces and parentheses. */
function statFields(pid: number): string[] | undefined {
  const text = procFile(pid, "stat");
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}

function ps(pid: number | undefined, column: string): string | undefined {
  if (process.platform === "linux" || process.platform === "win32") return undefined;
  try {
    const which = pid === undefined ? ["-A"] : ["-p", String(pid)];
    return execFileSync("ps", [...which, "-o", `${column}=`], { encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
}

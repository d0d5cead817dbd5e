/**
 * A lock across processes that needs no clean-up after a crash.
 *
 * Plain JavaScript, because it also guards the installation of the packages.
 * The process with the highest number in the folder holds the lock. Creating the next number is exclusive in every
 * file system, so two processes that saw the same dead holder cannot both follow it. The highest file is never deleted,
 * so a slow process always sees that others have continued.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A holder on another machine (shared home folder) cannot be checked; after this time it counts as dead. */
const FOREIGN_HOLDER_MS = 60 * 60 * 1000;
/** For this time, an empty lock file counts as held: its creator may not have written it yet. */
const UNWRITTEN_MS = 5_000;

/** Start time of a process in clock ticks, which detects a reused pid. Only where /proc exists. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "zombie" : fields[19];
  } catch {
    return undefined;
  }
}

function isHeld(file) {
  let holder;
  let age;
  try {
    age = Date.now() - statSync(file).mtimeMs;
    holder = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return age !== undefined && age < UNWRITTEN_MS;
  }
  if (holder.released) return false;
  if (holder.host !== hostname()) return age < FOREIGN_HOLDER_MS;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (error.code !== "EPERM") return false;
  }
  return holder.started === undefined || startOf(holder.pid) === holder.started;
}

function highest(folder) {
  return Math.max(0, ...readdirSync(folder).map(Number).filter(Number.isInteger));
}

function holderOf(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).pid;
  } catch {
    return undefined;
  }
}

/**
 * Runs `task` under an exclusive lock of the folder, for which it waits without limit.
 * `options.onWait(pid, waitedMs)` is called at each poll (every `options.pollMs`, default 250).
 */
export async function withLock(folder, task, options = {}) {
  const { onWait = () => {}, pollMs = 250 } = options;
  // The first call also creates .fleet, which is private.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const since = Date.now();
  let mine;
  for (;;) {
    const last = highest(folder);
    const lastFile = join(folder, String(last));
    if (last > 0 && isHeld(lastFile)) {
      onWait(holderOf(lastFile), Date.now() - since);
      await sleep(pollMs);
      continue;
    }
    const file = join(folder, String(last + 1));
    const text = JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) });
    try {
      writeFileSync(file, text, { flag: "wx" });
    } catch (error) {
      if (error.code === "EEXIST") continue;
      throw error;
    }
    if (highest(folder) === last + 1) {
      mine = last + 1;
      break;
    }
    rmSync(file, { force: true });
  }
  const file = join(folder, String(mine));
  for (const name of readdirSync(folder)) {
    if (Number(name) < mine) rmSync(join(folder, name), { force: true });
  }
  try {
    return await task();
  } finally {
    // Replaced, not deleted: see above.
    const released = join(folder, `${mine}.released`);
    writeFileSync(released, JSON.stringify({ released: true }));
    renameSync(released, file);
  }
}

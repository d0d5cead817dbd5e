/** Every point at which a test can kill a run, by area. */
type CrashPoint =
  | `ao.${"before-sign" | "after-sign" | "after-journal" | "after-upload" | "before-lookup" | "after-send" | "after-answer"}`
  | `process.${"spawned" | "loaded" | "judged" | "retired"}`
  | "config.sent"
  | "wiring.sent"
  | `handover.${"drained" | "given"}`
  | `traffic.${"moved" | "set" | "judged" | "settled" | "back"}`
  | `release.${"begun" | "registered" | "finished"}`
  | `rollback.${"opened" | "pinned" | "deployed" | "validated" | "told"}`
  | `move.${"drained" | "copied" | "opened"}`
  | "rotate.handed";

const passed = new Map<string, number>();

/**
 * A named point where a test can kill or stop the process. Does nothing unless the environment variable `FLEET_CRASH_AT` names
 * it, as `name` (the first pass) or `name:n` (the n-th pass): then the process kills itself with SIGKILL, which simulates a
 * loss of power. `FLEET_STOP_AT` works the same way and stops it with SIGSTOP until it is continued.
 */
export function crashPoint(name: CrashPoint): void {
  const { FLEET_CRASH_AT: kill, FLEET_STOP_AT: stop } = process.env;
  if (![kill, stop].some((armed) => nameOf(armed) === name)) return;
  const times = (passed.get(name) ?? 0) + 1;
  passed.set(name, times);
  if (isArmed(kill, name, times)) process.kill(process.pid, "SIGKILL");
  if (isArmed(stop, name, times)) process.kill(process.pid, "SIGSTOP");
}

const nameOf = (armed: string | undefined): string | undefined => armed?.split(":")[0];

function isArmed(armed: string | undefined, name: string, times: number): boolean {
  return nameOf(armed) === name && times === Number(armed?.split(":")[1] ?? "1");
}

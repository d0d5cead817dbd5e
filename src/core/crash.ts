const passed = new Map<string, number>();

/**
 * A named place where a test may kill or stop the process. Does nothing unless the environment variable `FLEET_CRASH_AT` names
 * it, as `name` (the first time) or `name:n` (the n-th time): then the process ends by SIGKILL, as a machine that lost its
 * power would. `FLEET_STOP_AT` in the same way stands it still by SIGSTOP until somebody continues it.
 *
 * The names in this folder: `ao.before-sign`, `ao.after-sign`, `ao.after-journal`, `ao.after-upload`, `ao.after-send`,
 * `ao.after-answer`.
 */
export function crashPoint(name: string): void {
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

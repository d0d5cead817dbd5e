const passed = new Map<string, number>();

/**
 * A named place where a test may kill the process. Does nothing unless the environment variable `FLEET_CRASH_AT` names it, as
 * `name` (the first time) or `name:n` (the n-th time); then the process ends by SIGKILL, as a machine that lost its power would.
 *
 * The names in this folder: `ao.before-sign`, `ao.after-sign`, `ao.after-journal`, `ao.after-send`, `ao.after-answer`.
 */
export function crashPoint(name: string): void {
  const armed = process.env.FLEET_CRASH_AT;
  if (armed === undefined || armed === "") return;
  const [at, nth = "1"] = armed.split(":");
  if (at !== name) return;
  const times = (passed.get(name) ?? 0) + 1;
  passed.set(name, times);
  if (times === Number(nth)) process.kill(process.pid, "SIGKILL");
}

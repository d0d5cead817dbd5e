/**
 * Members that may get a new process in this run when theirs is ruined: somebody agreed that the state of the old one is lost.
 * Names in `FLEET_REPLACE`, apart by spaces or commas. A process that works is never replaced.
 */
export function replaceable(): readonly string[] {
  return (process.env.FLEET_REPLACE ?? "").split(/[\s,]+/).filter((name) => name !== "");
}

export const mayReplace = (name: string): boolean => replaceable().includes(name);

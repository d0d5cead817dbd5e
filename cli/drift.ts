import type { Member } from "./members.ts";

/** The start of a hash, as tables show it. */
export const short = (hash: string): string => (hash === "" ? "none" : hash.slice(0, 8));

/** In words, when a process runs other code than the last run left it with. Pure. */
export function drift({ sourceHash }: Pick<Member, "sourceHash">, runs: string): string[] {
  if (sourceHash === "" || sourceHash === runs) return [];
  return [`it runs code ${short(runs)} instead of ${short(sourceHash)}`];
}

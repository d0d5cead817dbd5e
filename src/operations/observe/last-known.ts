import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Scope } from "../../fleet/session/scope.ts";

const LastSchema = z.object({
  health: z.string(),
  /** Milliseconds since 1970. */
  at: z.number(),
  version: z.string().default(""),
  sourceHash: z.string().default(""),
  epoch: z.number().nullable().default(null),
  release: z.string().default(""),
});

/** What a process said of itself when it was last heard. */
export type LastKnown = z.output<typeof LastSchema>;

type Where = Pick<Scope, "home" | "project" | "stack">;

const pathOf = ({ home, project, stack }: Where): string =>
  join(home, "monitor", `${project}.${stack}.last.json`);

/** What every process of a stack said last, by process id. Nothing where nobody looked, or the file is not readable. */
export function lastKnown(scope: Where): ReadonlyMap<string, LastKnown> {
  try {
    const kept = z
      .record(z.string(), LastSchema)
      .safeParse(JSON.parse(readFileSync(pathOf(scope), "utf8"))).data;
    return new Map(Object.entries(kept ?? {}));
  } catch {
    return new Map();
  }
}

/** Keeps what was heard, next to what is known of the others. A look must not fail for it: a folder that cannot be written is left. */
export function rememberHeard(scope: Where, heard: ReadonlyMap<string, LastKnown>): void {
  if (heard.size === 0 || !existsSync(scope.home)) return;
  const path = pathOf(scope);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const all = Object.fromEntries([...lastKnown(scope), ...heard]);
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(all)}\n`);
    renameSync(temporary, path);
  } catch {
    // Nothing is lost but an age.
  }
}

/** `40 s`, `5 min`, `3 h`, `2 d`. */
function ageOf(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `it was HEALTHY 5 min ago`. */
export const lastWords = ({ health, at }: Pick<LastKnown, "health" | "at">, now: number): string =>
  `it was ${health} ${ageOf(now - at)} ago`;

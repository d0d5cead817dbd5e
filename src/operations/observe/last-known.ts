import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { replaceFileSync } from "../../core/replace-file.ts";
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

/** The last answer of a process. */
export type LastKnown = z.output<typeof LastSchema>;

type StackFiles = Pick<Scope, "home" | "project" | "stack">;

const pathOf = ({ home, project, stack }: StackFiles): string =>
  join(home, "monitor", `${project}.${stack}.last.json`);

/** The last answer of every process of a stack, by process id. Empty if none was saved or the file is unreadable. */
export function lastKnown(scope: StackFiles): ReadonlyMap<string, LastKnown> {
  try {
    const kept = z
      .record(z.string(), LastSchema)
      .safeParse(JSON.parse(readFileSync(pathOf(scope), "utf8"))).data;
    return new Map(Object.entries(kept ?? {}));
  } catch {
    return new Map();
  }
}

/**
 * Saves answers next to those of other processes, in one step, because others may be saved at the same time. Failures are ignored: a status
 * command must not fail for them.
 */
export function saveLastKnown(scope: StackFiles, answers: ReadonlyMap<string, LastKnown>): void {
  if (answers.size === 0 || !existsSync(scope.home)) return;
  const path = pathOf(scope);
  try {
    mkdirSync(dirname(path), { recursive: true });
    const all = Object.fromEntries([...lastKnown(scope), ...answers]);
    replaceFileSync(path, `${JSON.stringify(all)}\n`);
  } catch {
    // Only the time of the last answer is lost.
  }
}

/** `40 s`, `5 min`, `3 h`, `2 d`. */
export function ageOf(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `it was HEALTHY 5 min ago`. */
export const describeLastKnown = ({ health, at }: Pick<LastKnown, "health" | "at">, now: number): string =>
  `it was ${health} ${ageOf(now - at)} ago`;

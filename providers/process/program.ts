import { luaString } from "../../bundler/index.ts";

/** The Lua text of one load: guard, bundle, commit – one Eval, which happens as a whole or not at all. Pure. */
export interface Commit {
  readonly process: string;
  readonly release: string;
  readonly sourceHash: string;
  readonly version: string;
  readonly epoch: number;
}

export interface Program {
  readonly text: string;
  /** Lines before the bundle's first line, to map an error's line back. */
  readonly offsetLines: number;
}

/**
 * A refused epoch is a returned value, not an error: an error would also discard the count of refusals.
 * The commit is the last statement: whoever reads its marker knows that everything before it ran.
 */
export function composeProgram(bundle: string, commit: Commit): Program {
  const guard = [
    `local __e = ${commit.epoch}`,
    "if Fleet and Fleet.guard then local refused = Fleet.guard(__e) if refused then return refused end end",
  ];
  const fields = [
    `process = ${luaString(commit.process)}`,
    `release = ${luaString(commit.release)}`,
    `sourceHash = ${luaString(commit.sourceHash)}`,
    `version = ${luaString(commit.version)}`,
    `epoch = ${commit.epoch}`,
  ].join(", ");
  return {
    text: `${guard.join("\n")}\n${bundle}\nreturn Fleet.commit({ ${fields} })`,
    offsetLines: guard.length,
  };
}

export type LoadOutcome =
  | { readonly kind: "committed"; readonly sourceHash: string; readonly handlers?: readonly string[] }
  | { readonly kind: "refused"; readonly code: string; readonly epoch: number }
  | { readonly kind: "unclear" };

/** What the process says of a load: reads the marker wherever prints of the program put it. */
export function readLoadOutcome(output: string): LoadOutcome {
  for (const line of output.split("\n").reverse()) {
    const start = line.indexOf('{"');
    if (start < 0 || !line.includes('"fleet"')) continue;
    const marker = parseObject(line.slice(start, line.lastIndexOf("}") + 1));
    if (marker?.fleet === "committed" && typeof marker.sourceHash === "string") {
      const { sourceHash, handlers } = marker;
      // Lua's JSON writes an empty table as `[]` or `{}`.
      const named = Array.isArray(handlers) && handlers.every((name) => typeof name === "string");
      return { kind: "committed", sourceHash, ...(named ? { handlers: handlers as string[] } : {}) };
    }
    if (marker?.fleet === "refused") {
      return { kind: "refused", code: String(marker.code), epoch: Number(marker.epoch) };
    }
  }
  return { kind: "unclear" };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

import { z } from "zod";
import { luaString } from "../../bundler/index.ts";
import { sha256 } from "../../core/hash.ts";
import { jsonIn } from "../../core/json.ts";
import { type ManualChange, ManualChangesSchema } from "../health/verdict.ts";
import { luaList } from "../protocol/lua.ts";
import type { Commit, Program, RestoredState } from "./commit.ts";
import { repeatGuard } from "./eval-id-lua.ts";
import { LIBRARY_LUA } from "./library-lua.ts";
import { type StateComparison, StateComparisonSchema } from "./state-comparison.ts";
import { codeOf, committedWithoutLibrary, handlersIn } from "./without-library.ts";

/**
 * The program of a load. `strangers` are manually added handlers that are removed before the bundle runs.
 *
 * A refused epoch is a return value, not an error: an error would also discard the count of refusals.
 * The commit is the last statement, so its marker proves that everything before it ran.
 */
export function composeProgram(
  bundle: string,
  commit: Commit,
  state?: RestoredState,
  strangers: readonly string[] = [],
): Program {
  // In a process without code, nothing can import a state yet, so the commit does it.
  const restore =
    state === undefined
      ? ""
      : ` local __s, __d, __n = ${luaString(state.text)}, ${luaString(state.digest)}, __f == nil if not __n then __f.restore(__s, __d) end`;
  const drop =
    strangers.length === 0
      ? ""
      : ` for _, name in ipairs({ ${strangers.map(luaString).join(", ")} }) do Handlers.remove(name) end`;
  const again = JSON.stringify({ fleet: "committed", sourceHash: commit.sourceHash, epoch: commit.epoch });
  // The number of lines does not depend on the state, because lines in errors are mapped later without knowing it.
  const guard = [
    // The globals before the bundle runs, to tell them from the bundle's own.
    `local __e, __g = ${commit.epoch}, {} for k, v in next, _G do __g[k] = v end${commit.repeats === true ? repeatGuard(luaString(again)) : ""}`,
    `local __f = ${LIBRARY_LUA} if __f then local refused = __f.guard(__e) if refused then return refused end end${drop}${restore}`,
  ];
  const fields = [
    `process = ${luaString(commit.process)}`,
    `release = ${luaString(commit.release)}`,
    `sourceHash = ${luaString(commit.sourceHash)}`,
    `version = ${luaString(commit.version)}`,
    `epoch = ${commit.epoch}`,
    ...(commit.repeats === true ? ["id = __i"] : []),
    "before = __g",
    ...(commit.adopted === true ? ["adopted = true"] : []),
    ...(commit.keeps === false ? ['keep = "none"'] : []),
    ...(commit.accepts === true ? ["accepts = true"] : []),
    ...(state === undefined
      ? []
      : ["state = __n and __s or nil, again = not __n and __s or nil, digest = __d"]),
  ].join(", ");
  return {
    text: `${guard.join("\n")}\n${bundle}\nlocal Fleet = ${LIBRARY_LUA} return Fleet.commit({ ${fields} })`,
    offsetLines: guard.length,
  };
}

/** The hash of the bundle that a load's program commits; undefined for any other program. Pure. */
export const committedHash = (program: string): string | undefined =>
  /sourceHash = "([0-9a-f]{64})"[^\n]*\}\)\s*$/.exec(program.slice(-2000))?.[1] ??
  committedWithoutLibrary(program);

/**
 * The program as the data of a spawn (`On-Boot: Data`). It must not raise an error, because a process whose boot failed can never
 * evaluate anything again. Errors are therefore caught, and the process stays without code until the following load by an ordinary
 * Eval reports the error. The chunk has the same name as in aos, so positions in errors are those of a load. Pure.
 */
export function composeBoot({ text }: Program): string {
  return [
    `local chunk, failure = load(${luaString(text)}, "aos")`,
    "if not chunk then return failure end",
    "local _, output = pcall(chunk)",
    "return output",
  ].join("\n");
}

/** Maximum number of lines before the bundle in a load. */
const MAX_GUARD_LINES = 4;

/** The bundle in the program of a load, found by its hash; undefined if it is not in there. Pure. */
export function bundleIn(program: string, hash: string): string | undefined {
  const end = program.lastIndexOf("\n");
  let start = 0;
  for (let lines = 0; lines <= MAX_GUARD_LINES && start <= end; lines += 1) {
    const text = program.slice(start, end);
    if (sha256(text) === hash) return text;
    start = program.indexOf("\n", start) + 1;
    if (start === 0) return undefined;
  }
  return undefined;
}

const OwnAnswerSchema = z.looseObject({ action: z.string(), handler: z.string() });
/** An action of the library for which the program has a handler of its own. */
type OwnAnswer = z.infer<typeof OwnAnswerSchema>;

/** What a process reports of a load that it committed. */
export interface LoadReport {
  readonly sourceHash: string;
  /** The process' handlers after the load. */
  readonly handlers?: readonly string[];
  /** The shape of the states after the load. */
  readonly stateVersion?: string;
  /** Without the library: the code after the load. */
  readonly code?: readonly string[];
  /** Manual changes that the load repaired. */
  readonly repaired?: readonly ManualChange[];
  /** Actions of the library that the program handles itself, and the handlers. */
  readonly answeredByProgram?: readonly OwnAnswer[];
  /** What happened to the state; absent with earlier libraries, which do not compare. */
  readonly kept?: StateComparison;
}

type LoadOutcome =
  | (LoadReport & { readonly kind: "committed" })
  | { readonly kind: "refused"; readonly code: string; readonly epoch: number }
  | { readonly kind: "unclear" };

/** The process' answer to a load: finds the marker among the program's printed output. */
export function readLoadOutcome(output: string): LoadOutcome {
  for (const line of output.split("\n").reverse()) {
    const start = line.indexOf('{"');
    if (start < 0 || !line.includes('"fleet"')) continue;
    const marker = parseObject(line.slice(start, line.lastIndexOf("}") + 1));
    if (marker?.fleet === "committed" && typeof marker.sourceHash === "string") {
      const { sourceHash, handlers, stateVersion } = marker;
      const code = codeOf(marker);
      const answered = luaList(OwnAnswerSchema).safeParse(marker.answeredByProgram).data ?? [];
      const kept = StateComparisonSchema.safeParse(marker.kept).data;
      const repaired = ManualChangesSchema.safeParse(marker.repaired).data ?? [];
      // Lua's JSON encodes an empty table as `[]` or `{}`.
      const named = Array.isArray(handlers) && handlers.every((name) => typeof name === "string");
      return {
        kind: "committed",
        sourceHash,
        ...(named ? { handlers: handlers as string[] } : {}),
        ...(typeof stateVersion === "string" ? { stateVersion } : {}),
        ...(code === undefined ? {} : { code, handlers: handlersIn(code) }),
        ...(repaired.length > 0 ? { repaired } : {}),
        ...(answered.length > 0 ? { answeredByProgram: answered } : {}),
        ...(kept === undefined ? {} : { kept }),
      };
    }
    if (marker?.fleet === "refused") {
      return { kind: "refused", code: String(marker.code), epoch: Number(marker.epoch) };
    }
  }
  return { kind: "unclear" };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  const value = jsonIn(text);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

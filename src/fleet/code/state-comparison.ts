import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { luaList } from "../protocol/lua.ts";
import { contentsText } from "../snapshot/contents.ts";
import type { Snapshot } from "../snapshot/store.ts";
import { runsWithoutLibrary } from "./without-library.ts";

/** What a load in place did to a table of `fleet.state`, to a global that may be state, or to state in the code. */
const ComparedChangeSchema = z.looseObject({
  /** STATE, GLOBAL, or of the code: MODULE, FUNCTION or HANDLER. */
  kind: z.string(),
  name: z.string(),
  /**
   * PUT_BACK: the code assigned it, and the value that messages set was restored. ADDED: the code added to it. RESET: it has the code's
   * value.
   */
  change: z.string(),
  /**
   * For PUT_BACK: OLDER (it was there before the library, so it is unknown who set it). For RESET: NONE (state: "none"), NOT_DECLARED
   * (state: { globals }), ACCEPTED (by the run), CODE (the name is now used for code).
   */
  why: z.string().optional(),
});

type ComparedChange = z.infer<typeof ComparedChangeSchema>;

/** The process' own comparison of its state before and after the code ran. */
export const StateComparisonSchema = z.looseObject({
  /** Names of globals that have the values that messages set, apart from additions. */
  globals: luaList(z.string()),
  /** Names of such tables of `fleet.state`. */
  states: luaList(z.string()),
  changes: luaList(ComparedChangeSchema),
  /** Number of migrations that ran after the comparison. @default none */
  migrations: z.number().optional(),
});

export type StateComparison = z.infer<typeof StateComparisonSchema>;

/** A line of the run's output: its phase and its text. */
interface ComparisonLine {
  readonly phase: "kept" | "not-compared" | "reset";
  readonly text: string;
}

const WHY: Readonly<Record<string, string>> = {
  NONE: `the code assigns it at load, and state: "none" keeps nothing`,
  NOT_DECLARED: "the code assigns it at load, and state: { globals } does not list it",
  ACCEPTED: "the code creates it again at load, and this run accepts that state is lost",
  CODE: "the name is now used for code",
};

/**
 * The lines about a process' state after a load in place: only what the process itself compared, and each name in one line. Pure.
 *
 * @param knew whether the process already ran code of the fleet
 * @param backup the snapshot that was taken before the load
 */
export function stateComparisonLines(
  { name, lib }: { readonly name: string; readonly lib?: boolean | undefined },
  kept: StateComparison | undefined,
  knew: boolean,
  backup: Pick<Snapshot, "digest" | "states" | "globals"> | undefined,
): ComparisonLine[] {
  if (kept === undefined) {
    if (!knew) return [];
    const why = runsWithoutLibrary({ lib })
      ? "without the library, its code decides which state survives"
      : "the library of this code is an earlier version, which does not compare";
    return [{ phase: "not-compared", text: why }];
  }
  const { changes, migrations = 0 } = kept;
  // What the load changed has a line of its own, which says how.
  const without = (kind: string, names: readonly string[]) =>
    names.filter((name) => !changes.some((one) => one.kind === kind && one.name === name));
  const [states, globals] = [without("STATE", kept.states), without("GLOBAL", kept.globals)];
  const since = migrations === 0 ? "" : `; ${amount(migrations, "migration")} ran since`;
  const lines: ComparisonLine[] = [];
  if (states.length + globals.length > 0)
    lines.push({
      phase: "kept",
      text: `${contentsText({ states, globals })}: unchanged, compared after the code had run${since}`,
    });
  const of = (change: string, why?: string) =>
    changes.filter((one) => one.change === change && (why === undefined || one.why === why));
  const say = (phase: ComparisonLine["phase"], found: readonly ComparedChange[], text: string) => {
    if (found.length > 0) lines.push({ phase, text: `${found.map(nameOf).join(", ")}: ${text}` });
  };
  const [older, set] = halves(of("PUT_BACK"), ({ why }) => why === "OLDER");
  say("kept", set, `the code assigns it at load; the value that messages set was restored${since}`);
  say(
    "kept",
    older,
    `the code assigns it at load; it was there before the library, so it counts as state and its value was restored, whoever set it${since}. ` +
      "To use the code's value, list the globals that are state: state: { globals: [...] }",
  );
  say("kept", of("ADDED"), `the code added to it at load; the additions are kept${since}`);
  const digest = backup?.digest.slice(0, 8);
  // A process refuses a state that sets a name of its code, and never imports a part of one.
  const isBlocked = of("RESET", "CODE").some((one) => isIn(backup, one));
  const back = isBlocked
    ? `The backup ${digest} contains it. Code that does not use these names can import it: npx fleet restore ${name} --digest ${digest}`
    : `npx fleet restore ${name} --digest ${digest} restores it, together with the rest of that state`;
  for (const [why, text] of Object.entries(WHY)) {
    const [saved, lost] = halves(of("RESET", why), (one) => isIn(backup, one));
    say("reset", saved, `${text}. ${back}`);
    say("reset", lost, `${text}. No backup contains it`);
  }
  return lines;
}

const nameOf = ({ kind, name }: ComparedChange): string =>
  kind === "STATE" ? `fleet.state ${name}` : kind === "GLOBAL" ? name : `${kind.toLowerCase()} ${name}`;

const isIn = (
  backup: Pick<Snapshot, "states" | "globals"> | undefined,
  { kind, name }: ComparedChange,
): boolean =>
  (kind === "STATE" ? backup?.states : kind === "GLOBAL" ? backup?.globals : [])?.includes(name) ?? false;

function halves<T>(list: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  return [list.filter(test), list.filter((one) => !test(one))];
}

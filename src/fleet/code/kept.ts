import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { luaList } from "../protocol/lua.ts";
import { contentsWords } from "../snapshot/contents.ts";
import type { Snapshot } from "../snapshot/store.ts";
import { isBare } from "./bare.ts";

/** What a load in place did to a table of `fleet.state` or to a global that may be state. */
const KeptChangeSchema = z.looseObject({
  /** STATE or GLOBAL. */
  kind: z.string(),
  name: z.string(),
  /**
   * PUT_BACK: the code assigned it, and has what messages gave. ADDED: the code added to it. RESET: the code's value counts. ASSIGNED: by the
   * first load over another program, of which nothing was known.
   */
  change: z.string(),
  /** Of RESET: NONE (state: "none"), NOT_DECLARED (state: { globals }), CODE (its name stands for code now). */
  why: z.string().optional(),
});

type KeptChange = z.infer<typeof KeptChangeSchema>;

/** What the process found when it compared its state before and after the code ran. */
export const KeptSchema = z.looseObject({
  /** Names of globals that are as messages left them, but for what was added. */
  globals: luaList(z.string()),
  /** Names of tables of `fleet.state` that are. */
  states: luaList(z.string()),
  changes: luaList(KeptChangeSchema),
  /** Migrations that ran after it was compared. @default none */
  migrations: z.number().optional(),
});

export type Kept = z.infer<typeof KeptSchema>;

/** A line of the run: what it says, and under which word. */
interface KeptLine {
  readonly phase: "kept" | "reset";
  readonly text: string;
}

const WHY: Readonly<Record<string, string>> = {
  NONE: `the code assigns it at load, and state: "none" keeps nothing`,
  NOT_DECLARED: "the code assigns it at load, and state: { globals } does not name it",
  CODE: "the name stands for code now",
};

/**
 * What the run says of a state after a load in place: only what the process compared. Pure.
 *
 * @param knew whether the process ran code of the fleet's before
 * @param backup what was taken of it before the load
 */
export function keptLines(
  { name, lib }: { readonly name: string; readonly lib?: boolean | undefined },
  kept: Kept | undefined,
  knew: boolean,
  backup: Pick<Snapshot, "digest" | "states" | "globals"> | undefined,
): KeptLine[] {
  if (kept === undefined) {
    if (!knew) return [];
    const why = isBare({ lib })
      ? "without the library its code decides what of its state stays"
      : "the library of this code is an earlier one, which does not look";
    return [{ phase: "kept", text: `not compared: ${why}` }];
  }
  const { states, globals, changes, migrations = 0 } = kept;
  const since = migrations === 0 ? "" : `; ${amount(migrations, "migration")} ran since`;
  const lines: KeptLine[] = [];
  if (states.length + globals.length > 0)
    lines.push({
      phase: "kept",
      text: `${contentsWords({ states, globals })}: as messages left it, compared after the code had run${since}`,
    });
  const of = (change: string, why?: string) =>
    changes.filter((one) => one.change === change && (why === undefined || one.why === why));
  const say = (phase: KeptLine["phase"], found: readonly KeptChange[], text: string) => {
    if (found.length > 0) lines.push({ phase, text: `${found.map(nameOf).join(", ")}: ${text}` });
  };
  say("kept", of("PUT_BACK"), "the code assigns it at load; the value that messages gave it was put back");
  say("kept", of("ADDED"), "the code added to it at load, and that stays");
  const digest = backup?.digest.slice(0, 8);
  // A process takes no state that sets a name of its code, and takes none in part.
  const isBlocked = of("RESET", "CODE").some((one) => isIn(backup, one));
  const back = isBlocked
    ? `The backup ${digest} has it, and code that leaves its names free takes it: npx fleet restore ${name} --digest ${digest}`
    : `npx fleet restore ${name} --digest ${digest} brings it back, with the rest of the state of then`;
  for (const [why, text] of Object.entries(WHY)) {
    const [saved, lost] = halves(of("RESET", why), (one) => isIn(backup, one));
    say("reset", saved, `${text}. ${back}`);
    say("reset", lost, `${text}. No backup has it`);
  }
  say(
    "reset",
    of("ASSIGNED"),
    "assigned or changed by the code at load; it is the first load over another program, so nothing was known, and nothing was put back",
  );
  return lines;
}

const nameOf = ({ kind, name }: KeptChange): string => (kind === "STATE" ? `fleet.state ${name}` : name);

const isIn = (
  backup: Pick<Snapshot, "states" | "globals"> | undefined,
  { kind, name }: KeptChange,
): boolean => (kind === "STATE" ? backup?.states : backup?.globals)?.includes(name) ?? false;

function halves<T>(list: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  return [list.filter(test), list.filter((one) => !test(one))];
}

/** The options with which a killed move continues: those that it began with. Pure. */
import { UsageError } from "../../core/usage-error.ts";
import { MOVE_TIMEOUT, type MoveOptionsKept, type MoveRecord, moveCommand } from "../../fleet/move-record.ts";
import { giveUp } from "./failures.ts";

/** What a command says; undefined if it says nothing. */
interface AskedOptions {
  readonly retire: boolean;
  readonly withoutState?: string[] | undefined;
  readonly acceptLoss?: string[] | undefined;
  readonly timeout?: number | undefined;
}

const COPIES = [
  ["withoutState", "--without-state"],
  ["acceptLoss", "--accept-loss"],
] as const;

/**
 * A move that was told to leave a state must not copy it after all, so names that differ from its record are refused. Retiring the old
 * processes cannot be undone, so it is set by the command alone.
 *
 * @param begun the record of the killed move; undefined for a new one
 * @returns the options, and what a person has to know of them
 * @throws UsageError MOVE_OPTIONS_DIFFER
 */
export function continuedOptions(
  begun: Pick<MoveRecord, "retires" | "options"> | undefined,
  asked: AskedOptions,
  { from, to }: { readonly from: string; readonly to: string },
): { readonly options: MoveOptionsKept; readonly notes: readonly string[] } {
  const notes =
    begun?.retires && !asked.retire
      ? ["The old processes are not retired: this command has no --retire, which the killed move had."]
      : [];
  const kept = begun?.options;
  if (begun === undefined || kept === undefined) {
    const { withoutState = [], acceptLoss = [], timeout = MOVE_TIMEOUT } = asked;
    return { options: { withoutState, acceptLoss, timeout }, notes };
  }
  const [different] = COPIES.filter(([key]) => asked[key] !== undefined && !isSame(asked[key], kept[key]));
  if (different !== undefined) {
    const [key, option] = different;
    const words = (names: readonly string[] = []) =>
      names.length === 0 ? `no ${option}` : `${option} ${names.join(",")}`;
    throw new UsageError({
      code: "MOVE_OPTIONS_DIFFER",
      what: `The move from ${from} to ${to} was killed, and began with other options.`,
      at: option,
      got: words(asked[key]),
      expected: words(kept[key]),
      remedy: `Continue it as it began: ${moveCommand({ from, to }, begun)}. If its new processes do not serve yet, it can be given up instead: ${giveUp(from, to)}.`,
    });
  }
  const added = COPIES.flatMap(([key, option]) =>
    asked[key] === undefined && kept[key].length > 0 ? [`${option} ${kept[key].join(",")}`] : [],
  );
  return {
    options: { ...kept, timeout: asked.timeout ?? kept.timeout },
    notes: [
      ...notes,
      ...(added.length === 0
        ? []
        : [`The move continues with the options of the killed one: ${added.join(" ")}`]),
    ],
  };
}

/** Whether two lists name the same members. */
const isSame = (some: readonly string[], others: readonly string[]): boolean =>
  some.every((name) => others.includes(name)) && others.every((name) => some.includes(name));

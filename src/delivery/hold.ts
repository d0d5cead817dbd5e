/**
 * Why a router holds its table: a code for decisions, and a sentence for people. Routers and states of earlier versions have only
 * the sentence; this is the only place that parses it. Pure.
 */

import { startOf } from "../core/unicode.ts";
import { HOLD_CODES, type HoldCode, type SetTraffic, type Table, type TrafficState } from "./wire.ts";

interface Hold {
  /** `unknown`: a code of a later version, or a sentence of another tool. */
  readonly code: HoldCode | "unknown";
  /** For people. */
  readonly text: string;
}

/** The longest sentence that a router keeps, in characters. */
const LONGEST = 300;

/** Why a table is held; undefined if it is not. */
export function holdOf(table: Pick<Table, "mode" | "reason" | "holdCode"> | undefined): Hold | undefined {
  if (table?.mode !== "held") return undefined;
  const { reason: text = "", holdCode } = table;
  if (holdCode === undefined) return { code: codeOfSentence(text), text };
  return { code: HOLD_CODES.find((code) => code === holdCode) ?? "unknown", text };
}

/** The part of `SET_TRAFFIC` that holds a table. A router that does not list the code in its answers would refuse it, and gets only the sentence. */
export const holdFields = (
  { holdCodes }: Pick<TrafficState, "holdCodes">,
  code: HoldCode,
  text: string,
): Pick<SetTraffic, "hold" | "holdCode"> => ({
  hold: startOf(text, LONGEST),
  ...(holdCodes?.includes(code) ? { holdCode: code } : {}),
});

/** Sentences for routers without codes, in matching order: any of them may quote a verdict, so the verdict's pattern comes last. */
const SENTENCES: readonly (readonly [RegExp, HoldCode])[] = [
  [/^a gate at /, "gate"],
  [/^paused by hand$/, "paused"],
  [/^\d+ intervals? without enough (to judge by|data): /, "inconclusive"],
  [/^\d+ intervals? in which callers disagree: /, "disputed"],
  [/^\d+ intervals? without a comparison: /, "uncompared"],
  [/^\d+ measurements? in a row could not be made: /, "error"],
  [/^the state cannot go back; /, "stranded"],
  [/^its deployer is gone, /, "abandoned"],
  [/ fails: /, "failed"],
];

const codeOfSentence = (text: string): Hold["code"] =>
  SENTENCES.find(([pattern]) => pattern.test(text))?.[1] ?? "unknown";

import { lostWords } from "./lost.ts";
import type { MemberWay } from "./member-way.ts";

/** A line for each member that something happens to. */
export function wayLines(ways: readonly MemberWay[]): string[] {
  const shown = ways.filter(({ kind }) => kind !== "same");
  const width = Math.max(8, ...shown.map(({ name }) => name.length));
  return shown.map((way) => `  ${way.name.padEnd(width)}  ${wordsOf(way)}`);
}

function wordsOf({ kind, from, to, warm, carries, snapshot, lost }: MemberWay): string {
  const after = `${to?.version} ${to?.sourceHash.slice(0, 8)}`;
  const code = `${from ? `${from.version} ${from.sourceHash.slice(0, 8)}` : "?"} → ${after}`;
  const missed = lost && lost.messages > 0 ? `; ${lostWords(lost)} lost` : "";
  const isEmpty = snapshot?.states?.length === 0 && snapshot.globals?.length === 0;
  const taken = snapshot
    ? `${isEmpty ? "empty " : ""}state of ${snapshot.takenAt} (${snapshot.digest.slice(0, 8)})`
    : undefined;
  const brought = carries === true && !lost ? ", its state of now is handed over" : "";
  switch (kind) {
    case "beside":
      return "came later: it is kept as it runs, and nobody is told of it";
    case "warm":
      return `warm revision ${warm?.slice(0, 8)} re-activated, ${code}${brought}${missed}`;
    case "next":
      return `new process beside the one that serves, ${code}${brought}`;
    case "settings":
      return "same code; its settings and peers go with the release";
    case "new":
      return `new process ${taken ? `with imported ${taken}` : "without a state"}, ${after}: it does not run any more${missed}`;
    case "in-place":
      return `Eval of the stored bundle in place, ${code}, its state is kept`;
    default:
      return `Eval of the stored bundle in place, ${code}, with its ${taken ?? "state of then"}${missed}`;
  }
}

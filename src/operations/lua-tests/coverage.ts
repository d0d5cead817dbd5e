import { type SourceMap, sourceLine, statementLines } from "../../bundler/index.ts";

/** The lines of one file. */
interface FileCoverage {
  readonly file: string;
  /** Lines on which a statement begins. */
  readonly lines: number;
  readonly covered: number;
  /** Those that no test ran. */
  readonly missing: number[];
}

interface CoverageReport {
  readonly files: FileCoverage[];
  readonly lines: number;
  readonly covered: number;
}

/** Collects the lines of the project's sources that tests run. */
export class Coverage {
  readonly #maps = new Map<string, SourceMap>();
  /** Bundle → lines of it that ran. */
  readonly #lines = new Map<string, Set<number>>();
  readonly #isOwn: (file: string) => boolean;

  /** @param isOwn whether a file counts: not the library's, and no test */
  constructor(isOwn: (file: string) => boolean) {
    this.#isOwn = isOwn;
  }

  /** @param lines of the bundle's text */
  note(hash: string, map: SourceMap, lines: readonly number[]): void {
    this.#maps.set(hash, map);
    const known = this.#lines.get(hash) ?? new Set();
    for (const line of lines) known.add(line);
    this.#lines.set(hash, known);
  }

  report(): CoverageReport {
    const ran = new Map<string, Set<number>>();
    const sources = new Map<string, string>();
    for (const [hash, map] of this.#maps) {
      for (const { file, source } of map.modules) if (this.#isOwn(file)) sources.set(file, source);
      for (const line of this.#lines.get(hash) ?? []) {
        const at = sourceLine(map, line);
        if (at !== undefined) ran.set(at.file, (ran.get(at.file) ?? new Set()).add(at.line));
      }
    }
    const files = [...sources]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([file, source]) => coverageOf(file, source, ran.get(file)));
    const sum = (of: "lines" | "covered") => files.reduce((total, each) => total + each[of], 0);
    return { files, lines: sum("lines"), covered: sum("covered") };
  }
}

function coverageOf(file: string, source: string, ran: ReadonlySet<number> = new Set()): FileCoverage {
  const byLine = new Map<number, boolean>();
  for (const { line, runs } of statementLines(source)) {
    const isCovered = runs.some((at) => ran.has(at));
    // Several statements of a line: one that ran is all that Lua reports.
    byLine.set(line, (byLine.get(line) ?? false) || isCovered);
  }
  const missing = [...byLine].flatMap(([line, isCovered]) => (isCovered ? [] : [line])).sort((a, b) => a - b);
  return { file, lines: byLine.size, covered: byLine.size - missing.length, missing };
}

/** Lines as ranges: `3, 7-9`. Pure. */
export function ranges(lines: readonly number[]): string {
  const found: [number, number][] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last && last[1] === line - 1) last[1] = line;
    else found.push([line, line]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ");
}

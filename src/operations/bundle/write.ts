/** What `fleet bundle` does with a bundle: its files, and how it is described. */
import { basename, dirname, relative, resolve } from "node:path";
import { type Bundle, kB, processFile, writeProcessFile } from "../../bundler/index.ts";
import { amount } from "../../core/amount.ts";
import { formatProblem } from "../../core/errors.ts";

/**
 * Writes a bundle to its file, and its source map next to it or to a file of its own.
 *
 * @param asked `out`: the file, `-` for none; `map`: the map's file, true for the one next to the bundle
 * @returns the file, and what was written as data
 */
export async function writeBundle(
  made: Bundle,
  asked: { readonly out?: string; readonly map?: string | true },
): Promise<{ readonly out: string; readonly document: object }> {
  const out = asked.out ?? processFile(made.name);
  if (out !== "-") await writeProcessFile(made, out);
  const map = asked.map === true ? `${out === "-" ? processFile(made.name) : out}.map.json` : asked.map;
  if (map !== undefined) await writeProcessFile({ name: made.name, text: JSON.stringify(made.map) }, map);
  const { name, hash, bytes, modules, warnings } = made;
  const document = {
    success: true,
    ...{ name, hash, bytes },
    out: out === "-" ? null : out,
    map: map ?? null,
    ...{ modules, warnings },
  };
  return { out, document };
}

/** A bundle in words: its warnings, size and hash, and with `report` the size of each module. */
export function bundleText(made: Bundle, out: string, report: boolean): string {
  const lines = made.warnings.map((warning) => `warning: ${formatProblem(warning)}`);
  const count = made.modules.length;
  lines.push(
    `${out === "-" ? made.name : relative(".", out)}: ${kB(made.bytes)} from ${amount(count, "module")}, sha256 ${made.hash}`,
  );
  if (report) {
    const sorted = [...made.modules].sort((a, b) => b.bytes - a.bytes || (a.file < b.file ? -1 : 1));
    const width = Math.max(...sorted.map(({ file }) => file.length));
    for (const { file, bytes, name } of sorted) {
      const share = `${((100 * bytes) / made.bytes).toFixed(1)} %`;
      lines.push(`  ${file.padEnd(width)}  ${kB(bytes).padStart(10)}  ${share.padStart(7)}  ${name}`);
    }
  }
  return lines.join("\n");
}

/** The name of a process from its entry: `battle` for `processes/battle/main.lua` and for `battle-process.lua`. */
export function processName(entry: string): string {
  const path = entry.replace(/^npm:/, "").replace(/\/$/, "");
  const base = basename(path).replace(/\.lua$/, "");
  const own = /^(main|init|index|process)$/.test(base) ? basename(dirname(resolve(path))) : base;
  return own.replace(/-process$/, "");
}

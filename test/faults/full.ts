/**
 * The whole fault suite, family by family, and its report.
 *
 *     node test/faults/full.ts [--face mainnet] [--family K1,N2] [--case "create ao.after-send:3"] [--share 0.2] [--minutes 30]
 *
 * Exits with 1 if an invariant is broken. `--share` runs that part of each family, spread over it; `--minutes` ends a family
 * that takes longer. A case that was not run keeps its last result, and the report says when that was.
 */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type FaultCase, runCase } from "./case.ts";
import { lifecycleCases } from "./catalogue.ts";
import { cliCases } from "./families/cli.ts";
import { rollbackCases } from "./families/rollback.ts";
import { rolloutCases } from "./families/rollouts.ts";
import { keepVerdict, keptResults, reportOf } from "./report.ts";

const { values } = parseArgs({
  options: {
    family: { type: "string" },
    face: { type: "string", default: "legacy" },
    case: { type: "string" },
    share: { type: "string", default: "1" },
    minutes: { type: "string", default: "600" },
  },
});

const say = console.info;
// Lifecycles report their steps to people; here nobody reads them.
console.log = () => {};

function spread<T>(list: readonly T[], share: number): T[] {
  const step = 1 / Math.min(1, Math.max(share, 1 / list.length));
  const picked = new Set(
    Array.from({ length: Math.round(list.length / step) }, (_, n) => Math.floor(n * step + step / 2)),
  );
  return list.filter((_, index) => picked.has(index));
}

/** The measured code, in a checkout. */
function head(): string | undefined {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}

const { face } = values;
if (face !== "legacy" && face !== "mainnet") throw new Error("--face: legacy or mainnet");
const commit = head();
const wanted = values.family?.split(",");
const all = [...lifecycleCases(), ...cliCases(), ...rollbackCases(), ...rolloutCases()];
const families = [...new Set(all.map(({ family }) => family))].filter(
  (name) => wanted?.includes(name) ?? true,
);
let broken = 0;
let ran = 0;
let repeated = 0;
for (const family of families) {
  const listed = all.filter((fault) => fault.family === family);
  const chosen: FaultCase[] =
    values.case === undefined
      ? spread(listed, Number(values.share))
      : listed.filter(({ name }) => name === values.case);
  const names = listed.map(({ name }) => name);
  const end = performance.now() + Number(values.minutes) * 60_000;
  for (const fault of chosen) {
    if (performance.now() > end) break;
    const verdict = await runCase(fault, face);
    const at = new Date().toISOString();
    if (face === "legacy")
      await keepVerdict(names, { ...verdict, at, ...(commit === undefined ? {} : { commit }) });
    ran += 1;
    repeated += verdict.repeated ?? 0;
    if (verdict.broken.length > 0) broken += 1;
    say(
      `${verdict.broken.length === 0 ? "holds " : "BROKEN"} ${family} ${verdict.name} (seed ${verdict.seed}) ${verdict.seconds.toFixed(1)} s`,
    );
    for (const line of verdict.broken) say(`       ${line.slice(0, 1500)}`);
  }
}
if (ran === 0) {
  say("no case has that name");
  process.exit(2);
}
if (face === "legacy") await writeFile("docs/reliability.md", reportOf(await keptResults()));
if (face === "mainnet") say(`${repeated} posts were repeated`);
say(broken === 0 ? "no invariant is broken" : `${broken} cases are broken`);
process.exit(broken === 0 ? 0 : 1);

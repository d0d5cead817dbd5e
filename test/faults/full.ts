/**
 * The whole fault suite, family by family, and its report.
 *
 *     node test/faults/full.ts [--face mainnet] [--family K1,N2] [--case "create ao.after-send:3"] [--share 0.2] [--minutes 30]
 *     node test/faults/full.ts --report
 *
 * Exits with 1 if an invariant is broken. `--share` runs that part of each family, spread over it; `--minutes` ends a family
 * that takes longer. A case that was not run keeps its last result, and the report says when that was. `--report` runs nothing and
 * writes the report from all kept results, on both faces.
 */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Face, type FaultCase, leftOut, runCase } from "./case.ts";
import { lifecycleCases } from "./catalogue.ts";
import { cliCases } from "./families/cli.ts";
import { rollbackCases } from "./families/rollback.ts";
import { rolloutCases } from "./families/rollouts.ts";
import { keepVerdict, keptResults, type LeftOut, leftOutLines, reportOf } from "./report.ts";

const { values } = parseArgs({
  options: {
    family: { type: "string" },
    face: { type: "string", default: "legacy" },
    case: { type: "string" },
    share: { type: "string", default: "1" },
    minutes: { type: "string", default: "600" },
    report: { type: "boolean", default: false },
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

const leftOutOn = (on: Face): LeftOut[] =>
  all.flatMap((fault) => {
    const why = leftOut(fault, on);
    return why === undefined ? [] : [{ family: fault.family, name: fault.name, why }];
  });

/** Writes docs/reliability.md, unless a complete run on this machine is missing: the page then keeps what another one measured. */
async function writeReport(): Promise<void> {
  const [legacy, mainnet] = [await keptResults("legacy"), await keptResults("mainnet")];
  const known = legacy.map(({ family }) => family);
  const missing = all.filter(
    (fault) => leftOut(fault, "legacy") === undefined && !known.includes(fault.family),
  );
  if (missing.length > 0) {
    const names = [...new Set(missing.map(({ family }) => family))];
    return say(`docs/reliability.md is unchanged: no results of ${names.join(", ")} here`);
  }
  const text = reportOf({
    legacy: { results: legacy, leftOut: leftOutOn("legacy") },
    mainnet: { results: mainnet, leftOut: leftOutOn("mainnet") },
  });
  await writeFile("docs/reliability.md", text);
}

if (values.report) {
  await writeReport();
  process.exit(0);
}

for (const line of leftOutLines(leftOutOn(face))) say(`left out on ${face}: ${line}`);
const here = all.filter((fault) => leftOut(fault, face) === undefined);
const families = [...new Set(here.map(({ family }) => family))].filter(
  (name) => wanted?.includes(name) ?? true,
);
const sums = { ran: 0, broken: 0, made: 0, absorbed: 0 };
for (const family of families) {
  const listed = here.filter((fault) => fault.family === family);
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
    await keepVerdict(face, names, { ...verdict, at, ...(commit === undefined ? {} : { commit }) });
    sums.ran += 1;
    sums.made += verdict.repeats.made;
    sums.absorbed += verdict.repeats.absorbed;
    if (verdict.broken.length > 0) sums.broken += 1;
    say(
      `${verdict.broken.length === 0 ? "holds " : "BROKEN"} ${family} ${verdict.name} (seed ${verdict.seed}) ${verdict.seconds.toFixed(1)} s`,
    );
    for (const line of verdict.broken) say(`       ${line.slice(0, 1500)}`);
  }
}
if (sums.ran === 0) {
  say("no case has that name");
  process.exit(2);
}
await writeReport();
if (face === "mainnet") say(`${sums.made} posts were repeated, ${sums.absorbed} of them absorbed`);
say(sums.broken === 0 ? "no invariant is broken" : `${sums.broken} cases are broken`);
process.exit(sums.broken === 0 ? 0 : 1);

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Verdict } from "./case.ts";

/** One case's measurement, and its time. */
export interface KeptVerdict extends Verdict {
  /** ISO time. */
  readonly at: string;
  /** The measured code, if the project knows it. */
  readonly commit?: string;
}

/** The measurements of one family's cases. */
export interface FamilyResult {
  readonly family: string;
  /** The number of cases in the family; fewer verdicts mean that only a share was ever run. */
  readonly listed: number;
  readonly verdicts: readonly KeptVerdict[];
}

const FOLDER = join("build", "faults", "results");

/** Families of reliability.md, what each breaks, and what no case covers. */
const FAMILIES: Record<string, { readonly title: string; readonly open?: string }> = {
  K1: { title: "the provider is killed at every step" },
  K2: { title: "the pulumi or the fleet command is killed" },
  K3: { title: "a run is suspended while a later one finishes" },
  K4: { title: "SIGINT once, twice, SIGTERM to the pulumi command; a closed terminal" },
  K5: { title: "journal cut or corrupted, disk full, no folder" },
  N1: { title: "accepted, the answer lost one to five times" },
  N2: { title: "5, 20 and 50 % of calls fail in ten ways" },
  N3: { title: "stale and contradictory reads" },
  N4: { title: "index or units behind" },
  D1: { title: "messages again and out of order" },
  D2: { title: "wrong epochs, forged senders, a missing authority" },
  C1: { title: "several `up` at once on one stack" },
  C2: { title: "two operators with separate states" },
  S1: { title: "an older state" },
  S2: { title: "state, journal or both lost" },
  S3: { title: "changes by hand, idle refreshes" },
  S4: { title: "the provider's code moves, no input changes" },
  C3: { title: "a new release during a rollout, on real evaluators" },
  H1: { title: "code that is wrong in one way" },
  H2: { title: "a revision starts failing at each step of a rollout, on real evaluators" },
  H3: { title: "the deployer dies at a step and is not restarted, on real evaluators" },
  B1: { title: "every field missing, wrong, huge, hostile" },
  A1: { title: "strangers; secrets" },
  R1: { title: "a rollback is killed at every step, on real evaluators" },
  R2: { title: "ten releases returned to in random order, every second time on another machine" },
  R3: { title: "an emergency rollback" },
  R4: { title: "the rollback command is killed while its up runs" },
  L1: { title: "release after release under load, each killed somewhere, on real evaluators" },
  P1: { title: "random fleets, faults and operations" },
};

/**
 * Stores a case's measurement; the next report is written from all stored ones. A case that is not run stays as it was measured
 * last, and the report says when that was.
 *
 * @param listed names of all cases in the family
 */
export async function keepVerdict(listed: readonly string[], verdict: KeptVerdict): Promise<void> {
  const { family } = verdict;
  await mkdir(FOLDER, { recursive: true });
  const earlier = (await keptResults()).find((result) => result.family === family)?.verdicts ?? [];
  const newest = new Map([...earlier, verdict].map((one) => [one.name, one]));
  const result: FamilyResult = {
    family,
    listed: listed.length,
    verdicts: listed.flatMap((name) => newest.get(name) ?? []),
  };
  await writeFile(join(FOLDER, `${family}.json`), `${JSON.stringify(result, null, 1)}\n`);
}

export async function keptResults(): Promise<FamilyResult[]> {
  const names = await readdir(FOLDER).catch(() => []);
  const all = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map(async (name) => JSON.parse(await readFile(join(FOLDER, name), "utf8")) as FamilyResult),
  );
  const order = Object.keys(FAMILIES);
  return all.sort((a, b) => order.indexOf(a.family) - order.indexOf(b.family));
}

const percentile = (sorted: readonly number[], share: number): number | undefined =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];

const shown = (ms: number | undefined): string => (ms === undefined ? "–" : (ms / 1000).toFixed(1));

/** docs/reliability.md: measurements only. */
export function reportOf(results: readonly FamilyResult[]): string {
  const rows = results.map(({ family, listed, verdicts }) => {
    const times = verdicts.flatMap(({ recoveries }) => recoveries).sort((a, b) => a - b);
    const trials = verdicts.reduce((sum, one) => sum + one.trials, 0);
    const broken = verdicts.filter((one) => one.broken.length > 0);
    const cells = [
      `**${family}** ${FAMILIES[family]?.title ?? ""}`,
      verdicts.length === listed ? String(listed) : `${verdicts.length} of ${listed}`,
      String(trials),
      seedsOf(verdicts),
      String(broken.length),
      `${shown(percentile(times, 0.5))} / ${shown(percentile(times, 0.95))} / ${shown(times.at(-1))}`,
      measuredAt(verdicts),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const broken = results.flatMap(({ verdicts }) => verdicts.filter((one) => one.broken.length > 0));
  const missing = Object.keys(FAMILIES).filter((name) => !results.some(({ family }) => family === name));
  const open = results.flatMap(({ family }) => FAMILIES[family]?.open ?? []);
  const all = results.flatMap(({ verdicts }) => verdicts);
  const times = all.flatMap(({ recoveries }) => recoveries).sort((a, b) => a - b);
  return `# Reliability, measured

Written by \`npm run test:faults\` from what it measured; do not edit it. ${all.length} cases, ${broken.length} broken, each at the code that the last column names. Recovery over all of them: p50 ${shown(percentile(times, 0.5))} s, p95 ${shown(percentile(times, 0.95))} s, max ${shown(times.at(-1))} s.

After every case these are checked against what the network really holds: **I1** one live process per member · **I2** every process is in state, journal or ledger · **I4** one effect per intent · **I5** nothing pending, nothing open in the journal · **I6** the next \`up\` changes and sends nothing · **I7** no part of the wallet in files or messages · **I8** journal and network agree. **I3** (nothing lost or counted twice while traffic moves, and it is where one release has it) in C3, H2, H3 and the rollouts of K1, by clients who send throughout. A case that was not run again stays as it was measured last. There are no retries; a time includes starting a process of its own, on a machine that other work may load.

| family | cases | trials | seeds | broken | recovery p50 / p95 / max, s | measured |
|---|---|---|---|---|---|---|
${rows.join("\n")}

${broken.length === 0 ? "Nothing is broken." : `## Broken\n\n${broken.map(({ family, name, broken: lines }) => `- ${family}, ${name}: ${(lines[0] ?? "").replace(/\s+/g, " ").slice(0, 300)}${lines.length > 1 ? ` (and ${lines.length - 1} more)` : ""}`).join("\n")}`}

## Not covered

${[...missing.map((name) => `- ${name} (${FAMILIES[name]?.title}) was not run.`), ...open.map((line) => `- ${line[0]?.toUpperCase()}${line.slice(1)}.`), "- T1 and T2 are tests of the router by themselves: test/router/traces.test.ts, docs/concepts/rollouts.md."].join("\n")}
`;
}

/** `2026-11-25 at 0fc2e36`, or `40 on 2026-11-25 at 0fc2e36, 225 on 2026-11-25 at aff92a7`: the newest code first. Pure. */
export function measuredAt(verdicts: readonly KeptVerdict[]): string {
  const newestFirst = [...verdicts].sort((a, b) => b.at.localeCompare(a.at));
  const counts = new Map<string, number>();
  for (const { at, commit } of newestFirst) {
    const where = `${at.slice(0, 10)} at ${commit ?? "code that was not noted"}`;
    counts.set(where, (counts.get(where) ?? 0) + 1);
  }
  if (counts.size === 1) return [...counts.keys()].join();
  return [...counts].map(([where, count]) => `${count} on ${where}`).join(", ");
}

function seedsOf(verdicts: readonly Verdict[]): string {
  const seeds = [...new Set(verdicts.map(({ seed }) => seed))].sort((a, b) => a - b);
  return seeds.length <= 4 ? seeds.join(", ") : `${seeds[0]} – ${seeds.at(-1)}`;
}

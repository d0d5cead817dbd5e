import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { amount } from "../../src/core/amount.ts";
import type { Face, RepeatCount, Verdict } from "./case.ts";

/** One case's measurement, and its time. */
export interface KeptVerdict extends Omit<Verdict, "repeats"> {
  /** Absent in measurements of earlier code. */
  readonly repeats?: RepeatCount;
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

/** A case that a face leaves out. */
export interface LeftOut {
  readonly family: string;
  readonly name: string;
  readonly why: string;
}

/** What is known of a face. */
export interface FaceResults {
  readonly results: readonly FamilyResult[];
  readonly leftOut: readonly LeftOut[];
}

const FOLDERS: Record<Face, string> = {
  legacy: join("build", "faults", "results"),
  mainnet: join("build", "faults", "results", "mainnet"),
};

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
  N4: { title: "index, units or node behind" },
  M1: { title: "a node fails after it gave a slot, is busy, has pages and paths of its own" },
  M2: { title: "the provider is killed between a node's post, its schedule and its result" },
  D1: { title: "messages again and out of order" },
  D2: { title: "wrong epochs, forged senders, a missing authority" },
  C1: { title: "several `up` at once on one stack" },
  C2: { title: "two operators with separate states" },
  S1: { title: "an older state" },
  S2: { title: "state, journal or both lost" },
  S3: { title: "changes by hand, idle refreshes" },
  S4: { title: "the provider's code moves, no input changes" },
  S5: { title: "floods by 1, 10 and 100 free wallets, on real evaluators" },
  S6: { title: "a judge under attack by 1, 10 and 100 wallets" },
  S7: { title: "the game's money and colluding wallets, on real evaluators" },
  S8: { title: "hostile text and secrets on the operator's screen and in bundles" },
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
export async function keepVerdict(
  face: Face,
  listed: readonly string[],
  verdict: KeptVerdict,
): Promise<void> {
  const { family } = verdict;
  const folder = FOLDERS[face];
  await mkdir(folder, { recursive: true });
  const earlier = (await keptResults(face)).find((result) => result.family === family)?.verdicts ?? [];
  const newest = new Map([...earlier, verdict].map((one) => [one.name, one]));
  const result: FamilyResult = {
    family,
    listed: listed.length,
    verdicts: listed.flatMap((name) => newest.get(name) ?? []),
  };
  await writeFile(join(folder, `${family}.json`), `${JSON.stringify(result, null, 1)}\n`);
}

export async function keptResults(face: Face): Promise<FamilyResult[]> {
  const folder = FOLDERS[face];
  const names = await readdir(folder).catch(() => []);
  const all = await Promise.all(
    names
      .filter((name) => name.endsWith(".json"))
      .map(async (name) => JSON.parse(await readFile(join(folder, name), "utf8")) as FamilyResult),
  );
  const order = Object.keys(FAMILIES);
  return all.sort((a, b) => order.indexOf(a.family) - order.indexOf(b.family));
}

const percentile = (sorted: readonly number[], share: number): number | undefined =>
  sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];

const shown = (ms: number | undefined): string => (ms === undefined ? "–" : (ms / 1000).toFixed(1));

const FACES: Record<Face, { readonly title: string; readonly about: string }> = {
  legacy: { title: "Legacy units", about: "On messenger, scheduler and compute units." },
  mainnet: {
    title: "A HyperBEAM node",
    about:
      "On a node that gives the same bytes a slot again, and evaluates them again. Unless a case says otherwise, it receives every post a second time.",
  },
};

/** docs/reliability.md: measurements only. */
export function reportOf(faces: Readonly<Record<Face, FaceResults>>): string {
  return `# Reliability, measured

Written by \`npm run test:faults\` from what it measured; do not edit it. Each case was measured at the code that the last column names.

After every case these are checked against what the network really holds: **I1** one live process per member · **I2** every process is in state, journal or ledger · **I4** one effect per intent · **I5** nothing pending, nothing open in the journal · **I6** the next \`up\` changes and sends nothing · **I7** no part of the wallet in files or messages · **I8** journal and network agree · **I10** a message that a node repeats has its effect once. **I3** (nothing lost or counted twice while traffic moves, and it is where one release has it) in C3, H2, H3 and the rollouts of K1, by clients who send throughout. S5 to S8 are judged by what honest callers, releases, the fund and the screen get instead. A case that was not run again stays as it was measured last. There are no retries; a time includes starting a process of its own, on a machine that other work may load.

${sectionOf("legacy", faces.legacy)}
${sectionOf("mainnet", faces.mainnet)}`;
}

function sectionOf(face: Face, { results, leftOut }: FaceResults): string {
  const { title, about } = FACES[face];
  const all = results.flatMap(({ verdicts }) => verdicts);
  const broken = all.filter((one) => one.broken.length > 0);
  const repeats = repeatsOf(all);
  const lost = repeats.made - repeats.absorbed;
  const counted =
    face === "legacy"
      ? ""
      : ` ${repeats.made} posts were repeated: ${repeats.absorbed} got a slot and had no effect there${lost === 0 ? "" : `, ${lost} got none or are listed as broken`}.`;
  return `## ${title}

${about} ${amount(all.length, "case")}, ${broken.length} broken. Recovery over all of them: ${timesOf(all, "p50 ", " s, p95 ", " s, max ")} s.${counted}

${tableOf(face, results)}

${broken.length === 0 ? "Nothing is broken." : `### Broken\n\n${broken.map(brokenLine).join("\n")}`}

### Not covered

${notCovered(results, leftOut).join("\n")}
`;
}

function tableOf(face: Face, results: readonly FamilyResult[]): string {
  const columns = [
    ...["family", "cases", "trials", "seeds", "broken"],
    ...(face === "legacy" ? [] : ["repeated / absorbed"]),
    ...["recovery p50 / p95 / max, s", "measured"],
  ];
  const rows = results.map(({ family, listed, verdicts }) => {
    const { made, absorbed } = repeatsOf(verdicts);
    return [
      `**${family}** ${FAMILIES[family]?.title ?? ""}`,
      verdicts.length === listed ? String(listed) : `${verdicts.length} of ${listed}`,
      String(verdicts.reduce((sum, one) => sum + one.trials, 0)),
      seedsOf(verdicts),
      String(verdicts.filter((one) => one.broken.length > 0).length),
      ...(face === "legacy" ? [] : [`${made} / ${absorbed}`]),
      timesOf(verdicts, "", " / ", " / "),
      measuredAt(verdicts),
    ];
  });
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(columns), `|${columns.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}

const brokenLine = ({ family, name, broken: lines }: KeptVerdict): string =>
  `- ${family}, ${name}: ${(lines[0] ?? "").replace(/\s+/g, " ").slice(0, 300)}${lines.length > 1 ? ` (and ${lines.length - 1} more)` : ""}`;

function notCovered(results: readonly FamilyResult[], leftOut: readonly LeftOut[]): string[] {
  const known = new Set([...results, ...leftOut].map(({ family }) => family));
  const missing = Object.keys(FAMILIES).filter((name) => !known.has(name));
  const open = results.flatMap(({ family }) => FAMILIES[family]?.open ?? []);
  return [
    ...missing.map((name) => `- ${name} (${FAMILIES[name]?.title}) was not run.`),
    ...open.map((line) => `- ${line[0]?.toUpperCase()}${line.slice(1)}.`),
    ...leftOutLines(leftOut).map((line) => `- Left out: ${line}.`),
    "- T1 and T2 are tests of the router by themselves: test/router/traces.test.ts, docs/concepts/rollouts.md.",
  ];
}

/** `18 cases of M1 and M2, because only a node has slots`: one line for each reason. Pure. */
export function leftOutLines(leftOut: readonly LeftOut[]): string[] {
  return [...new Set(leftOut.map(({ why }) => why))].map((why) => {
    const same = leftOut.filter((one) => one.why === why);
    const families = [...new Set(same.map(({ family }) => family))];
    return `${amount(same.length, "case")} of ${families.join(", ")}, because ${why}`;
  });
}

function repeatsOf(verdicts: readonly KeptVerdict[]): RepeatCount {
  return {
    made: verdicts.reduce((sum, { repeats }) => sum + (repeats?.made ?? 0), 0),
    absorbed: verdicts.reduce((sum, { repeats }) => sum + (repeats?.absorbed ?? 0), 0),
  };
}

/** Half of the recoveries, most of them, and the longest. */
function timesOf(verdicts: readonly KeptVerdict[], ...words: readonly [string, string, string]): string {
  const times = verdicts.flatMap(({ recoveries }) => recoveries).sort((a, b) => a - b);
  const points = [percentile(times, 0.5), percentile(times, 0.95), times.at(-1)];
  return words.map((word, index) => `${word}${shown(points[index])}`).join("");
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

function seedsOf(verdicts: readonly KeptVerdict[]): string {
  const seeds = [...new Set(verdicts.map(({ seed }) => seed))].sort((a, b) => a - b);
  return seeds.length <= 4 ? seeds.join(", ") : `${seeds[0]} – ${seeds.at(-1)}`;
}

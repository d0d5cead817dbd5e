import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readJson, writeAtomically } from "../../fleet/files.ts";
import type { StackFiles } from "../../fleet/session/scope.ts";
import type { Performance } from "./report.ts";

const BaselineSchema = z.looseObject({
  deploymentId: z.string(),
  /** ISO 8601. */
  measuredAt: z.string(),
  network: z.string(),
  /** Requests per second over the whole fleet. */
  rate: z.number(),
  processes: z.record(z.string(), z.looseObject({ averageMs: z.number(), p95Ms: z.number() })),
});

/** The figures of a release: one file per release on this machine. */
type Baseline = z.infer<typeof BaselineSchema>;

const folder = ({ home, project, stack }: StackFiles): string =>
  join(home, "validation", `${project}.${stack}`);

/** The newest figures of another release at the same rate on the same kind of network; undefined if there are none. */
export async function lastBaseline(
  where: StackFiles,
  now: Pick<Baseline, "deploymentId" | "network" | "rate">,
): Promise<Baseline | undefined> {
  const found: Baseline[] = [];
  for (const name of await readdir(folder(where)).catch(() => [])) {
    const parsed = BaselineSchema.safeParse(await readJson(join(folder(where), name)).catch(() => undefined));
    if (!parsed.success) continue;
    const { deploymentId, network, rate } = parsed.data;
    if (deploymentId !== now.deploymentId && network === now.network && rate === now.rate)
      found.push(parsed.data);
  }
  return found.sort((a, b) => b.measuredAt.localeCompare(a.measuredAt))[0];
}

/** Saves the figures of a release. */
export async function keepBaseline(where: StackFiles, baseline: Baseline): Promise<void> {
  if (!/^[\w.-]{1,128}$/.test(baseline.deploymentId)) return;
  const path = join(folder(where), `${baseline.deploymentId}.json`);
  await writeAtomically(path, `${JSON.stringify(baseline, null, 2)}\n`);
}

/** Milliseconds of variation to expect on an idle machine. */
const NOISE_MS = 50;

/** Whether a process became slower, with a description. Pure. */
export function regression(
  now: Pick<Performance, "p95Ms">,
  before: { readonly p95Ms: number },
  factor: number,
): { readonly worse: boolean; readonly detail: string } {
  const worse = now.p95Ms > before.p95Ms * factor && now.p95Ms - before.p95Ms > NOISE_MS;
  const change = before.p95Ms === 0 ? "" : ` (×${(now.p95Ms / before.p95Ms).toFixed(2)})`;
  return { worse, detail: `p95 ${before.p95Ms} → ${now.p95Ms} ms${change}, limit ×${factor}` };
}

import type { HealthOutput } from "../../src/fleet/health/schema.ts";
import type { HeldRevision, Revision } from "../../src/fleet/members/revision.ts";
import type { ProcessInputs, ProcessOutputs, Retention } from "./schema.ts";

/** What a refresh found wrong with a revision that has a share of the traffic. */
export type Finding = NonNullable<HeldRevision["finding"]>;

/** A finding as a sentence. Pure. */
export const findingText = ({ drift, health }: Finding): string =>
  drift.length > 0
    ? `changed by hand: ${drift.join("; ")}`
    : `${health.status}${health.reasons[0] ? ` (${health.reasons[0]})` : ""}`;

/** The revisions in a state, the declared one first. Also reads states with a single revision, of an earlier version. Pure. */
export function revisionsOf(olds: ProcessOutputs | undefined): HeldRevision[] {
  if (olds?.revisions !== undefined) return olds.revisions;
  if (olds?.revision === undefined) return [];
  const { generation, moduleId, health } = olds;
  return [{ ...olds.revision, generation, moduleId, health: health.status }];
}

/** The revision that runs in a process; undefined if none is known. Pure. */
export function revisionAt(held: readonly HeldRevision[], processId: string): Revision | undefined {
  const found = held.find((one) => one.processId === processId);
  if (!found) return undefined;
  const { generation: _, moduleId: __, health: ___, replacedAt: ____, finding: _____, ...revision } = found;
  return revision;
}

/** Whether a held revision is the declared one, by code, version and module. Pure. */
export const isWanted = (
  held: Pick<HeldRevision, "sourceHash" | "version" | "moduleId">,
  inputs: Pick<ProcessInputs, "bundle" | "version">,
  moduleId: string,
): boolean =>
  held.sourceHash === inputs.bundle.hash && held.version === inputs.version && held.moduleId === moduleId;

/** The declared revision, then the others with the time at which they were replaced. Pure. */
export function withWanted(
  held: readonly HeldRevision[],
  wanted: Revision & { readonly generation: number; readonly moduleId: string },
  health: HealthOutput["status"],
  now: Date,
): HeldRevision[] {
  const others = held
    .filter(({ processId }) => processId !== wanted.processId)
    .map((one) => (one.replacedAt === undefined ? { ...one, replacedAt: now.toISOString() } : one));
  return [{ ...wanted, health }, ...others];
}

/** Whether a revision was ever proved healthy, so that it may have served callers. Pure. */
export const wasProved = ({ health }: Pick<HeldRevision, "health">): boolean =>
  health === "HEALTHY" || health === "DEGRADED";

/**
 * The revisions to retire. The declared one (the first) and those with traffic are always kept; then the latest ones, up to the configured
 * number; then those that were replaced within the window. A revision that was never healthy is not kept for a rollback. Pure.
 */
export function surplus(
  revisions: readonly HeldRevision[],
  inUse: ReadonlySet<string>,
  { revisions: most, windowSeconds }: Retention,
  now: Date,
): HeldRevision[] {
  const [wanted, ...others] = revisions;
  const kept = new Set(others.filter(({ processId }) => inUse.has(processId)));
  const rest = others.filter((one) => !kept.has(one));
  const latest = rest
    .filter(({ health }) => health !== "UNHEALTHY" && health !== "OFFLINE")
    .sort((a, b) => (b.replacedAt ?? "").localeCompare(a.replacedAt ?? "") || b.generation - a.generation);
  for (const one of latest) {
    const age = now.getTime() - Date.parse(one.replacedAt ?? now.toISOString());
    if ((wanted ? 1 : 0) + kept.size < most || age < windowSeconds * 1000) kept.add(one);
  }
  return others.filter((one) => !kept.has(one));
}

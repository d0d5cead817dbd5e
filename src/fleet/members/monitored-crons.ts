import { type MonitoredCron, monitoredCron } from "../crons.ts";
import { readRelease } from "../releases/document.ts";
import type { Scope } from "../session/scope.ts";
import { readManifest } from "./manifest.ts";
import type { Member } from "./member.ts";

/** A cron of the current release, and since when its member runs as declared. */
export interface CronOfMember extends MonitoredCron {
  /** Time of the member's latest deployment in milliseconds since 1970; undefined if this machine does not know it. */
  readonly since?: number;
}

/** Member's name → its cron, for the crons that the fleet's monitor drives in the current release. Empty if this machine has no release. */
export async function monitoredCrons(scope: Scope): Promise<ReadonlyMap<string, CronOfMember>> {
  const [release, manifest] = await Promise.all([
    readRelease(scope, "current").catch(() => undefined),
    readManifest(scope),
  ]);
  return new Map(
    Object.entries({ ...release?.warm, ...release?.declaration }).flatMap(([name, declared]) => {
      const cron = monitoredCron(declared);
      if (cron === undefined) return [];
      const since = Date.parse(manifest?.processes[name]?.deploymentTime ?? "");
      return [[name, { ...cron, ...(Number.isNaN(since) ? {} : { since }) }] as const];
    }),
  );
}

/** The cron of a process: only the one that serves its member gets the ticks. Pure. */
export const cronOf = (
  { name, of }: Pick<Member, "name" | "of">,
  crons: ReadonlyMap<string, CronOfMember>,
): CronOfMember | undefined => (of === undefined ? crons.get(name) : undefined);

import { amount } from "../../src/core/amount.ts";
import { runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import { replaceRemedy, stuckRemedy } from "../../src/fleet/members/ruined.ts";
import { findingText } from "./revisions.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";

/** The reasons for updating a process; empty if nothing changes. Pure. */
export function explainChanges(olds: ProcessOutputs, news: ProcessInputs): string[] {
  const reasons: string[] = [];
  if (olds.bundle.hash !== news.bundle.hash) {
    const how = news.strategy === undefined ? "in place" : newProcessReason(olds, news);
    reasons.push(`${how}, ${explainModules(olds.bundle.modules, news.bundle.modules)}`);
    // Nothing in such a process compares its state or puts it back.
    if (runsWithoutLibrary(news)) reasons.push("without the library, its code decides which state stays");
  } else if (olds.revision === undefined) reasons.push("code was never loaded");
  // A run that failed before the load leaves what it declared in the state.
  else if (olds.revision.sourceHash !== olds.bundle.hash || olds.revision.version !== olds.version)
    reasons.push(
      `the last run did not load its code: the latest load is code ${olds.revision.sourceHash.slice(0, 8)}, version ${olds.revision.version}`,
    );
  if (news.strategy !== undefined && olds.module !== news.module)
    reasons.push(`module ${olds.module} → ${news.module}`);
  if (olds.version !== news.version) reasons.push(`version ${olds.version} → ${news.version}`);
  if ((olds.strategy === undefined) !== (news.strategy === undefined))
    reasons.push(news.strategy ? "from now on in a new process, not in place" : "from now on in place");
  const cron = (from: { readonly tags?: ProcessInputs["tags"] }) => from.tags?.["Cron-Interval"];
  if (cron(olds) !== undefined && cron(news) === undefined) reasons.push("its cron is no longer driven");
  if (cron(olds) === undefined && cron(news) !== undefined)
    reasons.push("its cron is driven if it was spawned with one: tags are fixed at the spawn");
  for (const finding of olds.drift) reasons.push(`changed by hand: ${finding}`);
  for (const { processId, finding } of olds.revisions ?? [])
    if (finding) reasons.push(`${processId.slice(0, 8)}, which also has traffic: ${findingText(finding)}`);
  return [...reasons, ...healthReasons(olds)];
}

/** What the state says of its health, if it has to be checked again. */
function healthReasons(olds: ProcessOutputs): string[] {
  const { status, reasons: why, code } = olds.health;
  const failed = lastFailure(olds);
  const found = failed === undefined ? [] : [failed];
  if (code === "PROCESS_RUINED")
    return [...found, `${olds.processId} is ${why.join("; ")} [${code}]. ${replaceRemedy(olds.name)}`];
  if (code === "PROCESS_STUCK")
    return [...found, `${olds.processId} is ${why.join("; ")} [${code}]. ${stuckRemedy(olds.name)}`];
  // Its health is unknown, so it may still be serving.
  if (status === "UNKNOWN" && why[0]) return [...found, `its health is unknown (${why[0]}): check again`];
  if (status === "UNKNOWN" && failed === undefined)
    return ["the last run ended before its health check: check again"];
  if (status === "UNKNOWN" || status === "HEALTHY" || status === "DEGRADED") return found;
  return [...found, `was ${status}${why[0] ? ` (${why[0]})` : ""}: check again`];
}

/** Why the last run ended before its health check, and what to do; undefined if it did not, or if its code is loaded and healthy by now. */
function lastFailure({ failure, health, revision, bundle, version }: ProcessOutputs): string | undefined {
  if (failure === undefined) return undefined;
  const isLoaded = revision?.sourceHash === bundle.hash && revision.version === version;
  if (isLoaded && health.status !== "UNKNOWN") return undefined;
  return `the last run failed: ${failure.what} [${failure.code}] ${failure.remedy}`;
}

/** Whether the code gets a new process, or a held revision is used again. */
function newProcessReason(olds: ProcessOutputs, { bundle, version }: ProcessInputs): string {
  const held = (olds.revisions ?? []).some(
    (one) => one.sourceHash === bundle.hash && one.version === version && one.health !== "UNHEALTHY",
  );
  return held ? "back to a held revision" : "in a new process next to the current one";
}

/** `1 module changed (battle/turn)`. */
export function explainModules(before: Record<string, string>, after: Record<string, string>): string {
  const changed = Object.keys(after).filter(
    (name) => before[name] !== undefined && before[name] !== after[name],
  );
  const added = Object.keys(after).filter((name) => before[name] === undefined);
  const removed = Object.keys(before).filter((name) => after[name] === undefined);
  const parts = [
    [changed, "changed"],
    [added, "added"],
    [removed, "removed"],
  ] as const;
  const words = parts
    .filter(([names]) => names.length > 0)
    .map(([names, verb]) => `${amount(names.length, "module")} ${verb} (${listed(names)})`);
  return words.length > 0 ? words.join(", ") : "same modules, other order or options";
}

function listed(names: readonly string[]): string {
  const sorted = [...names].sort();
  return sorted.length <= 5
    ? sorted.join(", ")
    : `${sorted.slice(0, 5).join(", ")}, … ${sorted.length - 5} more`;
}

/** The reasons for a change of traffic. Pure. */
import { ALL_TRAFFIC_BP, holdOf, percent, tableName, weightsText } from "../../src/delivery/index.ts";
import { isOver } from "../../src/delivery/phase.ts";
import type { Route } from "../../src/delivery/wire.ts";
import { codeChanges, valueOfMember } from "../run/code-changes.ts";
import { readDriftFacts } from "../run/drift-facts.ts";
import { hasUnknown } from "../run/inputs.ts";
import { driftText } from "./drift.ts";
import { finalOf, hasSameShares } from "./plan.ts";
import { STRANDED_WAYS } from "./rollout-errors.ts";
import type { TrafficInputs, TrafficOutputs } from "./schema.ts";

/**
 * `battle 100 % 1a2b3c4d becomes battle 100 % 9f8e7d6c`; empty if all traffic is as declared. For an unfinished rollout, the state is only
 * what the last run left: the router may have continued or reverted it since.
 */
export function explainTraffic(olds: TrafficOutputs, news: TrafficInputs): string[] {
  const reasons = readDriftFacts(olds).map((finding) => {
    const isByHand = finding.code !== "UNANSWERED" && finding.code !== "UNREADABLE";
    return `${isByHand ? "changed by hand: " : ""}${driftText(finding)}`;
  });
  if (olds.router.processId !== news.router.processId) reasons.push("the router has another process id");
  const stated = isOver(olds.phase) ? "" : ", according to the state,";
  if (stated !== "")
    reasons.push(
      `the last rollout ended ${olds.phase}, according to the state: pulumi refresh asks the router`,
    );
  else if (olds.phase !== "COMPLETED") reasons.push(`the last rollout ended ${olds.phase}`);
  if (hasSameShares(olds.table, finalOf(news))) return reasons;
  const before = olds.table?.services ?? {};
  const after = finalOf(news);
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    const [from, to] = [before[name], after[name]];
    if (!from) reasons.push(`${name} joins`);
    else if (!to) reasons.push(`${name} leaves`);
    else if (!hasSameShares({ services: { [name]: from } }, { [name]: to })) {
      const [was, is] = [from, to].map((one) => weightsText({ services: { [name]: one } }));
      reasons.push(was === is ? `the routing rules of ${name} change` : `${was}${stated} becomes ${is}`);
    }
  }
  return reasons;
}

/** What another release does over a rollout that is held because its state cannot go back, and what else a person can do; empty if there is none. */
export function explainStranded(
  { table }: Pick<TrafficOutputs, "table">,
  news: Readonly<Record<string, unknown>>,
): string[] {
  if (table === null || table.release === news.release || holdOf(table)?.code !== "stranded") return [];
  const held = `${tableName(table)} is held because its state cannot go back: this run tries once more`;
  const back = Object.entries(table.services)
    .filter(([name, { routes }]) => isReturn(routes, valueOfMember(news.services, name)))
    .map(([name]) => name);
  if (back.length === 0) return [`${held}, and otherwise takes the state over from there. ${STRANDED_WAYS}`];
  const names = back.join(", ");
  const way = `To deploy it then, keep the held release first (npx fleet promote and a run of release ${table.release.slice(0, 12)}).`;
  return [
    `${held}, and otherwise changes nothing, because this release returns ${names} to a revision that could not take the state. ${way}`,
  ];
}

/** Whether a service, as declared, returns to a revision that a held rollout has moved it away from. One that is back already does not. */
function isReturn(routes: readonly Route[], service: unknown): boolean {
  if (valueOfMember(service, "state") === "none") return false;
  const to = valueOfMember(valueOfMember(service, "green"), "processId");
  const isElsewhere = routes.some(({ processId, weightBp }) => processId !== to && weightBp > 0);
  return isElsewhere && routes.some(({ processId }) => processId === to);
}

/** Services whose process is not known before the run and whose code changes: their traffic will move. */
export function explainNewProcesses(
  { services, table }: Pick<TrafficOutputs, "services" | "table">,
  news: Readonly<Record<string, unknown>>,
): string[] {
  const had = Object.fromEntries(
    Object.entries(services).map(([name, { green }]) => [name, green.sourceHash]),
  );
  return codeChanges(had, news.code)
    .filter(({ name }) => hasUnknown(valueOfMember(news.services, name)))
    .map(({ name, was, is }) => {
      const from = losersOf(table?.services[name]?.routes ?? [], is) || was?.slice(0, 8);
      return `${name} moves${from === undefined ? "" : ` from ${from}`} to ${is.slice(0, 8)}`;
    });
}

/** Every revision that has a share now and is not the new one: `d2d81591 (50 %) and 20ca8424 (50 %)`; empty if none is known. */
function losersOf(routes: readonly Route[], coming: string): string {
  const losers = routes.filter(({ weightBp, revision }) => weightBp > 0 && revision !== coming);
  return losers
    .map(({ revision, weightBp }) => {
      const share = weightBp === ALL_TRAFFIC_BP ? "" : ` (${percent(weightBp)})`;
      return `${revision.slice(0, 8)}${share}`;
    })
    .join(" and ");
}

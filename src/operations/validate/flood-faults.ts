import { randomUUID } from "node:crypto";
import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { FleetError } from "../../core/errors.ts";
import { GUARDED_ACTIONS } from "../../core/fleet-actions.ts";
import { PERFORMANCE_SAMPLE } from "../../fleet/health/check-types.ts";
import { probe } from "../../fleet/health/probe.ts";
import { attempt, outcomeOf } from "./attacks.ts";
import type { Flooded } from "./flood-effects.ts";
import { answerBudget, type Findings } from "./subject.ts";

/** Dry runs of one process at the same time. */
const AT_ONCE = 4;
/** The code of a fault of which the library undid what the handler had changed. */
const FAULT = "INTERNAL";
/** The request that is tried with each action. */
const DATA = "{}";

/**
 * Faults of one stranger must not make a process UNHEALTHY. A dry run finds an action that ends in a fault; then it is sent as often as a health
 * check needs for a verdict. Such a message changes nothing, because the library undoes it. The first answer that is no fault ends the flood.
 */
export async function faultFlood(flooded: Flooded, findings: Findings): Promise<void> {
  const { subject, stranger, member } = flooded;
  const health = async () =>
    (await probe(subject.fleet.session, member, "ALL", {}, answerBudget(subject))).healthStatus;
  const add = (status: "PASS" | "FAIL" | "SKIP", detail: string) =>
    findings.add(member.name, "floods_faults", status, detail);
  const before = await health();
  if (before === "UNHEALTHY") return add("SKIP", "it is UNHEALTHY before the flood");
  const { action, tried, unasked } = await faultingAction(flooded);
  if (action === undefined)
    return unasked > 0
      ? add("SKIP", `${amount(unasked, "action")} of ${tried} could not be asked by a dry run`)
      : add("PASS", `a stranger finds no fault in ${amount(tried, "action")}`);
  let faults = 0;
  while (faults < PERFORMANCE_SAMPLE) {
    const request = { action, data: DATA };
    const { code } = await attempt(stranger, member.processId, request, answerBudget(subject));
    if (code !== FAULT) break;
    faults += 1;
  }
  const after = await health();
  add(
    after === "UNHEALTHY" ? "FAIL" : "PASS",
    `it is ${after} after ${amount(faults, "fault")} of one stranger (${action})`,
  );
}

/** The first action that ends in a fault for a stranger. */
async function faultingAction({ subject, stranger, member, own }: Flooded): Promise<{
  readonly action: string | undefined;
  readonly tried: number;
  readonly unasked: number;
}> {
  const closed: readonly string[] = [...GUARDED_ACTIONS, ...(own.guarded ?? [])];
  const actions = (own.actions ?? []).filter((action) => !closed.includes(action));
  const codes = await mapConcurrently(actions, AT_ONCE, async (action) => {
    const tags = { Action: action, "Correlation-Id": randomUUID() };
    const asked = { processId: member.processId, tags, data: DATA };
    try {
      const evaluation = await stranger.dryrun(asked, answerBudget(subject));
      return outcomeOf(evaluation, { address: stranger.address, messageId: "", tags });
    } catch (error) {
      // Units limit dry runs; a verdict needs none.
      if (error instanceof FleetError) return undefined;
      throw error;
    }
  });
  return {
    action: actions.find((_, at) => codes[at] === FAULT),
    tried: actions.length,
    unasked: codes.filter((code) => code === undefined).length,
  };
}

import { observeWithoutLibrary, runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import {
  codeChanges,
  describeManualChanges,
  otherCodeText,
  probeFailureReason,
} from "../../src/fleet/health/code-drift.ts";
import type { Drift } from "../../src/fleet/health/drift-codes.ts";
import { probe } from "../../src/fleet/health/probe.ts";
import type { HealthOutput } from "../../src/fleet/health/schema.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { rivalOf } from "../../src/fleet/members/rival.ts";
import { type Info, info } from "../../src/fleet/protocol/info.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ProcessOutputs } from "./schema.ts";

/** The fields that drift is derived from. A reply without them does not come from the library. */
const NEEDED = ["status", "version", "sourceHash", "epoch", "owner", "handlers", "changedByHand"] as const;

export interface Observed {
  readonly health: HealthOutput;
  /** Differences from the last run's result. */
  readonly found: readonly Drift[];
  /** Address of the wallet that owns it, as it reports; undefined if it does not. */
  readonly owner?: string;
}

/** Asks a process by signed messages for its code, version and health, and compares them with the last run's result. */
export async function observe(session: Session, place: ProcessRef, props: ProcessOutputs): Promise<Observed> {
  const budget = session.budget(Math.min(60, props.timeoutSeconds));
  if (runsWithoutLibrary(props))
    return toObserved(await observeWithoutLibrary(session, place, props.revision?.code, budget));
  const said = await info(session, place, budget, ...NEEDED).catch(probeFailureReason);
  if (typeof said === "string") return unanswered(said);
  // All kinds of checks, as after a load: a refresh must find whatever an update would call unhealthy.
  const verdict = await probe(session, place, "ALL", {}, budget).catch(probeFailureReason);
  if (typeof verdict === "string") return unanswered(verdict);
  const reasons = verdict.checks
    .filter((item) => item.status === "UNHEALTHY")
    .map((item) => `${item.name}: ${item.detail ?? item.status}`);
  const ledgerEpoch = await session.deployment.currentEpoch();
  const found = driftOf(props, said, ledgerEpoch, session.ao.address);
  // The index may have lagged when both ledgers were created: a refresh is the next time to detect it.
  const rival = place.name === session.scope.ledger ? await rivalOf(session, place) : undefined;
  if (rival)
    found.push({
      code: "RIVAL_LEDGER",
      text: `another operator created the ledger that counts: ${rival.processId}`,
    });
  // An older library does not include it in the verdict.
  const isRetired = said.status === "RETIRED";
  if (isRetired && reasons.length === 0) reasons.push("service: it is retired");
  const health = { status: isRetired ? ("UNHEALTHY" as const) : verdict.healthStatus, reasons };
  return { health, found, ...(said.owner === undefined ? {} : { owner: said.owner }) };
}

const unanswered = (why: string): Observed => ({
  health: { status: "OFFLINE", reasons: ["it does not answer the fleet's probes"] },
  found: [{ code: "UNANSWERED", text: why }],
});

/** The same for a process without the library. */
function toObserved({ drift, ...seen }: Awaited<ReturnType<typeof observeWithoutLibrary>>): Observed {
  const code = seen.health.status === "OFFLINE" ? "UNANSWERED" : "HAND_CHANGE";
  return { ...seen, found: drift.map((text) => ({ code, text })) };
}

/**
 * The differences between what a process reports and the state. Pure.
 *
 * @param wallet address of the wallet that asks
 */
function driftOf(
  props: Pick<ProcessOutputs, "version" | "bundle" | "revision">,
  info: Pick<Info<(typeof NEEDED)[number]>, (typeof NEEDED)[number]>,
  ledgerEpoch: number,
  wallet: string,
): Drift[] {
  const found: Drift[] = [];
  const hash = props.revision?.sourceHash ?? props.bundle.hash;
  if (info.sourceHash !== hash) found.push({ code: "CODE", text: otherCodeText(info.sourceHash, hash) });
  if (info.version !== props.version)
    found.push({
      code: "VERSION",
      text: `it reports version ${info.version} instead of ${props.version}`,
    });
  if (info.owner !== undefined && info.owner !== wallet)
    found.push({ code: "OWNER", text: `it belongs to ${info.owner} instead of ${wallet}` });
  if (info.status === "RETIRED" || info.status === "DRAINING")
    found.push({ code: "STOPPED", text: `it is ${info.status.toLowerCase()} instead of active` });
  if (info.epoch > ledgerEpoch)
    found.push({
      code: "EPOCH_AHEAD",
      text: `it is at epoch ${info.epoch}, but the ledger is at ${ledgerEpoch}`,
    });
  const changes = describeManualChanges(codeChanges(props.revision, info));
  return [...found, ...changes.map((text) => ({ code: "HAND_CHANGE" as const, text }))];
}

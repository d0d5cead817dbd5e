import { isBare, observeBare } from "../../src/fleet/code/bare.ts";
import { codeChanges, handWords, notOurs } from "../../src/fleet/health/code-drift.ts";
import { probe, short } from "../../src/fleet/health/probe.ts";
import type { HealthOutput } from "../../src/fleet/health/schema.ts";
import type { Place } from "../../src/fleet/health/verdict.ts";
import { rivalOf } from "../../src/fleet/members/rival.ts";
import { type Info, info } from "../../src/fleet/protocol/info.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ProcessOutputs } from "./schema.ts";

/** What drift is told from: an answer without these is not the library's. */
const NEEDED = ["status", "version", "sourceHash", "epoch", "owner", "handlers", "changedByHand"] as const;

export interface Observed {
  readonly health: HealthOutput;
  /** What was changed by hand, in words. */
  readonly drift: string[];
  /** Address of the wallet to which it belongs, by its own word; undefined where it did not say. */
  readonly owner?: string;
}

/** Asks a process what it is and how it is, by signed messages, and says what differs from what the last run made. */
export async function observe(session: Session, place: Place, props: ProcessOutputs): Promise<Observed> {
  const budget = session.budget(Math.min(60, props.timeoutSeconds));
  if (isBare(props)) return observeBare(session, place, props.revision?.code, budget);
  const said = await info(session, place, budget, ...NEEDED).catch(notOurs);
  if (typeof said === "string") return unanswered(said);
  // All kinds, as after a load: what an update would call unhealthy must not be unchanged.
  const verdict = await probe(session, place, "ALL", {}, budget).catch(notOurs);
  if (typeof verdict === "string") return unanswered(verdict);
  const reasons = verdict.checks
    .filter((item) => item.status === "UNHEALTHY")
    .map((item) => `${item.name}: ${item.detail ?? item.status}`);
  const ledgerEpoch = await session.deployment.currentEpoch();
  const drift = explainDrift(props, said, ledgerEpoch, session.ao.address);
  // The index may have been behind when both were made: a refresh is the next occasion to see it.
  const rival = place.name === session.scope.ledger ? await rivalOf(session, place) : undefined;
  if (rival) drift.push(`${RIVAL} ${rival.processId}`);
  // Processes whose library says nothing of it in their verdict are retired all the same.
  const isRetired = said.status === "RETIRED";
  if (isRetired && reasons.length === 0) reasons.push("service: it is retired");
  const health = { status: isRetired ? ("UNHEALTHY" as const) : verdict.healthStatus, reasons };
  return { health, drift, ...(said.owner === undefined ? {} : { owner: said.owner }) };
}

const unanswered = (why: string): Observed => ({
  health: { status: "OFFLINE", reasons: ["it does not answer the fleet's probes"] },
  drift: [why],
});

const stoppedWords = (status: "RETIRED" | "DRAINING"): string =>
  `it is ${status.toLowerCase()} instead of active`;

const RIVAL = "somebody else made the ledger that counts:";

/** Whether a refresh found that another operator's ledger counts. */
export const hasRival = (drift: readonly string[]): boolean => drift.some((line) => line.startsWith(RIVAL));

const AHEAD = "it is at epoch";

/** Whether a refresh found that the process is ahead of the ledger. */
export const isAhead = (drift: readonly string[]): boolean => drift.some((line) => line.startsWith(AHEAD));

/** Whether a refresh found that somebody had retired or drained the process. */
export function isStopped(drift: readonly string[]): boolean {
  return drift.includes(stoppedWords("RETIRED")) || drift.includes(stoppedWords("DRAINING"));
}

/** The findings without those of a process that takes no requests. */
export const withoutStops = (drift: readonly string[]): string[] =>
  drift.filter((line) => line !== stoppedWords("RETIRED") && line !== stoppedWords("DRAINING"));

/**
 * What a process says of itself against what is known of it. Pure.
 *
 * @param wallet address of the wallet that asks
 */
function explainDrift(
  props: Pick<ProcessOutputs, "version" | "bundle" | "revision">,
  info: Pick<Info<(typeof NEEDED)[number]>, (typeof NEEDED)[number]>,
  ledgerEpoch: number,
  wallet: string,
): string[] {
  const drift: string[] = [];
  const hash = props.revision?.sourceHash ?? props.bundle.hash;
  if (info.sourceHash !== hash)
    drift.push(`it runs code ${short(info.sourceHash)} instead of ${short(hash)}`);
  if (info.version !== props.version)
    drift.push(`it reports version ${info.version} instead of ${props.version}`);
  if (info.owner !== undefined && info.owner !== wallet)
    drift.push(`it belongs to ${info.owner} instead of ${wallet}`);
  if (info.status === "RETIRED" || info.status === "DRAINING") drift.push(stoppedWords(info.status));
  if (info.epoch > ledgerEpoch) drift.push(`${AHEAD} ${info.epoch}, the ledger at ${ledgerEpoch}`);
  drift.push(...handWords(codeChanges(props.revision, info)));
  return drift;
}

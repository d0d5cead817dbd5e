/** What a flood may change for others, as the process reports it: records of decisions, open places, the cost of a message. */
import type { Ao } from "../../ao/port.ts";
import { amount } from "../../core/amount.ts";
import type { Member } from "../../fleet/members/member.ts";
import { audit } from "../../fleet/protocol/audit.ts";
import type { Info } from "../../fleet/protocol/info.ts";
import { statistics } from "../../fleet/protocol/statistics.ts";
import { attempt } from "./attacks.ts";
import { answerBudget, type Subject } from "./subject.ts";

/** Who is flooded, and by whom. */
export interface Flooded {
  readonly subject: Subject;
  readonly stranger: Ao;
  readonly member: Member;
  readonly own: Info<"owner">;
}

export interface Judgement {
  readonly good: boolean;
  readonly detail: string;
}

/** What the audit of a process keeps. */
export interface Records {
  /** What the owner, its deployers and the ledger did. */
  readonly decisions: ReadonlySet<string>;
  /** The number of all refusals; undefined if its library does not count them. */
  readonly refused: number | undefined;
}

export async function recordsOf({ subject, member, own }: Omit<Flooded, "stranger">): Promise<Records> {
  const { session, ledger, members } = subject.fleet;
  const { entries, refusals } = await audit(session, member, answerBudget(subject));
  const ofLedger = members.filter(({ name }) => name === ledger).map(({ processId }) => processId);
  const known = [session.ao.address, own.owner, ...own.allowed, ...ofLedger];
  const decisions = entries
    .filter(({ from }) => known.includes(from))
    .map(({ from, action, outcome, code }) => [from, action, outcome, ...(code ? [code] : [])].join(" "));
  const counts = refusals && Object.values(refusals.byReason);
  return { decisions: new Set(decisions), refused: counts?.reduce((sum, n) => sum + n, 0) };
}

/**
 * Whether the audit still has every decision, and counts what the flood was refused. Pure.
 *
 * @param refused refusals of the flood
 */
export function judgeRecords(before: Records, after: Records, refused: number): Judgement {
  const lost = [...before.decisions].filter((each) => !after.decisions.has(each));
  const added = [...after.decisions].filter((each) => !before.decisions.has(each));
  // Their own later actions may push out earlier ones.
  if (lost.length > added.length)
    return { good: false, detail: `the flood pushes out of the audit: ${lost.join(", ")}` };
  const counted =
    before.refused === undefined || after.refused === undefined ? undefined : after.refused - before.refused;
  if (counted !== undefined && counted < refused)
    return { good: false, detail: `it counts ${amount(counted, "refusal")} of at least ${refused}` };
  const kept = `${amount(before.decisions.size, "entry of operators is", "entries of operators are")} kept in the audit`;
  return { good: true, detail: counted === undefined ? kept : `${kept}, ${counted} refusals are counted` };
}

/** The number of its requests and calls that wait for an answer. */
export async function openOf({ subject, member }: Flooded): Promise<number> {
  const { openRequests, openCalls } = await statistics(subject.fleet.session, member, answerBudget(subject));
  return openRequests + openCalls;
}

/** What a message costs: `gas` as the unit counts it, 0 if it does not; `ms` until its result was read. */
interface Cost {
  readonly gas: number;
  readonly ms: number;
}

/** Messages of a measurement. */
const MEASURED = 5;
/** How many times as much a message may cost after the flood. Times also depend on the network: they may be a second longer, too. */
const FLAT = { gas: 2, ms: 3, longer: 1000 };

/** The median costs of a read by the stranger. */
export async function costOf({ subject, stranger, member }: Flooded): Promise<Cost> {
  const costs: Cost[] = [];
  for (let n = 0; n < MEASURED; n += 1) {
    const start = performance.now();
    const read = { action: "GET_STATISTICS" };
    const { evaluation } = await attempt(stranger, member.processId, read, answerBudget(subject));
    costs.push({ gas: evaluation.gasUsed ?? 0, ms: performance.now() - start });
  }
  const middle = (values: number[]) => values.sort((a, b) => a - b)[MEASURED >> 1] ?? 0;
  return { gas: middle(costs.map(({ gas }) => gas)), ms: middle(costs.map(({ ms }) => ms)) };
}

/** Whether a message costs about as much as before: by gas if the unit counts it, else by time. Pure. */
export function judgeCost(before: Cost, after: Cost): Judgement {
  const hasGas = before.gas > 0 && after.gas > 0;
  const good = hasGas
    ? after.gas <= before.gas * FLAT.gas
    : after.ms <= Math.max(before.ms * FLAT.ms, before.ms + FLAT.longer);
  const figures = hasGas
    ? `${before.gas} gas before the flood and ${after.gas} after it`
    : `${Math.round(before.ms)} ms before the flood and ${Math.round(after.ms)} ms after it`;
  return { good, detail: `a read costs ${figures}` };
}

/** What a flood may change for others, as the process reports it: records of decisions, and open places. */
import type { Ao } from "../../ao/port.ts";
import { amount } from "../../core/amount.ts";
import type { Member } from "../../fleet/members/member.ts";
import { audit } from "../../fleet/protocol/audit.ts";
import type { Info } from "../../fleet/protocol/info.ts";
import { statistics } from "../../fleet/protocol/statistics.ts";
import type { Verdict } from "./attacks.ts";
import { answerBudget, type Subject } from "./subject.ts";

/** Who is flooded, and by whom. */
export interface Flooded {
  readonly subject: Subject;
  readonly stranger: Ao;
  readonly member: Member;
  readonly own: Info<"owner">;
}

/** What the audit of a process keeps. */
export interface Records {
  /** What the owner and its deployers did: outcome → number of entries. */
  readonly decisions: ReadonlyMap<string, number>;
  /** The number of all refusals; undefined if its library does not count them. */
  readonly refused: number | undefined;
}

export async function recordsOf({
  subject,
  member,
  own,
}: Pick<Flooded, "subject" | "member" | "own">): Promise<Records> {
  const { session } = subject.fleet;
  const { entries, refusals } = await audit(session, member, answerBudget(subject));
  const operators = [session.ao.address, own.owner, ...own.allowed];
  const decisions = new Map<string, number>();
  for (const { from, action, outcome, code } of entries.filter((entry) => operators.includes(entry.from))) {
    const kind = [from, action, outcome, ...(code ? [code] : [])].join(" ");
    decisions.set(kind, (decisions.get(kind) ?? 0) + 1);
  }
  const counts = refusals && Object.values(refusals.byReason);
  return { decisions, refused: counts?.reduce((sum, n) => sum + n, 0) };
}

/**
 * Whether the audit still has every decision, and counts what the flood was refused. Pure.
 *
 * @param refused refusals between `before` and `after`
 */
export function judgeRecords(before: Records, after: Records, refused: number): Verdict {
  const lost = missing(before.decisions, after.decisions);
  const added = missing(after.decisions, before.decisions);
  // An operator's own later entry may take the place of an earlier one.
  if (total(lost) > total(added))
    return {
      status: "FAIL",
      detail: `the flood pushes out of the audit: ${lost.map(([kind]) => kind).join(", ")}`,
    };
  const counted =
    before.refused === undefined || after.refused === undefined ? undefined : after.refused - before.refused;
  if (counted !== undefined && counted < refused)
    return { status: "FAIL", detail: `it counts ${amount(counted, "refusal")} of at least ${refused}` };
  const kept = `${amount(total([...before.decisions]), "entry of operators is", "entries of operators are")} kept in the audit`;
  return {
    status: "PASS",
    detail: counted === undefined ? kept : `${kept}, ${counted} refusals are counted`,
  };
}

type Counted = readonly (readonly [kind: string, entries: number])[];

const total = (counted: Counted): number => counted.reduce((sum, [, entries]) => sum + entries, 0);

/** What `of` has more of than `than`. */
const missing = (of: Records["decisions"], than: Records["decisions"]): Counted =>
  [...of]
    .map(([kind, entries]) => [kind, entries - (than.get(kind) ?? 0)] as const)
    .filter(([, entries]) => entries > 0);

/** The number of its requests and calls that wait for an answer; undefined if its library does not count requests. */
export async function openOf({ subject, member }: Flooded): Promise<number | undefined> {
  const { openRequests, openCalls } = await statistics(subject.fleet.session, member, answerBudget(subject));
  return openRequests === undefined ? undefined : openRequests + openCalls;
}

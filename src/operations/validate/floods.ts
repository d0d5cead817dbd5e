import type { Ao } from "../../ao/port.ts";
import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { Info } from "../../fleet/protocol/info.ts";
import { attempt } from "./attacks.ts";
import { answerBudget, type Findings, type Subject } from "./subject.ts";

/** Messages of each kind. A flood on purpose would disturb the callers of a fleet that serves. */
const EACH = 8;
/** Messages of one process that are in progress at the same time. */
const AT_ONCE = 4;
/** Longer than any action that a router sends on, and than any that an answer can name. */
const LONG = "x".repeat(2000);

/** The refusals of what cannot be sent on. */
const REFUSALS = ["TOO_LARGE", "INVALID_DATA", "UNKNOWN_ACTION", "BUSY", "RATE_LIMITED"];

interface Burst {
  readonly name: string;
  readonly action: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly data?: string;
  /** Only answers with these codes are expected. */
  readonly codes: readonly string[];
}

/**
 * A small flood: messages that a process must refuse at once instead of keeping a place for them, and many cheap ones of one stranger. Each
 * must be answered, and so must the fleet's own message afterwards.
 */
export async function floods(
  subject: Subject,
  stranger: Ao,
  { name, processId }: Member,
  own: Info<"owner">,
  findings: Findings,
): Promise<void> {
  const odd: string[] = [];
  const bursts = burstsFor(own);
  for (const burst of bursts) {
    const codes = await mapConcurrently(Array.from({ length: EACH }), AT_ONCE, async () => {
      const { code } = await attempt(stranger, processId, burst, answerBudget(subject));
      return code;
    });
    const unexpected = new Set(codes.filter((code) => !burst.codes.includes(code)));
    if (unexpected.size > 0) odd.push(`${burst.name}: ${[...unexpected].join(", ")}`);
  }
  const { session } = subject.fleet;
  const after = await attempt(session.ao, processId, { action: "GET_STATISTICS" }, answerBudget(subject));
  if (after.code !== "ok") odd.push(`the owner afterwards: ${after.code}`);
  findings.judge(
    name,
    "floods",
    odd.length === 0,
    odd.length === 0
      ? `${amount(bursts.length * EACH, "message")} of one stranger are answered at once, and the owner's after them`
      : `not answered at once as expected: ${odd.join("; ")}`,
  );
}

function burstsFor({ actions = [], peers }: Info<"owner">): Burst[] {
  const [service] = Object.keys(peers);
  const routes = actions.includes("ROUTE") && service !== undefined;
  return [
    { name: "a long action", action: LONG, codes: REFUSALS },
    { name: "reads", action: "GET_STATISTICS", codes: ["ok"] },
    ...(routes
      ? [
          { name: "a long action to send on", action: LONG, tags: { Service: service }, codes: REFUSALS },
          {
            name: "a long action to route",
            action: "ROUTE",
            data: JSON.stringify({ service, action: LONG }),
            codes: REFUSALS,
          },
        ]
      : []),
  ];
}

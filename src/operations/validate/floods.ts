import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { call } from "../../fleet/protocol/call.ts";
import type { Info } from "../../fleet/protocol/info.ts";
import { refusalIn } from "../../fleet/protocol/reply.ts";
import { attempt } from "./attacks.ts";
import {
  costOf,
  type Flooded,
  type Judgement,
  judgeCost,
  judgeRecords,
  openOf,
  type Records,
  recordsOf,
} from "./flood-effects.ts";
import { faultFlood } from "./flood-faults.ts";
import { answerBudget, describeError, type Findings } from "./subject.ts";

/** Messages of each kind. A flood on purpose would disturb the callers of a fleet that serves. */
const EACH = 8;
/** Messages of one process that are in progress at the same time. */
const AT_ONCE = 4;
/** Longer than any action that a router sends on, and than any that an answer can name. */
const LONG = "x".repeat(2000);

/** The refusals of what cannot be sent on; the last two are of a process that refuses every request. */
const REFUSALS = ["TOO_LARGE", "INVALID_DATA", "UNKNOWN_ACTION", "BUSY", "RATE_LIMITED", "DRAINING", "GONE"];
/** An answer of the service comes in a later evaluation. */
const ROUTED = ["ok", "nothing", "BUSY", "RATE_LIMITED"];

interface Burst {
  readonly name: string;
  readonly action: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly data?: string;
  /** Only answers with these codes are expected. */
  readonly codes: readonly string[];
}

/**
 * Small floods by one stranger: messages that a process must refuse at once instead of keeping a place for them, many cheap ones, and requests that
 * end in a fault. Afterwards it judges what they changed for others: records, places, repeated requests, the cost of a message, health.
 *
 * @param earlier the records before the attacks, which are part of the flood
 */
export async function floods(flooded: Flooded, earlier: Records, findings: Findings): Promise<void> {
  const { subject, stranger, member, own } = flooded;
  const { name } = member;
  const judged = (test: string, { good, detail }: Judgement) => findings.judge(name, test, good, detail);
  const service = serviceOf(own);
  const places = await openOf(flooded);
  const cost = await costOf(flooded);
  const routed = service === undefined ? undefined : await ownRequest(flooded, service);
  const odd: string[] = [];
  const bursts = burstsFor(service, routed?.good === true);
  let refused = 0;
  for (const burst of bursts) {
    const codes = await mapConcurrently(Array.from({ length: EACH }), AT_ONCE, async () => {
      const { code } = await attempt(stranger, member.processId, burst, answerBudget(subject));
      return code;
    });
    refused += codes.filter((code) => code !== "ok" && code !== "nothing").length;
    const unexpected = new Set(codes.filter((code) => !burst.codes.includes(code)));
    if (unexpected.size > 0) odd.push(`${burst.name}: ${[...unexpected].join(", ")}`);
  }
  const after = await attempt(subject.fleet.session.ao, member.processId, READ, answerBudget(subject));
  if (after.code !== "ok") odd.push(`the owner afterwards: ${after.code}`);
  judged("floods", {
    good: odd.length === 0,
    detail:
      odd.length === 0
        ? `${amount(bursts.length * EACH, "message")} of one stranger are answered at once, and the owner's after them`
        : `not answered at once as expected: ${odd.join("; ")}`,
  });
  judged("floods_records", judgeRecords(earlier, await recordsOf(flooded), refused));
  judged("floods_places", await placesFreed(flooded, places));
  judged("floods_cost", judgeCost(cost, await costOf(flooded)));
  if (service !== undefined && routed !== undefined)
    if (routed.good) judged("floods_repeats", await repeated(flooded, service, routed));
    else findings.add(name, "floods_repeats", "SKIP", `${service} is not reached through it: ${routed.data}`);
  await faultFlood(flooded, findings);
}

const READ = { action: "GET_STATISTICS" };

/** A service to which the process forwards requests; undefined if it is no router. */
const serviceOf = ({ actions = [], peers }: Info<"owner">): string | undefined =>
  actions.includes("ROUTE") ? Object.keys(peers)[0] : undefined;

function burstsFor(service: string | undefined, isOpen: boolean): Burst[] {
  const route = (action: string) => ({ action: "ROUTE", data: JSON.stringify({ service, action }) });
  return [
    { name: "a long action", action: LONG, codes: REFUSALS },
    { name: "reads", ...READ, codes: ["ok"] },
    ...(service === undefined
      ? []
      : [
          { name: "a long action to send on", action: LONG, tags: { Service: service }, codes: REFUSALS },
          { name: "a long action to route", ...route(LONG), codes: REFUSALS },
        ]),
    ...(isOpen ? [{ name: "reads to route", ...route(READ.action), codes: ROUTED }] : []),
  ];
}

/** Whether the places that the flood took are free again within the time of an answer. Other callers may have a few more requests open than before. */
async function placesFreed(flooded: Flooded, before: number): Promise<Judgement> {
  const budget = answerBudget(flooded.subject);
  let more = (await openOf(flooded)) - before;
  while (more >= EACH && budget.remaining() > 0) {
    await sleep(Math.min(1000, budget.remaining()));
    more = (await openOf(flooded)) - before;
  }
  return more < EACH
    ? { good: true, detail: "the flood keeps no place for open requests and calls" }
    : { good: false, detail: `${more} more requests and calls are open than before the flood` };
}

/** A request of the owner through the router, and its answer. */
interface OwnRequest {
  readonly id: string;
  readonly good: boolean;
  readonly data: string;
}

async function ownRequest(
  { subject, member }: Flooded,
  service: string,
  id: string = randomUUID(),
): Promise<OwnRequest> {
  try {
    const { data } = await call(subject.fleet, {
      member,
      action: "ROUTE",
      data: JSON.stringify({ service, action: READ.action }),
      tags: { "Correlation-Id": id },
      seconds: Math.max(1, answerBudget(subject).remaining() / 1000),
      wait: true,
    });
    const refusal = refusalIn(data);
    return { id, good: refusal === undefined, data: refusal ? `${refusal.code}: ${refusal.message}` : data };
  } catch (error) {
    return { id, good: false, data: describeError(error) };
  }
}

/** The same request again must be answered without running again: the figures in the answer are those of the first time. And a new one must have a place. */
async function repeated(flooded: Flooded, service: string, first: OwnRequest): Promise<Judgement> {
  const again = await ownRequest(flooded, service, first.id);
  const isKept = again.data === first.data || again.data.startsWith("ALREADY_DONE");
  if (!isKept) return { good: false, detail: "a request that the owner repeats after the flood runs again" };
  const next = await ownRequest(flooded, service);
  return {
    good: next.good,
    detail: next.good
      ? "a request that the owner repeats after the flood does not run again, and the next one is answered"
      : `the owner's request after the flood is not answered: ${next.data}`,
  };
}

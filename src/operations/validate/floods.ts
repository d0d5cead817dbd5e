import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { call } from "../../fleet/protocol/call.ts";
import type { Info } from "../../fleet/protocol/info.ts";
import { refusalIn } from "../../fleet/protocol/reply.ts";
import { attempt, type Verdict } from "./attacks.ts";
import { type Flooded, judgeRecords, openOf, type Records, recordsOf } from "./flood-effects.ts";
import { answerBudget, describeError, type Findings } from "./subject.ts";

/** Messages of each kind. A flood on purpose would disturb the callers of a fleet that serves. */
const EACH = 8;
/** Messages of one process that are in progress at the same time. */
const AT_ONCE = 4;
/** Longer than any action that a router sends on, and than any that an answer can name. */
const LONG = "x".repeat(2000);

/** The refusals of what cannot be sent on; from FORBIDDEN on, those of a process that refuses more than that. */
const REFUSALS = [
  ...["TOO_LARGE", "INVALID_DATA", "UNKNOWN_ACTION", "BUSY", "RATE_LIMITED"],
  ...["FORBIDDEN", "MEMORY_LIMIT", "DRAINING", "GONE"],
];
/** An answer of the service comes in a later evaluation. */
const ROUTED = ["ok", "nothing", "BUSY", "RATE_LIMITED", "FORBIDDEN", "MEMORY_LIMIT"];

interface Burst {
  readonly name: string;
  readonly action: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly data?: string;
  /** Only answers with these codes are expected. */
  readonly codes: readonly string[];
}

/**
 * Small floods by one stranger: messages that a process must refuse at once instead of keeping a place for them, and many cheap ones. Afterwards
 * it judges what they changed for others: records, places, and repeated requests of the owner.
 */
export async function floods(flooded: Flooded, findings: Findings): Promise<void> {
  const { name } = flooded.member;
  const service = serviceOf(flooded.own);
  const records = await read(() => recordsOf(flooded));
  const places = await read(() => openOf(flooded));
  const routed = service === undefined ? undefined : await ownRequest(flooded, service);
  const { refused, ...answered } = await flood(flooded, burstsFor(service, routed?.outcome === "answered"));
  const add = (test: string, { status, detail }: Verdict) => findings.add(name, test, status, detail);
  add("floods", answered);
  add("floods_records", await recordsKept(flooded, records, refused));
  add("floods_places", await placesFreed(flooded, places));
  if (service !== undefined && routed !== undefined)
    add("floods_repeats", await repeated(flooded, service, routed));
}

const READ = { action: "GET_STATISTICS" };

/** A value that the process reports, or why it could not be read. */
type Reading<T> = { readonly value: T } | { readonly unread: string };

/** What cannot be read decides nothing: other tests ask whether the process answers. */
const read = <T>(ask: () => Promise<T>): Promise<Reading<T>> =>
  ask().then(
    (value) => ({ value }),
    (error: unknown) => ({ unread: describeError(error) }),
  );

/** A service with the library to which the process forwards requests; undefined if it is no router of the library. */
function serviceOf({ actions = [], peers, peersWithoutLibrary = [] }: Info<"owner">): string | undefined {
  const routes = actions.includes("ROUTE") && actions.includes("LIST_SERVICES");
  return routes ? Object.keys(peers).find((peer) => !peersWithoutLibrary.includes(peer)) : undefined;
}

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

/** Sends the bursts, and judges the answers. `refused`: how many of the messages the process refused. */
async function flood(
  { subject, stranger, member }: Flooded,
  bursts: readonly Burst[],
): Promise<Verdict & { readonly refused: number }> {
  const odd: string[] = [];
  let refused = 0;
  for (const burst of bursts) {
    const codes = await mapConcurrently(Array.from({ length: EACH }), AT_ONCE, async () => {
      const { code } = await attempt(stranger, member.processId, burst, answerBudget(subject));
      return code;
    });
    refused += codes.filter((code) => REFUSALS.includes(code)).length;
    const unexpected = new Set(codes.filter((code) => !burst.codes.includes(code)));
    if (unexpected.size > 0) odd.push(`${burst.name}: ${[...unexpected].join(", ")}`);
  }
  const after = await attempt(subject.fleet.session.ao, member.processId, READ, answerBudget(subject));
  if (after.code !== "ok") odd.push(`the owner afterwards: ${after.code}`);
  const sent = amount(bursts.length * EACH, "message");
  return odd.length === 0
    ? {
        refused,
        status: "PASS",
        detail: `${sent} of one stranger are answered at once, and the owner's after them`,
      }
    : { refused, status: "FAIL", detail: `not answered at once as expected: ${odd.join("; ")}` };
}

async function recordsKept(flooded: Flooded, before: Reading<Records>, refused: number): Promise<Verdict> {
  const after = await read(() => recordsOf(flooded));
  if ("unread" in before) return { status: "SKIP", detail: `its audit cannot be read: ${before.unread}` };
  if ("unread" in after) return { status: "SKIP", detail: `its audit cannot be read: ${after.unread}` };
  return judgeRecords(before.value, after.value, refused);
}

/** The longest pause between two looks, ms. */
const LONGEST_PAUSE = 8000;

/** Whether the places that the flood took are free again within the time of an answer. Other callers may have a few more requests open than before. */
async function placesFreed(flooded: Flooded, before: Reading<number | undefined>): Promise<Verdict> {
  const budget = answerBudget(flooded.subject);
  for (let pause = 1000; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const now = await read(() => openOf(flooded));
    for (const each of [before, now])
      if ("unread" in each) return { status: "SKIP", detail: `its figures cannot be read: ${each.unread}` };
    const more = moreThan(before, now);
    if (more === undefined) return { status: "SKIP", detail: "its library does not count open requests" };
    if (more < EACH)
      return { status: "PASS", detail: "the flood keeps no place for open requests and calls" };
    if (budget.remaining() <= 0)
      return { status: "FAIL", detail: `${more} more requests and calls are open than before the flood` };
    await sleep(Math.min(pause, budget.remaining()));
  }
}

function moreThan(before: Reading<number | undefined>, now: Reading<number | undefined>): number | undefined {
  const [old, open] = [before, now].map((each) => ("value" in each ? each.value : undefined));
  return old === undefined || open === undefined ? undefined : open - old;
}

/** A request of the owner through the router: its answer, its refusal, or why there is neither. */
interface OwnRequest {
  readonly id: string;
  readonly outcome: "answered" | "refused" | "unanswered";
  /** Of a refusal. */
  readonly code?: string | undefined;
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
    if (refusal === undefined) return { id, outcome: "answered", data };
    return { id, outcome: "refused", code: refusal.code, data: `${refusal.code}: ${refusal.message}` };
  } catch (error) {
    return { id, outcome: "unanswered", data: describeError(error) };
  }
}

/**
 * The same request again must be answered without running again: the figures in the answer are those of the first time. And a new one must have a
 * place. A request without an answer shows neither.
 */
async function repeated(flooded: Flooded, service: string, first: OwnRequest): Promise<Verdict> {
  if (first.outcome !== "answered")
    return { status: "SKIP", detail: `${service} is not reached through it: ${first.data}` };
  const again = await ownRequest(flooded, service, first.id);
  if (again.outcome === "answered" && again.data !== first.data)
    return { status: "FAIL", detail: "a request that the owner repeats after the flood runs again" };
  const isKnown = again.outcome === "answered" || again.code === "ALREADY_DONE";
  const last = isKnown ? await ownRequest(flooded, service) : again;
  if (last.outcome === "unanswered")
    return { status: "SKIP", detail: `the owner's request after the flood has no answer: ${last.data}` };
  return last.outcome === "answered"
    ? {
        status: "PASS",
        detail:
          "a request that the owner repeats after the flood does not run again, and the next one is answered",
      }
    : { status: "FAIL", detail: `the owner's request after the flood is refused: ${last.data}` };
}

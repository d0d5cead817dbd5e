/**
 * Asks blue the requests that green failed, without effect: reads each as the router sent it, and runs it dry on both revisions. Whatever
 * cannot be found out is `unknown`; nothing here fails a verdict.
 */
import { randomInt, randomUUID } from "node:crypto";
import type { Ao, Evaluation, OutMessage, Tags } from "../../src/ao/port.ts";
import { replyAmong } from "../../src/ao/replies.ts";
import { type Budget, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { jsonIn } from "../../src/core/json.ts";
import { FAULT_CODES, type FaultRule, faultOf, LOAD_CODES } from "../../src/delivery/faults.ts";
import type { Compared, Comparisons, Question } from "../../src/delivery/index.ts";
import { resultIdOf } from "../../src/fleet/history.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { Wanted } from "./plan.ts";

/** Compares requests of one service. */
export type Compare = (
  service: string,
  questions: readonly Question[],
  budget: Budget,
) => Promise<Comparisons>;

/** Seconds for all comparisons of a verdict: shared units allow few dry runs a minute, and the rest is unknown. */
const SECONDS = 30;
/** Largest number of concurrent comparisons. */
const CONCURRENT = 4;

/** Compares by dry runs on a session's network. Remembers the outcome of each request for the run. */
export function comparedBy(session: Pick<Session, "ao">, wanted: Wanted, router: string): Compare {
  const known = new Map<string, Compared>();
  return async (service, questions, budget) => {
    const result: Record<Question["kind"], Record<string, Compared>> = { fault: {}, refusal: {}, slow: {} };
    const limit = within(budget, SECONDS);
    const left = [...questions];
    const lane = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const key = `${service} ${next.kind} ${next.slot}`;
        const outcome = known.get(key) ?? (await outcomeOf(session.ao, wanted, router, service, next, limit));
        if (outcome !== "unknown") known.set(key, outcome);
        result[next.kind][next.caller] = outcome;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, lane));
    return result;
  };
}

async function outcomeOf(
  ao: Ao,
  { services }: Wanted,
  router: string,
  service: string,
  question: Question,
  budget: Budget,
): Promise<Compared> {
  const { green, blue, state, faultWhen } = services[service] ?? {};
  if (green === undefined || blue === undefined || LOAD_CODES.includes(question.code)) return "unknown";
  try {
    const request = await sentAt(ao, router, green.processId, question.slot, budget);
    if (request === undefined) return "unknown";
    const ask = (processId: string, what: Pick<OutMessage, "tags" | "data"> = request) =>
      dryAnswer(ao, { processId, router, request: what, faultWhen }, budget);
    if (question.kind === "slow")
      return await comparedTimes((revision, isControl) =>
        ask(services[service]?.[revision]?.processId ?? "", isControl ? CONTROL : request),
      );
    const old = await ask(blue.processId);
    const isAsBad = old.kind === question.kind || old.kind === "fault";
    // Blue's state is that of the switch: of a later request only the same failure says anything.
    const isComparable = state === "none" || (isAsBad && old.code === question.code);
    if (isComparable && isAsBad) return "same";
    const now = await ask(green.processId);
    if (now.kind !== question.kind || now.code !== question.code) return "unknown";
    return isComparable && old.kind !== "unknown" ? "differs" : "again";
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return "unknown";
  }
}

/** The message that the router sent to green in a slot; undefined if it sent none or several. */
async function sentAt(
  ao: Pick<Ao, "range" | "evaluation">,
  router: string,
  green: string,
  slot: number,
  budget: Budget,
): Promise<OutMessage | undefined> {
  const [message] = await ao.range({ processId: router, from: slot, to: slot }, budget);
  if (message === undefined) return undefined;
  const { messages } = await ao.evaluation(
    { processId: router, messageId: resultIdOf(message), slot },
    budget,
  );
  const sent = messages.filter(({ target, tags }) => target === green && tags["Traffic-Key"] !== undefined);
  return sent.length === 1 ? sent[0] : undefined;
}

/** How a process answers a request by a dry run; `unknown`: it asks others first, or it moves its state. */
interface DryAnswer {
  readonly kind: "answered" | "refusal" | "fault" | "unknown";
  /** The code of a refusal or a fault, as the router counts it. */
  readonly code: string;
  readonly ms: number;
}

/** Tags of the network, and those by which a program could recognize the request as one that it has handled. */
const OWN_TAGS = new Set([
  "Data-Protocol",
  "Type",
  "Variant",
  "Reference",
  "Correlation-Id",
  "From-Process",
  "From-Module",
]);

async function dryAnswer(
  ao: Ao,
  {
    processId,
    router,
    request,
    faultWhen,
  }: {
    processId: string;
    router: string;
    request: Pick<OutMessage, "tags" | "data">;
    faultWhen?: readonly FaultRule[] | undefined;
  },
  budget: Budget,
): Promise<DryAnswer> {
  const kept = Object.entries(request.tags).filter(([name]) => !OWN_TAGS.has(name));
  const tags: Tags = {
    ...Object.fromEntries(kept),
    "Correlation-Id": randomUUID(),
    Reference: String(randomInt(1, 2 ** 47)),
  };
  const began = performance.now();
  const evaluation = await ao.dryrun({ processId, tags, data: request.data, from: router }, budget);
  const ms = performance.now() - began;
  const address = ao.dryRunner === "wallet" ? router : ao.address;
  return { ...answerIn(evaluation, { address, messageId: "", tags }, faultWhen), ms };
}

function answerIn(
  evaluation: Evaluation,
  asked: Parameters<typeof replyAmong>[1],
  faultWhen: readonly FaultRule[] | undefined,
): Omit<DryAnswer, "ms"> {
  // The router would wait in vain for an answer.
  const nothing = { kind: "fault", code: "TIMEOUT" } as const;
  if (evaluation.error !== undefined) return nothing;
  const reply = replyAmong(evaluation.messages, asked);
  if (reply === undefined)
    return evaluation.messages.length > 0 || evaluation.spawns.length > 0
      ? { kind: "unknown", code: "" }
      : nothing;
  const { success, error } = (jsonIn(reply.data) ?? {}) as { success?: unknown; error?: { code?: unknown } };
  if (success === false && typeof error?.code === "string") {
    const { code } = error;
    if (LOAD_CODES.includes(code) || code === "GONE") return { kind: "unknown", code };
    return { kind: (FAULT_CODES as readonly string[]).includes(code) ? "fault" : "refusal", code };
  }
  const verdict = faultOf(reply, faultWhen);
  if (verdict === undefined) return { kind: "answered", code: "" };
  return { kind: verdict, code: verdict === "fault" ? "SERVICE_FAULT" : "SERVICE_REFUSED" };
}

/** How much longer green may take, as a factor and in ms, to be as fast as blue. */
const [FACTOR, NOISE_MS] = [1.25, 20];

const isLater = (one: number, other: number): boolean => one > FACTOR * other + NOISE_MS;

/** What any revision answers at once, unless its unit has other work for it. */
const CONTROL = { tags: { Action: "Info" }, data: "" };

/**
 * Each is asked twice, in turn, and the faster answer counts: the first may include loading the process. Whoever sends messages to a process
 * makes all its answers late, also those of a dry run: what is late at a time when `Info` is late as well is unknown.
 */
async function comparedTimes(
  ask: (revision: "green" | "blue", isControl: boolean) => Promise<DryAnswer>,
): Promise<Compared> {
  const old = await ask("blue", false);
  const now = await ask("green", false);
  const control = { blue: await ask("blue", true), green: await ask("green", true) };
  const again = { blue: await ask("blue", false), green: await ask("green", false) };
  if ([old, now, again.blue, again.green].some(({ kind }) => kind !== "answered")) return "unknown";
  const [green, blue] = [Math.min(now.ms, again.green.ms), Math.min(old.ms, again.blue.ms)];
  const isSlower = isLater(green, blue);
  const isBehind = isSlower
    ? isLater(control.green.ms, control.blue.ms)
    : isLater(control.blue.ms, control.green.ms);
  if (isBehind) return "unknown";
  return isSlower ? "differs" : "same";
}

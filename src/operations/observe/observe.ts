import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Scheduled } from "../../ao/port.ts";
import { brief } from "../../core/brief.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { dryProbe } from "../../fleet/health/probe.ts";
import { didNotPass } from "../../fleet/health/schema.ts";
import { dryProbeWithoutLibrary, needsSignedRead } from "../../fleet/health/without-library.ts";
import { type History, resultIdOf } from "../../fleet/history.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { CronOfMember } from "../../fleet/members/monitored-crons.ts";
import { dryAudit } from "../../fleet/protocol/audit.ts";
import { type DryRead, dryAsk } from "../../fleet/protocol/dry.ts";
import { dryInfo } from "../../fleet/protocol/info.ts";
import type { Limits } from "../../monitor/limits.ts";
import type { Reading } from "../../monitor/reading.ts";
import type { Watched } from "../../monitor/watch.ts";
import type { SentTicks } from "../tick/sent-ticks.ts";
import type { Clock } from "./clock.ts";
import { drivenCron } from "./driven-cron.ts";
import { publishedReading, type Said, type SaidInfo } from "./published-reading.ts";
import type { RateLimit } from "./rate-limit.ts";
import { classifyFailedRead } from "./unanswered.ts";
import { codeDrift } from "./verdict.ts";

/** Reads of the compute unit per process and round. */
export const READS_PER_PROCESS = 2;

const SystemSchema = z.looseObject({
  maintenance: z.looseObject({ enabled: z.boolean(), reason: z.string().default("") }),
});

/** What a member should run after the last deployment. */
export interface Expected {
  readonly sourceHash: string;
  readonly configVersions: Readonly<Record<string, number>>;
  /** Its cron, if the monitor drives it. */
  readonly cron?: CronOfMember;
  /** Why it may refuse requests on purpose now; absent if it is expected to serve. */
  readonly mayRefuse?: string;
}

/** What a read of a process needs. */
export interface ReadContext {
  readonly fleet: FleetSession;
  /** The scheduled messages; undefined if the scheduler cannot be asked. */
  readonly history: History | undefined;
  readonly limits: Limits;
  readonly rateLimit: RateLimit;
  readonly clock: Clock;
  /** Process without the library → what earlier rounds read of its order. */
  readonly orders: Map<string, SentTicks>;
}

/**
 * Reads one process, by what it publishes or by dry-runs, which sign nothing and change nothing. Failures become part of the reading; only
 * bugs are thrown.
 */
export async function observe(
  context: ReadContext,
  member: Member,
  expected: Expected,
  before: Watched | undefined,
): Promise<Reading> {
  const base = { name: member.name, processId: member.processId };
  const order = slotsOf(context, member, before);
  const isExpected = (info: SaidInfo) => driftOf(expected, info).length === 0;
  // A tick changes nothing that is published at once: a process with a cron is asked when the last one was.
  const found =
    expected.cron === undefined
      ? publishedReading(context, member, { order, before, isExpected })
      : Promise.resolve(undefined);
  const [slots, said] = await Promise.all([
    order,
    found.then((own) => own ?? ask(context, member, expected)),
  ]);
  const declared = said.outcome === "answered" ? expected.cron : undefined;
  const { ao } = context.fleet.session;
  const driven = await drivenCron(ao, member, declared, context.clock.now(), context.orders);
  const reading: Reading = { ...base, ...slots, ...said, ...driven };
  const { info, ...rest } = { ...reading, info: said.info };
  // A process without the library does not report its version and code: use those of the last run.
  if (runsWithoutLibrary(member)) return { ...rest, version: member.version, sourceHash: member.sourceHash };
  if (!info) return rest;
  const drift = driftOf(expected, info);
  const counters = info.stats && {
    messages: info.stats.messages,
    errors: info.stats.errors,
    refused: info.stats.refused,
    luaHeapKB: info.stats.luaHeapKB,
  };
  const refusals =
    counters && before?.counters && before.processId === member.processId
      ? await refusalsOf(context, member, counters.refused - before.counters.refused, before)
      : undefined;
  const maintenance = info.capabilities.includes("MAINTENANCE")
    ? await maintenanceOf(context, member)
    : undefined;
  return {
    ...rest,
    ...(maintenance === undefined ? {} : { maintenance }),
    status: info.status,
    version: info.version,
    sourceHash: info.sourceHash,
    ...(info.release ? { release: info.release } : {}),
    ...(typeof info.epoch === "number" ? { epoch: info.epoch } : {}),
    ...(counters ? { counters } : {}),
    ...(drift.length > 0 ? { drift } : {}),
    ...(refusals === undefined ? {} : { refusals }),
  };
}

async function ask(context: ReadContext, member: Member, { mayRefuse }: Expected): Promise<Said> {
  try {
    if (runsWithoutLibrary(member)) return await dryCheckWithoutLibrary(context, member);
    const own = await infoOf(context, member);
    await context.rateLimit.turn();
    const nonce = randomBytes(12).toString("hex");
    const start = context.clock.ticks();
    const healthCheck = { checkType: "CONTINUOUS", nonce } as const;
    const verdict = await dryProbe(context.fleet, member, patienceOf(context), healthCheck);
    const responseMs = context.clock.ticks() - start;
    const { version, sourceHash, release = "", epoch, lastTickAt } = verdict;
    // A program with its own health check need not know Info.
    const info = own ?? { status: "", capabilities: [], version, sourceHash, release, epoch };
    if (verdict.nonce !== nonce) return { outcome: "wrong", detail: "it answered another check", info };
    // This check does not ask for the status: what refuses requests answers it like any other.
    const refuses = info.status === "ACTIVE" || info.status === "" ? undefined : info.status;
    const checked = verdict.checks.filter(didNotPass);
    const detail = [
      ...(refuses === undefined ? [] : [refusingText(refuses, mayRefuse)]),
      ...checked.map(({ name, detail: why }) => (why ? `${name}: ${why}` : name)),
    ].join("; ");
    const isFault = refuses === "RETIRED" || (refuses !== undefined && mayRefuse === undefined);
    const said = isFault ? "UNHEALTHY" : verdict.healthStatus;
    const health = said === "OFFLINE" ? "UNHEALTHY" : said;
    const ticked = lastTickAt === undefined ? {} : { lastTickAt };
    return { outcome: "answered", health, responseMs, info, ...ticked, ...(detail === "" ? {} : { detail }) };
  } catch (error) {
    const { state, code, what } = classifyFailedRead(error);
    const detail = `${brief(what, 160)} [${code}]`;
    if (code === "RATE_LIMITED") return { outcome: "unread", code, detail };
    const outcome = state === "OFFLINE" ? "silent" : state === "UNKNOWN" ? "unknown" : "wrong";
    return { outcome, code, detail };
  }
}

const refusingText = (status: string, why: string | undefined): string =>
  `it refuses requests (${status})${why === undefined ? "" : `: ${why}`}`;

/** Reads a member without the library: aos' answer to a dry run of its owner's Eval. If that is inconclusive, the outcome is `unread`. */
async function dryCheckWithoutLibrary(context: ReadContext, member: Member): Promise<Said> {
  await context.rateLimit.turn();
  const start = context.clock.ticks();
  const found = await dryProbeWithoutLibrary(context.fleet, member, budgetOf(patienceOf(context)));
  const { health, code, reasons } = found;
  const detail = brief(reasons.join("; "), 300);
  if (health === "UNKNOWN") {
    return {
      outcome: "unread",
      detail,
      ...(code === undefined ? {} : { code }),
      ...(needsSignedRead(found) ? { needsSignedRead: true as const } : {}),
    };
  }
  const responseMs = context.clock.ticks() - start;
  return { outcome: "answered", health, responseMs, ...(detail === "" ? {} : { detail }) };
}

/** Seconds to wait for an answer: longer than the limit, since a late answer says more than none. */
const patienceOf = ({ limits }: ReadContext): number => (3 * limits.timeoutMs) / 1000;

/** What a process reports about itself; undefined if it does not know Info, or uses that action for something else. */
const infoOf = (context: ReadContext, member: Member): Promise<SaidInfo | undefined> =>
  withinRateLimit(context, (seconds) => dryInfo(context.fleet, member, seconds, "status")).catch(
    tolerate(undefined, "NO_REPLY", "UNKNOWN_ACTION", "BAD_REPLY"),
  );

/** Runs a read within the rate limit. `work` receives its time limit in seconds. */
export async function withinRateLimit<T>(
  context: ReadContext,
  work: (seconds: number) => Promise<T>,
): Promise<T> {
  await context.rateLimit.turn();
  return work(patienceOf(context));
}

/** A dry run within the rate limit. @throws FleetError as `dryAsk` */
const rateLimitedRead = <T>(
  context: ReadContext,
  request: Omit<DryRead, "seconds">,
  schema: z.ZodType<T>,
): Promise<T> =>
  withinRateLimit(context, (seconds) => dryAsk(context.fleet, { ...request, seconds }, schema));

function driftOf(expected: Expected, info: SaidInfo): string[] {
  const configs = Object.entries(expected.configVersions).flatMap(([type, version]) => {
    const held = info.configVersions?.[type];
    return info.configVersions === undefined || held === version
      ? []
      : [
          `it holds ${type} ${held === undefined ? "not at all" : `version ${held}`} instead of version ${version}`,
        ];
  });
  return [
    ...(info.status === "RETIRED" ? ["it is retired"] : []),
    ...codeDrift(expected, info.sourceHash),
    ...configs,
  ];
}

/** The most messages whose results are read in one round; the newest are. */
const MAX_RESULTS = 10;

/** The newest slot, the newest slot known to be evaluated, and what failed since the last round. */
async function slotsOf(
  { fleet, history, limits }: ReadContext,
  { processId }: Member,
  before: Watched | undefined,
): Promise<Pick<Reading, "slot" | "evaluatedSlot" | "failed">> {
  if (!history) return {};
  const known = before?.processId === processId ? before.reading.evaluatedSlot : undefined;
  try {
    const slot = await history.latest(processId);
    if (slot === undefined) return {};
    if (slot === known) return { slot, evaluatedSlot: slot };
    const fresh = await history.range(
      processId,
      Math.max((known ?? slot - 1) + 1, slot - MAX_RESULTS + 1),
      slot,
    );
    const newest = fresh.at(-1);
    if (!newest) return { slot };
    const resultOf = (scheduled: Scheduled) =>
      evaluationOf(
        fleet,
        { processId, messageId: resultIdOf(scheduled), slot: scheduled.slot },
        limits.timeoutMs / 1000,
      );
    const last = await resultOf(newest);
    if (last === "none") return { slot, evaluatedSlot: known ?? slot - 1 };
    // Failures before the first round are not reported.
    if (known === undefined) return { slot, evaluatedSlot: slot };
    const earlier = await Promise.all(fresh.slice(0, -1).map(resultOf));
    const errors = [...earlier, last].flatMap((result) => (result === "none" ? [] : (result.error ?? [])));
    const failed = { count: errors.length, of: fresh.length, error: oneLine(errors.at(-1) ?? "") };
    return { slot, evaluatedSlot: slot, ...(errors.length > 0 ? { failed } : {}) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return {};
  }
}

const oneLine = (text: string): string => brief(text.replace(/\s+/g, " "), 200);

/** The result of a message; "none" if there is none within the time. */
async function evaluationOf(
  { session }: FleetSession,
  ref: { processId: string; messageId: string; slot: number },
  seconds: number,
): Promise<{ error?: string | undefined } | "none"> {
  try {
    const { error } = await session.ao.evaluation(ref, budgetOf(seconds));
    return { error };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.transient) return "none";
    return { error: undefined };
  }
}

/** Whether the fleet is in maintenance, from the member that records it (MAINTENANCE_MODE). */
const maintenanceOf = (context: ReadContext, member: Member): Promise<Reading["maintenance"]> =>
  rateLimitedRead(context, { member, action: "SYSTEM_STATUS" }, SystemSchema).then(
    ({ maintenance: { enabled, reason } }) => ({ enabled, reason }),
    tolerate(undefined),
  );

/** Who was refused and why, if the process lets this wallet read its audit. */
async function refusalsOf(
  context: ReadContext,
  member: Member,
  count: number,
  before: Watched,
): Promise<string | undefined> {
  if (count < context.limits.refusals) return undefined;
  const read = withinRateLimit(context, (seconds) => dryAudit(context.fleet, member, seconds));
  const entries = await read.catch(tolerate([]));
  const since = (before.lastAnswerAt ?? 0) - 60_000;
  const recent = entries.filter(({ outcome, at }) => outcome === "refused" && at >= since);
  const said = recent
    .slice(-3)
    .map(({ code, action, from, count: n }) => `${code ?? "refused"} ${n}×: ${action} by ${brief(from, 14)}`);
  return said.length === 0 ? undefined : said.join(", ");
}

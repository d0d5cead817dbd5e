import { setTimeout as sleep } from "node:timers/promises";
import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { FleetError } from "../../core/errors.ts";
import { shortHash } from "../../core/hash.ts";
import { runsWithoutLibrary } from "../../fleet/code/without-library.ts";
import { CHECK_KINDS } from "../../fleet/health/check-types.ts";
import { probe } from "../../fleet/health/probe.ts";
import { didNotPass } from "../../fleet/health/schema.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import { type Registry, registry } from "../../fleet/protocol/registry.ts";
import { LIMITS } from "../../monitor/limits.ts";
import type { State } from "../../monitor/reading.ts";
import { countStates, passes } from "../../monitor/verdict.ts";
import { classifyFailedRead } from "../observe/unanswered.ts";
import type { Finding } from "./report.ts";
import {
  answerBudget,
  describeError,
  Findings,
  hasNoLibrary,
  judgeCodeWithoutLibrary,
  MAX_CONCURRENT,
  type Subject,
  type ValidationResult,
} from "./subject.ts";

/**
 * Validates health: the four kinds of checks, version and code, reported capabilities, response time, and whether slots advance and are
 * evaluated.
 */
export async function validateHealth(subject: Subject): Promise<ValidationResult> {
  const findings = new Findings("health");
  const registered = await registrations(subject);
  const checked = await checkMembers(subject, registered);
  for (const { found } of checked) findings.all.push(...found);
  const states = checked.map(({ state }) => state);
  // The shares below are about the whole fleet only.
  if (subject.members.length < subject.fleet.members.length) return { findings: findings.all };
  const counts = countStates(states);
  const named = (["HEALTHY", "DEGRADED", "UNHEALTHY", "OFFLINE", "UNKNOWN"] as const)
    .filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${state}`);
  // The monitor's limits: a part of the fleet may be degraded or offline.
  const allowed = `at least ${share(LIMITS.passHealthyShare)} healthy, at most ${share(LIMITS.passOfflineShare)} offline and ${share(LIMITS.passUnhealthyShare)} unhealthy`;
  findings.judge(
    "fleet",
    "shares",
    passes(counts, LIMITS),
    `${named.join(", ")} of ${counts.total}; ${allowed}`,
  );
  return { findings: findings.all };
}

/** The selected members, and every further revision that has part of their traffic. */
function judgedBy({ members, fleet }: Subject): Member[] {
  const named = new Set(members.map(({ name }) => name));
  return servingIn(fleet).filter(({ name, of }) => named.has(of ?? name));
}

interface CheckedMember {
  readonly state: State | "UNKNOWN";
  readonly found: readonly Finding[];
}

/** Checks each member once, and repeats failed checks that may be transient. The last result counts. */
async function checkMembers(subject: Subject, registered: Registry | undefined): Promise<CheckedMember[]> {
  const { budget, retries } = subject;
  const members = judgedBy(subject);
  const checked = new Map<Member, CheckedMember>();
  let due = members;
  for (let n = 1; ; n += 1) {
    await mapConcurrently(due, MAX_CONCURRENT, async (member) => {
      const findings = new Findings("health");
      const state = await checkMember(subject, member, registered, findings);
      checked.set(member, { state, found: findings.all });
    });
    due = members.filter((member) => checked.get(member)?.found.some(isRetryable));
    if (due.length === 0 || n > retries.most || budget.remaining() <= retries.seconds * 1000) break;
    const names = due.map(({ name }) => name).join(", ");
    subject.note(`health: ${names} failed: retry in ${retries.seconds} s (${n} of ${retries.most})`);
    await sleep(retries.seconds * 1000);
  }
  return members.flatMap((member) => checked.get(member) ?? []);
}

/** Checks that may pass later. A wrong version or wrong code does not go away. */
const TRANSIENT = new Set([...CHECK_KINDS.map((kind) => kind.toLowerCase()), "answers", "response", "slots"]);

const isRetryable = ({ status, test }: Finding): boolean =>
  status === "FAIL" && TRANSIENT.has(test.slice("health_".length));

const share = (value: number): string => `${value * 100} %`;

async function checkMember(
  subject: Subject,
  member: Member,
  registered: Registry | undefined,
  findings: Findings,
): Promise<State | "UNKNOWN"> {
  const { name } = member;
  const { session } = subject.fleet;
  // A further revision runs the code that it was loaded with, not what is declared now.
  const declared = member.of === undefined ? subject.release?.declaration[name] : undefined;
  const expected = {
    version: declared?.version ?? member.version,
    sourceHash: declared?.sourceHash ?? member.sourceHash,
  };
  let state: State | "UNKNOWN" = "OFFLINE";
  let answered = false;
  try {
    if (member.of === undefined ? hasNoLibrary(subject, name) : runsWithoutLibrary(member))
      return await checkWithoutLibrary(subject, member, findings);
    const wanted = {
      ...(expected.version === "" ? {} : { version: expected.version }),
      ...(expected.sourceHash === "" ? {} : { sourceHash: expected.sourceHash }),
    };
    const verdict = await probe(session, member, "ALL", wanted, answerBudget(subject));
    state = verdict.healthStatus;
    answered = true;
    for (const kind of CHECK_KINDS) {
      const checks = verdict.checks.filter(({ checkType }) => checkType === kind);
      const odd = checks.filter(didNotPass);
      const bad = odd.some(({ status }) => status !== "DEGRADED");
      const words = odd.map(({ name: check, status, detail }) => `${check} is ${status}: ${detail}`);
      const detail =
        odd.length > 0 ? words.join("; ") : `${amount(checks.length, "check is", "checks are")} healthy`;
      findings.judge(name, kind.toLowerCase(), !bad && checks.length > 0, detail);
    }
    responds(subject, name, verdict.responseMs, findings);
    await identity(subject, member, expected, registered, findings);
    await progress(subject, member, slotOf(verdict), findings);
  } catch (error) {
    const unknown = error instanceof FleetError && classifyFailedRead(error).state === "UNKNOWN";
    if (unknown && !answered) state = "UNKNOWN";
    findings.add(name, "answers", "FAIL", `${unknown ? "unknown: " : ""}${describeError(error)}`);
  }
  return state;
}

function responds({ thresholds }: Subject, name: string, ms: number, findings: Findings): void {
  const most = thresholds.maxResponseMs;
  const took = `answered in ${Math.round(ms)} ms, limit ${most} ms`;
  findings.judge(name, "response", ms <= most, took, ms);
}

/** Tests that need the library. */
const LIBRARY_TESTS = ["startup", "readiness", "performance", "info", "version", "capabilities"] as const;

/** Validates a member without the library: aos answers its owner in time, with the loaded code, at a new slot. */
async function checkWithoutLibrary(subject: Subject, member: Member, findings: Findings): Promise<State> {
  const { name, processId } = member;
  for (const test of LIBRARY_TESTS) findings.add(name, test, "SKIP", NO_LIBRARY_REASON);
  const before = await subject.history.latest(processId);
  const { health, responseMs } = await judgeCodeWithoutLibrary(subject, member, "code", findings);
  findings.add(name, "liveness", "PASS", "aos answered an Eval of its owner");
  responds(subject, name, responseMs ?? 0, findings);
  const after = await subject.history.latest(processId);
  if (before === undefined || after === undefined)
    findings.add(name, "slots", "SKIP", "the scheduler does not report slots");
  else
    findings.judge(
      name,
      "slots",
      after > before,
      `slot ${before} → ${after}, the Eval in between was evaluated`,
    );
  return health === "HEALTHY" ? "HEALTHY" : "UNHEALTHY";
}

const IDENTITY = ["name", "status", "version", "sourceHash", "capabilities"] as const;

/** Compares what a process reports about itself with the declaration and with the ledger. */
async function identity(
  subject: Subject,
  member: Member,
  expected: { readonly version: string; readonly sourceHash: string },
  registered: Registry | undefined,
  findings: Findings,
): Promise<void> {
  const { name } = member;
  const said = await info(subject.fleet.session, member, answerBudget(subject), ...IDENTITY);
  const right = said.name === (member.of ?? name) && said.status === "ACTIVE";
  findings.judge(name, "info", right, `reports the name ${said.name} and the status ${said.status}`);
  const differs = [
    ...(expected.version !== "" && said.version !== expected.version
      ? [`version ${said.version} instead of ${expected.version}`]
      : []),
    ...(expected.sourceHash !== "" && said.sourceHash !== expected.sourceHash
      ? [`code ${shortHash(said.sourceHash)} instead of ${shortHash(expected.sourceHash)}`]
      : []),
  ];
  const runs = `version ${said.version}, code ${shortHash(said.sourceHash)}`;
  findings.judge(
    name,
    "version",
    differs.length === 0,
    differs.length === 0 ? runs : `runs ${differs.join(" and ")}`,
  );
  if (registered === undefined) {
    findings.add(name, "capabilities", "SKIP", "the fleet has no ledger to register in");
    return;
  }
  const known = registered[member.processId];
  if (!known && member.of !== undefined) {
    findings.add(
      name,
      "capabilities",
      "SKIP",
      "only the member's wanted process is registered in the ledger",
    );
    return;
  }
  if (!known) {
    findings.add(name, "capabilities", "FAIL", "it is not registered in the ledger");
    return;
  }
  const gone = known.capabilities.filter((one) => !said.capabilities.includes(one));
  const added = said.capabilities.filter((one) => !known.capabilities.includes(one));
  const same = gone.length === 0 && added.length === 0;
  const list = said.capabilities.join(" ") || "none";
  const change = [
    ...(gone.length > 0 ? [`no longer reports ${gone.join(" ")}`] : []),
    ...(added.length > 0 ? [`reports ${added.join(" ")}, which is not registered`] : []),
  ].join("; ");
  findings.judge(name, "capabilities", same, same ? list : change);
}

/** A second probe must be at a later slot, and scheduled messages must be evaluated. */
async function progress(
  { fleet, history, ...subject }: Subject,
  member: Member,
  first: number | undefined,
  findings: Findings,
): Promise<void> {
  const { name } = member;
  const second = slotOf(
    await probe(fleet.session, member, "LIVENESS", {}, answerBudget({ fleet, history, ...subject })),
  );
  if (first === undefined || second === undefined) {
    findings.add(name, "slots", "SKIP", "the network gives processes no slots");
    return;
  }
  const latest = await history.latest(member.processId);
  const behind = latest === undefined ? 0 : Math.max(0, latest - second);
  // Others may write at the same time: messages after the second probe may still be evaluated.
  const moved = second > first;
  const detail = `slot ${first} → ${second}${latest === undefined ? "" : `, the scheduler is at ${latest}`}`;
  findings.judge(name, "slots", moved && behind <= MAX_BEHIND, moved ? detail : `stuck: ${detail}`);
}

/** The most slots that may be unevaluated. */
const MAX_BEHIND = 100;

function slotOf(verdict: Readonly<Record<string, unknown>>): number | undefined {
  return typeof verdict.slot === "number" ? verdict.slot : undefined;
}

/** The registrations in the ledger; undefined if there is no ledger, or it does not answer: its own health check reports that. */
async function registrations(subject: Subject): Promise<Registry | undefined> {
  const { fleet } = subject;
  const ledger = fleet.members.find(({ name }) => name === fleet.ledger);
  if (!ledger) return undefined;
  try {
    return await registry(fleet.session, ledger, answerBudget(subject));
  } catch (error) {
    subject.note(`health: the ledger's registrations could not be read: ${describeError(error)}`);
    return undefined;
  }
}

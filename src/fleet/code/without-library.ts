/**
 * Members without the fleet's library (`lib: false`): the process contains nothing of the fleet, so it can only be inspected by an
 * Eval of its owner. Such an Eval leaves no globals behind.
 */
import { randomBytes } from "node:crypto";
import { looksLikeInbox } from "../../ao/inbox.ts";
import type { Ao, Evaluation } from "../../ao/port.ts";
import { AOS_GLOBALS, luaString } from "../../bundler/index.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { startOf } from "../../core/unicode.ts";
import { describeManualChanges } from "../health/code-drift.ts";
import { lookUntilHealthy } from "../health/probe.ts";
import type { HealthOutput, HealthPolicy } from "../health/schema.ts";
import type { ManualChange, ProcessRef } from "../health/verdict.ts";
import { memberKey } from "../session/member-key.ts";
import type { Session } from "../session/session.ts";
import type { Commit, Program } from "./commit.ts";
import { repeatGuard } from "./eval-id-lua.ts";
import { LIBRARY_LUA } from "./library-lua.ts";
import { READ_CODE_LUA, readCodeEval } from "./read-code-lua.ts";

/** Whether a member runs without the library. */
export const runsWithoutLibrary = ({ lib }: { readonly lib?: boolean | undefined }): boolean => lib === false;

/** Whether a bundle with these modules does not contain the library; false if they are unknown. */
export const isPlain = (modules: Readonly<Record<string, unknown>> | undefined): boolean =>
  modules !== undefined && !Object.keys(modules).some((one) => /^fleet(\.|$)/.test(one));

/** A load of a bundle without the library. Removes the library of an earlier bundle, if its epoch check passes. Pure. */
export function composeWithoutLibrary(
  bundle: string,
  commit: Commit,
  strangers: readonly string[] = [],
): Program {
  const drop = strangers.map((name) => ` Handlers.remove(${luaString(name)})`).join("");
  const { release, sourceHash, version, epoch, process } = commit;
  const marker = JSON.stringify({ fleet: "committed", release, sourceHash, version, epoch, process });
  const result = `${READ_CODE_LUA}(${luaString(marker)})`;
  const guard = [
    `local __e = ${epoch}${commit.repeats === true ? repeatGuard(result) : ""}`,
    `local __f = ${LIBRARY_LUA} if __f then local refused = __f.guard(__e) if refused then return refused end if __f.aosNormalize and ao.normalize == __f.normalize then ao.normalize = __f.aosNormalize end local u = package.loaded[".utils"] if __f.aosMatchesSpec and u.matchesSpec == __f.matchesSpec then u.matchesSpec = __f.aosMatchesSpec end if __f.aosSend and ao.send == __f.send then ao.send = __f.aosSend end if __f.aosResult and ao.result == __f.result then ao.result = __f.aosResult end for _, n in ipairs(__f.handlerNames or { "fleet", "fleet.unknown" }) do Handlers.remove(n) end if rawget(_G, "Fleet") == __f then rawset(_G, "Fleet", nil) end package.loaded[".fleet-library"] = nil end${drop}`,
  ];
  // The library's own list of loads goes with it.
  const keep =
    commit.repeats === true
      ? 'if __i then for k in next, __f and __f.store and __f.store.seen and __f.store.seen.loads or {} do __l[k] = true end __l[__i] = true package.loaded[".fleet-loads"] = __l end '
      : "";
  return {
    text: `${guard.join("\n")}\n${bundle}\n${keep}return ${result}`,
    offsetLines: guard.length,
  };
}

/** The hash of the bundle that such a load commits, from the marker at its end; undefined for any other program. Pure. */
export const committedWithoutLibrary = (program: string): string | undefined =>
  /\("\{\\"fleet\\":\\"committed\\"[^\n]*\\"sourceHash\\":\\"([0-9a-f]{64})\\"[^\n]*\}"\)\s*$/.exec(
    program.slice(-2000),
  )?.[1];

export interface RunningCode {
  readonly code: readonly string[];
  readonly responseMs: number;
}

/** The code of a process that a network's dry runs can never read. */
export const NEEDS_SIGNED_READ = "NEEDS_SIGNED_READ";

/**
 * Reads the running code by a signed Eval.
 *
 * @throws FleetError NOT_OWNER, PROCESS_ERROR, NO_REPLY
 */
export async function readRunningCode(
  session: Session,
  place: ProcessRef,
  budget: Budget,
): Promise<RunningCode> {
  const { name, processId, generation } = place;
  const nonce = randomBytes(12).toString("hex");
  const intent = memberKey(session.scope, name, generation, `look/${nonce}`);
  const data = readCodeEval(nonce);
  const start = performance.now();
  const { id } = await session.ao.send({ intent, processId, tags: { Action: "Eval" }, data }, budget);
  const done = await session.ao.evaluation({ processId, messageId: id, expectOutput: true }, budget);
  await session.ao.settle(intent);
  const responseMs = performance.now() - start;
  return { code: codeOr(name, done, nonce), responseMs };
}

/**
 * The same by a dry run: signs nothing and leaves nothing behind. For display, not for verdicts.
 *
 * @throws FleetError NEEDS_SIGNED_READ, NOT_OWNER, PROCESS_ERROR, NO_REPLY
 */
export async function dryReadRunningCode(
  { ao }: { readonly ao: Pick<Ao, "dryrun" | "dryRunner"> },
  { name, processId }: Pick<ProcessRef, "name" | "processId">,
  budget: Budget,
): Promise<RunningCode> {
  if (ao.dryRunner === "stranger") {
    throw new FleetError({
      code: NEEDS_SIGNED_READ,
      what: `${name} cannot be read by a dry run: this network evaluates dry runs in the name of a stranger.`,
      got: "a process without the library, which answers only its owner",
      expected: "the running handlers",
      remedy: "Use a signed read: leave out --quick.",
    });
  }
  const nonce = randomBytes(12).toString("hex");
  const start = performance.now();
  const input = { processId, tags: { Action: "Eval" }, data: readCodeEval(nonce) };
  const done = await ao.dryrun(input, budget);
  return { code: codeOr(name, done, nonce), responseMs: performance.now() - start };
}

function codeOr(name: string, done: Pick<Evaluation, "output" | "error">, nonce: string) {
  const { output, error } = done;
  const code = codeIn(output, nonce);
  if (code) return code;
  const isForeign = looksLikeInbox(done);
  throw new FleetError({
    code: error !== undefined ? "PROCESS_ERROR" : isForeign ? "NOT_OWNER" : "NO_REPLY",
    what: isForeign
      ? `${name} does not accept an Eval from this wallet.`
      : `${name} did not answer an Eval that reads its handlers.`,
    got: error ?? (startOf(output, 300) || "an empty output"),
    expected: "the running handlers, with the nonce that was sent",
    remedy: isForeign ? "Use the wallet that owns the process." : `Run npx fleet logs ${name}.`,
  });
}

function codeIn(output: string, nonce: string): string[] | undefined {
  for (const line of output.split("\n")) {
    const start = line.indexOf('{"fleet":"alive"');
    if (start < 0 || !line.includes(nonce)) continue;
    try {
      return codeOf(JSON.parse(line.slice(start, line.lastIndexOf("}") + 1)) as Record<string, unknown>);
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The lines of a marker; names are encoded as bytes. Pure. */
export function codeOf({ code }: Record<string, unknown>): string[] | undefined {
  if (!Array.isArray(code)) return undefined;
  return code.map((line) => Buffer.from(String(line), "latin1").toString("utf8"));
}

interface Item {
  readonly kind: string;
  readonly sum: string;
  readonly name: string;
}

function itemsOf(code: readonly string[], kind: string): Item[] {
  const items = code.map((line) => {
    const [kind = "", sum = "", ...name] = line.split(" ");
    return { kind, sum, name: name.join(" ") };
  });
  return items.filter((item) => item.kind === kind);
}

/** Names of the handlers in such lines. Pure. */
export const handlersIn = (code: readonly string[]): string[] =>
  itemsOf(code, "HANDLER").map(({ name }) => name);

/**
 * Differences from the code after the load. A new handler after all known ones, and a function with a new name, do not affect the
 * known code: the program itself may have added them, so they do not count as changes. Pure.
 */
export function runningCodeChanges(known: readonly string[], now: readonly string[]): ManualChange[] {
  const changes: ManualChange[] = [];
  for (const kind of ["HANDLER", "FUNCTION"]) {
    const [before, after] = [itemsOf(known, kind), itemsOf(now, kind)];
    for (const { name, sum } of before) {
      const found = after.find((item) => item.name === name);
      if (!found) changes.push({ kind, change: "GONE", name });
      else if (found.sum !== sum) changes.push({ kind, change: "CHANGED", name });
    }
    const isKnown = ({ name }: Item) => before.some((item) => item.name === name);
    const last = after.findLastIndex(isKnown);
    for (const [at, item] of after.entries()) {
      const hides = kind === "HANDLER" ? at < last : AOS_GLOBALS.has(item.name);
      if (!isKnown(item) && hides) changes.push({ kind, change: "ADDED", name: item.name });
    }
  }
  const order = handlersIn(now).filter((name) => handlersIn(known).includes(name));
  const wanted = handlersIn(known).filter((name) => order.includes(name));
  if (order.join("\n") !== wanted.join("\n")) changes.push({ kind: "HANDLER", change: "MOVED", name: "" });
  return changes;
}

/** Failures of the process itself. Any other, as of a unit, a node or this machine, says nothing about it. */
const OF_PROCESS = ["NOT_OWNER", "PROCESS_ERROR", "NO_REPLY"];

/** The observed state of such a member: whether aos answers, with the code that was loaded. It only runs its owner's Evals. */
export async function observeWithoutLibrary(
  session: Session,
  place: ProcessRef,
  code: readonly string[] | undefined,
  budget: Budget,
): Promise<{ health: HealthOutput; drift: string[]; owner?: string }> {
  try {
    const { code: now } = await readRunningCode(session, place, budget);
    const drift = code === undefined ? [] : describeManualChanges(runningCodeChanges(code, now));
    const status = drift.length > 0 ? "UNHEALTHY" : "HEALTHY";
    return {
      health: { status, reasons: drift.map((line) => `code: ${line}`) },
      drift,
      owner: session.ao.address,
    };
  } catch (error) {
    if (!(error instanceof FleetError) || error.transient || !OF_PROCESS.includes(error.code)) throw error;
    const { what } = error.problems[0];
    // Its owner and its code cannot be read, so its code may be unchanged.
    if (error.code === "NOT_OWNER")
      return { health: { status: "OFFLINE", reasons: [what], code: "NOT_OWNER" }, drift: [] };
    return { health: { status: "OFFLINE", reasons: [what] }, drift: [what] };
  }
}

/** Polls until aos answers with the loaded code, or the policy's time or retries are used up. */
export function awaitHealthyWithoutLibrary(
  session: Session,
  place: ProcessRef,
  code: readonly string[],
  policy: HealthPolicy,
  budget: Budget,
): Promise<HealthOutput> {
  const look = async (time: Budget): Promise<HealthOutput> => {
    const { code: now, responseMs } = await readRunningCode(session, place, time);
    const changed = describeManualChanges(runningCodeChanges(code, now));
    if (changed.length > 0) return { status: "UNHEALTHY", reasons: changed.map((line) => `code: ${line}`) };
    if (responseMs <= policy.maxResponseMs) return { status: "HEALTHY", reasons: [] };
    const took = `performance: answered in ${Math.round(responseMs)} ms, allowed: at most ${policy.maxResponseMs} ms`;
    return { status: "DEGRADED", reasons: [took] };
  };
  return lookUntilHealthy(look, policy, budget, "no Eval was answered");
}

/** Records that a member is retired: the process itself has no such state. */
export async function retireWithoutLibrary(
  session: Session,
  place: ProcessRef,
  budget: Budget,
): Promise<void> {
  const { name, processId, generation } = place;
  const epoch = await session.deployment.epoch();
  const intent = memberKey(session.scope, name, generation, `RETIRE/e${epoch}`);
  const data = "return 'retired'";
  const { id } = await session.ao.send({ intent, processId, tags: { Action: "Eval" }, data }, budget);
  await session.ao.evaluation({ processId, messageId: id, expectOutput: true }, budget);
  await session.ao.settle(intent);
}

import { randomUUID } from "node:crypto";
import type { Ao, Evaluation, Tags } from "../../ao/port.ts";
import { replyAmong, type SentRequest } from "../../ao/replies.ts";
import { amount } from "../../core/amount.ts";
import type { Budget } from "../../core/budget.ts";
import { GUARDED_ACTIONS, ROUTER_ACTIONS } from "../../core/fleet-actions.ts";

/** One message that a process must refuse, and the expected answers. */
interface Attack {
  readonly name: string;
  readonly action: string;
  readonly tags?: Tags;
  readonly data?: string;
  /** Codes that count as a refusal. */
  readonly refusals: readonly string[];
}

/**
 * An epoch that every process refuses, whoever sends it. So a control action does no harm even if a process lets strangers pass, and the
 * code of the refusal shows that it did. For the other actions the data is invalid.
 */
const NO_EPOCH = "validation";

const LEDGER = [
  "DEPLOY_PROCESS",
  "PROCESS_REGISTRATION",
  "PROCESS_DEREGISTRATION",
  "CONFIG_DISTRIBUTION",
  "DEPLOYMENT_ROLLBACK",
  "BLUE_GREEN_DEPLOYMENT",
] as const;

const FORBIDDEN = ["FORBIDDEN"];
/** A fleet's own ledger need not implement all of the guide's actions. */
const FORBIDDEN_OR_UNKNOWN = ["FORBIDDEN", "UNKNOWN_ACTION"];
/** An action may answer nobody. */
const FORBIDDEN_OR_SILENT = ["FORBIDDEN", "nothing"];
/** aos drops a message that claims to be pushed, unless a unit that the process trusts signed it. */
const FORBIDDEN_OR_DROPPED = ["FORBIDDEN", "nothing"];

/** What a process says about its own actions; undefined if its library does not yet. */
interface Guarded {
  readonly actions: readonly string[] | undefined;
  readonly guarded: readonly string[] | undefined;
  readonly guardedByRule: readonly string[] | undefined;
}

/**
 * Every action that is not open, sent by a stranger in its own name and in the name of others: the library's, and those of the program by
 * its own table of actions.
 */
export function strangersAttacks(isLedger: boolean, owner: string, own: Guarded): Attack[] {
  // Schedulers drop a pushed message with the same content as an earlier one.
  const data = JSON.stringify({ allowed: "nobody", nonce: randomUUID() });
  const tags = { Epoch: NO_EPOCH };
  const attack = (action: string, refusals: readonly string[]) => ({
    name: action,
    action,
    tags,
    data,
    refusals,
  });
  const byRole = new Set(own.guarded ?? []);
  for (const action of ROUTER_ACTIONS) if (own.actions?.includes(action)) byRole.add(action);
  const inTheName = (name: string, more: Tags, refusals: readonly string[]) => ({
    name: `RETIRE ${name}`,
    action: "RETIRE",
    tags: { ...tags, ...more },
    data,
    refusals,
  });
  return [
    ...GUARDED_ACTIONS.map((action) => attack(action, FORBIDDEN)),
    ...[...byRole].map((action) => programAttack(action)),
    ...(isLedger ? LEDGER : [])
      .filter((action) => !byRole.has(action))
      .map((action) => attack(action, FORBIDDEN_OR_UNKNOWN)),
    inTheName("carried for the owner", { "On-Behalf-Of": owner }, FORBIDDEN),
    inTheName("with the owner's name in its tags", { From: owner, Owner: owner }, FORBIDDEN),
    inTheName("as if it was pushed", { "From-Process": owner }, FORBIDDEN_OR_DROPPED),
  ];
}

/** Actions of which a rule of the program decides. It may let strangers pass on purpose: then `validation.yaml` lists the action. */
export const ruledAttacks = ({ guardedByRule }: Guarded): Attack[] =>
  (guardedByRule ?? []).map((action) => programAttack(action));

/** Codes by which a process refuses every request to its program, before it asks who sent it. */
const STOPPED = ["DRAINING", "GONE"];
/** Outcomes of a rule that raises an error, which lets nobody pass. */
const BROKEN = ["INTERNAL", "failed"];

/** An action with the code of the answer to a stranger. */
interface Tried {
  readonly action: string;
  readonly code: string;
}

const listed = (tried: readonly Tried[]): string =>
  tried.map(({ action, code }) => `${action}: ${code}`).join(", ");

const notAskedText = (stopped: readonly Tried[]): string =>
  stopped.length === 0 ? "" : `; not asked, because it refuses all requests: ${listed(stopped)}`;

/** A verdict of one test. */
export interface Verdict {
  readonly status: "PASS" | "FAIL" | "SKIP";
  readonly detail: string;
}

/** The verdict on the actions that roles decide about. Pure. */
export function judgeRoles(tried: readonly (Tried & Pick<Attack, "refusals">)[]): Verdict {
  const other = tried.filter(({ code, refusals }) => !refusals.includes(code));
  const stopped = other.filter(({ code }) => STOPPED.includes(code));
  if (other.length > stopped.length) {
    const allowed = other.filter((one) => !stopped.includes(one));
    return { status: "FAIL", detail: `not FORBIDDEN to strangers: ${listed(allowed)}` };
  }
  return {
    status: stopped.length > 0 ? "SKIP" : "PASS",
    detail: `${tried.length - stopped.length} actions are FORBIDDEN to strangers${notAskedText(stopped)}`,
  };
}

/**
 * The verdict on the rules of a program. Pure.
 *
 * @param open actions that are open on purpose
 */
export function judgeRules(tried: readonly Tried[], open: readonly string[]): Verdict {
  const stopped = tried.filter(({ code }) => STOPPED.includes(code));
  const passed = tried.filter((one) => !FORBIDDEN_OR_SILENT.includes(one.code) && !stopped.includes(one));
  const bad = passed.filter(({ action }) => !open.includes(action));
  const broken = bad.filter(({ code }) => BROKEN.includes(code));
  const letting = bad.filter((one) => !broken.includes(one));
  const problems = [
    ...(letting.length === 0
      ? []
      : [
          `a rule of the program lets a stranger pass: ${listed(letting)}. Fix the rule, or list the action in "open" of validation.yaml`,
        ]),
    ...(broken.length === 0
      ? []
      : [
          `a rule of the program, or the handler after it, fails for a stranger: ${listed(broken)}. Fix it; npx fleet logs shows the error`,
        ]),
  ];
  if (problems.length > 0) return { status: "FAIL", detail: problems.join(". ") };
  const allowed = passed.length === 0 ? "" : `, ${passed.length} let them pass, as validation.yaml says`;
  const refusing = tried.length - passed.length - stopped.length;
  return {
    status: stopped.length > 0 ? "SKIP" : "PASS",
    detail: `${refusing} of ${amount(tried.length, "rule")} of the program refuse strangers${allowed}${notAskedText(stopped)}`,
  };
}

/** The data is no JSON, because nobody knows what valid data would do. */
const programAttack = (action: string): Attack => ({
  name: action,
  action,
  tags: { Epoch: NO_EPOCH },
  data: `no JSON: ${randomUUID()}`,
  refusals: FORBIDDEN_OR_SILENT,
});

/**
 * Forged epochs, sent with a control action that would change nothing. None is larger than the current one: if a process accepted it, no
 * run could ever change the process again.
 */
export function forgedEpochs(current: number): string[] {
  return ["-1", "1.5", "1e3", "0x10", "epoch", ...(current > 0 ? ["0", String(current - 1)] : [])];
}

const MAX_BYTES = 1024 * 1024;

/** Data that is too large or malformed, or that tries to run as code. */
export function hostileData(): Attack[] {
  const action = "HEALTH_CHECK";
  const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
  return [
    { name: "more than 1 MB", action, data: `"${"x".repeat(MAX_BYTES)}"`, refusals: ["TOO_LARGE"] },
    { name: "truncated JSON", action, data: '{"healthCheck":{', refusals: ["BAD_JSON"] },
    { name: "5,000 nested lists", action, data: deep, refusals: ["BAD_JSON"] },
    { name: "Lua instead of JSON", action, data: "]] os.exit() --[[", refusals: ["BAD_JSON"] },
    {
      name: "an unknown check type",
      action,
      data: '{"healthCheck":{"checkType":"ALL; os.exit()"}}',
      refusals: ["INVALID_DATA"],
    },
    { name: "an unknown action", action: "INFO); os.exit(", data: "{}", refusals: ["UNKNOWN_ACTION"] },
  ];
}

/** The outcome of a message. */
interface Outcome {
  /** The code of the refusal; `ok` for success, `nothing` without a reply, `failed` if the evaluation raised an error. */
  readonly code: string;
  readonly evaluation: Evaluation;
}

/** Sends a message signed by the wallet of `ao`, and returns its outcome. */
export async function attempt(
  ao: Ao,
  processId: string,
  { action, tags = {}, data = "{}" }: Pick<Attack, "action" | "tags" | "data">,
  budget: Budget,
): Promise<Outcome> {
  const intent = `validate/${processId}/${action}/${randomUUID()}`;
  const all = { Action: action, ...tags };
  const sent = await ao.send({ intent, processId, tags: all, data }, budget);
  const evaluation = await ao.evaluation({ processId, messageId: sent.id }, budget);
  await ao.settle(intent);
  return { code: outcomeOf(evaluation, { address: ao.address, messageId: sent.id, tags: all }), evaluation };
}

function outcomeOf(evaluation: Evaluation, asked: SentRequest): string {
  if (evaluation.error !== undefined) return "failed";
  const answers = evaluation.messages.filter(({ tags }) => /-Response$/.test(tags.Action ?? ""));
  const reply = replyAmong(answers, asked);
  if (!reply) return "nothing";
  try {
    const data: unknown = JSON.parse(reply.data);
    const error =
      typeof data === "object" && data !== null ? (data as { error?: { code?: unknown } }).error : undefined;
    return typeof error?.code === "string" ? error.code : "ok";
  } catch {
    return "ok";
  }
}

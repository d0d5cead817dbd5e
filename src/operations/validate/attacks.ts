import { randomUUID } from "node:crypto";
import type { Ao, Evaluation, Tags } from "../../ao/port.ts";
import { type Asked, replyAmong } from "../../ao/replies.ts";
import type { Budget } from "../../core/budget.ts";

/** One message that must be refused, and how its answer must look. */
interface Attack {
  readonly name: string;
  readonly action: string;
  readonly tags?: Tags;
  readonly data?: string;
  /** Codes that are a refusal. */
  readonly refusals: readonly string[];
}

/**
 * An epoch that no process takes, whoever sends it. Were a process to let strangers pass, it would refuse this all the same: an
 * attack does no harm even where it succeeds, and its code tells that it did.
 */
const NO_EPOCH = "validation";

const CONTROL = [
  "UPDATE_CONFIG",
  "RESTORE_CONFIG",
  "WIRE_PEERS",
  "ADMIT_PEER",
  "RETIRE",
  "DRAIN",
  "RESUME",
  "IMPORT_STATE",
] as const;
/** Reads and rights that strangers have none of; the data fits no schema. */
const CLOSED = ["EXPORT_STATE", "GET_CONFIG", "AUDIT", "LOGS", "PROBE_PEERS", "SET_ALLOWED"] as const;
const LEDGER = [
  "DEPLOY_PROCESS",
  "PROCESS_REGISTRATION",
  "PROCESS_DEREGISTRATION",
  "CONFIG_DISTRIBUTION",
  "DEPLOYMENT_ROLLBACK",
  "BLUE_GREEN_DEPLOYMENT",
] as const;

const FORBIDDEN = ["FORBIDDEN"];
/** A fleet's own ledger need not know all of the guide's actions. */
const FORBIDDEN_OR_UNKNOWN = ["FORBIDDEN", "UNKNOWN_ACTION"];
/** aos itself drops a message that says that it was pushed, unless a unit that the process trusts signed it. */
const FORBIDDEN_OR_DROPPED = ["FORBIDDEN", "nothing"];

/** Every control action, sent by a stranger: as itself, and in the name of others. */
export function strangersAttacks(isLedger: boolean, owner: string): Attack[] {
  // Schedulers drop a pushed message that has the content of an earlier one.
  const data = JSON.stringify({ allowed: "nobody", nonce: randomUUID() });
  const tags = { Epoch: NO_EPOCH };
  const attack = (action: string, refusals: readonly string[]) => ({
    name: action,
    action,
    tags,
    data,
    refusals,
  });
  const inTheName = (name: string, more: Tags, refusals: readonly string[]) => ({
    name: `RETIRE ${name}`,
    action: "RETIRE",
    tags: { ...tags, ...more },
    data,
    refusals,
  });
  return [
    ...[...CONTROL, ...CLOSED].map((action) => attack(action, FORBIDDEN)),
    ...(isLedger ? LEDGER : []).map((action) => attack(action, FORBIDDEN_OR_UNKNOWN)),
    inTheName("carried for the owner", { "On-Behalf-Of": owner }, FORBIDDEN),
    inTheName("with the owner's name in its tags", { From: owner, Owner: owner }, FORBIDDEN),
    inTheName("as if it was pushed", { "From-Process": owner }, FORBIDDEN_OR_DROPPED),
  ];
}

/**
 * Epochs that no run has, sent with a control action that would change nothing. None is larger than the current one: were it
 * taken, no run could ever change the process again.
 */
export function forgedEpochs(current: number): string[] {
  return ["-1", "1.5", "1e3", "0x10", "epoch", ...(current > 0 ? ["0", String(current - 1)] : [])];
}

const MAX_BYTES = 1024 * 1024;

/** Data that is too much, or that tries to be code. */
export function hostileData(): Attack[] {
  const action = "HEALTH_CHECK";
  const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
  return [
    { name: "more than 1 MB", action, data: `"${"x".repeat(MAX_BYTES)}"`, refusals: ["TOO_LARGE"] },
    { name: "half a JSON", action, data: '{"healthCheck":{', refusals: ["BAD_JSON"] },
    { name: "5,000 lists in each other", action, data: deep, refusals: ["BAD_JSON"] },
    { name: "Lua for JSON", action, data: "]] os.exit() --[[", refusals: ["BAD_JSON"] },
    {
      name: "a kind of check that is none",
      action,
      data: '{"healthCheck":{"checkType":"ALL; os.exit()"}}',
      refusals: ["INVALID_DATA"],
    },
    { name: "an action that is none", action: "INFO); os.exit(", data: "{}", refusals: ["UNKNOWN_ACTION"] },
  ];
}

/** What became of a message. */
interface Outcome {
  /** The code of the refusal, `ok` for a success, `nothing` without a reply, `failed` when the evaluation ended in an error. */
  readonly code: string;
  readonly evaluation: Evaluation;
}

/** Sends a message as whoever `ao` is and says what became of it. */
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

function outcomeOf(evaluation: Evaluation, asked: Asked): string {
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

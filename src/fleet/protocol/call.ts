import { randomUUID } from "node:crypto";
import { signedMessage } from "../../ao/journal/index.ts";
import type { Evaluation, Sent, Tags } from "../../ao/port.ts";
import { replyAmong, type SentRequest } from "../../ao/replies.ts";
import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import { historyOf, resultIdOf } from "../history.ts";
import type { Member } from "../members/member.ts";
import { callKey } from "../session/member-key.ts";
import { wasEvalRun } from "./eval-ownership.ts";
import { faultInForwarded } from "./forwarded-faults.ts";
import { laterReply, pollForReply } from "./later-reply.ts";
import { asReply, noReply, type Reply, replyIn, taggedFor } from "./reply.ts";

interface Call {
  readonly member: Member;
  readonly action: string;
  readonly data: string;
  readonly tags: Tags;
  /** Time limit in seconds for the reply. */
  readonly seconds: number;
  /** Whether to wait for the reply, or return once the network has accepted the message. */
  readonly wait: boolean;
  /** Called with the id of the message once it is signed and on disk, before it is posted: if it throws, nothing is posted. @default nothing */
  readonly signed?: (messageId: string) => void;
  /** Called once its result is known, or no longer awaited: nothing is left to continue. @default nothing */
  readonly closed?: () => void;
  /** What to do about a message that was signed and whose outcome is unknown, after the error's own remedy. @default nothing more */
  readonly unfinished?: (messageId: string) => string;
}

/** A message that was signed before it is sent, or by an earlier call. */
interface Outgoing {
  /** Its key in the journal. */
  readonly intent: string;
  readonly tags: Tags;
  send(budget: Budget): Promise<Sent>;
}

/** Time limit in seconds for finding out why there was no answer. */
const DIAGNOSIS_SECONDS = 20;

/**
 * Sends a signed message and waits for the reply: in the message's own evaluation, or, if the process first calls others, in a
 * later one, where it is recognised by the request's Correlation-Id or Reference, or because it was caused by a message that was
 * pushed for this one.
 *
 * @throws FleetError NO_REPLY, REPLY_LATE, NOT_OWNER for an Eval that was not run, and network errors
 */
export async function call(fleet: FleetSession, call: Call): Promise<Reply> {
  const { processId, name } = call.member;
  const { ao, scope } = fleet.session;
  const id = randomUUID();
  const tags = taggedFor(call.action, call.tags, call.tags["Correlation-Id"] ?? id);
  // Every call has its own key, so it never resends an earlier one, also if both have the same Correlation-Id.
  const intent = callKey(scope, name, call.action, id);
  const message = { intent, processId, tags, data: call.data };
  const hook = call.signed === undefined ? {} : { signed: call.signed };
  const send = (budget: Budget) => ao.send({ ...message, ...hook }, budget);
  return perform(fleet, call, { intent, tags, send });
}

/**
 * Continues a call whose outcome is unknown: its message is sent as it was signed, unless the network has it, and its reply awaited.
 *
 * @throws FleetError NOTHING_TO_CONTINUE, and as `call`
 */
export async function continueCall(
  fleet: FleetSession,
  call: Omit<Call, "data" | "tags">,
  messageId: string,
): Promise<Reply> {
  const { ao, journal } = fleet.session;
  const found = await signedMessage(journal, messageId);
  if (found === undefined) {
    const isClosed = journal.byId(messageId) !== undefined;
    const got = isClosed ? "a message whose result was read, or was not wanted" : "no such message";
    throw nothingToContinue(call, messageId, got);
  }
  const { intent, tags } = found;
  const { target, signer } = intent;
  if (target !== call.member.processId || tags.Action !== call.action || signer !== ao.address) {
    const got = `a message ${tags.Action} to the process ${target}, signed by ${signer}`;
    throw nothingToContinue(call, messageId, got);
  }
  call.signed?.(messageId);
  const send = (budget: Budget) => ao.resend(messageId, budget);
  return perform(fleet, { ...call, tags, data: "" }, { intent: intent.key, tags, send });
}

/** Sends it and waits for its reply. */
async function perform(fleet: FleetSession, call: Call, { intent, tags, send }: Outgoing): Promise<Reply> {
  const { ao, journal } = fleet.session;
  const { processId } = call.member;
  const budget = budgetOf(call.seconds);
  const unfinished = (error: unknown) => {
    const id = journal.signed(intent)?.id;
    throw id === undefined ? error : withRemedy(error, call.unfinished?.(id));
  };
  const sent = await send(budget).catch(unfinished);
  if (!call.wait) {
    await ao.settle(intent);
    call.closed?.();
    return { messageId: sent.id, action: "", tags: {}, data: "", output: "" };
  }
  const evaluation = await ao.evaluation({ processId, messageId: sent.id }, budget).catch(unfinished);
  await ao.settle(intent);
  call.closed?.();
  const { lib } = call.member;
  const asked = { address: ao.address, messageId: sent.id, tags, lib };
  return replyTo(fleet, call, asked, evaluation, budget).catch((error: unknown) => {
    const trace = `npx fleet trace ${sent.id} shows what happened.`;
    throw withRemedy(error, `The message was evaluated, and a repeated call is another one. ${trace}`);
  });
}

/** The reply to a message that was evaluated: in its own evaluation, or in a later one. */
async function replyTo(
  fleet: FleetSession,
  call: Call,
  asked: SentRequest,
  evaluation: Evaluation,
  budget: Budget,
): Promise<Reply> {
  const { processId } = call.member;
  const { messageId } = asked;
  const reply = replyIn(evaluation, asked);
  if (reply) return reply;
  if (call.action === "Eval") return ranEval(fleet, call, evaluation);
  // The process has sent messages to others, so its answer may come later.
  if (evaluation.messages.length === 0) throw noReply(call.member.name, call.action, evaluation);
  const chain = chainOf(fleet, call.seconds, processId, asked);
  const later = await pollForReply(
    async () => (await named(fleet, processId, asked, budget)) ?? (await chain()),
    budget,
  );
  if (later) return later;
  throw late(
    call,
    messageId,
    evaluation,
    await faultInForwarded(fleet, processId, asked, evaluation.messages, DIAGNOSIS_SECONDS),
  );
}

async function named(
  { session }: FleetSession,
  processId: string,
  asked: SentRequest,
  budget: Budget,
): Promise<Reply | undefined> {
  const later = await laterReply(session.ao, processId, asked, budget);
  return later && asReply(asked.messageId, later.message, later.evaluation);
}

/** Number of slots before the first poll that are searched for messages pushed for the request. */
const BEFORE = 25;

/**
 * Searches the messages to the process that the network marks as pushed for the request, continuing at each call: a message to the
 * requester in their evaluations is the answer, whether or not it names the request.
 */
function chainOf(
  fleet: FleetSession,
  seconds: number,
  processId: string,
  asked: SentRequest,
): () => Promise<Reply | undefined> {
  const history = historyOf(fleet, seconds);
  let next: number | undefined;
  const look = async (): Promise<Reply | undefined> => {
    const latest = await history.latest(processId);
    if (latest === undefined) return undefined;
    next ??= Math.max(0, latest - BEFORE);
    for (const scheduled of await history.range(processId, next, latest)) {
      const { slot, pushedFor } = scheduled;
      if (pushedFor === asked.messageId) {
        const result = await history.result(processId, resultIdOf(scheduled), slot);
        // Not evaluated yet: read again at the next call.
        if (!result) return undefined;
        const later = replyAmong(result.messages, asked);
        if (later) return asReply(asked.messageId, later, result);
      }
      next = slot + 1;
    }
    return undefined;
  };
  // If the message order cannot be read, only a reply that names the request is found.
  return () => look().catch(tolerate(undefined));
}

/** A read without side effects: signs nothing and does not change the process. For display, not for verdicts. */
export async function dryCall(
  fleet: Pick<FleetSession, "session">,
  call: Omit<Call, "wait">,
): Promise<Reply> {
  const { session } = fleet;
  const tags = taggedFor(call.action, call.tags, randomUUID());
  const evaluation = await session.ao.dryrun(
    { processId: call.member.processId, tags, data: call.data },
    budgetOf(call.seconds),
  );
  const reply = replyIn(evaluation, { address: session.ao.address, messageId: "", tags });
  if (reply) return reply;
  if (call.action === "Eval") return ranEval(fleet, { ...call, wait: true }, evaluation);
  throw noReply(call.member.name, call.action, evaluation);
}

/** The reply of an Eval: its output, whatever it sent to others. */
async function ranEval(
  fleet: Pick<FleetSession, "session">,
  call: Call,
  evaluation: Evaluation,
): Promise<Reply> {
  const { output, messageId } = evaluation;
  if (!(await wasEvalRun(fleet, call.member, evaluation, call.seconds)))
    throw noReply(call.member.name, call.action, evaluation);
  return { messageId, action: "", tags: {}, data: "", output, ran: true };
}

function late(
  { member, action, seconds }: Call,
  messageId: string,
  { messages }: Evaluation,
  fault: string | undefined,
): FleetError {
  const asked = [...new Set(messages.map(({ tags }) => tags.Action ?? "a message"))].join(", ");
  return new FleetError({
    code: "REPLY_LATE",
    what: `${member.name} accepted ${action} but has not answered yet.`,
    got: `nothing within ${seconds} s; it sent ${asked}${fault === undefined ? " and waits" : `. ${fault}`}`,
    expected: "a message to the requester",
    remedy: `npx fleet trace ${messageId} shows what happened in each process. A repeated call is another message; --timeout sets how long to wait.`,
  });
}

/** Adds to a transient error what to do about its message; any other error as it is. */
function withRemedy(error: unknown, more: string | undefined): unknown {
  if (!(error instanceof FleetError && error.transient) || more === undefined) return error;
  const [problem, ...others] = error.problems;
  const remedy = `${problem.remedy} ${more}`;
  return new FleetError([{ ...problem, remedy }, ...others], { cause: error, transient: true });
}

const nothingToContinue = (
  { member: { name }, action }: Pick<Call, "member" | "action">,
  id: string,
  got: string,
) =>
  new FleetError({
    code: "NOTHING_TO_CONTINUE",
    what: `The message ${id} cannot be continued.`,
    got,
    expected: `a message ${action} to ${name} that fleet call signed with this project and wallet, and whose result was not read yet`,
    remedy: `npx fleet trace ${id} shows whether ${name} has it, and its result.`,
  });

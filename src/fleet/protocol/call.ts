import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { looksLikeInbox } from "../../ao/inbox.ts";
import type { Evaluation, OutMessage, Tags } from "../../ao/port.ts";
import { type Asked, replyAmong, replyNaming } from "../../ao/replies.ts";
import { type Budget, budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import { historyOf, resultIdOf } from "../history.ts";
import type { Member } from "../members/member.ts";
import { faultBehind } from "./carried.ts";
import { wasRun } from "./evaluated.ts";

interface Call {
  readonly member: Member;
  readonly action: string;
  readonly data: string;
  readonly tags: Tags;
  /** Seconds until a reply must be there. */
  readonly seconds: number;
  /** Return as soon as the network took the message. */
  readonly wait: boolean;
}

export interface Reply {
  /** Id of the message; "" for a dry run. */
  readonly messageId: string;
  /** The reply's tag; "" when the process said something without replying. */
  readonly action: string;
  readonly tags: Tags;
  readonly data: string;
  /** What was printed or returned, for an Eval. */
  readonly output: string;
  /** The Lua error of the evaluation. */
  readonly error?: string;
  /** An Eval that aos ran and that sent no reply: `output` is its only answer, and may be empty. */
  readonly ran?: true;
}

/** Milliseconds between two looks for an answer that comes later. */
const LOOK = 300;

/** Seconds to find out why none came. */
const LOOK_SECONDS = 20;

/**
 * Sends a signed message and waits for the reply, wherever it comes: in the message's own evaluation, or, when the process
 * asks others first, in a later one, where it is known by the request's Correlation-Id or Reference, or by having been made by a
 * message that was pushed for this one.
 *
 * @throws FleetError NO_REPLY, REPLY_LATE, NOT_OWNER for an Eval that was not run, and whatever the network says
 */
export async function call(fleet: FleetSession, call: Call): Promise<Reply> {
  const { session } = fleet;
  const { ao } = session;
  const { processId, name } = call.member;
  const budget = budgetOf(call.seconds);
  const correlation = call.tags["Correlation-Id"] ?? randomUUID();
  const tags = taggedFor(call.action, call.tags, correlation);
  // Every call is one of its own: the key is never used again, so nothing of an earlier one is sent for it.
  const intent = `cli/${session.scope.project}/${session.scope.stack}/${name}/${call.action}/${correlation}`;
  const sent = await ao.send({ intent, processId, tags, data: call.data }, budget);
  if (!call.wait) {
    await ao.settle(intent);
    return { messageId: sent.id, action: "", tags: {}, data: "", output: "" };
  }
  const evaluation = await ao.evaluation({ processId, messageId: sent.id }, budget);
  await ao.settle(intent);
  const asked = { address: ao.address, messageId: sent.id, tags };
  const reply = replyIn(evaluation, asked);
  if (reply) return reply;
  if (call.action === "Eval") return ranEval(fleet, call, evaluation);
  // Messages to others: the process asks them first and answers later.
  if (evaluation.messages.length === 0) throw noReply(call, evaluation);
  const chain = chainOf(fleet, call.seconds, processId, asked);
  while (budget.remaining() > 500) {
    const later = (await named(fleet, processId, asked, budget)) ?? (await chain());
    if (later) return later;
    await sleep(LOOK);
  }
  throw late(call, sent.id, evaluation, await faultBehind(fleet, sent.id, evaluation.messages, LOOK_SECONDS));
}

/** A request's tags: two of them are there to be named in the reply. aos' own `msg.reply` gives `Reference` back as `X-Reference`. */
const taggedFor = (action: string, given: Tags, correlation: string): Tags => ({
  Action: action,
  "Correlation-Id": correlation,
  Reference: String(randomInt(1, 2 ** 47)),
  ...given,
});

/** Looks among the newest evaluations for a reply that names the request. */
async function named(
  { session }: FleetSession,
  processId: string,
  asked: Asked,
  budget: Budget,
): Promise<Reply | undefined> {
  const { items } = await session.ao.results({ processId, limit: 25, newestFirst: true }, budget);
  for (const item of items) {
    const later = replyNaming(item.messages, asked);
    if (later) return asReply(asked.messageId, later, item);
  }
  return undefined;
}

/** Slots before the first look that may hold what was pushed for the request already. */
const BEFORE = 25;

/**
 * Looks, at each call a little further, through the messages that the process got for the request, which the network marks as pushed
 * for it: what it then says to who asked is the answer, whether or not it names the request.
 */
function chainOf(
  fleet: FleetSession,
  seconds: number,
  processId: string,
  asked: Asked,
): () => Promise<Reply | undefined> {
  const history = historyOf(fleet, seconds);
  let next: number | undefined;
  const look = async (): Promise<Reply | undefined> => {
    const latest = await history.latest(processId);
    if (latest === undefined) return undefined;
    next ??= Math.max(0, latest - BEFORE);
    for (const scheduled of await history.range(processId, next, latest)) {
      const { slot, tags } = scheduled;
      if (tags["Pushed-For"] === asked.messageId) {
        const result = await history.result(processId, resultIdOf(scheduled));
        // Not evaluated yet: looked at again.
        if (!result) return undefined;
        const later = replyAmong(result.messages, asked);
        if (later) return asReply(asked.messageId, later, result);
      }
      next = slot + 1;
    }
    return undefined;
  };
  return () => look().catch(unseen);
}

/** For `catch`: the order of messages cannot be read here, so only a reply that names the request is found. */
function unseen(error: unknown): undefined {
  if (error instanceof FleetError) return undefined;
  throw error;
}

/** A read without effect: nothing is signed, the process' memory stays. For looking, not for judging. */
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
  throw noReply({ ...call, wait: true }, evaluation);
}

/** An Eval's reply is its output, whatever it sent to others. */
async function ranEval(
  fleet: Pick<FleetSession, "session">,
  call: Call,
  evaluation: Evaluation,
): Promise<Reply> {
  const { output, messageId } = evaluation;
  if (!(await wasRun(fleet, call.member, evaluation, call.seconds))) throw noReply(call, evaluation);
  return { messageId, action: "", tags: {}, data: "", output, ran: true };
}

/** The message to us that answers the request, in the request's own evaluation; with an error or an output of an Eval, that. */
function replyIn(evaluation: Evaluation, asked: Asked): Reply | undefined {
  const { messageId } = asked;
  if (evaluation.error !== undefined) {
    return { messageId, action: "", tags: {}, data: "", output: evaluation.output, error: evaluation.error };
  }
  const message = replyAmong(evaluation.messages, asked);
  if (message) return asReply(messageId, message, evaluation);
  const inInbox = looksLikeInbox(evaluation, asked.address);
  if (evaluation.output !== "" && !inInbox && evaluation.messages.length === 0) {
    return { messageId, action: "", tags: {}, data: "", output: evaluation.output };
  }
  return undefined;
}

const asReply = (messageId: string, { tags, data }: OutMessage, { output }: Evaluation): Reply => ({
  messageId,
  action: tags.Action ?? "",
  tags,
  data,
  output,
});

function noReply({ member, action }: Call, evaluation: Evaluation): FleetError {
  const isInbox = looksLikeInbox(evaluation);
  return new FleetError({
    code: "NO_REPLY",
    what: `${member.name} did not answer ${action}.`,
    got: isInbox
      ? "no handler took it: it is in the inbox"
      : evaluation.output === ""
        ? "an empty result: it was evaluated without an error, and nobody was sent anything"
        : evaluation.output.slice(0, 300),
    expected: "a message to who asked",
    remedy: isInbox
      ? `Is the action spelt right, and the program loaded? npx fleet status; npx fleet call ${member.name} Info`
      : `What it did is done. A program that answers nobody is sent to with --no-wait; npx fleet logs ${member.name} shows it.`,
  });
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
    what: `${member.name} took ${action} but has not answered yet.`,
    got: `nothing within ${seconds} s; it sent ${asked}${fault === undefined ? " and waits" : `. ${fault}`}`,
    expected: "a message to who asked",
    remedy: `npx fleet trace ${messageId} shows what became of it in each process. Or give it more --timeout.`,
  });
}

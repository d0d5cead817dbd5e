import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Evaluation, OutMessage, Tags } from "../ao/port.ts";
import { budgetOf } from "../core/budget.ts";
import { FleetError } from "../core/errors.ts";
import type { FleetSession } from "./fleet-session.ts";
import type { Member } from "./members.ts";

export interface Call {
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
}

/**
 * Sends a signed message and waits for the reply, wherever it comes: in the message's own evaluation, or, when the process
 * asks its peers first, in a later one with the same Correlation-Id.
 *
 * @throws FleetError NO_REPLY, REPLY_LATE and whatever the network says
 */
export async function call({ session }: FleetSession, call: Call): Promise<Reply> {
  const { ao } = session;
  const { processId, name } = call.member;
  const budget = budgetOf(call.seconds);
  const correlation = call.tags["Correlation-Id"] ?? randomUUID();
  const tags = { Action: call.action, "Correlation-Id": correlation, ...call.tags };
  // Every call is one of its own: the key is never used again, so nothing of an earlier one is sent for it.
  const intent = `cli/${session.scope.project}/${session.scope.stack}/${name}/${call.action}/${correlation}`;
  const sent = await ao.send({ intent, processId, tags, data: call.data }, budget);
  if (!call.wait) {
    await ao.settle(intent);
    return { messageId: sent.id, action: "", tags: {}, data: "", output: "" };
  }
  const evaluation = await ao.evaluation({ processId, messageId: sent.id }, budget);
  await ao.settle(intent);
  const reply = replyIn(evaluation, sent.id, ao.address, call.action);
  if (reply) return reply;
  // Messages to others: the process asks them first and answers later.
  if (evaluation.messages.length === 0) throw noReply(call, evaluation);
  while (budget.remaining() > 500) {
    const { items } = await ao.results({ processId, limit: 25, newestFirst: true }, budget);
    for (const item of items) {
      const later = item.messages.find(
        (message) => message.target === ao.address && message.tags["Correlation-Id"] === correlation,
      );
      if (later) return asReply(sent.id, later, item);
    }
    await sleep(300);
  }
  throw late(call, sent.id, evaluation);
}

/** A read without effect: nothing is signed, the process' memory stays. For looking, not for judging. */
export async function dryCall({ session }: FleetSession, call: Omit<Call, "wait">): Promise<Reply> {
  const evaluation = await session.ao.dryrun(
    { processId: call.member.processId, tags: { Action: call.action, ...call.tags }, data: call.data },
    budgetOf(call.seconds),
  );
  const reply = replyIn(evaluation, "", session.ao.address, call.action);
  if (reply) return reply;
  throw noReply({ ...call, wait: true }, evaluation);
}

/** The message to us that answers the action; with an error or an output of an Eval, that. */
export function replyIn(
  evaluation: Evaluation,
  messageId: string,
  address: string,
  action: string,
): Reply | undefined {
  if (evaluation.error !== undefined) {
    return { messageId, action: "", tags: {}, data: "", output: evaluation.output, error: evaluation.error };
  }
  const ours = evaluation.messages.filter(({ target }) => target === address);
  const named = ours.find(
    ({ tags }) => tags.Action === `${action}-Response` || tags.Action === "Error-Response",
  );
  const message = named ?? ours[0];
  if (message) return asReply(messageId, message, evaluation);
  const inInbox = /New Message From/.test(evaluation.output);
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

function noReply({ member, action }: Call, { output }: Evaluation): FleetError {
  return new FleetError({
    code: "NO_REPLY",
    what: `${member.name} did not answer ${action}.`,
    got: output === "" ? "an empty result" : output.slice(0, 300),
    expected: `a message ${action}-Response`,
    remedy: `Is the fleet's code loaded in it, and the action spelt right? npx fleet status; npx fleet call ${member.name} Info`,
  });
}

function late({ member, action, seconds }: Call, messageId: string, { messages }: Evaluation): FleetError {
  const asked = [...new Set(messages.map(({ tags }) => tags.Action ?? "a message"))].join(", ");
  return new FleetError({
    code: "REPLY_LATE",
    what: `${member.name} took ${action} but has not answered yet.`,
    got: `nothing within ${seconds} s; it sent ${asked} and waits`,
    expected: `a message ${action}-Response`,
    remedy: `Its reply will be in npx fleet logs ${member.name}; the message is ${messageId}. Or give it more --timeout.`,
  });
}

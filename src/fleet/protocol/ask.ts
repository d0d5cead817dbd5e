import { randomBytes, randomInt } from "node:crypto";
import type { z } from "zod";
import { isItemRefused } from "../../ao/errors.ts";
import type { Evaluation, OutMessage, Tags } from "../../ao/port.ts";
import { replyAmong } from "../../ao/replies.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { FLEET_REQUEST } from "../../core/fleet-actions.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import { startOf } from "../../core/unicode.ts";
import { memberKey } from "../session/member-key.ts";
import type { Session } from "../session/session.ts";
import { laterReply, pollForReply } from "./later-reply.ts";
import { readReply } from "./reply.ts";

/** Errors about messages that were evaluated. */
const evaluatedErrors = new WeakSet<object>();

/**
 * Whether an error of `ask` is about a message that the process has evaluated, so that it can have no later effect. After any other error,
 * the message may still be applied.
 */
export const isEvaluated = (error: unknown): boolean =>
  typeof error === "object" && error !== null && evaluatedErrors.has(error);

/** Marks an error as one about an evaluated message. */
export function markEvaluated<T extends Error>(error: T): T {
  evaluatedErrors.add(error);
  return error;
}

/** Errors about messages that never reach their process. */
const unsentErrors = new WeakSet<object>();

/** Whether an error of `ask` is about a message that was not sent, or that a unit refused for good: it never has an effect. */
export const isUnsent = (error: unknown): boolean =>
  typeof error === "object" && error !== null && unsentErrors.has(error);

/** Marks an error as one about a message that never reaches its process. */
export function markUnsent<T>(error: T): T {
  if (typeof error === "object" && error !== null) unsentErrors.add(error);
  return error;
}

/** The part of a session that sending a message needs. */
export type Sender = Pick<Session, "scope" | "ao" | "journal" | "supersede" | "note">;

interface Request {
  /** Member's name, for the intent's key and for errors. */
  readonly name: string;
  readonly generation: number;
  readonly processId: string;
  readonly action: string;
  readonly data?: unknown;
  /** Sent as the tag `Epoch`; required for control actions. */
  readonly epoch?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * Sends one signed message and returns the process' reply from its evaluation, parsed by `schema`.
 * A reply is read from the evaluation's outbox, at the slot of the message; the absence of an error is not enough.
 * A request without an epoch is a read: it is a new message each time, because an earlier answer may be outdated.
 *
 * @throws FleetError NO_REPLY (dropped or unknown), the process' own code (FORBIDDEN, STALE_EPOCH, …), BAD_REPLY
 */
export async function ask<T>(
  session: Sender,
  request: Request,
  schema: z.ZodType<T>,
  budget: Budget,
): Promise<T> {
  // The program may have its own handler for the action: the tag selects the library. A request with an epoch always goes to the library.
  const own = request.epoch === undefined ? FLEET_REQUEST : {};
  return sent(
    session,
    request,
    budget,
    (evaluation, tags) => readReply(request, schema, replyOf(session, request, evaluation, tags).data, true),
    own,
  );
}

/**
 * Sends a read and returns the process' reply in any shape: from a plain aos program, that is any message to us that does not answer
 * another request. A process that asks others first is waited for: its reply then comes in a later evaluation.
 *
 * @throws FleetError NO_REPLY, PROCESS_ERROR
 */
export async function askPlain(
  session: Sender,
  request: Omit<Request, "epoch">,
  budget: Budget,
): Promise<OutMessage> {
  const reference = String(randomInt(1, 2 ** 47));
  const plain = { ...request, tags: { Reference: reference, ...request.tags } };
  return sent(session, plain, budget, async (evaluation, tags) => {
    assertRan(request, evaluation);
    const asked = { address: session.ao.address, messageId: evaluation.messageId, tags };
    const reply = replyAmong(evaluation.messages, asked);
    if (reply) return reply;
    // The process has sent messages to others, so its answer may come later.
    const look = () => laterReply(session.ao, request.processId, asked, budget);
    const later = evaluation.messages.length > 0 ? await pollForReply(look, budget) : undefined;
    if (later) return later.message;
    throw unanswered(session, request, evaluation);
  });
}

async function sent<T>(
  session: Sender,
  request: Request,
  budget: Budget,
  read: (evaluation: Evaluation, tags: Tags) => T | Promise<T>,
  own: Tags = {},
): Promise<T> {
  const data = canonicalJson(request.data ?? {});
  const content = sha256(`${data}\n${canonicalJson(request.tags ?? {})}`).slice(0, 16);
  const nonce = request.epoch === undefined ? randomBytes(8).toString("hex") : undefined;
  const { name, generation, action } = request;
  const suffix = nonce === undefined ? `e${request.epoch}` : `read-${nonce}`;
  const intent = memberKey(session.scope, name, generation, `${action}/${content}/${suffix}`);
  const tags: Record<string, string> = {
    Action: action,
    "Content-Type": "application/json",
    ...(nonce === undefined ? { Epoch: String(request.epoch) } : { Nonce: nonce }),
    ...own,
    ...request.tags,
  };
  if (nonce === undefined)
    await session.supersede({ name, generation, step: action }, intent).catch(unsent(session, intent));
  const evaluation = await evaluated(session, request.processId, { intent, tags, data }, budget).catch(
    async (error: unknown) => {
      if (nonce !== undefined) await session.journal.void(intent, "no longer awaited");
      throw error;
    },
  );
  try {
    const reply = await read(evaluation, tags);
    await session.ao.settle(intent);
    return reply;
  } catch (error) {
    // It was evaluated and refused: sending the same bytes again has no effect, so a later attempt is a new message.
    await session.journal.void(intent, error instanceof FleetError ? error.code : "BAD_REPLY");
    throw error instanceof Error ? markEvaluated(error) : error;
  }
}

/** For `catch` before the evaluation: marks the error if nothing is signed under this key, or a unit refuses what is. */
const unsent =
  ({ journal }: Sender, intent: string) =>
  (error: unknown): never => {
    throw isItemRefused(error) || journal.signed(intent) === undefined ? markUnsent(error) : error;
  };

async function evaluated(
  session: Sender,
  processId: string,
  message: { intent: string; tags: Record<string, string>; data: string },
  budget: Budget,
): Promise<Evaluation> {
  const sent = await session.ao
    .send({ processId, ...message }, budget)
    .catch(unsent(session, message.intent));
  return session.ao.evaluation({ processId, messageId: sent.id }, budget);
}

/**
 * The process' reply to exactly this message. Its evaluation may also contain answers to others: a request that waited for a peer is
 * answered when the next message arrives, whoever sent it.
 */
function replyOf(session: Sender, request: Request, evaluation: Evaluation, tags: Tags): OutMessage {
  assertRan(request, evaluation);
  const asked = { address: session.ao.address, messageId: evaluation.messageId, tags };
  const answers = evaluation.messages.filter(({ tags: { Action } }) =>
    [`${request.action}-Response`, "Error-Response"].includes(Action ?? ""),
  );
  const reply = replyAmong(answers, asked);
  if (reply) return reply;
  throw unanswered(session, request, evaluation);
}

function assertRan(request: Pick<Request, "name" | "action">, { error }: Evaluation): void {
  if (error === undefined) return;
  throw new FleetError({
    code: "PROCESS_ERROR",
    what: `${request.name} failed to handle ${request.action}.`,
    got: error,
    expected: `a reply ${request.action}-Response`,
    remedy: `Run npx fleet logs ${request.name}.`,
  });
}

function unanswered(
  session: Sender,
  request: Pick<Request, "name" | "action">,
  { output }: Evaluation,
): FleetError {
  return new FleetError({
    code: "NO_REPLY",
    what: `${request.name} did not answer ${request.action}.`,
    got: output === "" ? "an empty result" : startOf(output, 300),
    expected: `a message ${request.action}-Response to ${session.ao.address}`,
    remedy: "Check that the fleet's code is loaded: npx fleet status shows what it runs; pulumi up loads it.",
  });
}

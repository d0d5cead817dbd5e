/** Finds a reply in an evaluation and parses it by a schema, for signed messages and for dry runs. */
import { randomInt } from "node:crypto";
import { z } from "zod";
import { looksLikeInbox } from "../../ao/inbox.ts";
import type { Evaluation, OutMessage, Tags } from "../../ao/port.ts";
import { replyAmong, type SentRequest } from "../../ao/replies.ts";
import { FleetError } from "../../core/errors.ts";
import { exactJsonIn, rounded } from "../../core/json.ts";
import { startOf } from "../../core/unicode.ts";

export interface Reply {
  /** Id of the message; "" for a dry run. */
  readonly messageId: string;
  /** The reply's action; "" if the process did not send a reply. */
  readonly action: string;
  readonly tags: Tags;
  readonly data: string;
  /** For an Eval: what it printed or returned. */
  readonly output: string;
  /** The Lua error of the evaluation. */
  readonly error?: string;
  /** An Eval that aos ran and that sent no reply: `output` is its only answer, and may be empty. */
  readonly ran?: true;
}

/** A request's tags, with two that identify it in the reply. aos' own `msg.reply` returns `Reference` as `X-Reference`. */
export const taggedFor = (action: string, given: Tags, correlation: string): Tags => ({
  Action: action,
  "Correlation-Id": correlation,
  Reference: String(randomInt(1, 2 ** 47)),
  ...given,
});

/** The message to us that answers the request, in its own evaluation; or the evaluation's error, or the output of an Eval. */
export function replyIn(evaluation: Evaluation, asked: SentRequest): Reply | undefined {
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

export const asReply = (messageId: string, { tags, data }: OutMessage, { output }: Evaluation): Reply => ({
  messageId,
  action: tags.Action ?? "",
  tags,
  data,
  output,
});

export function noReply(name: string, action: string, evaluation: Evaluation): FleetError {
  const isInbox = looksLikeInbox(evaluation);
  return new FleetError({
    code: "NO_REPLY",
    what: `${name} did not answer ${action}.`,
    got: isInbox
      ? "no handler matched: the message is in the inbox"
      : evaluation.output === ""
        ? "an empty result: it was evaluated without an error, and no message was sent"
        : startOf(evaluation.output, 300),
    expected: "a message to the requester",
    remedy: isInbox
      ? `Check the spelling of the action, and that the program is loaded: npx fleet status; npx fleet call ${name} Info`
      : `The message has taken effect. Use --no-wait for a program that does not answer; npx fleet logs ${name} shows what it did.`,
  });
}

/** The request, for errors. */
interface Named {
  readonly name: string;
  readonly processId: string;
  readonly action: string;
}

const RefusalSchema = z.looseObject({
  error: z.looseObject({
    code: z.string().optional().catch(undefined),
    message: z.string(),
    remedy: z.string().optional().catch(undefined),
  }),
});

/** A refusal in the library's format. A program that imitates it may leave out everything but the message. */
interface Refusal {
  readonly code?: string | undefined;
  readonly message: string;
  readonly remedy?: string | undefined;
}

/** The refusal in a reply's data; undefined if it is none. Pure. */
export const refusalIn = (data: string): Refusal | undefined =>
  RefusalSchema.safeParse(exactJsonIn(data)).data?.error;

/**
 * @param mustSucceed whether the reply has to contain `success: true`
 * @throws FleetError the process's own code if it refused, BAD_REPLY if the data does not match the schema
 */
export function readReply<T>(request: Named, schema: z.ZodType<T>, data: string, mustSucceed: boolean): T {
  const { name, processId, action } = request;
  const json = exactJsonIn(data);
  const { code, message, remedy } = refusalIn(data) ?? {};
  if (code !== undefined && z.looseObject({ success: z.literal(false) }).safeParse(json).success) {
    throw new FleetError(
      {
        code,
        what: `${name} refused ${action}: ${message}`,
        // A member can have several processes, of which one has another owner.
        ...(code === "FORBIDDEN" ? { got: `from the process ${processId}` } : {}),
        remedy: remedy ?? `Run npx fleet logs ${name}.`,
      },
      // The other run ends, or is detected as dead.
      { transient: code === "DEPLOYMENT_IN_PROGRESS" },
    );
  }
  const isReply = !mustSucceed || z.looseObject({ success: z.literal(true) }).safeParse(json).success;
  const parsed = isReply ? readBy(schema, json) : undefined;
  if (parsed?.success) return parsed.data;
  throw new FleetError({
    code: "BAD_REPLY",
    what: `${name} sent an invalid reply to ${action}.`,
    got: startOf(data, 300),
    expected: parsed ? z.prettifyError(parsed.error) : "{ success: true, … } or { success: false, error }",
    remedy: `If ${name} has its own handler for ${action}, rename it: it hides the fleet's handler.`,
  });
}

/** Fields that are declared as numbers are read as doubles; other values keep all digits. */
function readBy<T>(schema: z.ZodType<T>, json: unknown) {
  const exact = schema.safeParse(json);
  return exact.success ? exact : schema.safeParse(rounded(json));
}

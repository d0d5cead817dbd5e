/** A reply: how it is told from an evaluation, and how its text is read by a schema. The same for signed messages and for dry runs. */
import { randomInt } from "node:crypto";
import { z } from "zod";
import { looksLikeInbox } from "../../ao/inbox.ts";
import type { Evaluation, OutMessage, Tags } from "../../ao/port.ts";
import { type Asked, replyAmong } from "../../ao/replies.ts";
import { FleetError } from "../../core/errors.ts";
import { parseJson, rounded } from "../../core/json.ts";

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

/** A request's tags: two of them are there to be named in the reply. aos' own `msg.reply` gives `Reference` back as `X-Reference`. */
export const taggedFor = (action: string, given: Tags, correlation: string): Tags => ({
  Action: action,
  "Correlation-Id": correlation,
  Reference: String(randomInt(1, 2 ** 47)),
  ...given,
});

/** The message to us that answers the request, in the request's own evaluation; with an error or an output of an Eval, that. */
export function replyIn(evaluation: Evaluation, asked: Asked): Reply | undefined {
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
      ? "no handler took it: it is in the inbox"
      : evaluation.output === ""
        ? "an empty result: it was evaluated without an error, and nobody was sent anything"
        : evaluation.output.slice(0, 300),
    expected: "a message to who asked",
    remedy: isInbox
      ? `Is the action spelt right, and the program loaded? npx fleet status; npx fleet call ${name} Info`
      : `What it did is done. A program that answers nobody is sent to with --no-wait; npx fleet logs ${name} shows it.`,
  });
}

/** Which reply it is, for errors. */
interface Named {
  readonly name: string;
  readonly processId: string;
  readonly action: string;
}

const RefusalSchema = z.object({
  success: z.literal(false),
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string().optional() }),
});

/**
 * @param mustSucceed whether the reply has to say `success: true`
 * @throws FleetError the process's own code when it refused, BAD_REPLY when the text does not match the schema
 */
export function readReply<T>(request: Named, schema: z.ZodType<T>, data: string, mustSucceed: boolean): T {
  const { name, processId, action } = request;
  const json = jsonOf(data);
  const refusal = RefusalSchema.safeParse(json).data?.error;
  if (refusal) {
    const { code, message, remedy } = refusal;
    throw new FleetError(
      {
        code,
        what: `${name} refused ${action}: ${message}`,
        // Of a member with several processes its name does not say which one has another owner.
        ...(code === "FORBIDDEN" ? { got: `from the process ${processId}` } : {}),
        remedy: remedy ?? `npx fleet logs ${name}`,
      },
      // The other run ends, or is found dead.
      { transient: code === "DEPLOYMENT_IN_PROGRESS" },
    );
  }
  const isReply = !mustSucceed || z.looseObject({ success: z.literal(true) }).safeParse(json).success;
  const parsed = isReply ? readBy(schema, json) : undefined;
  if (parsed?.success) return parsed.data;
  throw new FleetError({
    code: "BAD_REPLY",
    what: `${name} answered ${action} with something that is no such reply.`,
    got: data.slice(0, 300),
    expected: parsed ? z.prettifyError(parsed.error) : "{ success: true, … } or { success: false, error }",
    remedy: `Does ${name} handle ${action} itself? Its own handler hides the fleet's; rename it.`,
  });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** Fields that are declared as numbers are taken as doubles; what is passed on keeps its digits. */
function readBy<T>(schema: z.ZodType<T>, json: unknown) {
  const exact = schema.safeParse(json);
  return exact.success ? exact : schema.safeParse(rounded(json));
}

import type { ModelMessage, ModelOut, ModelProcess, ModelResult, ProcessState, Tag } from "./state.ts";
import { tagOf } from "./state.ts";

const ESC = "\u001b";

/** A new process: one message in the inbox, as aos has after its boot. */
export function freshState(): ProcessState {
  return { globals: {}, inbox: 1, reference: 0, handlers: [], script: {} };
}

/** The prompt that aos puts into every output. */
export function promptOf(process: ModelProcess, state: ProcessState): string {
  const name = tagOf(process.tags, "Name") ?? "aos";
  return `${ESC}[32m${name}${ESC}[90m@${ESC}[34maos-2.0.4${ESC}[90m[Inbox:${ESC}[31m${state.inbox}${ESC}[90m]${ESC}[0m> `;
}

/** The answer to an Eval. */
export function evalResult(
  process: ModelProcess,
  state: ProcessState,
  data: string,
  messages: readonly ModelOut[],
): ModelResult {
  const test = data === "" ? "{}" : `{\n    [1] = ${JSON.stringify(data)}\n}`;
  return { ...empty(messages), Output: { data, prompt: promptOf(process, state), test } };
}

/** The answer to any other message: a handler prints nothing, the inbox one line. */
export function messageResult(
  process: ModelProcess,
  state: ProcessState,
  data: string,
  messages: readonly ModelOut[],
): ModelResult {
  return { ...empty(messages), Output: { data, prompt: promptOf(process, state), print: true } };
}

/** A failed evaluation has no outbox and no output. */
export function errorResult(error: string): ModelResult {
  return { ...empty([]), Error: error };
}

/** The error of an Eval, with aos' colours. */
export function evalError(message: string): string {
  return `\n\n${ESC}[31merror:\n${ESC}[0m[string ".handlers"]:723: ${message}`;
}

/** The error of a handler, with aos' colours. */
export function handlerError(action: string, message: string): string {
  return (
    `${ESC}[31mError${ESC}[90m handling message with Action = ${action}${ESC}[0m\n` +
    `${ESC}[32m[string ".handlers"]:723: ${message}${ESC}[0m\n\n${ESC}[90mstack traceback:${ESC}[0m\n\n` +
    `${ESC}[31merror:\n${ESC}[0m[string ".handlers"]:723: ${message}`
  );
}

/** The line for a message that no handler took. */
export function inboxLine(message: ModelMessage): string {
  const from = `${message.from.slice(0, 3)}...${message.from.slice(-3)}`;
  const action = tagOf(message.tags, "Action");
  const about = action === undefined ? `Data = ${message.data.slice(0, 20)}` : `Action = ${ESC}[34m${action}`;
  return `${ESC}[90mNew Message From ${ESC}[32m${from}${ESC}[90m: ${ESC}[90m${about}${ESC}[0m`;
}

/** True if the signer speaks for itself or is one of the process' authorities. */
export function isTrusted(process: ModelProcess, message: ModelMessage): boolean {
  if (message.from === message.owner || message.owner === process.id) return true;
  return process.tags.some(
    ({ name, value }) => name === "Authority" && value.split(/,\s*/).includes(message.owner),
  );
}

/** An outbox entry with the tags that aos adds. */
export function outMessage(
  state: ProcessState,
  input: {
    target?: string;
    type: "Message" | "Process";
    tags: readonly Tag[];
    data: string;
    inReplyTo?: string | undefined;
    /** The message that is handled: the library names it in what the process sends. */
    sentFor: ModelMessage;
  },
): ModelOut {
  state.reference += 1;
  return {
    ...(input.target === undefined ? {} : { Target: input.target }),
    Anchor: String(state.reference).padStart(32, "0"),
    Data: input.data,
    Tags: [
      { name: "Data-Protocol", value: "ao" },
      { name: "Variant", value: "ao.TN.1" },
      { name: "Type", value: input.type },
      { name: "Reference", value: String(state.reference) },
      ...input.tags,
      ...(input.inReplyTo === undefined ? [] : [{ name: "X-Reference", value: input.inReplyTo }]),
      ...(state.fleet === undefined ? [] : [{ name: "Fleet-Sent-For", value: nameOf(input.sentFor) }]),
    ],
  };
}

/** The sender of a message, the sender's number of it, and its id. */
function nameOf({ from, id, tags }: ModelMessage): string {
  const part = (value = "") => (/^[\w-]{1,64}$/.test(value) ? value : "-");
  return [from, tags.find(({ name }) => name === "Reference")?.value, id].map(part).join(" ");
}

function empty(messages: readonly ModelOut[]): ModelResult {
  return { Messages: messages, Spawns: [], Assignments: [], GasUsed: 0 };
}

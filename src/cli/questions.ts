import { createInterface } from "node:readline/promises";
import { Unanswered } from "./unanswered.ts";

/** One choice of a prompt. */
export interface Choice<T> {
  readonly value: T;
  /** Its line in the list. */
  readonly name: string;
  /** Shown while it is highlighted. */
  readonly description?: string;
  /** Why it cannot be chosen. */
  readonly disabled?: string;
}

/** The terminal that questions are asked on. */
interface AskingStreams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** Names of the errors by which readline and the prompt end at Ctrl-C, and the prompt at our own signal. */
const ENDED = new Set(["AbortError", "ExitPromptError", "AbortPromptError"]);

function asUnanswered(error: unknown): never {
  throw error instanceof Error && ENDED.has(error.name) ? new Unanswered() : error;
}

/** Asks for a line of text, without spaces around it. @throws Unanswered */
export async function askText({ stdin, stderr }: AskingStreams, question: string): Promise<string> {
  const reader = createInterface({ input: stdin, output: stderr });
  // Without a terminal for the output, a question whose input ends is not answered at all.
  const closed = new Promise<never>((_, reject) => {
    reader.once("close", () => reject(new Unanswered()));
  });
  try {
    const answer = await Promise.race([reader.question(question), closed]);
    return answer.trim();
  } catch (error) {
    return asUnanswered(error);
  } finally {
    reader.close();
  }
}

/** Asks a yes-or-no question. @throws Unanswered */
export const confirm = async (streams: AskingStreams, question: string): Promise<boolean> =>
  /^y(es)?$/i.test(await askText(streams, `${question} [y/N] `));

/** Lets a person choose one of several values. @throws Unanswered */
export async function choose<T>(
  { stdin, stderr }: AskingStreams,
  question: string,
  choices: readonly Choice<T>[],
): Promise<T> {
  const { default: select } = await import("@inquirer/select");
  const ended = new AbortController();
  const end = () => ended.abort();
  // The prompt takes neither Ctrl-D nor the end of its input for an answer.
  const onKey = (_: unknown, key: { readonly ctrl?: boolean; readonly name?: string } | undefined) => {
    if (key?.ctrl === true && key.name === "d") end();
  };
  stdin.on("keypress", onKey).once("end", end);
  const context = { input: stdin, output: stderr, signal: ended.signal };
  return await select({ message: question, choices, pageSize: 12 }, context)
    .catch(asUnanswered)
    .finally(() => stdin.removeListener("keypress", onKey).removeListener("end", end));
}

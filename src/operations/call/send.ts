import { shellWords } from "../../core/shell-words.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { call, continueCall } from "../../fleet/protocol/call.ts";
import type { Reply } from "../../fleet/protocol/reply.ts";
import type { Interrupts } from "../context.ts";
import { interruptible } from "../interruptible.ts";

/** What a call needs of its command. */
interface Caller {
  readonly host: { readonly interrupts: Interrupts };
  readonly out: { note(line: string): void };
  /** What a suggested command needs to act on the same stack. */
  readonly onStack: string;
}

type Sending = Parameters<typeof call>[1] & {
  /** The process and the action, as they were typed. */
  readonly words: readonly [string, string];
  /** The id of the message to continue; undefined for a new one. */
  readonly earlier: string | undefined;
};

/**
 * Sends the message, or continues an earlier one. The id and the command that finishes it are printed before anything is posted, because
 * whatever ends the command after that leaves a message that may take effect.
 *
 * @throws Interrupted CALL_INTERRUPTED, and as `call`
 */
export async function sendCall(
  { host, out, onStack }: Caller,
  fleet: FleetSession,
  { words, earlier, ...sending }: Sending,
): Promise<Reply> {
  let id: string | undefined;
  let isClosed = false;
  const finish = (message: string) => `npx fleet call ${shellWords(words)} --continue ${message}${onStack}`;
  const unfinished = (message: string) =>
    `The message ${message} may still take effect, and the same command without --continue signs another one. To finish this one: ${finish(message)}`;
  const perform = (assertWanted: () => void) => {
    const signed = (message: string) => {
      assertWanted();
      id = message;
      if (earlier === undefined) out.note(`message ${id}; if no result follows: ${finish(id)}`);
    };
    const closed = () => {
      isClosed = true;
    };
    const observed = { ...sending, signed, closed, unfinished };
    return earlier === undefined ? call(fleet, observed) : continueCall(fleet, observed, earlier);
  };
  return interruptible(host, perform, () => ({
    code: "CALL_INTERRUPTED",
    what: "A signal ended this call.",
    got: id ?? "nothing was sent",
    remedy:
      id === undefined
        ? "Run the same command again."
        : isClosed
          ? `The message was accepted, and the same command signs another one. npx fleet trace ${id}${onStack} shows what happened.`
          : unfinished(id),
  }));
}

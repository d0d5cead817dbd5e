import type { Budget } from "../../core/budget.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { Answer, Unit } from "./http.ts";
import { failureIn } from "./shapes.ts";

/** What was sent, for messages of errors. */
interface Posted {
  readonly id: string;
  readonly raw: Uint8Array;
  /** "the spawn of module …" or "the message to process …". */
  readonly what: string;
  /** The process that a message is for. */
  readonly processId?: string;
  /** Whether the gateway has the bytes already, and the process is to get them from there. */
  readonly assign?: boolean;
}

/**
 * One try to hand a signed item to the messenger unit. That it has the item already is success: it is one message.
 *
 * @returns the id of the assignment, where one was asked for and the unit names it
 * @throws UnitError when it did not take it
 */
export async function postItem(
  mu: Unit,
  { id, raw, what, processId, assign = false }: Posted,
  budget: Budget,
): Promise<string | undefined> {
  const call = assign
    ? { url: `${mu.url}/?process-id=${processId}&assign=${id}` }
    : { url: mu.url, headers: { "content-type": "application/octet-stream" }, body: raw };
  const answer = await mu.ask({ method: "POST", ...call }, budget);
  if (isKnownAlready(answer)) return undefined;
  // A proxy, or a unit in trouble, may say "fine" around a failure.
  if (answer.ok && failureIn(answer.json) === undefined) {
    const given = answer.json;
    if (typeof given !== "object" || given === null) {
      throw unitNotAo(mu.name, mu.url, `${answer.status} ${answer.excerpt}`);
    }
    const { id: told } = given as { id?: unknown };
    const named = typeof told === "string" && told !== "" ? told : undefined;
    // An assignment has an id of its own; a unit that gives the item's does not know the assignment's.
    if (assign) return named === id ? undefined : named;
    if (named !== undefined && named !== id) {
      throw unitNotAo(mu.name, mu.url, `the id ${named} for the item ${id}`);
    }
    return undefined;
  }
  throw refusalOf(mu, answer, { id, raw, what, ...(processId === undefined ? {} : { processId }) });
}

const isKnownAlready = ({ excerpt }: Answer) => /MessageExists|Message already exists/i.test(excerpt);

interface Known {
  readonly text: RegExp;
  readonly code: string;
  readonly belief: "permanent" | "transient";
  readonly says: string;
  readonly expected: string;
  readonly remedy: string;
  /** The scheduler said it before it wrote anything. */
  readonly hadNoEffect?: true;
}

/** A messenger unit answers 500 to nearly everything: only its text tells what lasts. */
const known: readonly Known[] = [
  {
    text: /valid and signed data item/i,
    code: "ITEM_INVALID",
    belief: "permanent",
    says: "is not a validly signed data item for the messenger unit",
    expected: "an ANS-104 item signed by an Arweave wallet",
    remedy: "Check the wallet; if it signs elsewhere, the network's messenger unit speaks another protocol.",
  },
  {
    text: /Tag '[^']+'/,
    code: "TAGS_REFUSED",
    belief: "permanent",
    says: "lacks a tag that the messenger unit wants",
    expected: "the tags of the ao protocol",
    remedy: "Read the unit's words and mend the tags.",
  },
  {
    // The words of the unit before and since it keeps the schedulers' locations itself.
    text: /Cannot destructure property 'url'|Scheduler location not found/,
    code: "SCHEDULER_UNKNOWN",
    belief: "permanent",
    says: "names a scheduler that the network does not know",
    expected: "the address of a scheduler that published its location",
    remedy: "Set `scheduler` in the network's settings to the one that this network uses.",
  },
  {
    // Its limit for each wallet and process comes as a 500.
    text: /Rate limit exceeded/i,
    code: "RATE_LIMITED",
    belief: "transient",
    says: "is more than the messenger unit takes from this wallet for now",
    expected: "a call rate that the unit allows",
    remedy: "Wait, send less at once, or use units of your own.",
  },
  {
    text: /gateway tx for assigning/i,
    code: "NOT_SHOWN",
    belief: "transient",
    says: "was uploaded, and the gateway does not show it yet",
    expected: "an item that the gateway shows; a new one takes seconds to minutes",
    remedy: "Try again later; if it stays so, check that `uploadUrl` and the gateway belong together.",
    hadNoEffect: true,
  },
  {
    text: /reading 'tags'|Process not found/,
    code: "PROCESS_UNKNOWN",
    belief: "transient",
    says: "is for a process that the gateway does not show yet",
    expected: "a process that the gateway shows; a new one takes seconds to minutes",
    remedy: "Try again later; if it stays so, check the id and that it lives on this network.",
  },
];

function refusalOf(mu: Unit, answer: Answer, { raw, what }: Posted): UnitError {
  const got = `${answer.status} ${answer.excerpt}`;
  if (answer.status === 413) {
    return new UnitError(
      {
        code: "MESSAGE_TOO_LARGE",
        what: `${upper(what)} is too large for the messenger unit at ${mu.url}`,
        got: `${raw.length} bytes; ${got}`,
        expected: "at most about 10 MB",
        remedy: "Make the bundle or the data smaller.",
      },
      "permanent",
    );
  }
  const reason = known.find(({ text }) => text.test(answer.excerpt));
  if (!reason) return unitRefused(mu.name, mu.url, answer.ok ? 500 : answer.status, answer.excerpt);
  const { code, belief, says, expected, remedy, hadNoEffect = false } = reason;
  return new UnitError({ code, what: `${upper(what)} ${says}`, got, expected, remedy }, belief, {
    hadNoEffect,
  });
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

import type { Budget } from "../../core/budget.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { Answer, Unit } from "../shared/http.ts";
import { failureIn } from "../shared/shapes.ts";

/** A signed item, with its description for errors. */
interface Posted {
  readonly id: string;
  readonly raw: Uint8Array;
  /** "the spawn of module …" or "the message to process …". */
  readonly what: string;
  /** The recipient process of a message. */
  readonly processId?: string;
  /** Whether the gateway already has the bytes and only an assignment is requested. */
  readonly assign?: boolean;
}

/**
 * Posts a signed item to the messenger unit; a single attempt. If the unit already has the item, that is a success.
 *
 * @returns the id of the assignment, if one was requested and the unit names it
 * @throws UnitError if the unit did not accept it
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
  // A proxy or a failing unit may report a failure with a success status.
  if (answer.ok && failureIn(answer.json) === undefined) {
    const given = answer.json;
    if (typeof given !== "object" || given === null) {
      throw unitNotAo(mu.name, mu.url, `${answer.status} ${answer.excerpt}`);
    }
    const { id: answered } = given as { id?: unknown };
    const named = typeof answered === "string" && answered !== "" ? answered : undefined;
    // An assignment has its own id; a unit that returns the item's id does not know it.
    if (assign) return named === id ? undefined : named;
    if (named !== undefined && named !== id) {
      throw unitNotAo(mu.name, mu.url, `the id ${named} for the item ${id}`);
    }
    return undefined;
  }
  throw refusalOf(mu, answer, { id, raw, what, ...(processId === undefined ? {} : { processId }) });
}

/**
 * Assigns an uploaded message to its process; a single attempt. The message is addressed to the process, so the
 * process sees it as sent to it: same sender, same tags, the data read from the gateway. (permaweb/ao: `POST
 * /?process-id=…&assign=…` of the messenger unit.)
 *
 * @returns the id of the assignment; undefined if the unit does not name it, for example because it already has the assignment
 * @throws UnitError NOT_SHOWN while the gateway does not show the item yet; transient
 */
export function assignItem(
  mu: Unit,
  processId: string,
  { id, raw, what }: Pick<Posted, "id" | "raw" | "what">,
  budget: Budget,
): Promise<string | undefined> {
  return postItem(mu, { id, raw, what, processId, assign: true }, budget);
}

const isKnownAlready = ({ excerpt }: Answer) => /MessageExists|Message already exists/i.test(excerpt);

interface KnownRefusal {
  readonly text: RegExp;
  readonly code: string;
  readonly certainty: "permanent" | "transient";
  readonly says: string;
  readonly expected: string;
  readonly remedy: string;
  /** The scheduler refused before it wrote anything. */
  readonly hadNoEffect?: true;
}

/** A messenger unit answers 500 to nearly every failure: only its text tells which are permanent. */
const knownRefusals: readonly KnownRefusal[] = [
  {
    text: /valid and signed data item/i,
    code: "ITEM_INVALID",
    certainty: "permanent",
    says: "is not a validly signed data item for the messenger unit",
    expected: "an ANS-104 item signed by an Arweave wallet",
    remedy: "Check the wallet. If it works on other networks, this messenger unit uses another protocol.",
  },
  {
    text: /Tag '[^']+'/,
    code: "TAGS_REFUSED",
    certainty: "permanent",
    says: "lacks a tag that the messenger unit requires",
    expected: "the tags of the ao protocol",
    remedy: "Read the unit's message and fix the tags.",
  },
  {
    // The messages of older and of newer units, which keep the schedulers' locations themselves.
    text: /Cannot destructure property 'url'|Scheduler location not found/,
    code: "SCHEDULER_UNKNOWN",
    certainty: "permanent",
    says: "names a scheduler that the network does not know",
    expected: "the address of a scheduler that published its location",
    remedy: "Set `scheduler` in the network's settings to the one that this network uses.",
  },
  {
    // Its limit per wallet and process is reported as a 500.
    text: /Rate limit exceeded/i,
    code: "RATE_LIMITED",
    certainty: "transient",
    says: "exceeds the messenger unit's rate limit for this wallet",
    expected: "a call rate that the unit allows",
    remedy: "Wait, send less at a time, or run your own units.",
  },
  {
    text: /gateway tx for assigning/i,
    code: "NOT_SHOWN",
    certainty: "transient",
    says: "was uploaded, but the gateway does not show it yet",
    expected: "an item that the gateway shows; a new one takes seconds to minutes",
    remedy: "Try again later. If the error persists, check that `uploadUrl` and the gateway belong together.",
    hadNoEffect: true,
  },
  {
    text: /reading 'tags'|Process not found/,
    code: "PROCESS_UNKNOWN",
    certainty: "transient",
    says: "is for a process that the gateway does not show yet",
    expected: "a process that the gateway shows; a new one takes seconds to minutes",
    remedy: "Try again later. If the error persists, check the id and that the process is on this network.",
  },
];

function refusalOf(mu: Unit, answer: Answer, { raw, what }: Posted): UnitError {
  const got = `${answer.status} ${answer.excerpt}`;
  if (answer.status === 413) {
    return new UnitError(
      {
        code: "MESSAGE_TOO_LARGE",
        what: `${upper(what)} is too large for the messenger unit at ${mu.url}.`,
        got: `${raw.length} bytes; ${got}`,
        expected: "at most about 10 MB",
        remedy: "Make the bundle or the data smaller.",
      },
      "permanent",
    );
  }
  const reason = knownRefusals.find(({ text }) => text.test(answer.excerpt));
  if (!reason) return unitRefused(mu.name, mu.url, answer.ok ? 500 : answer.status, answer.excerpt);
  const { code, certainty, says, expected, remedy, hadNoEffect = false } = reason;
  return new UnitError({ code, what: `${upper(what)} ${says}.`, got, expected, remedy }, certainty, {
    hadNoEffect,
  });
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

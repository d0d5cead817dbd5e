import { FleetError, type Problem } from "../core/errors.ts";

/** The servers that an AO network of the legacy protocol is made of, as messages name them. */
export type UnitName = "messenger unit" | "compute unit" | "gateway" | "scheduler unit" | "upload service";

/** How much an answer of a unit is believed. */
type Belief =
  /** Trying again can help. */
  | "transient"
  /** The unit gave a reason that will not go away. */
  | "permanent"
  /** A refusal without a known reason: believed when it comes three times running, as a proxy may have said it. */
  | "doubtful";

/** What a unit did instead of what was asked of it. */
export class UnitError extends FleetError {
  readonly belief: Belief;
  /** The unit asked for this much patience, in milliseconds. */
  readonly retryAfter: number | undefined;
  /** True when it is certain that the unit did nothing: the call never reached it, or it refused the call by its status. */
  readonly hadNoEffect: boolean;

  constructor(
    problem: Problem,
    belief: Belief,
    options: { cause?: unknown; retryAfter?: number | undefined; hadNoEffect?: boolean } = {},
  ) {
    super(problem, {
      transient: belief !== "permanent",
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.belief = belief;
    this.retryAfter = options.retryAfter;
    this.hadNoEffect = options.hadNoEffect ?? false;
  }
}

/** `UNIT_DOWN`: nothing listens there, or the connection broke. */
export function unitDown(unit: UnitName, url: string, cause: unknown): UnitError {
  return new UnitError(
    {
      code: "UNIT_DOWN",
      what: `The ${unit} at ${url} cannot be reached`,
      got: reasonOf(cause),
      expected: "a server that answers",
      remedy: `Check the network's address in the stack's settings and that the ${unit} runs.`,
    },
    "transient",
    { cause, hadNoEffect: unreached.has(codeOf(cause)) },
  );
}

/** Codes with which no connection came about, so nothing was sent. */
const unreached = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The code of what was thrown, or of what caused it. */
function codeOf(thrown: unknown): string {
  for (let at = thrown; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return code;
  }
  return "";
}

/**
 * `UNIT_SLOW`: no whole answer came in time.
 *
 * @param wasSent false when the time was over before the call began
 */
export function unitSlow(unit: UnitName, url: string, milliseconds: number, wasSent = true): UnitError {
  return new UnitError(
    {
      code: "UNIT_SLOW",
      what: `The ${unit} at ${url} did not answer in time`,
      got: `nothing whole within ${seconds(milliseconds)}`,
      expected: "an answer",
      remedy: "Try again later, raise the time limit, or choose another unit.",
    },
    "transient",
    { hadNoEffect: !wasSent },
  );
}

/** `UNIT_NOT_AO`: it answers, but not as such a unit would. */
export function unitNotAo(unit: UnitName, url: string, got: string): UnitError {
  return new UnitError(
    {
      code: "UNIT_NOT_AO",
      what: `What answers at ${url} is not an AO ${unit}, or something stands in between`,
      got,
      expected: `the JSON answer of a ${unit}`,
      remedy: "Check the address and any proxy on the way.",
    },
    "transient",
  );
}

/** `RATE_LIMITED`: the unit wants fewer calls. */
export function rateLimited(unit: UnitName, url: string, retryAfter: number | undefined): UnitError {
  return new UnitError(
    {
      code: "RATE_LIMITED",
      what: `The ${unit} at ${url} refuses more calls for now`,
      got: retryAfter === undefined ? "429" : `429, try again after ${seconds(retryAfter)}`,
      expected: "a call rate that the unit allows",
      remedy: "Wait, lower the concurrency, or use units of your own.",
    },
    "transient",
    { retryAfter, hadNoEffect: true },
  );
}

/** `UNIT_FAILED` (transient) or `UNIT_REFUSED` (doubtful): a status that is no success, with the unit's own words. */
export function unitRefused(unit: UnitName, url: string, status: number, text: string): UnitError {
  const passing = status >= 500 || [404, 408, 425].includes(status);
  return new UnitError(
    {
      code: passing ? "UNIT_FAILED" : "UNIT_REFUSED",
      what: `The ${unit} at ${url} ${passing ? "failed" : "refused the call"}`,
      got: `${status} ${text}`.trim(),
      expected: "a successful answer",
      remedy: passing ? "Try again later." : "Read the unit's words; the call itself has to change.",
    },
    passing ? "transient" : "doubtful",
    // 408 and 409 are said of a call that may have been taken; a 404 comes from a proxy that has nobody behind it.
    { hadNoEffect: status >= 400 && status < 500 && ![408, 409].includes(status) },
  );
}

/** `SCHEDULER_UNKNOWN`: the gateway does not say where the scheduler's unit is. */
export function schedulerUnknown(scheduler: string, indexUrl: string, url: string | undefined): UnitError {
  return new UnitError(
    {
      code: "SCHEDULER_UNKNOWN",
      what: `The gateway's index at ${indexUrl} does not say where the scheduler ${scheduler} is`,
      got: url === undefined ? "no Scheduler-Location of that address" : `the Url ${url}`,
      expected: "an item Scheduler-Location with a Url, signed by the scheduler",
      remedy: "Check `scheduler` and `gatewayUrl` in the stack's settings, or set `suUrl`.",
    },
    "transient",
  );
}

/** `PROCESS_UNKNOWN`: the units do not know such a process: not yet, or never. */
export function processUnknown(processId: string, got: string): UnitError {
  return new UnitError(
    {
      code: "PROCESS_UNKNOWN",
      what: `The network does not know the process ${processId}`,
      got,
      expected: "a process that the gateway shows; a new one takes seconds to minutes",
      remedy: "Try again later; if it stays so, check the id and that it lives on this network.",
    },
    "transient",
  );
}

/**
 * `PROCESS_RUINED`: the order that the scheduler keeps of the process has a hole, so no compute unit evaluates anything beyond it.
 * Nothing repairs that. Believed when it comes three times running.
 */
export function processRuined(processId: string, unit: UnitName, url: string, got: string): UnitError {
  return new UnitError(
    {
      code: "PROCESS_RUINED",
      what: `The process ${processId} can never evaluate a message again: its order at the scheduler has a hole, as after a spawn that was posted twice`,
      got: `${got} (${unit} at ${url})`,
      expected: "an order whose hash chain is whole",
      remedy: "Replace the process by a new one; its state is lost.",
    },
    "doubtful",
  );
}

/** `NOT_ARRIVED`: the scheduler does not have it, but it may still be on its way there. */
export function notArrived(id: string, milliseconds: number): UnitError {
  return new UnitError(
    {
      code: "NOT_ARRIVED",
      what: `The item ${id} may still be on its way to the scheduler`,
      got: "a scheduler that does not know it yet",
      expected: `an item that has arrived, or ${seconds(milliseconds)} more without it`,
      remedy: "Try again later.",
    },
    "transient",
  );
}

/** `NOT_EVALUATED`: there is no result yet. */
export function notEvaluated(processId: string, messageId: string, got: string): UnitError {
  return new UnitError(
    {
      code: "NOT_EVALUATED",
      what: `The message ${messageId} to the process ${processId} has no result yet`,
      got,
      expected: "the result of its evaluation",
      remedy: "Try again later.",
    },
    "transient",
  );
}

/** The shortest true text of whatever was thrown, causes included. */
export function reasonOf(cause: unknown): string {
  const parts: string[] = [];
  for (
    let at = cause;
    at !== undefined && at !== null && parts.length < 4;
    at = (at as { cause?: unknown }).cause
  ) {
    const { message, code } = at as { message?: string; code?: string };
    const text = [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
    if (text !== "" && !parts.includes(text)) parts.push(text);
    if (typeof at !== "object") break;
  }
  return parts.join("; ") || String(cause);
}

/** `1.5 s`, for messages. */
export function seconds(milliseconds: number): string {
  return `${Number((milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0))} s`;
}

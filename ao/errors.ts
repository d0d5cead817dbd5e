import { FleetError, type Problem } from "../core/errors.ts";

/** The servers that an AO network of the legacy protocol is made of, as messages name them. */
export type UnitName = "messenger unit" | "compute unit" | "gateway" | "scheduler unit" | "upload service";

/** How much an answer of a unit is believed. */
export type Belief =
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

  constructor(
    problem: Problem,
    belief: Belief,
    options: { cause?: unknown; retryAfter?: number | undefined } = {},
  ) {
    super(problem, {
      transient: belief !== "permanent",
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.belief = belief;
    this.retryAfter = options.retryAfter;
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
    { cause },
  );
}

/** `UNIT_SLOW`: no whole answer came in time. */
export function unitSlow(unit: UnitName, url: string, milliseconds: number): UnitError {
  return new UnitError(
    {
      code: "UNIT_SLOW",
      what: `The ${unit} at ${url} did not answer in time`,
      got: `nothing whole within ${seconds(milliseconds)}`,
      expected: "an answer",
      remedy: "Try again later, raise the time limit, or choose another unit.",
    },
    "transient",
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
    { retryAfter },
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

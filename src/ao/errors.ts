import { FleetError, type Problem } from "../core/errors.ts";

/** The servers of an AO network, as errors name them. */
export type UnitName =
  | "messenger unit"
  | "compute unit"
  | "gateway"
  | "scheduler unit"
  | "upload service"
  | "node";

/** Whether a unit's failure is final. */
type Certainty =
  /** A retry can succeed. */
  | "transient"
  /** The unit gave a reason that a retry does not change. */
  | "permanent"
  /** A refusal without a known reason: final after three in a row, because a proxy may have sent it. */
  | "doubtful"
  /** A retry can succeed, but it has failed for so long that nobody should wait for it. */
  | "lasting";

/** A unit did not do what it was asked. */
export class UnitError extends FleetError {
  readonly certainty: Certainty;
  /** Milliseconds to wait before the next attempt, as requested by the unit. */
  readonly retryAfter: number | undefined;
  /** True if the unit certainly did nothing: the call never reached it, or its status is a refusal. */
  readonly hadNoEffect: boolean;
  /** The unit, if it was down, slow or failed. */
  readonly unit: UnitName | undefined;

  constructor(
    problem: Problem,
    certainty: Certainty,
    options: {
      cause?: unknown;
      retryAfter?: number | undefined;
      hadNoEffect?: boolean;
      unit?: UnitName;
    } = {},
  ) {
    super(problem, {
      transient: certainty !== "permanent",
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
    this.certainty = certainty;
    this.retryAfter = options.retryAfter;
    this.hadNoEffect = options.hadNoEffect ?? false;
    this.unit = options.unit;
  }
}

/** Codes of errors about an item itself, which no other attempt changes. */
const itemErrors = new Set(["ITEM_INVALID", "TAGS_REFUSED", "MESSAGE_TOO_LARGE", "WALLET_UNFUNDED"]);

/** Whether the error of a send says that a unit refuses the item itself, so that it never gets a place in its process' order. */
export const isItemRefused = (error: unknown): boolean =>
  error instanceof FleetError && !error.transient && itemErrors.has(error.code);

/** `UNIT_DOWN`: nothing listens at the address, or the connection broke. */
export function unitDown(unit: UnitName, url: string, cause: unknown): UnitError {
  return new UnitError(
    {
      code: "UNIT_DOWN",
      what: `The ${unit} at ${url} cannot be reached.`,
      got: reasonOf(cause),
      expected: "a server that answers",
      remedy: `Check the network's address in the stack's settings, and that the ${unit} is running.`,
    },
    "transient",
    { cause, unit, hadNoEffect: unreached.has(codeOf(cause)) },
  );
}

/** Codes that mean that no connection was made, so nothing was sent. */
const unreached = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The code of an error or of its cause. */
function codeOf(thrown: unknown): string {
  for (let at = thrown; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return code;
  }
  return "";
}

/**
 * `UNIT_SLOW`: no complete answer arrived in time.
 *
 * @param wasSent false if the time was up before the call started
 */
export function unitSlow(unit: UnitName, url: string, milliseconds: number, wasSent = true): UnitError {
  return new UnitError(
    {
      code: "UNIT_SLOW",
      what: `The ${unit} at ${url} did not answer in time.`,
      got: `no complete answer within ${seconds(milliseconds)}`,
      expected: "an answer",
      remedy: "Try again later, raise the time limit, or use another unit.",
    },
    "transient",
    { unit, hadNoEffect: !wasSent },
  );
}

/** `UNIT_NOT_AO`: the server answers, but not as such a unit does. */
export function unitNotAo(unit: UnitName, url: string, got: string): UnitError {
  return new UnitError(
    {
      code: "UNIT_NOT_AO",
      what: `The server at ${url} is not an AO ${unit}, or a proxy answers for it.`,
      got,
      expected: `the JSON answer of a ${unit}`,
      remedy:
        "Check the address, whether `network` names its protocol (mainnet or legacy), and any proxy in between.",
    },
    "transient",
  );
}

/** `UNIT_REDIRECTED`: the unit sends a POST elsewhere, and it cannot be sent there as it is. */
export function unitRedirected(unit: UnitName, url: string, status: number, got: string): UnitError {
  return new UnitError(
    {
      code: "UNIT_REDIRECTED",
      what: `The ${unit} at ${url} does not take the call, but redirects it.`,
      got,
      expected: "an answer, or a redirect that keeps method, body and encryption (307 or 308)",
      remedy: `Set the address that the ${unit} redirects to in the stack's settings, or check any proxy in between.`,
    },
    "doubtful",
    // 302 and 303 are also answers to a call that was performed.
    { hadNoEffect: [301, 307, 308].includes(status) },
  );
}

/** `RATE_LIMITED`: the unit limits the rate of calls. */
export function rateLimited(unit: UnitName, url: string, retryAfter: number | undefined): UnitError {
  return new UnitError(
    {
      code: "RATE_LIMITED",
      what: `The ${unit} at ${url} limits the rate of calls.`,
      got: retryAfter === undefined ? "429" : `429, try again after ${seconds(retryAfter)}`,
      expected: "a call rate that the unit allows",
      remedy: "Wait, lower the concurrency, or run your own units.",
    },
    "transient",
    { retryAfter, hadNoEffect: true },
  );
}

/** `UNIT_FAILED` (transient) or `UNIT_REFUSED` (doubtful): an error status, with the unit's own message. */
export function unitRefused(unit: UnitName, url: string, status: number, text: string): UnitError {
  const temporary = status >= 500 || [404, 408, 425].includes(status);
  return new UnitError(
    {
      code: temporary ? "UNIT_FAILED" : "UNIT_REFUSED",
      what: `The ${unit} at ${url} ${temporary ? "failed" : "refused the call"}.`,
      got: `${status} ${text}`.trim(),
      expected: "a successful answer",
      remedy: temporary ? "Try again later." : "Read the unit's message: the request itself has to change.",
    },
    temporary ? "transient" : "doubtful",
    // After a 408 or 409 the call may have taken effect; a 404 comes from a proxy without a backend.
    { unit, hadNoEffect: status >= 400 && status < 500 && ![408, 409].includes(status) },
  );
}

/** `SCHEDULER_UNKNOWN`: the gateway has no location of the scheduler's unit. */
export function schedulerUnknown(scheduler: string, indexUrl: string, url: string | undefined): UnitError {
  return new UnitError(
    {
      code: "SCHEDULER_UNKNOWN",
      what: `The gateway's index at ${indexUrl} has no location of the scheduler ${scheduler}.`,
      got: url === undefined ? "no Scheduler-Location item of that address" : `the Url ${url}`,
      expected: "a Scheduler-Location item with a Url, signed by the scheduler",
      remedy: "Check `scheduler` and `gatewayUrl` in the stack's settings, or set `suUrl`.",
    },
    "transient",
  );
}

/** `PROCESS_UNKNOWN`: the units do not know the process yet, or it does not exist. */
export function processUnknown(processId: string, got: string): UnitError {
  return new UnitError(
    {
      code: "PROCESS_UNKNOWN",
      what: `The network does not know the process ${processId}.`,
      got,
      expected: "a process that the gateway shows; a new one takes seconds to minutes",
      remedy: "Try again later. If the error persists, check the id and that the process is on this network.",
    },
    "transient",
  );
}

/** `PROCESS_GONE`: the network keeps every one of its processes itself, and has none with this id. */
export function processGone(processId: string): FleetError {
  return new FleetError({
    code: "PROCESS_GONE",
    what: `The process ${processId} does not exist on this network.`,
    got: "a network that has never had it, as after `fleet localnet reset` or after its folder was removed",
    expected: "the network on which the fleet was deployed",
    remedy: GONE_REMEDY,
  });
}

/** What to do about processes that do not exist any more. */
export const GONE_REMEDY =
  "If the stack uses another network by mistake, set `network` and `localDir` back. Otherwise run pulumi destroy, then pulumi up: it creates the fleet again, without its state.";

/**
 * `PROCESS_RUINED`: the process' message order at the scheduler has a gap, and no compute unit evaluates anything after it. This
 * cannot be repaired. Final after three in a row. A node's own way to end a process is in `mainnet/stuck.ts`.
 */
export function processRuined(processId: string, unit: UnitName, url: string, got: string): UnitError {
  return new UnitError(
    {
      code: "PROCESS_RUINED",
      what: `The process ${processId} can never evaluate a message again: its message order at the scheduler has a gap, as after a spawn that was posted twice.`,
      got: `${got} (${unit} at ${url})`,
      expected: "a message order with an unbroken hash chain",
      remedy: "Replace the process with a new one; its state is lost.",
    },
    "doubtful",
  );
}

/** `SCHEDULE_BEHIND`: a node shows less of a process' schedule than it has. */
export function scheduleBehind(url: string, processId: string, newest: number, known: number): UnitError {
  return new UnitError(
    {
      code: "SCHEDULE_BEHIND",
      what: `The node at ${url} does not show the whole schedule of the process ${processId}.`,
      got: `slots up to ${newest}`,
      expected: `slots up to ${known}, which the schedule has`,
      remedy:
        "Try again later. If the error persists, check that `nodeUrl` is the node on which the process was spawned.",
    },
    "transient",
  );
}

/** `NOT_ARRIVED`: the scheduler does not have it, but it may still be in transit, or the scheduler's answers may be behind. */
export function notArrived(id: string, milliseconds: number): UnitError {
  return new UnitError(
    {
      code: "NOT_ARRIVED",
      what: `The item ${id} may still be in transit to the scheduler, or the scheduler's answers may be behind.`,
      got: "the scheduler does not have it yet",
      expected: `an item that arrived, or ${seconds(milliseconds)} more without it`,
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
      what: `The message ${messageId} to the process ${processId} has no result yet.`,
      got,
      expected: "the result of its evaluation",
      remedy: "Try again later.",
    },
    "transient",
  );
}

/** A short description of any thrown value, including its causes. */
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

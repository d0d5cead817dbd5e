import type { Budget } from "../../core/budget.ts";
import { jsonIn } from "../../core/json.ts";
import { timerDelay } from "../../core/timers.ts";
import { startOf } from "../../core/unicode.ts";
import { rateLimited, type UnitName, unitDown, unitRedirected, unitSlow } from "../errors.ts";
import { type Limiter, limiterOf } from "../limiter.ts";
import { ageIn, clockIn } from "./clock.ts";
import { addressOf, redirected } from "./redirects.ts";

/** One HTTP exchange with a unit. */
interface Call {
  readonly url: string;
  readonly method?: "GET" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A complete response. */
export interface Answer {
  readonly status: number;
  readonly ok: boolean;
  readonly bytes: Uint8Array;
  /** The media type of the body in lower case, without parameters; empty if the unit names none. */
  readonly type: string;
  /** The body as text, truncated for error messages. */
  readonly excerpt: string;
  /** The body as JSON; undefined if it is not JSON. */
  readonly json: unknown;
  /** The unit's clock when it answered, in milliseconds since 1970; undefined if it does not tell. */
  readonly clock: number | undefined;
  /** Whether the answer is from a cache, so that it may be older than the call. */
  readonly isCached: boolean;
}

/** A unit that can be asked. */
export interface Unit {
  readonly name: UnitName;
  /** Its address, without a slash at the end. */
  readonly url: string;
  /**
   * A single attempt: the caller judges status and body. A POST follows redirects that keep method and body (307, 308).
   *
   * @throws UnitError `UNIT_DOWN`, `UNIT_SLOW`, `RATE_LIMITED`, all transient; `UNIT_REDIRECTED`, doubtful
   */
  ask(call: Call, budget: Budget): Promise<Answer>;
}

interface UnitLimits {
  /** Concurrent calls. */
  readonly concurrency: number;
  /** Time limit of one call in milliseconds; never more than is left of the budget. */
  readonly timeout: number;
  /** Called as the last thing before each POST is sent. What it throws, the caller gets, and nothing is sent. Default: nothing. */
  readonly beforePost?: () => void;
}

export function unitAt(
  name: UnitName,
  url: string,
  { concurrency, timeout, beforePost = () => {} }: UnitLimits,
): Unit {
  const limiter: Limiter = limiterOf(concurrency);
  const base = url.replace(/\/+$/, "");
  return {
    name,
    url: base,
    ask(call, budget) {
      const patience = budget.remaining();
      return limiter.run(
        patience,
        () => exchange({ name, base, beforePost }, call, Math.min(timeout, budget.remaining())),
        () => unitSlow(name, base, patience, false),
      );
    },
  };
}

/** Asks the caches on the way for an answer of the unit itself (RFC 9111 § 5.2.1.4). Not all of them comply: see `Answer.isCached`. */
export const FROM_ITSELF = { "cache-control": "no-cache" };

interface Asked {
  readonly name: UnitName;
  readonly base: string;
  readonly beforePost: () => void;
}

/** A POST is sent to at most this many other addresses. */
const MAX_REDIRECTS = 5;

async function exchange(
  { name, base, beforePost }: Asked,
  call: Call,
  milliseconds: number,
): Promise<Answer> {
  if (milliseconds <= 0) throw unitSlow(name, base, 0, false);
  const signal = AbortSignal.timeout(timerDelay(Math.ceil(milliseconds)));
  let at = call;
  for (let redirects = 0; ; redirects += 1) {
    const url = redirects === 0 ? base : `${base}, which redirects to ${addressOf(new URL(at.url))}`;
    if (call.method === "POST") beforePost();
    const { response, bytes } = await fetched(at, signal).catch((error: unknown) => {
      throw signal.aborted ? unitSlow(name, url, milliseconds) : unitDown(name, url, error);
    });
    const { status, headers } = response;
    const location = headers.get("location");
    if (call.method !== "POST" || status < 300 || status >= 400 || location === null) {
      if (status === 429) throw rateLimited(name, url, retryAfterOf(headers.get("retry-after")));
      return answerOf(response, bytes);
    }
    const next = redirected(at, status, location);
    if ("refused" in next) throw unitRedirected(name, url, status, next.refused);
    if (redirects === MAX_REDIRECTS)
      throw unitRedirected(name, base, status, `more than ${MAX_REDIRECTS} redirects`);
    at = next;
  }
}

async function fetched(call: Call, signal: AbortSignal): Promise<{ response: Response; bytes: Uint8Array }> {
  const response = await fetch(call.url, {
    method: call.method ?? "GET",
    headers: { accept: "application/json", ...call.headers },
    redirect: call.method === "POST" ? "manual" : "follow",
    signal,
    ...(call.body === undefined ? {} : { body: call.body as NonNullable<RequestInit["body"]> }),
  });
  return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
}

function answerOf({ status, ok, headers }: Response, bytes: Uint8Array): Answer {
  const text = new TextDecoder().decode(bytes);
  const header = (named: string) => headers.get(named);
  return {
    status,
    ok,
    bytes,
    type: (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "",
    excerpt: excerptOf(text),
    clock: clockIn(header),
    isCached: ageIn(header) > 0,
    get json() {
      return jsonIn(text);
    },
  };
}

/** Milliseconds of a `Retry-After` header (RFC 9110 § 10.2.3): seconds or a date. */
export function retryAfterOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The first 300 characters as one line, without markup. */
export function excerptOf(text: string): string {
  const flat = text
    .slice(0, 4000)
    .replace(/<(script|style)[\s\S]*?<\/\1>/gi, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return flat.length > 300 ? `${startOf(flat, 300)}…` : flat;
}

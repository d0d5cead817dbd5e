import type { Budget } from "../../core/budget.ts";
import { jsonIn } from "../../core/json.ts";
import { timerDelay } from "../../core/timers.ts";
import { rateLimited, type UnitName, unitDown, unitNotAo, unitSlow } from "../errors.ts";
import { type Limiter, limiterOf } from "../limiter.ts";

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
}

/** A unit that can be asked. */
export interface Unit {
  readonly name: UnitName;
  /** Its address, without a slash at the end. */
  readonly url: string;
  /**
   * A single attempt: the caller judges status and body.
   *
   * @throws UnitError `UNIT_DOWN`, `UNIT_SLOW`, `RATE_LIMITED`, or `UNIT_NOT_AO` for a POST that is redirected, all transient
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
        async () => {
          if (call.method === "POST") beforePost();
          return exchange(name, base, call, Math.min(timeout, budget.remaining()));
        },
        () => unitSlow(name, base, patience, false),
      );
    },
  };
}

async function exchange(name: UnitName, base: string, call: Call, milliseconds: number): Promise<Answer> {
  if (milliseconds <= 0) throw unitSlow(name, base, 0, false);
  const signal = AbortSignal.timeout(timerDelay(Math.ceil(milliseconds)));
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await fetch(call.url, {
      method: call.method ?? "GET",
      headers: { accept: "application/json", ...call.headers },
      // A redirected POST may arrive as a GET, whose success says nothing about what was posted.
      redirect: call.method === "POST" ? "manual" : "follow",
      signal,
      ...(call.body === undefined ? {} : { body: call.body as NonNullable<RequestInit["body"]> }),
    });
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw signal.aborted ? unitSlow(name, base, milliseconds) : unitDown(name, base, error);
  }
  const location = response.headers.get("location");
  if (call.method === "POST" && response.status >= 300 && response.status < 400 && location !== null)
    throw unitNotAo(name, base, `${response.status}, a redirect to ${location}`);
  if (response.status === 429)
    throw rateLimited(name, base, retryAfterOf(response.headers.get("retry-after")));
  const text = new TextDecoder().decode(bytes);
  return {
    status: response.status,
    ok: response.ok,
    bytes,
    type: (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "",
    excerpt: excerptOf(text),
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
  return flat.length > 300 ? `${flat.slice(0, 300)}…` : flat;
}

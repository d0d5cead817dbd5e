import { Agent, type IncomingMessage, request } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import type { Budget } from "../../core/budget.ts";
import { exactJsonIn, isExactNumber, jsonIn } from "../../core/json.ts";
import { own } from "../../core/own.ts";
import { timerDelay } from "../../core/timers.ts";
import { rateLimited, unitDown, unitSlow } from "../errors.ts";
import { limiterOf } from "../limiter.ts";
import { ageIn, clockIn } from "../shared/clock.ts";
import { excerptOf, FROM_ITSELF, retryAfterOf } from "../shared/http.ts";

/** One request to a HyperBEAM node. */
interface NodeCall {
  /** From the slash after the host. */
  readonly path: string;
  /** A signed data item, to be posted. Default: the request is a GET. */
  readonly item?: Uint8Array;
}

/** A complete response. */
export interface NodeAnswer {
  readonly status: number;
  readonly ok: boolean;
  /** In lower case. If a header is damaged, those before it. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body; of a value in an envelope, the value. */
  readonly text: string;
  /** The body as one short line without markup, for error messages. */
  readonly excerpt: string;
  /** The body as JSON; undefined if it is not JSON, such as the node's page for people. */
  readonly json: unknown;
  /** The node's clock when it answered, in milliseconds since 1970; undefined if it does not tell. */
  readonly clock: number | undefined;
  /** Whether the answer is from a cache, so that it may be older than the call. */
  readonly isCached: boolean;
}

/** A HyperBEAM node that can be asked. */
export interface NodeClient {
  readonly name: "node";
  /** Its address, without a slash at the end. */
  readonly url: string;
  /**
   * A single attempt: the caller judges status and body.
   *
   * @throws UnitError `UNIT_DOWN`, `UNIT_SLOW` or `RATE_LIMITED`, all transient
   */
  ask(call: NodeCall, budget: Budget): Promise<NodeAnswer>;
}

interface NodeLimits {
  /** Concurrent calls. */
  readonly concurrency: number;
  /** Time limit of one call in milliseconds; never more than is left of the budget. */
  readonly timeout: number;
  /** Called as the last thing before each item is posted. What it throws, the caller gets, and nothing is sent. Default: nothing. */
  readonly beforePost?: () => void;
}

/**
 * A client of a node. It parses leniently, which `fetch` does not: nodes write error texts into headers with their line breaks, and such
 * an answer has to be read, because what it is about may have been done.
 */
export function nodeAt(url: string, { concurrency, timeout, beforePost = () => {} }: NodeLimits): NodeClient {
  const base = url.replace(/\/+$/, "");
  const limiter = limiterOf(concurrency);
  const agent = base.startsWith("https:") ? new SecureAgent(KEEP) : new Agent(KEEP);
  return {
    name: "node",
    url: base,
    ask(call, budget) {
      const patience = budget.remaining();
      return limiter.run(
        patience,
        async () => {
          if (call.item !== undefined) beforePost();
          return exchange(base, agent, call, Math.min(timeout, budget.remaining()));
        },
        () => unitSlow("node", base, patience, false),
      );
    },
  };
}

/** An idle connection must not keep the program running. */
const KEEP = { keepAlive: true, timeout: 4000 };

async function exchange(
  base: string,
  agent: Agent,
  { path, item }: NodeCall,
  milliseconds: number,
): Promise<NodeAnswer> {
  if (milliseconds <= 0) throw unitSlow("node", base, 0, false);
  const signal = AbortSignal.timeout(timerDelay(Math.ceil(milliseconds)));
  let response: IncomingMessage;
  let body: Buffer;
  try {
    response = await answered(`${base}${path}`, agent, item, signal);
    body = await bodyOf(response);
  } catch (error) {
    throw signal.aborted ? unitSlow("node", base, milliseconds) : unitDown("node", base, error);
  }
  const status = response.statusCode ?? 0;
  const headers = headersOf(response);
  if (status === 429) throw rateLimited("node", base, retryAfterOf(headers["retry-after"] ?? null));
  const text = withoutEnvelope(body.toString("utf8"));
  const header = (name: string) => headers[name];
  return {
    status,
    ok: status >= 200 && status < 300,
    headers,
    text,
    excerpt: excerptOf(text),
    clock: clockIn(header),
    isCached: ageIn(header) > 0,
    get json() {
      return jsonIn(text);
    },
  };
}

/** The key of an envelope that a node puts around a value if it is asked for JSON: `{ "ao-result": "body", "body": …, "commitments": … }`. */
const ENVELOPE = "ao-result";

export const isEnvelope = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" &&
  json !== null &&
  typeof (json as Record<string, unknown>)[ENVELOPE] === "string";

/** The value in an envelope; undefined if it is a link, or if this is none. */
export const envelopedValue = (json: unknown): unknown =>
  isEnvelope(json) ? own(json, String(json[ENVELOPE])) : undefined;

/** The value in an envelope with every digit; a table in one, and all else, as it is. */
function withoutEnvelope(text: string): string {
  const value = text.includes(ENVELOPE) ? envelopedValue(exactJsonIn(text)) : undefined;
  if (typeof value === "string") return value;
  const isSingle = typeof value === "number" || typeof value === "boolean" || isExactNumber(value);
  return isSingle ? JSON.stringify(value) : text;
}

/** Headers by which a node answers with JSON, with its nested values, and takes a data item. */
const ASK = { accept: "application/json", "accept-bundle": "true" };
const POST = { "content-type": "application/ans104", "codec-device": "ans104@1.0" };

function answered(
  url: string,
  agent: Agent,
  item: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const send = url.startsWith("https:") ? secureRequest : request;
  return new Promise((resolve, reject) => {
    const call = send(url, {
      agent,
      signal,
      insecureHTTPParser: true,
      method: item === undefined ? "GET" : "POST",
      headers:
        item === undefined ? { ...ASK, ...FROM_ITSELF } : { ...ASK, ...POST, "content-length": item.length },
    });
    call.once("response", resolve);
    call.once("error", reject);
    call.end(item);
  });
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]],
    ),
  );
}

import type { IncomingMessage } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context, Handler, Hono } from "hono";

/** One request, as passed to a test's hooks. */
interface UnitCall {
  /** `mu.post`, `mu.assign`, `mu.monitor`, `mu.unmonitor`, `su.read`, `su.timestamp`, `su.process`, `su.latest`, `su.post`, `cu.result`, `cu.results`, `cu.dryrun`, `cu.state`, `gateway.graphql`, `gateway.data`, `gateway.upload`, `gateway.info`; `*.health` is a unit's root. */
  readonly endpoint: string;
  /** 1 for the first call of this endpoint since the units were created. */
  readonly number: number;
  /** Clone it to read the body: the endpoint reads it too. */
  readonly request: Request;
  /** Closes the connection without an answer; the hook must return its result. */
  reset(): Response;
}

export interface Hooks {
  /** Runs before an endpoint: a response replaces it, so the request has no effect. May wait. */
  faults?(call: UnitCall): Promise<Response | undefined>;
  /** Runs after an endpoint: its result is sent instead. */
  after?(call: UnitCall, response: Response): Promise<Response>;
}

/** An answer other than 200. The texts are those of the real units. */
export class UnitError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Wraps handlers with call numbers, hooks, and errors as `{ error }`. */
export function endpoints(hooks: Hooks, log: (line: string) => void) {
  const counts = new Map<string, number>();
  return (endpoint: string, handler: (context: Context) => Promise<Response> | Response): Handler =>
    async (context) => {
      const number = (counts.get(endpoint) ?? 0) + 1;
      counts.set(endpoint, number);
      const call: UnitCall = {
        endpoint,
        number,
        request: context.req.raw,
        reset() {
          const { incoming } = context.env as { incoming: IncomingMessage };
          incoming.socket.destroy();
          return RESPONSE_ALREADY_SENT;
        },
      };
      const instead = await hooks.faults?.(call);
      if (instead) return instead;
      const response = await answer(context, handler, (reason) => log(`${endpoint}: ${reason}`));
      return hooks.after ? hooks.after(call, response) : response;
    };
}

async function answer(
  context: Context,
  handler: (context: Context) => Promise<Response> | Response,
  log: (reason: string) => void,
): Promise<Response> {
  try {
    return await handler(context);
  } catch (error) {
    if (error instanceof UnitError) return Response.json({ error: error.message }, { status: error.status });
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return Response.json({ error: String(error) }, { status: 500 });
  }
}

/** The body, or 413 with the HTML page that the real messenger unit sends. */
export async function bodyUpTo(context: Context, megabytes: number): Promise<Uint8Array | Response> {
  const limit = megabytes * 1024 * 1024;
  const declared = Number(context.req.header("content-length") ?? 0);
  // A slightly oversized body is still read: a client that is still sending would otherwise see a closed connection.
  const body = declared > 8 * limit ? null : new Uint8Array(await context.req.arrayBuffer());
  if (body !== null && body.length <= limit) return body;
  const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>PayloadTooLargeError: request entity too large</pre>
</body>
</html>
`;
  return new Response(page, { status: 413, headers: { "content-type": "text/html; charset=utf-8" } });
}

/** Refuses requests under host names other than loopback: a page in a browser must not reach the units by DNS rebinding. */
export function loopbackOnly(app: Hono): void {
  app.use(async (context, next) => {
    const host = new URL(context.req.url).hostname;
    if (host !== "127.0.0.1" && host !== "localhost" && host !== "[::1]") {
      return Response.json({ error: "loopback only" }, { status: 403 });
    }
    await next();
  });
}

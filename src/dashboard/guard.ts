import { randomBytes, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";

/** Whether an address is a loopback address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);

/** A new token: 32 random bytes, base64url. */
export const newToken = (): string => randomBytes(32).toString("base64url");

/** The header with the token. A page of another site cannot send it without a preflight, which is never answered. */
const TOKEN_HEADER = "x-fleet-token";

/**
 * Middleware that admits only requests to this server's own name (a foreign Host is DNS rebinding), and none that a page of another site
 * makes. If there is a token, whatever shows or changes the fleet requires it; the page itself contains nothing of the fleet.
 *
 * The token is in the fragment of the address, which browsers send to no server, and then in a header. A cookie would also be sent to other
 * servers of the same machine, which differ only in their port.
 */
export function guard(host: string, token: string | undefined): MiddlewareHandler {
  return async (context, next) => {
    const authority = context.req.header("host") ?? "";
    if (isLoopback(host) && !isLoopback(nameIn(authority)))
      return context.text("This host name is not served here.", 421);
    const origin = context.req.header("origin");
    const site = context.req.header("sec-fetch-site") ?? "same-origin";
    const isForeign = origin !== undefined && hostIn(origin) !== authority.toLowerCase();
    const isApi = context.req.path.startsWith("/api/");
    // A link on another site may open the page, but nothing else.
    if (isForeign || (isApi && !["same-origin", "none"].includes(site)))
      return context.text("Only the dashboard's own page is served here.", 403);
    if (isApi && token !== undefined && !same(context.req.header(TOKEN_HEADER) ?? "", token))
      return context.json({ problems: [TOKEN_MISSING] }, 401);
    await next();
  };
}

const TOKEN_MISSING = {
  code: "TOKEN_MISSING",
  what: "This page has no valid token.",
  expected: "the address with its token",
  remedy: "Open the address that `fleet dashboard` printed: it contains the token.",
};

/** The name in a `Host` header, without its port. */
const nameIn = (authority: string): string =>
  authority
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/^\[|\]$/g, "");

/** The host and port of an `Origin` header; undefined for `null` and for what is no origin. */
const hostIn = (origin: string): string | undefined => {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  return url?.protocol === "http:" ? url.host : undefined;
};

function same(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

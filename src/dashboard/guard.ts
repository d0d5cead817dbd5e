import { randomBytes, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";

/** Whether an address is a loopback address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);

/** A new token: 32 random bytes, base64url. */
export const newToken = (): string => randomBytes(32).toString("base64url");

const COOKIE = "fleet-dashboard";

/**
 * Middleware that admits only requests to this server's own name (a foreign Host is DNS rebinding) and, if there is a token, only requests
 * that have it: once as `?token=`, then as a cookie.
 */
export function guard(host: string, token: string | undefined): MiddlewareHandler {
  return async (context, next) => {
    const named = (context.req.header("host") ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
    if (isLoopback(host) && !isLoopback(named))
      return context.text("This host name is not served here.", 421);
    if (token !== undefined) {
      const given = context.req.query("token");
      const known = same(given ?? getCookie(context, COOKIE) ?? "", token);
      if (!known)
        return context.text("Open the address that `fleet dashboard` printed: it contains the token.", 401);
      if (given !== undefined) {
        setCookie(context, COOKIE, token, { httpOnly: true, sameSite: "Strict", path: "/" });
        const url = new URL(context.req.url);
        url.searchParams.delete("token");
        return context.redirect(url.pathname + url.search, 303);
      }
    }
    await next();
  };
}

function same(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

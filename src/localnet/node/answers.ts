import type { IncomingMessage } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { ParsedItem } from "../ans104.ts";
import { tagValue } from "../types.ts";
import type { NodeQuirks } from "./quirks.ts";

/** What a node answers with: values are encoded as the request and the node's quirks say. */
interface Answer {
  readonly status?: number;
  /** Scalars, which a node also writes into the headers. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** An answer other than 200. */
export class NodeError extends Error {
  readonly status: number;
  /** Further keys of the answer. */
  readonly details: Readonly<Record<string, unknown>>;
  constructor(status: number, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

const acceptsJson = ({ req }: Context) =>
  (req.query("accept") ?? req.header("accept") ?? "").includes("application/json");

/** A single value, such as a slot number: as text, or for JSON in an envelope with the node's signatures. */
export function valued(context: Context, value: string | number | boolean): Response {
  if (acceptsJson(context)) return enveloped({ body: typed(value) });
  return new Response(String(value), { headers: { "content-type": "text/plain" } });
}

/** A table in such an envelope, or a link to it. */
export function tabled(context: Context, quirks: NodeQuirks, table: object): Response {
  if (!acceptsJson(context) && quirks.html) return page(200, {});
  const isBundle = !quirks.links || context.req.header("accept-bundle") === "true";
  return enveloped(isBundle ? { body: typed(table) } : { "body+link": "link" });
}

/** The envelope of a value in JSON, or of a link to one. */
export const enveloped = (value: { readonly body: unknown } | { readonly "body+link": string }): Response =>
  Response.json({ "ao-result": "body", ...value, commitments: SIGNED }, { headers: { "ao-result": "body" } });

/** What a node adds to each message that it answers with. */
const SIGNED = { id: { "commitment-device": "httpsig@1.0", type: "hmac-sha256", keyid: "constant:ao" } };

/** A value as a node encodes it in JSON: tables are messages, and what JSON's reader would not know of their members is in `ao-types`. */
function typed(value: unknown): unknown {
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const atoms = Object.entries(value).filter(([, member]) => typeof member === "boolean");
  return {
    ...Object.fromEntries(Object.entries(value).map(([name, member]) => [name, typed(member)])),
    ...(atoms.length === 0 ? {} : { "ao-types": atoms.map(([name]) => `${name}="atom"`).join(", ") }),
    commitments: SIGNED,
  };
}

export function encoded(
  context: Context,
  quirks: NodeQuirks,
  { status = 200, headers = {}, body }: Answer,
  item?: Pick<ParsedItem, "tags">,
): Response {
  // A node reads the keys of a posted message as those of the request: aoconnect asks for JSON by tags.
  const tag = (name: string) => tagValue(item?.tags ?? [], name);
  if (acceptsJson(context) || tag("require-codec") === "application/json" || !quirks.html) {
    const isBundle =
      !quirks.links || context.req.header("accept-bundle") === "true" || tag("accept-bundle") === "true";
    return Response.json(isBundle ? body : linked(body), { status, headers });
  }
  return page(status, headers);
}

/**
 * An error. A header contains its text too, with its line breaks: Node's `fetch` cannot parse such a response, although the request may
 * have been carried out.
 */
export function refused(
  context: Context,
  quirks: NodeQuirks,
  { status, message, details }: NodeError,
): Response {
  const json = JSON.stringify({ status, body: message, reason: message, ...details });
  if (!quirks.brokenHeaders || !message.includes("\n")) {
    if (acceptsJson(context) || !quirks.html) {
      return new Response(json, { status, headers: { "content-type": "application/json" } });
    }
    return page(status, {});
  }
  const { incoming } = context.env as { incoming: IncomingMessage };
  const { socket } = incoming;
  socket.end(
    [
      `HTTP/1.1 ${status} Error`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(json)}`,
      "connection: close",
      `details: ${message}`,
      "",
      json,
    ].join("\r\n"),
  );
  return RESPONSE_ALREADY_SENT;
}

/** The node's own page, which is also what a browser gets. */
function page(status: number, headers: Readonly<Record<string, string>>): Response {
  return new Response("<!DOCTYPE html>\n<html><head><title>HyperBEAM</title></head><body></body></html>\n", {
    status,
    headers: { "content-type": "text/html", ...headers },
  });
}

/** Nested values as links, which a client would have to follow. */
function linked(body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) =>
      typeof value === "object" && value !== null ? [`${key}+link`, "link"] : [key, value],
    ),
  );
}

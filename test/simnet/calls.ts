import { createRequire } from "node:module";

const { DataItem } = createRequire(import.meta.url)(
  "@dha-team/arbundles",
) as typeof import("@dha-team/arbundles");

/** The units in front of which a call can be disturbed. */
export type Unit = "mu" | "cu" | "su" | "gateway" | "node";

/** The purpose of a call. `mu.post` is the root of the MU; a rule may also name the finer `mu.spawn` and `mu.message`. */
export type Endpoint =
  | "mu.post"
  | "mu.assign"
  | "mu.monitor"
  | "mu.other"
  | "cu.result"
  | "cu.results"
  | "cu.dryrun"
  | "cu.state"
  | "cu.other"
  | "su.message"
  | "su.timestamp"
  | "su.other"
  | "gateway.graphql"
  | "gateway.post"
  | "gateway.data"
  | "gateway.other";

/** The data item in the body of a call, read without checking its signature. */
export interface CallItem {
  readonly id: string;
  readonly target: string;
  readonly type: "Process" | "Message" | "other";
  readonly tags: Readonly<Record<string, string>>;
}

/** One HTTP call to a unit. */
export interface Call {
  readonly unit: Unit;
  readonly endpoint: Endpoint;
  /** The number of the call at this endpoint, from 1. */
  readonly n: number;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
  /** `performance.now()` at arrival. */
  readonly at: number;
  /** The process that the call names: in the path, in the query, or as the target of the data item. */
  readonly processId?: string;
  /** The message that the call names: in the path, or the data item's own id. */
  readonly messageId?: string;
  readonly item?: CallItem;
}

/**
 * The endpoint of a request. A node's paths have the names of the calls that serve the same purpose on legacy units, so that a fault hits
 * both alike.
 */
export function endpointOf(unit: Unit, method: string, path: string, query: URLSearchParams): Endpoint {
  const first = path.split("/")[1] ?? "";
  if (unit === "node") return nodeEndpointOf(method, path);
  if (unit === "mu") {
    if (first === "monitor") return "mu.monitor";
    if (method !== "POST") return "mu.other";
    return query.has("assign") ? "mu.assign" : "mu.post";
  }
  if (unit === "cu") {
    if (first === "result") return "cu.result";
    if (first === "results") return "cu.results";
    if (first === "dry-run") return "cu.dryrun";
    return first === "state" ? "cu.state" : "cu.other";
  }
  if (unit === "su") {
    if (first === "timestamp") return "su.timestamp";
    return first === "" ? "su.other" : "su.message";
  }
  if (first === "graphql") return "gateway.graphql";
  if (method === "POST") return "gateway.post";
  return first === "" ? "gateway.other" : "gateway.data";
}

function nodeEndpointOf(method: string, path: string): Endpoint {
  const [first = "", stage = ""] = path.split("/").slice(1);
  if (method === "POST")
    return first.startsWith("push") || /^(push|schedule)/.test(stage) ? "mu.post" : "mu.other";
  if (first.startsWith("~scheduler@")) return "su.message";
  if (first.startsWith("~")) return "cu.other";
  if (stage.startsWith("as=execution")) return "cu.dryrun";
  if (stage.startsWith("compute=")) return "cu.result";
  return stage.startsWith("compute") || stage.startsWith("now") ? "cu.state" : "su.other";
}

/** The process in a node's path or query, and the message if the path names it: only the spawn, by its slot. */
function namedOnNode(path: string, query: URLSearchParams): { process?: string; message?: string } {
  const process = query.get("target") ?? /^\/([\w-]{43})(?:~process@|$)/.exec(path)?.[1];
  if (process === undefined) return {};
  return path.includes("/compute=0/") ? { process, message: process } : { process };
}

/** Reads a request; a body that is not a data item has no `item`. */
export function callOf(
  unit: Unit,
  request: { method: string; url: string; body: Buffer },
  n: (endpoint: Endpoint) => number,
): Call {
  const url = new URL(request.url, "http://127.0.0.1");
  const endpoint = endpointOf(unit, request.method, url.pathname, url.searchParams);
  const item = endpoint === "mu.post" || endpoint === "gateway.post" ? itemOf(request.body) : undefined;
  const onNode = unit === "node" ? namedOnNode(url.pathname, url.searchParams) : {};
  const inPath = unit === "node" ? undefined : url.pathname.split("/")[2];
  const named =
    endpoint === "cu.results" || endpoint === "cu.state" || endpoint === "mu.monitor" ? inPath : undefined;
  const processId =
    url.searchParams.get("process-id") ??
    onNode.process ??
    named ??
    (item?.type === "Process" ? item.id : item?.target);
  const messageId =
    item?.id ?? onNode.message ?? (unit === "node" ? undefined : messageIn(endpoint, url, inPath));
  return {
    unit,
    endpoint,
    n: n(endpoint),
    method: request.method,
    path: url.pathname,
    query: url.searchParams,
    body: request.body,
    at: performance.now(),
    ...(processId ? { processId } : {}),
    ...(messageId ? { messageId } : {}),
    ...(item ? { item } : {}),
  };
}

function messageIn(endpoint: Endpoint, url: URL, inPath: string | undefined): string | undefined {
  if (endpoint === "cu.result") return inPath;
  return endpoint === "su.message" ? url.pathname.slice(1) : undefined;
}

function itemOf(body: Buffer): CallItem | undefined {
  try {
    const item = new DataItem(body);
    const tags = Object.fromEntries(item.tags.map(({ name, value }) => [name, value]));
    const { Type = item.target === "" ? "other" : "Message" } = tags;
    const type = Type === "Process" || Type === "Message" ? Type : "other";
    return { id: item.id, target: item.target, type, tags };
  } catch {
    return undefined;
  }
}

import { createRequire } from "node:module";

const { DataItem } = createRequire(import.meta.url)(
  "@dha-team/arbundles",
) as typeof import("@dha-team/arbundles");

/** The units in front of which a call can be disturbed. */
export type Unit = "mu" | "cu" | "su" | "gateway";

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

/** The endpoint of a request. */
export function endpointOf(unit: Unit, method: string, path: string, query: URLSearchParams): Endpoint {
  const first = path.split("/")[1] ?? "";
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

/** Reads a request; a body that is not a data item has no `item`. */
export function callOf(
  unit: Unit,
  request: { method: string; url: string; body: Buffer },
  n: (endpoint: Endpoint) => number,
): Call {
  const url = new URL(request.url, "http://127.0.0.1");
  const endpoint = endpointOf(unit, request.method, url.pathname, url.searchParams);
  const item = endpoint === "mu.post" || endpoint === "gateway.post" ? itemOf(request.body) : undefined;
  const inPath = url.pathname.split("/")[2];
  const named =
    endpoint === "cu.results" || endpoint === "cu.state" || endpoint === "mu.monitor" ? inPath : undefined;
  const processId =
    url.searchParams.get("process-id") ?? named ?? (item?.type === "Process" ? item.id : item?.target);
  const messageId =
    endpoint === "cu.result" ? inPath : endpoint === "su.message" ? url.pathname.slice(1) : item?.id;
  return {
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

function itemOf(body: Buffer): CallItem | undefined {
  try {
    const item = new DataItem(body);
    const tags = Object.fromEntries(item.tags.map(({ name, value }) => [name, value]));
    const type = tags.Type === "Process" ? "Process" : tags.Type === "Message" ? "Message" : "other";
    return { id: item.id, target: item.target, type, tags };
  } catch {
    return undefined;
  }
}

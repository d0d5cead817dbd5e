import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DataItem } from "@dha-team/arbundles";
import type { LegacyEndpoints } from "../../src/ao/legacy/endpoints.ts";
import type { Budget } from "../../src/core/budget.ts";

export type Endpoint =
  | "mu.post"
  | "mu.monitor"
  | "mu.assign"
  | "upload"
  | "mu.root"
  | "cu.result"
  | "cu.results"
  | "cu.dryrun"
  | "cu.root"
  | "su.root"
  | "su.process"
  | "su.message"
  | "su.range"
  | "graphql"
  | "data";

export interface Request {
  readonly endpoint: Endpoint;
  /** The number of the call to this endpoint, from 1. */
  readonly nth: number;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** The answer of a scripted unit: `hang` never answers, `reset` breaks the connection, `cut` ends in the middle of the body. */
export type Reply =
  | { status?: number; json?: unknown; text?: string; headers?: Record<string, string>; cut?: boolean }
  | "hang"
  | "reset";

export type Script = (request: Request) => Reply | undefined | Promise<Reply | undefined>;

/**
 * A small network of scripted units on loopback. Without a script it accepts everything and answers every result with "ok". Its
 * scheduler knows what the messenger unit accepted without a script, and what was assigned.
 *
 * Each test has its own: a request that timed out at the sender may still arrive, as on any network, and units shared with the next test
 * would count and answer it there.
 */
export interface Units {
  readonly endpoints: LegacyEndpoints;
  readonly requests: Request[];
  /** The ids of the items that were posted to the messenger unit, in order. */
  readonly posted: string[];
  /** The ids of the items that were uploaded, in order. */
  readonly uploaded: string[];
  script(script: Script): void;
  count(endpoint: Endpoint): number;
  close(): Promise<void>;
}

/**
 * A budget that says 0.3 s and ends by a condition instead of the clock: on a busy machine a call may take longer than any time that a
 * test would wait.
 */
export const budgetWhile = (isLeft: () => boolean): Budget => ({
  total: 300,
  remaining: () => (isLeft() ? 30_000 : 0),
  gaveUp: { isSo: false },
});

export const MODULE = "m".repeat(43);
export const SCHEDULER = "s".repeat(43);
export const AUTHORITY = "a".repeat(43);

export const moduleNode = {
  id: MODULE,
  recipient: "",
  owner: { address: "o".repeat(43) },
  tags: [
    { name: "Data-Protocol", value: "ao" },
    { name: "Type", value: "Module" },
    { name: "Module-Format", value: "wasm64-unknown-emscripten-draft_2024_02_15" },
    { name: "Input-Encoding", value: "JSON-1" },
    { name: "Output-Encoding", value: "JSON-1" },
  ],
  block: { height: 1, timestamp: 2 },
};

export const page = (nodes: unknown[], hasNextPage = false, cursor = "c") => ({
  data: {
    transactions: {
      pageInfo: { hasNextPage },
      edges: nodes.map((node, n) => ({ cursor: `${cursor}${n}`, node })),
    },
  },
});

export const ok = (data: string) => ({
  json: { Output: { data }, Messages: [], Spawns: [], Assignments: [] },
});

export async function startUnits(): Promise<Units> {
  let script: Script = () => undefined;
  const requests: Request[] = [];
  const posted: string[] = [];
  const uploaded: string[] = [];
  const taken = new Set<string>();
  const assigned = new Set<string>();

  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const endpoint = endpointOf(incoming);
    const nth = requests.filter((earlier) => earlier.endpoint === endpoint).length + 1;
    const request = { endpoint, nth, path: incoming.url ?? "", headers: incoming.headers, body };
    requests.push(request);
    if (endpoint === "mu.post") posted.push(new DataItem(body).id);
    if (endpoint === "upload") uploaded.push(new DataItem(body).id);
    const scripted = await script(request);
    if (scripted === undefined && endpoint === "mu.post") taken.add(new DataItem(body).id);
    if (scripted === undefined && endpoint === "mu.assign") {
      taken.add(query(request, "assign"));
      assigned.add(query(request, "assign"));
    }
    await give(response, scripted ?? usual(request, taken, assigned));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    endpoints: {
      gatewayUrl: base,
      graphqlUrl: `${base}/graphql`,
      muUrl: `${base}/mu`,
      cuUrl: `${base}/cu`,
      suUrl: `${base}/su`,
      scheduler: SCHEDULER,
      authority: AUTHORITY,
    },
    requests,
    posted,
    uploaded,
    script(next) {
      script = next;
    },
    count: (endpoint) => requests.filter((request) => request.endpoint === endpoint).length,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function endpointOf({ url = "", method }: IncomingMessage): Endpoint {
  if (url.startsWith("/mu/?process-id=")) return "mu.assign";
  if (url.startsWith("/mu/monitor/")) return "mu.monitor";
  if (url.startsWith("/tx") && method === "POST") return "upload";
  if (url.startsWith("/mu")) return method === "POST" ? "mu.post" : "mu.root";
  if (url.startsWith("/cu/results/")) return "cu.results";
  if (url.startsWith("/cu/result/")) return "cu.result";
  if (url.startsWith("/cu/dry-run")) return "cu.dryrun";
  if (url.startsWith("/cu")) return "cu.root";
  if (url.startsWith("/su/processes/")) return "su.process";
  if (url === "/su/") return "su.root";
  if (url.startsWith("/su/")) return /from(-nonce)?=/.test(url) ? "su.range" : "su.message";
  return url.startsWith("/graphql") ? "graphql" : "data";
}

const query = ({ path }: Request, name: string) => new URL(path, "http://units").searchParams.get(name) ?? "";

/** A scheduler unit's answer about something that it does not know. */
export const notFound: Reply = { status: 400, json: { error: "Message or Process not found" } };

/** The id of the assignment of an uploaded message, which differs from every message's id. */
export const assignmentOf = (id: string) => `assigned-${id.slice(9)}`;

const entry = (id: string, message: { id: string } | null) => ({
  message,
  assignment: { id: assignmentOf(id), tags: [{ name: "Message", value: id }] },
});

/** A compute unit's answer about a message that its scheduler unit does not know, for example one that was only assigned. */
const unknownResult: Reply = {
  status: 500,
  json: {
    error:
      'Error: Error Encountered when loading message from Scheduler Unit: 400: {"error":"Message or Process not found"}',
  },
};

function usual(request: Request, taken: ReadonlySet<string>, assigned: ReadonlySet<string>): Reply {
  const { endpoint, body, path } = request;
  const named = path.split("/").at(-1)?.split("?")[0] ?? "";
  switch (endpoint) {
    case "su.root":
      return { json: { timestamp: "1700000000000", address: SCHEDULER } };
    case "su.process":
      return taken.has(named)
        ? { json: { process_id: named } }
        : { status: 400, json: { error: 'NotFound("Process not found")' } };
    case "su.message":
      return taken.has(named) ? { json: entry(named, { id: named }) } : notFound;
    case "su.range":
      return {
        json: {
          page_info: { has_next_page: false },
          edges: [...taken].map((id, n) => ({ cursor: String(n), node: entry(id, null) })),
        },
      };
    case "mu.post":
      return { status: 202, json: { message: "Processing DataItem", id: new DataItem(body).id } };
    case "mu.assign":
      return {
        status: 202,
        json: { message: "Processing Assignment", id: assignmentOf(query(request, "assign")) },
      };
    case "cu.result":
      return assigned.has(named) ? unknownResult : ok("ok");
    case "mu.monitor":
      return { text: "Monitoring process" };
    case "upload":
      return { json: { id: new DataItem(body).id } };
    case "mu.root":
      return { text: "ao messenger unit" };
    case "cu.root":
      return { json: { address: AUTHORITY, timestamp: 1 } };
    case "cu.results":
      return { json: { pageInfo: { hasNextPage: false }, edges: [] } };
    case "graphql":
      return { json: page([moduleNode]) };
    case "data":
      return { text: "data" };
    default:
      return ok("ok");
  }
}

async function give(response: ServerResponse, reply: Reply): Promise<void> {
  if (reply === "hang") return;
  if (reply === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  const body = reply.json === undefined ? (reply.text ?? "") : JSON.stringify(reply.json);
  response.writeHead(reply.status ?? 200, {
    "content-type": reply.json === undefined ? "text/html" : "application/json",
    "content-length": Buffer.byteLength(body),
    ...reply.headers,
  });
  if (!reply.cut) {
    response.end(body);
    return;
  }
  await new Promise<void>((resolve) =>
    response.write(body.slice(0, Math.floor(body.length / 2)), () => resolve()),
  );
  response.socket?.destroy();
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type Call, callOf, type Unit } from "./calls.ts";
import { type Answer, type FaultRule, Faults } from "./faults.ts";

/** Where the real (or simulated) units listen. */
export type Upstream = Readonly<Record<Exclude<Unit, "node">, string> & { node?: string }>;

/** A fault proxy: one loopback server in front of each unit. */
export interface FaultProxy {
  readonly urls: Upstream;
  /** Called with every call before any fault, for presets that count calls. */
  onCall?: (call: Call) => void;
  close(): Promise<void>;
}

const UNITS: readonly Unit[] = ["mu", "cu", "su", "gateway", "node"];
const HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>";

/**
 * Runs in front of any network that speaks the legacy protocol and disturbs calls by the rules in `faults`.
 * Hanging calls end when the client goes away or the proxy is closed.
 */
export async function startFaultProxy(
  upstream: Upstream,
  faults: Faults,
  /** Rules that come first and stay when `faults` is cleared. */
  always: Faults = new Faults(),
): Promise<FaultProxy> {
  const servers: Server[] = [];
  const urls: Partial<Record<Unit, string>> = {};
  const proxy: { urls: Upstream; onCall?: (call: Call) => void; close(): Promise<void> } = {
    urls: upstream,
    async close() {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((done) => {
              server.close(() => done());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
  for (const unit of UNITS) {
    if (upstream[unit] === undefined) continue;
    const server = createServer((request, response) => {
      serve(unit, request, response).catch(() => response.destroy());
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    urls[unit] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  proxy.urls = urls as Upstream;
  return proxy;

  async function serve(unit: Unit, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const call = callOf(
      unit,
      { method: request.method ?? "GET", url: request.url ?? "/", body },
      (endpoint) => faults.number(endpoint),
    );
    proxy.onCall?.(call);
    const rules = [...always.decide(call), ...faults.decide(call)];
    const rewrites: FaultRule[] = [];
    let last: FaultRule | undefined;
    for (const rule of rules) {
      const { fault } = rule;
      if (fault.kind === "delay") {
        faults.record(rule, call);
        await sleep(typeof fault.ms === "number" ? fault.ms : fault.ms(call, faults.rng));
      } else if (fault.kind === "rewrite") rewrites.push(rule);
      else if (fault.kind === "answer") {
        const answer = await fault.with(call);
        if (answer) {
          faults.record(rule, call);
          return send(response, answer);
        }
      } else last = rule;
    }
    const fault = last?.fault;
    if (last && fault && fault.kind !== "answer" && fault.kind !== "rewrite") {
      faults.record(last, call);
      if (fault.kind === "reset") return void response.destroy();
      if (fault.kind === "hang") return hang(response, fault.ms);
      if (fault.kind === "html")
        return send(response, answerOf(fault.status, fault.body ?? HTML, "text/html; charset=utf-8"));
      if (fault.kind === "status") {
        const answer = answerOf(fault.status, fault.body ?? "", fault.contentType ?? "application/json");
        return send(
          response,
          fault.retryAfter === undefined
            ? answer
            : { ...answer, headers: { ...answer.headers, "retry-after": String(fault.retryAfter) } },
        );
      }
    }
    let answer = await (unit === "node"
      ? forwardRaw(upstream.node ?? "", request, body)
      : forward(unit, request, body));
    for (const rule of rewrites) {
      if (rule.fault.kind !== "rewrite") continue;
      const rewritten = await rule.fault.with(answer, call);
      if (rewritten === answer) continue;
      faults.record(rule, call);
      const { raw, ...rest } = rewritten;
      // What was rewritten is not what the node sent, unless the rule wrote the whole answer.
      answer = raw === answer.raw ? rest : rewritten;
    }
    if (fault?.kind === "loseAnswer") return void response.destroy();
    if (fault?.kind === "cutJson") {
      const cut = Math.max(1, Math.floor(answer.body.length / 2));
      const { raw: _, ...rest } = answer;
      return send(response, { ...rest, body: answer.body.subarray(0, cut) });
    }
    send(response, answer);
  }

  async function forward(unit: Unit, request: IncomingMessage, body: Buffer): Promise<Answer> {
    const target = new URL(request.url ?? "/", upstream[unit]);
    const method = request.method ?? "GET";
    const headers: Record<string, string> = {};
    for (const name of ["content-type", "accept"]) {
      const value = request.headers[name];
      if (typeof value === "string") headers[name] = value;
    }
    const bodyless = method === "GET" || method === "HEAD";
    const got = await fetch(target, {
      method,
      headers,
      redirect: "manual",
      ...(bodyless ? {} : { body: new Uint8Array(body) }),
    });
    const kept: Record<string, string> = {};
    for (const name of ["content-type", "retry-after", "location"]) {
      const value = got.headers.get(name);
      if (value !== null) kept[name] = value;
    }
    return { status: got.status, headers: kept, body: Buffer.from(await got.arrayBuffer()) };
  }
}

/** Headers of a request that a node reads. */
const NODE_HEADERS = ["content-type", "accept", "accept-bundle", "codec-device"];

/** Forwards to a node and keeps the bytes of its answer: no HTTP library passes damaged headers on. */
async function forwardRaw(base: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const { hostname, port, host } = new URL(base);
  const given = NODE_HEADERS.flatMap((name) =>
    request.headers[name] === undefined ? [] : [`${name}: ${request.headers[name]}`],
  );
  const lines = [
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    `${request.method} ${request.url} HTTP/1.0`,
    ...[`host: ${host}`, `content-length: ${body.length}`],
    ...given,
  ];
  const socket = connect(Number(port), hostname);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  socket.write(body);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const end = raw.indexOf("\r\n\r\n");
  const [start = "", ...rest] = raw.subarray(0, end).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    rest.flatMap((line) => {
      const [, name = "", value = ""] = /^([\w-]+): *([^\n]*)$/.exec(line) ?? [];
      return name === "" || /^(connection|content-length|keep-alive|date)$/i.test(name)
        ? []
        : [[name, value]];
    }),
  );
  return { status: Number(start.split(" ")[1]), headers, body: raw.subarray(end + 4), raw };
}

/** An answer whose body is a string. */
export function answerOf(status: number, body: string, contentType = "application/json"): Answer {
  return { status, headers: { "content-type": contentType }, body: Buffer.from(body) };
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer.raw !== undefined && response.socket) return void response.socket.end(answer.raw);
  response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
  response.end(answer.body);
}

async function hang(response: ServerResponse, ms: number | undefined): Promise<void> {
  await new Promise<void>((done) => {
    const timer = ms === undefined ? undefined : setTimeout(done, ms);
    response.once("close", () => {
      clearTimeout(timer);
      done();
    });
  });
  response.destroy();
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function sleep(ms: number): Promise<void> {
  return ms > 0 ? new Promise((done) => setTimeout(done, ms)) : Promise.resolve();
}

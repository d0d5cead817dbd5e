import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Call } from "./calls.ts";
import { endpointOf } from "./calls.ts";
import { anyFault, type FaultRule, Faults } from "./faults.ts";
import { type FaultProxy, startFaultProxy } from "./proxy.ts";
import { draw, rngOf } from "./rng.ts";

const call = (endpoint: Call["endpoint"], n = 1): Call => ({
  unit: "cu",
  ...{ endpoint, n, method: "GET", path: "/", query: new URLSearchParams(), body: Buffer.alloc(0), at: 0 },
});

describe("rules", () => {
  const rule = (more: Partial<FaultRule> = {}): FaultRule => ({
    on: "cu.result",
    fault: { kind: "reset" },
    ...more,
  });
  const hits = (faults: Faults, calls: number, endpoint: Call["endpoint"] = "cu.result") =>
    Array.from({ length: calls }, (_, n) => faults.decide(call(endpoint, n + 1)).length);

  test("select by endpoint, nth call and number of times", () => {
    expect(hits(new Faults({ rules: [rule()] }), 2)).toEqual([1, 1]);
    expect(hits(new Faults({ rules: [rule()] }), 2, "cu.dryrun")).toEqual([0, 0]);
    expect(hits(new Faults({ rules: [rule({ nth: [1, 3] })] }), 4)).toEqual([1, 0, 1, 0]);
    expect(hits(new Faults({ rules: [rule({ times: 2 })] }), 3)).toEqual([1, 1, 0]);
  });

  test("repeat a share with the same seed, and keep to it", () => {
    const count = (seed: number) =>
      hits(new Faults({ seed, rules: [rule({ share: 0.2 })] }), 5000).reduce((sum, n) => sum + n, 0);
    expect(count(3)).toBe(count(3));
    expect(count(3)).not.toBe(count(4));
    expect(count(3) / 5000).toBeCloseTo(0.2, 1);
  });

  test("mix faults evenly to the requested share", () => {
    const faults = new Faults({ seed: 5, rules: anyFault("*", 0.5) });
    const kinds = Array.from({ length: 20_000 }, () => faults.decide(call("cu.result"))[0]?.name);
    const failed = kinds.filter((name) => name !== undefined);
    expect(failed.length / kinds.length).toBeCloseTo(0.5, 1);
    expect(new Set(failed).size).toBe(10);
    const resets = failed.filter((name) => name === "any:reset").length;
    expect(resets / kinds.length).toBeCloseTo(0.05, 2);
  });

  test("can be removed and cleared", () => {
    const faults = new Faults();
    const remove = faults.add(rule());
    faults.add(rule({ on: "*", fault: { kind: "delay", ms: 1 } }));
    expect(hits(faults, 1)).toEqual([1]);
    remove();
    expect(faults.decide(call("cu.result"))[0]?.fault.kind).toBe("delay");
    faults.clear();
    expect(hits(faults, 1)).toEqual([0]);
  });

  test("draw spans from the seed", () => {
    const draws = (seed: number) => Array.from({ length: 5 }, () => draw({ min: 10, max: 20 }, rngOf(seed)));
    expect(draws(1)).toEqual(draws(1));
    expect(draws(1).every((ms) => ms >= 10 && ms < 20)).toBe(true);
    expect(draw({ min: 0, max: 1, tail: 1, tailMs: 500 }, rngOf(1))).toBe(500);
  });
});

test.each([
  ["mu", "POST", "/", "mu.post"],
  ["mu", "POST", "/?process-id=a&assign=b", "mu.assign"],
  ["mu", "DELETE", "/monitor/x", "mu.monitor"],
  ["cu", "GET", "/result/m?process-id=p", "cu.result"],
  ["cu", "GET", "/results/p", "cu.results"],
  ["cu", "POST", "/dry-run?process-id=p", "cu.dryrun"],
  ["su", "GET", "/timestamp", "su.timestamp"],
  ["gateway", "POST", "/graphql", "gateway.graphql"],
  ["gateway", "GET", "/some-id", "gateway.data"],
] as const)("%s %s %s is %s", (unit, method, path, endpoint) => {
  const url = new URL(path, "http://x");
  expect(endpointOf(unit, method, url.pathname, url.searchParams)).toBe(endpoint);
});

describe("the proxy", () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? "");
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"Output":{"data":"fine"}}');
  });
  const faults = new Faults();
  let proxy: FaultProxy;
  let url: string;

  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    proxy = await startFaultProxy({ mu: upstream, cu: upstream, su: upstream, gateway: upstream }, faults);
    url = `${proxy.urls.cu}/result/m?process-id=p`;
  });
  afterAll(async () => {
    await proxy.close();
    await new Promise((done) => server.close(done));
  });
  const once = async <T>(
    fault: FaultRule["fault"],
    ask: () => Promise<T>,
  ): Promise<{ got: T; reached: boolean }> => {
    const before = seen.length;
    const remove = faults.add({ on: "cu.result", fault });
    try {
      return { got: await ask(), reached: seen.length > before };
    } finally {
      remove();
    }
  };
  const text = async () => {
    const response = await fetch(url);
    return {
      status: response.status,
      retry: response.headers.get("retry-after"),
      text: await response.text(),
    };
  };
  const failed = () =>
    fetch(url)
      .then((response) => response.text())
      .then(
        () => false,
        () => true,
      );

  test("passes calls on unchanged", async () => {
    expect((await text()).text).toBe('{"Output":{"data":"fine"}}');
  });

  test("answers itself with statuses, Retry-After and pages", async () => {
    const limited = await once(
      { kind: "status", status: 429, retryAfter: 7, body: '{"error":"slow"}' },
      text,
    );
    expect(limited).toEqual({ got: { status: 429, retry: "7", text: '{"error":"slow"}' }, reached: false });
    const page = await once({ kind: "html", status: 502 }, text);
    expect(page.got.text).toContain("<html>");
  });

  test("cuts the connection before the unit, or after it did its work", async () => {
    expect(await once({ kind: "reset" }, failed)).toEqual({ got: true, reached: false });
    expect(await once({ kind: "loseAnswer" }, failed)).toEqual({ got: true, reached: true });
  });

  test("cuts an answer in the middle", async () => {
    const { got } = await once({ kind: "cutJson" }, text);
    expect(got.status).toBe(200);
    expect(() => JSON.parse(got.text)).toThrow();
  });

  test("hangs until the client goes away", async () => {
    const hung = await once({ kind: "hang" }, () =>
      fetch(url, { signal: AbortSignal.timeout(100) }).then(
        () => "answered",
        (error: Error) => error.name,
      ),
    );
    expect(hung).toEqual({ got: "TimeoutError", reached: false });
  });

  test("delays, rewrites and keeps a record", async () => {
    const started = performance.now();
    await once({ kind: "delay", ms: 60 }, text);
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    const rewritten = await once(
      { kind: "rewrite", with: (answer) => ({ ...answer, body: Buffer.from("{}") }) },
      text,
    );
    expect(rewritten.got.text).toBe("{}");
    expect(faults.injected.slice(-2).map(({ kind, processId }) => [kind, processId])).toEqual([
      ["delay", "p"],
      ["rewrite", "p"],
    ]);
  });
});

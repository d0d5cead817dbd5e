import { request } from "node:http";
import { afterEach, describe, expect, it, vi } from "vitest";
import { printable } from "../../src/core/printable.ts";
import { type Dashboard, type DashboardOptions, serveDashboard } from "../../src/dashboard/server.ts";
import { watch } from "../../src/dashboard/watch.ts";
import { FakeSource, guideFleet } from "./fixture.ts";

let open: Dashboard | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function serve(options: Partial<DashboardOptions> = {}): Promise<{ url: string; source: FakeSource }> {
  const source = new FakeSource(guideFleet());
  open = await serveDashboard(source, {
    host: "127.0.0.1",
    port: 0,
    everySeconds: 60,
    allowActions: true,
    ...options,
  });
  return { url: open.url, source };
}

/** The address without its fragment, and the token in it. */
function split(url: string): { base: string; token: string } {
  const [base = "", fragment = ""] = url.split("#");
  return { base, token: new URLSearchParams(fragment).get("token") ?? "" };
}

/** fetch sets Host and Origin itself, so this uses a plain request. */
const statusFor = (url: string, headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((done, failed) => {
    request(url, { headers }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    })
      .on("error", failed)
      .end();
  });

describe("the dashboard's server", () => {
  it("answers only under its own name, and not to a page of another site", async () => {
    const { url } = await serve();
    const { port } = new URL(url);
    for (const host of ["localhost", `LOCALHOST:${port}`, `127.0.0.1:${port}`, "[::1]:1"])
      expect([host, await statusFor(url, { host })]).toEqual([host, 200]);
    for (const host of ["evil.example", "127.0.0.1.evil.example", `localhost.evil.example:${port}`])
      expect([host, await statusFor(url, { host })]).toEqual([host, 421]);
    const host = `127.0.0.1:${port}`;
    for (const origin of ["http://evil.example", "null", "http://127.0.0.1:1", `https://${host}`, "file://"])
      expect([origin, await statusFor(url, { host, origin })]).toEqual([origin, 403]);
    expect(await statusFor(url, { host, origin: `http://${host}` })).toBe(200);
    // A link may open the page, but no site may load what it shows.
    expect(await statusFor(url, { host, "sec-fetch-site": "cross-site" })).toBe(200);
    const { url: open } = await serve({ allowActions: false });
    const api = new URL("api/fleet", open).href;
    for (const site of ["cross-site", "same-site"])
      expect(await statusFor(api, { host: new URL(open).host, "sec-fetch-site": site })).toBe(403);
    expect(await statusFor(api, { host: new URL(open).host })).toBe(200);
  });

  it.each([
    ["where others can reach it", { host: "0.0.0.0", allowActions: false }],
    ["on loopback if it allows actions", { allowActions: true }],
  ])("requires its token %s, and never reads one from an address or a cookie", async (_, options) => {
    const { url, source } = await serve(options);
    const { base, token } = split(url);
    expect(token).toMatch(/^[\w-]{43}$/);
    // The page has nothing of the fleet in it: it takes the token from the fragment, which no request contains.
    expect((await fetch(base)).status).toBe(200);
    const calls: readonly [string, RequestInit][] = [
      ["api/fleet", {}],
      ["api/events", {}],
      ["api/processes/battle/messages", {}],
      ["api/processes/battle/audit", {}],
      ["api/difference?from=a&to=b", {}],
      [
        "api/actions",
        { method: "POST", headers: { "content-type": "application/json" }, body: '{"kind":"abort"}' },
      ],
    ];
    for (const [path, init] of calls) {
      const without = await fetch(base + path, init);
      expect([path, without.status]).toEqual([path, 401]);
      expect(await without.json()).toMatchObject({ problems: [{ code: "TOKEN_MISSING" }] });
      expect(
        (await fetch(`${base}${path}${path.includes("?") ? "&" : "?"}token=${token}`, init)).status,
      ).toBe(401);
      const cookie = { ...init.headers, cookie: `fleet-dashboard=${token}; x-fleet-token=${token}` };
      expect((await fetch(base + path, { ...init, headers: cookie })).status).toBe(401);
      const wrong = { ...init.headers, "x-fleet-token": `${token.slice(1)}x` };
      expect((await fetch(base + path, { ...init, headers: wrong })).status).toBe(401);
    }
    expect(source.acted).toEqual([]);
    const inside = await fetch(`${base}api/fleet`, { headers: { "x-fleet-token": token } });
    expect([inside.status, inside.headers.get("set-cookie")]).toEqual([200, null]);
  });

  it("needs no token for reading on loopback", async () => {
    const { url } = await serve({ allowActions: false });
    expect(split(url).token).toBe("");
    expect((await fetch(`${url}api/fleet`)).status).toBe(200);
  });

  it("streams to a limited number of pages, and to another one when one leaves", async () => {
    const { url } = await serve({ allowActions: false });
    const leave: AbortController[] = [];
    const follow = async () => {
      const ended = new AbortController();
      leave.push(ended);
      const answer = await fetch(`${url}api/events`, { signal: ended.signal });
      if (answer.ok) await answer.body?.getReader().read();
      return answer;
    };
    for (let n = 0; n < 16; n += 1) expect((await follow()).status).toBe(200);
    const more = await follow();
    expect([more.status, await more.json()]).toMatchObject([503, { problems: [{ code: "TOO_MANY_PAGES" }] }]);
    leave[0]?.abort();
    await expect.poll(async () => (await follow()).status).toBe(200);
    for (const each of leave) each.abort();
  });

  it("serves the function that makes text printable as the page's own module", async () => {
    const { url } = await serve({ allowActions: false });
    const answer = await fetch(`${url}files/printable.js`);
    expect(answer.headers.get("content-type")).toContain("text/javascript");
    const module = await import(`data:text/javascript,${encodeURIComponent(await answer.text())}`);
    for (let code = 0; code < 0xe0100; code += code < 0x3100 ? 1 : 97) {
      const text = `a${String.fromCodePoint(code)}b`;
      expect(module.printable(text)).toBe(printable(text));
    }
  });

  it("refuses what another site's form could send", async () => {
    const { url, source } = await serve();
    const { base, token } = split(url);
    const body = JSON.stringify({ kind: "abort" });
    const headers = { "content-type": "text/plain", "x-fleet-token": token };
    const answer = await fetch(`${base}api/actions`, { method: "POST", headers, body });
    expect(answer.status).toBe(415);
    expect(source.acted).toEqual([]);
  });

  it.each([
    [
      "api/actions",
      { method: "POST", headers: { "content-type": "application/json" }, body: '{"kind":"explode"}' },
      400,
    ],
    ["api/processes/battle/messages?before=x", {}, 400],
    ["api/difference?from=a", {}, 400],
    ["api/processes/nobody/messages", {}, 422],
    ["files/..%2f..%2fpackage.json", {}, 404],
    ["files/__proto__", {}, 404],
    ["files/constructor", {}, 404],
    ["files/toString", {}, 404],
  ])("answers %s according to its problem", async (path, init: RequestInit, status) => {
    const { base, token } = split((await serve()).url);
    const headers = { ...init.headers, "x-fleet-token": token };
    expect((await fetch(base + path, { ...init, headers })).status).toBe(status);
  });

  it("allows no script but its own", async () => {
    const { url } = await serve();
    const policy = (await fetch(url)).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
  });

  it("names an address that it cannot use", async () => {
    const { url } = await serve();
    const again = serveDashboard(new FakeSource([]), {
      host: "127.0.0.1",
      port: Number(new URL(url).port),
      everySeconds: 1,
      allowActions: false,
    });
    await expect(again).rejects.toMatchObject({ code: "DASHBOARD_PORT" });
  });

  it("reads the fleet again for whoever asks without a page that is open", async () => {
    const source = new FakeSource(guideFleet());
    const asOften = watch(source, 0, false);
    await asOften.latest();
    await asOften.latest();
    expect(source.observed).toBe(2);
    const fresh = watch(source, 60, false);
    await fresh.latest();
    await fresh.latest();
    expect(source.observed).toBe(3);
    const observe = vi.spyOn(source, "observe");
    observe.mockRejectedValueOnce(new Error("https://ops:hunter2@units.example is down"));
    const { problems, processes } = await asOften.latest();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("units.example is down");
    expect(problems[0]).not.toContain("hunter2");
    expect(processes).toHaveLength(guideFleet().length);
    expect((await asOften.latest()).problems).toEqual([]);
  });

  it("queries the fleet only while somebody looks", async () => {
    const source = new FakeSource(guideFleet());
    const watching = watch(source, 0.01, false);
    await watching.latest();
    expect(source.observed).toBe(1);
    const seen: number[] = [];
    const leave = await new Promise<() => void>((done) => {
      const stop = watching.subscribe(() => {
        seen.push(source.observed);
        if (seen.length === 3) done(stop);
      });
    });
    leave();
    const then = source.observed;
    await new Promise((done) => setTimeout(done, 60));
    expect(source.observed).toBeLessThanOrEqual(then + 1);
    watching.close();
  });
});

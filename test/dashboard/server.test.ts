import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
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

/** fetch sets Host itself, so this uses a plain request. */
const statusFor = (url: string, host: string): Promise<number | undefined> =>
  new Promise((done, failed) => {
    request(url, { headers: { host } }, (answer) => {
      answer.resume();
      done(answer.statusCode);
    })
      .on("error", failed)
      .end();
  });

describe("the dashboard's server", () => {
  it("answers only under its own name", async () => {
    const { url } = await serve();
    expect(await statusFor(url, "localhost")).toBe(200);
    expect(await statusFor(url, "evil.example")).toBe(421);
  });

  it("asks for the token once where others can reach it, then for its cookie", async () => {
    const { url } = await serve({ host: "0.0.0.0" });
    const local = url.replace("0.0.0.0", "127.0.0.1");
    const bare = new URL(local);
    bare.search = "";
    expect((await fetch(bare)).status).toBe(401);
    expect((await fetch(new URL("api/fleet?token=wrong", bare))).status).toBe(401);
    const entered = await fetch(local, { redirect: "manual" });
    expect(entered.status).toBe(303);
    expect(entered.headers.get("location")).toBe("/");
    const cookie = entered.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly/);
    const inside = await fetch(new URL("api/fleet", bare), {
      headers: { cookie: cookie.split(";")[0] ?? "" },
    });
    expect(inside.status).toBe(200);
  });

  it("refuses what another site's form could send", async () => {
    const { url, source } = await serve();
    const body = JSON.stringify({ kind: "abort" });
    const answer = await fetch(`${url}api/actions`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body,
    });
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
  ])("answers %s according to its problem", async (path, init, status) => {
    const { url } = await serve();
    expect((await fetch(url + path, init)).status).toBe(status);
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

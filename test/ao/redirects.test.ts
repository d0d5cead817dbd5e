/** A POST follows the redirects that keep method and body, and no others. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import { unitAt } from "../../src/ao/shared/http.ts";
import { redirected } from "../../src/ao/shared/redirects.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import { type Endpoint, ok, type Reply } from "./units.ts";

let ao: Ao;
beforeEach(() => {
  ao = connectLegacy({
    endpoints: { ...units.endpoints, uploadUrl: units.endpoints.gatewayUrl },
    ...{ wallet, journal },
    limits: { firstRead: 0, inFlight: 0, backoff: { base: 5, cap: 20, floor: 1 } },
  });
});

const P = `${"p".repeat(42)}o`;
const send = () => ao.send({ intent: "m", processId: P, tags: { Action: "Eval" }, data: "1" }, budgetOf(5));
const publish = () =>
  ao.publish({ intent: "u", tags: { Type: "Module" }, data: new Uint8Array(3) }, budgetOf(5));
/** The first call to this endpoint is redirected, and only to there. */
function redirects(endpoint: Endpoint, status: number, location: string, answer?: Reply): void {
  units.script((call) => {
    if (call.endpoint !== endpoint) return undefined;
    return call.nth === 1 ? { status, headers: { location }, text: "" } : answer;
  });
}
const paths = () => units.requests.map(({ path }) => path);

describe.each([307, 308])("a redirect by %i", (status) => {
  test("sends a message there, once, without a lookup", async () => {
    redirects("mu.post", status, "/mu/v2?key=1");
    const { id } = await send();
    expect(paths()).toEqual(["/mu", "/mu/v2?key=1"]);
    expect(units.posted).toEqual([id, id]);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test("sends an upload there, once", async () => {
    redirects("upload", status, "tx/new");
    const { id } = await publish();
    expect(paths()).toEqual(["/tx", "/tx/new"]);
    expect(units.uploaded).toEqual([id, id]);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test("asks there for a dry run", async () => {
    redirects("cu.dryrun", status, "/cu/dry-run/new", ok("7"));
    const { output } = await ao.dryrun({ processId: P, tags: { Action: "Info" } }, budgetOf(5));
    expect(output).toBe("7");
    const [first, second, ...more] = units.requests;
    expect([second?.path, more]).toEqual(["/cu/dry-run/new", []]);
    expect(second?.body.toString()).toBe(first?.body.toString());
  });
});

test.each([301, 302, 303])(
  "a redirect by %i is a failure that is final after the third one",
  async (status) => {
    const location = "https://elsewhere.example/login?token=hidden";
    units.script(({ endpoint }) =>
      endpoint === "mu.post" ? { status, headers: { location }, text: "" } : undefined,
    );
    const refusal = send();
    await expect(refusal).rejects.toMatchObject({
      transient: false,
      problems: [
        { code: "UNIT_REDIRECTED", got: `${status}, a redirect to https://elsewhere.example/login` },
      ],
    });
    await expect(refusal).rejects.not.toThrow("hidden");
    expect(units.posted).toHaveLength(3);
  },
);

test("a spawn that is redirected by 302 is looked up between its posts, and ends after the third one", async () => {
  units.script(({ endpoint }) => {
    if (endpoint === "mu.post") return { status: 302, headers: { location: "/" }, text: "" };
    return endpoint === "su.process"
      ? { status: 400, json: { error: 'NotFound("Process not found")' } }
      : undefined;
  });
  const spawn = ao.spawn({ intent: "s", module: "m".repeat(43), tags: { Name: "x" } }, budgetOf(20));
  await expect(spawn).rejects.toMatchObject({ code: "UNIT_REDIRECTED", transient: false });
  expect(units.posted).toHaveLength(3);
  expect(units.count("su.process")).toBeGreaterThanOrEqual(2);
});

describe("a unit", () => {
  const seen: IncomingMessage[] = [];
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
    seen.length = 0;
  });
  async function serve(location?: string): Promise<string> {
    const server = createServer((request, response) => {
      seen.push(request);
      request.resume();
      request.on("end", () => {
        if (location !== undefined) response.writeHead(308, { location });
        response.end("{}");
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    closing.push(() => server.close().closeAllConnections());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const post = (url: string, beforePost = () => {}) =>
    unitAt("upload service", url, { concurrency: 1, timeout: 5000, beforePost }).ask(
      { url: `${url}/tx`, method: "POST", headers: { "content-type": "x/y", authorization: "s" }, body: "b" },
      budgetOf(5),
    );

  test("gives another host the body and its type, and no credentials", async () => {
    const other = await serve();
    const { ok: isOk } = await post(await serve(other.replace("http://", "http://user:secret@")));
    expect(isOk).toBe(true);
    expect(seen.map(({ headers }) => [headers.authorization, headers["content-type"]])).toEqual([
      ["s", "x/y"],
      [undefined, "x/y"],
    ]);
  });

  test("is followed to five other addresses at most", async () => {
    const refusal = post(await serve("/again"));
    await expect(refusal).rejects.toMatchObject({ code: "UNIT_REDIRECTED", hadNoEffect: true });
    expect(seen).toHaveLength(6);
  });

  test("is asked for leave before each post, also at the other address", async () => {
    let left = 1;
    const refusal = post(await serve("/again"), () => {
      if (left === 0) throw new Error("lost");
      left -= 1;
    });
    await expect(refusal).rejects.toThrow("lost");
    expect(seen).toHaveLength(1);
  });

  test("names the other address if nothing answers there, without its query", async () => {
    const gone = await serve();
    const refusal = serve(`${gone}/tx?token=hidden`).then((url) => {
      closing[0]?.();
      return post(url);
    });
    await expect(refusal).rejects.toMatchObject({ code: "UNIT_DOWN", hadNoEffect: true });
    await expect(refusal).rejects.toThrow(`which redirects to ${gone}/tx cannot be reached`);
    await expect(refusal).rejects.not.toThrow("hidden");
  });
});

describe("the address of a redirect", () => {
  const from = { url: "https://unit.example/a/b?x=1", body: "b" };
  test.each<[string, string]>([
    ["c", "https://unit.example/a/c"],
    ["/c?y=2", "https://unit.example/c?y=2"],
    ["//other.example", "https://other.example/"],
  ])("is relative to the call's: %s", (location, url) =>
    expect(redirected(from, 307, location)).toEqual({ url, body: "b", headers: {} }),
  );

  test.each<[string, string]>([
    ["http://unit.example/c?y=2", "307, a redirect to http://unit.example/c"],
    ["ftp://unit.example/c", "307, a redirect to ftp://unit.example/c"],
    ["https://", "307, a redirect to an invalid address"],
  ])("is not followed without encryption, or if it is none: %s", (location, refused) =>
    expect(redirected(from, 307, location)).toEqual({ refused }),
  );

  test("may be the encrypted one of an unencrypted unit", () =>
    expect(redirected({ url: "http://unit.example/a" }, 308, "https://unit.example/a")).toEqual({
      url: "https://unit.example/a",
      headers: {},
    }));
});

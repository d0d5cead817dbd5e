import { DataItem } from "@dha-team/arbundles";
import { beforeEach, describe, expect, test } from "vitest";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { checkNetwork } from "../../src/ao/legacy/preview.ts";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import { budgetWhile, MODULE, page, type Reply, SCHEDULER } from "./units.ts";

let ao: Ao;
let intent = 0;

const P = "p".repeat(43);
const send = (budget = budgetOf(5)) => {
  intent += 1;
  return ao.send({ intent: `k${intent}`, processId: P, tags: { Action: "Eval" }, data: "1" }, budget);
};

function posts(...replies: (Reply | undefined)[]): void {
  units.script(({ endpoint, nth }) =>
    endpoint === "mu.post" ? replies[Math.min(nth, replies.length) - 1] : undefined,
  );
}

beforeEach(() => {
  ao = connectLegacy({
    endpoints: units.endpoints,
    wallet,
    journal,
    limits: { backoff: { base: 5, cap: 20, floor: 1 } },
  });
});

describe("an answer of the messenger unit that is not final", () => {
  test.each<[string, Reply]>([
    ["4: warming up", { status: 500, json: { error: "Error: CU is warming up" } }],
    ["4: fetch failed", { status: 500, json: { error: "TypeError: fetch failed" } }],
    [
      "3: a process that is not shown yet",
      { status: 500, json: { error: "Cannot read properties of undefined (reading 'tags')" } },
    ],
    ["an unknown reason", { status: 500, json: { error: "something" } }],
    ["a gateway's HTML", { status: 504, text: "<html>Gateway Time-out</html>" }],
    ["200 around a failure", { json: { error: "fetch failed" } }],
    ["200 with HTML", { text: "<html>welcome</html>" }],
    ["accepted, for another item", { status: 202, json: { id: "other" } }],
    ["202, cut off", { status: 202, json: { message: "Processing DataItem" }, cut: true }],
    ["too many calls", { status: 429, headers: { "retry-after": "0" } }],
    ["a refusal without a reason", { status: 403, text: "" }],
    ["a reset", "reset"],
  ])("sends the same bytes again: %s", async (_, reply) => {
    posts(reply, reply, undefined);
    const { id } = await send();
    expect(units.posted).toEqual([id, id, id]);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test.each<[string, string, Reply]>([
    [
      "ITEM_INVALID",
      "signed",
      { status: 500, json: { error: "A valid and signed data item must be provided as the body" } },
    ],
    [
      "TAGS_REFUSED",
      "Data-Protocol",
      { status: 500, json: { error: "Tag 'Data-Protocol': value 'ao' was not found" } },
    ],
    [
      "SCHEDULER_UNKNOWN",
      "scheduler",
      {
        status: 500,
        json: { error: "Cannot destructure property 'url' of '(intermediate value)' as it is undefined." },
      },
    ],
    [
      "SCHEDULER_UNKNOWN",
      "scheduler",
      { status: 500, json: { error: "Error: Scheduler location not found for address abc" } },
    ],
    [
      "MESSAGE_TOO_LARGE",
      "10 MB",
      { status: 413, text: "<html><h1>413 Request Entity Too Large</h1></html>" },
    ],
  ])("4: fails with %s at once, after one call", async (code, text, reply) => {
    posts(reply);
    const refusal = send();
    await expect(refusal).rejects.toMatchObject({ code, transient: false });
    await expect(refusal).rejects.toThrow(text);
    expect(units.posted).toHaveLength(1);
  });

  test.each([
    "Error: MessageExists",
    "Message already exists",
    '{"error":"Error: 400: MessageExists(\\"Message already exists\\")"}',
  ])("5: counts as sent: %s", async (text) => {
    posts({ status: 500, text });
    const { id } = await send();
    expect(units.posted).toEqual([id]);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test.each([
    ["PROCESS_UNKNOWN", "Error: Process not found: abc"],
    ["RATE_LIMITED", "Error: Rate limit exceeded"],
  ])("%s is temporary: the call fails when its time is up, with this code", async (code, error) => {
    posts({ status: 500, json: { error } });
    await expect(send(budgetWhile(() => units.posted.length < 3))).rejects.toMatchObject({
      code,
      transient: true,
    });
    expect(units.posted).toHaveLength(3);
  });

  test("a refusal is final after the third one", async () => {
    posts({ status: 403, text: "Forbidden" });
    await expect(send()).rejects.toMatchObject({ code: "UNIT_REFUSED", transient: false });
    expect(units.posted).toHaveLength(3);
  });

  test("the intent stays open when the time is up, and the next call continues with the same bytes", async () => {
    posts("reset");
    await expect(send(budgetWhile(() => units.requests.length < 2))).rejects.toMatchObject({
      code: "UNIT_DOWN",
      transient: true,
    });
    const [first] = units.posted;
    posts(undefined);
    intent -= 1;
    expect(await send()).toEqual({ id: first, resent: true });
  });
});

describe("what a network would refuse is refused before signing", () => {
  test.each<[string, Record<string, string>]>([
    ["a tag without a name", { "": "x" }],
    ["a tag without a value", { Action: "" }],
    ["a long name", { ["n".repeat(1025)]: "x" }],
    ["a long value", { Note: "x".repeat(3073) }],
    ["many tags", Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`T${n}`, "x".repeat(1000)]))],
  ])("%s", async (_, tags) => {
    const refusal = ao.send({ intent: "tags", processId: P, tags }, budgetOf(5));
    await expect(refusal).rejects.toMatchObject({ code: "TAGS_INVALID", transient: false });
    expect(journal.signed("tags")).toBeUndefined();
  });
});

describe("a check of the network", () => {
  const look = (seconds = 5) => checkNetwork(units.endpoints, { modules: [MODULE] }, budgetOf(seconds));

  test("passes when every unit answers as expected", async () => {
    await look();
    expect(new Set(units.requests.map(({ endpoint }) => endpoint))).toEqual(
      new Set(["mu.root", "cu.root", "su.root", "graphql"]),
    );
  });

  test("finds the scheduler by its record, and checks that it answers there", async () => {
    const { suUrl, ...endpoints } = units.endpoints;
    const located = (url: string) => ({
      ...{ id: "l", recipient: "", owner: { address: SCHEDULER } },
      tags: [{ name: "Url", value: url }],
    });
    let at = suUrl ?? "";
    units.script(({ endpoint, body }) =>
      endpoint === "graphql" && body.toString().includes("Scheduler-Location")
        ? { json: page(at === "" ? [] : [located(at)]) }
        : undefined,
    );
    const check = (seconds: number) => checkNetwork(endpoints, {}, budgetOf(seconds));
    await check(5);
    expect(units.count("su.root")).toBe(1);
    at = "http://127.0.0.1:9";
    await expect(check(0.2)).rejects.toMatchObject({
      problems: [
        {
          code: "UNIT_DOWN",
          what: expect.stringContaining("scheduler unit"),
          got: expect.stringContaining(at),
        },
      ],
    });
    at = "";
    await expect(check(0.2)).rejects.toMatchObject({ problems: [{ code: "SCHEDULER_UNKNOWN" }] });
  });

  test.each<[string, Reply, boolean]>([
    ["that only routes", { status: 400, json: { error: "No process-id query parameter provided" } }, true],
    ["that returns the time as a number", { json: { timestamp: 1700000000000 } }, true],
    ["that is a web page", { text: "<h1>It works!</h1>" }, false],
    ["that is the JSON of another program", { json: { hello: "world" } }, false],
  ])("a scheduler %s: %j", async (_what, reply, passes) => {
    units.script(({ endpoint }) => (endpoint === "su.root" ? reply : undefined));
    const looked = look(1);
    if (passes) await looked;
    else await expect(looked).rejects.toMatchObject({ problems: [{ code: "UNIT_NOT_AO" }] });
  });

  test("reports every problem at once", async () => {
    units.script(({ endpoint }) => {
      if (endpoint === "mu.root") return { text: "<h1>It works!</h1>" };
      if (endpoint === "cu.root") return { status: 502, text: "Bad Gateway" };
      return endpoint === "graphql" ? { json: page([]) } : undefined;
    });
    const refusal = look(0.2);
    await expect(refusal).rejects.toMatchObject({
      problems: [
        expect.objectContaining({ code: "UNIT_NOT_AO", got: expect.stringContaining("It works!") }),
        expect.objectContaining({ code: "BUDGET_SPENT", got: expect.stringContaining("502") }),
        expect.objectContaining({ code: "MODULE_UNKNOWN" }),
      ],
    });
  });

  test("8: refuses an item that is not a module at once", async () => {
    const process = {
      id: MODULE,
      recipient: "",
      owner: { address: "o" },
      tags: [{ name: "Type", value: "Process" }],
    };
    units.script(({ endpoint }) => (endpoint === "graphql" ? { json: page([process]) } : undefined));
    await expect(look()).rejects.toMatchObject({ code: "MODULE_INVALID", transient: false });
  });

  test("checks the gateway even without a module", async () => {
    units.script(({ endpoint }) => (endpoint === "graphql" ? { text: "<html></html>" } : undefined));
    const budget = budgetWhile(() => units.requests.length < 2);
    await expect(checkNetwork(units.endpoints, {}, budget)).rejects.toMatchObject({ code: "UNIT_NOT_AO" });
  });
});

describe("the messenger unit's monitoring of a process' crons", () => {
  const answers = (...replies: Reply[]) =>
    units.script(({ endpoint, nth }) =>
      endpoint === "mu.monitor" ? replies[Math.min(nth, replies.length) - 1] : undefined,
    );
  const monitor = (on: boolean, seconds = 5) => ao.monitor({ processId: P, on }, budgetOf(seconds));

  test.each<[string, boolean, Reply[], boolean]>([
    ["starts", true, [{ text: "Monitoring process" }], true],
    ["has started before", true, [{ status: 500, text: "Error: Process already being monitored" }], true],
    ["stops", false, [{ text: "Process deleted" }], true],
    [
      "has stopped before",
      false,
      [{ status: 500, text: "Cannot read properties of undefined (reading 'stop')" }],
      true,
    ],
    ["starts at the second attempt", true, [{ status: 500, text: "fetch failed" }, { text: "ok" }], true],
    ["is not offered", true, [{ status: 404, text: "Not Found" }], false],
  ])("%s", async (_what, on, replies, expected) => {
    answers(...replies);
    expect(await monitor(on)).toBe(expected);
    const [request] = units.requests;
    expect(request?.path).toBe(`/mu/monitor/${P}`);
    expect(new DataItem(request?.body ?? Buffer.alloc(0)).target.slice(0, 42)).toBe(P.slice(1));
    expect(units.count("mu.monitor")).toBe(replies.length);
  });

  test("fails when the unit refuses", async () => {
    answers({ status: 400, text: "Signed data item is required" });
    await expect(monitor(true)).rejects.toThrow(/UNIT_REFUSED/);
  });
});

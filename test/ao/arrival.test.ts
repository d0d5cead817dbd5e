/** What decides between one post and two: a spawn that is posted twice makes a process that never evaluates a message again. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DataItem } from "@dha-team/arbundles";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { connect as connectNetwork } from "../../src/ao/connect.ts";
import { type Journal, readJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy, type LegacyLimits } from "../../src/ao/legacy/connect.ts";
import { resolveNetwork } from "../../src/ao/network.ts";
import type { Ao } from "../../src/ao/port.ts";
import type { Wait } from "../../src/ao/retry.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import { AUTHORITY, budgetWhile, MODULE, ok, type Reply, SCHEDULER } from "./units.ts";

let ao: Ao;

const limits: LegacyLimits = {
  firstRead: 0,
  inFlight: 0,
  callSeconds: 0.5,
  backoff: { base: 5, cap: 20, floor: 1 },
};
const connect = (more: LegacyLimits = {}) =>
  connectLegacy({ endpoints: units.endpoints, wallet, journal, limits: { ...limits, ...more } });
const spawn = (through = ao, seconds = 5) =>
  through.spawn(
    { intent: "k", module: MODULE, scheduler: SCHEDULER, authority: AUTHORITY, tags: { Name: "battle" } },
    budgetOf(seconds),
  );

beforeEach(() => {
  ao = connect();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const there = (id: string): Reply => ({ json: { process_id: id } });
const absent: Reply = { status: 400, json: { error: 'NotFound("Process not found")' } };
const count = (of: string) => units.requests.filter(({ endpoint }) => endpoint === of).length;
/** The post arrives but its outcome is unknown. The scheduler gives these answers in turn and repeats the last. */
function posted(reply: Reply, ...scheduler: ((id: string) => Reply)[]): void {
  units.script(({ endpoint, nth }) => {
    if (endpoint === "mu.post") return nth === 1 ? reply : undefined;
    if (endpoint !== "su.process") return undefined;
    return scheduler[Math.min(nth, scheduler.length) - 1]?.(units.posted[0] ?? "");
  });
}

/** Answers that do not tell whether the messenger unit handed the item on. */
const open: [string, Reply][] = [
  ["the connection breaks", "reset"],
  ["no answer comes in time", "hang"],
  ["the unit fails", { status: 500, json: { error: "TypeError: fetch failed" } }],
  ["a proxy answers for it", { status: 502, text: "<h1>Bad Gateway</h1>" }],
  ["a proxy times out", { status: 408, text: "Request Timeout" }],
  ["the answer is cut off", { status: 202, json: { message: "Processing DataItem" }, cut: true }],
  ["the answer is for another item", { status: 202, json: { id: "other" } }],
];

describe("a spawn whose post was not answered", () => {
  test.each(open)("is not posted again if the scheduler has it: %s", async (_, reply) => {
    posted(reply, there);
    const { id } = await spawn();
    expect(units.posted).toEqual([id]);
    expect(count("su.process")).toBe(1);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test.each(open)("is posted again if the scheduler does not have it: %s", async (_, reply) => {
    posted(reply, () => absent);
    const { id } = await spawn();
    expect(units.posted).toEqual([id, id]);
    expect(count("su.process")).toBe(1);
  });

  test.each<[string, Reply]>([
    ["is down", "reset"],
    ["answers 503", { status: 503, text: "busy" }],
    ["reports a failure of its store", { status: 400, json: { error: "DatabaseError(PoolTimeout)" } }],
    ["is behind a proxy without that route", { status: 404, text: "<h1>Not Found</h1>" }],
  ])("is not posted while the scheduler %s, and waits for it", async (_, reply) => {
    posted("reset", ...Array<() => Reply>(5).fill(() => reply), there);
    const { id } = await spawn();
    expect(units.posted).toEqual([id]);
    expect(count("su.process")).toBe(6);
  });

  test("is posted again if a unit accepted and lost it, as soon as it cannot be in transit any more", async () => {
    const posts = new Map<string, number>();
    let spawned = "";
    units.script(({ endpoint, body }) => {
      const isThere = posts.get(spawned) === 2;
      if (endpoint === "su.process") return isThere ? there(spawned) : absent;
      if (endpoint !== "mu.post") return undefined;
      const { id } = new DataItem(body);
      posts.set(id, (posts.get(id) ?? 0) + 1);
      if (isThere || spawned === "" || id === spawned) return undefined;
      return { status: 500, json: { error: "Cannot read properties of undefined (reading 'tags')" } };
    });
    // Each question before that time must not put it off.
    const patient = connect({ inFlight: 200, backoff: { base: 20, cap: 20, floor: 20 } });
    spawned = (await spawn(patient)).id;
    await patient.send(
      { intent: "m", processId: spawned, tags: { Action: "Eval" }, data: "return 1" },
      budgetOf(5),
    );
    expect(posts.get(spawned)).toBe(2);
  });

  test("is not posted again while it may be in transit after a unit accepted it, however old the connection is", async () => {
    const through = connect({ inFlight: 60_000 });
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + 61_000);
    const { id } = await spawn(through);
    // The scheduler knows it only at the third question; until then the unit refuses messages to it.
    units.script(({ endpoint, nth, body }) => {
      if (endpoint === "su.process") return nth < 3 ? absent : there(id);
      if (endpoint !== "mu.post" || new DataItem(body).id === id || count("su.process") >= 3)
        return undefined;
      return { status: 500, json: { error: "Cannot read properties of undefined (reading 'tags')" } };
    });
    await through.send({ intent: "m", processId: id, tags: { Action: "Eval" }, data: "1" }, budgetOf(5));
    expect(units.posted.filter((posted) => posted === id)).toEqual([id]);
    expect(count("su.process")).toBe(3);
  });

  test("fails without another post when the scheduler never answers, and the error names that unit", async () => {
    posted("reset", () => ({ status: 503, text: "busy" }));
    const given = spawn(ao, 0.5);
    await expect(given).rejects.toMatchObject({ transient: true });
    await expect(given).rejects.toThrow(/sending the spawn .*scheduler unit .*503 busy/s);
    expect(units.posted).toHaveLength(1);
    posted("reset", there);
    expect(await spawn()).toEqual({ id: units.posted[0], resent: true });
    expect(units.posted).toHaveLength(1);
  });

  test("may still be on its way: a scheduler that does not know it yet is asked again", async () => {
    posted(
      "reset",
      () => absent,
      () => absent,
      () => absent,
      there,
    );
    const { id } = await spawn(connect({ inFlight: 60_000 }));
    expect(units.posted).toEqual([id]);
    expect(count("su.process")).toBe(4);
  });

  test.each<[string, Reply]>([
    ["too many calls", { status: 429, headers: { "retry-after": "0" } }],
    ["a bad request", { status: 400, text: "Bad Request" }],
    ["forbidden", { status: 403, text: "" }],
    ["no route", { status: 404, text: "Not Found" }],
  ])("is posted again without a lookup when the unit refused it: %s", async (_, reply) => {
    posted(reply, () => absent);
    const { id } = await spawn();
    expect(units.posted).toEqual([id, id]);
    expect(count("su.process")).toBe(0);
  });

  test("is posted again without a lookup while nothing listens at the unit", async () => {
    const gone = createServer();
    await new Promise<void>((done) => gone.listen(0, "127.0.0.1", done));
    const { port } = gone.address() as AddressInfo;
    await new Promise((done) => gone.close(done));
    const dead = connectLegacy({
      endpoints: { ...units.endpoints, muUrl: `http://127.0.0.1:${port}` },
      ...{ wallet, journal, limits },
    });
    await expect(spawn(dead, 0.3)).rejects.toMatchObject({ code: "UNIT_DOWN" });
    expect(count("su.process")).toBe(0);
  });
});

describe("a scheduler whose answers may be behind what it accepted", () => {
  test.each<[string, object, number]>([
    ["is believed after a minute, if the network says no more", {}, 1],
    [
      "is believed at once if the network says that its answers are not behind",
      { schedulerLagSeconds: 0 },
      2,
    ],
  ])("%s", async (_, declared, posts) => {
    const network = await resolveNetwork({ kind: "legacy", ...units.endpoints, ...declared }, () =>
      Promise.reject(new Error("not local")),
    );
    const now = performance.now.bind(performance);
    units.script(({ endpoint, nth }) => {
      if (endpoint === "mu.post") return nth === 1 ? "reset" : undefined;
      if (endpoint !== "su.process") return undefined;
      // Longer than a post may be in transit.
      vi.spyOn(performance, "now").mockImplementation(() => now() + 30_000);
      return absent;
    });
    const budget = budgetWhile(() => count("su.process") < 3 && units.posted.length < 2);
    const { id } = await connectNetwork(network, { wallet, journal })
      .spawn({ intent: "k", module: MODULE, tags: { Name: "battle" } }, budget)
      .catch(() => ({ id: units.posted[0] }));
    expect(units.posted).toEqual(Array(posts).fill(id));
  });

  test("has a process whose latest message it shows", async () => {
    const { id } = await spawn();
    const tags = [{ name: "Nonce", value: "1" }];
    units.script(({ endpoint, path }) => {
      if (path.endsWith("/latest")) return { json: { message: { id: "m" }, assignment: { id: "a", tags } } };
      return endpoint === "su.process" ? absent : undefined;
    });
    expect(await spawn(connect())).toEqual({ id, resent: true });
    expect(units.posted).toEqual([id]);
  });
});

describe("a spawn of an earlier run", () => {
  /** The spawn was signed and perhaps posted; then the run died. */
  async function signed(): Promise<string> {
    posted("reset", () => ({ status: 503, text: "busy" }));
    await expect(spawn(ao, 0.2)).rejects.toThrow();
    expect(journal.open()).toMatchObject([{ state: "signed" }]);
    units.requests.length = 0;
    units.script(() => undefined);
    return journal.open()[0]?.id ?? "";
  }

  test.each<[string, Reply | undefined, number]>([
    ["is not posted if it arrived", there("?"), 0],
    ["is posted if it did not arrive", absent, 1],
  ])("%s", async (_, scheduler, posts) => {
    const id = await signed();
    const before = units.posted.length;
    units.script(({ endpoint }) =>
      endpoint === "su.process" ? (scheduler === absent ? absent : there(id)) : undefined,
    );
    expect(await spawn(connect())).toEqual({ id, resent: true });
    expect(units.posted.length - before).toBe(posts);
  });

  test("is not posted if the unit took it and the scheduler does not answer", async () => {
    const { id } = await spawn();
    expect(journal.byId(id)?.state).toBe("sent");
    units.script(({ endpoint }) => (endpoint.startsWith("su.") ? { status: 503, text: "busy" } : undefined));
    expect(await spawn(connect())).toEqual({ id, resent: true });
    expect(units.posted).toEqual([id]);
  });

  test("is posted again if the unit took it and the scheduler does not have it", async () => {
    const { id } = await spawn();
    units.script(({ endpoint }) => (endpoint === "su.process" ? absent : undefined));
    expect(await spawn(connect())).toEqual({ id, resent: true });
    expect(units.posted).toEqual([id, id]);
  });
});

test("a spawn that earlier runs posted and lost is posted again in a run that is shorter than the scheduler's lag, and not at once after that", async () => {
  units.script(({ endpoint }) =>
    endpoint === "mu.post" ? "reset" : endpoint === "su.process" ? absent : undefined,
  );
  const lagging = { ...limits, schedulerLag: 60_000 };
  const run = (through: Journal) =>
    connectLegacy({ endpoints: units.endpoints, wallet, journal: through, limits: lagging });
  const shortly = () => {
    const looks = count("su.process");
    return budgetWhile(() => count("su.process") < looks + 3);
  };
  const spawned = (through: Journal) =>
    run(through).spawn({ intent: "k", module: MODULE, tags: { Name: "battle" } }, shortly());
  await expect(spawned(journal)).rejects.toMatchObject({ code: "BUDGET_SPENT" });
  const [id] = units.posted;
  await expect(spawned(journal)).rejects.toMatchObject({ code: "BUDGET_SPENT" });
  expect(units.posted).toEqual([id]);
  // The same spawn, an hour after it was signed.
  const byId = (of: string) => {
    const intent = journal.byId(of);
    return intent && { ...intent, at: intent.at - 3_600_000 };
  };
  const later: Journal = { ...journal, byId };
  await expect(spawned(later)).rejects.toMatchObject({ code: "BUDGET_SPENT" });
  expect(units.posted).toEqual([id, id]);
  await journal.compact();
  await expect(spawned(later)).rejects.toMatchObject({ code: "BUDGET_SPENT" });
  expect(units.posted).toEqual([id, id]);
  const [kept] = await readJournal(journal.path);
  expect(kept?.posted).toBeGreaterThanOrEqual(kept?.at ?? Number.POSITIVE_INFINITY);
  expect(kept).toEqual(journal.byId(id ?? ""));
});

test("a spawn that is requested twice at the same time is posted once", async () => {
  units.script(async ({ endpoint }) => {
    if (endpoint === "mu.post") await new Promise((done) => setTimeout(done, 50));
    return undefined;
  });
  const [one, two] = await Promise.all([spawn(), spawn()]);
  expect(two.id).toBe(one.id);
  expect(units.posted).toEqual([one.id]);
});

test("a spawn that waits for another send of it waits no longer than its budget, and is not posted later", async () => {
  let release = () => {};
  const answered = new Promise<void>((done) => {
    release = done;
  });
  units.script(async ({ endpoint }) => {
    if (endpoint === "mu.post") await answered;
    return undefined;
  });
  const patient = connect({ callSeconds: 30 });
  const first = spawn(patient, 30);
  const second = spawn(patient, 0.3);
  await expect(second).rejects.toMatchObject({
    code: "BUDGET_SPENT",
    transient: true,
    problems: [{ got: "another send of the same item is under way" }],
  });
  release();
  const { id } = await first;
  expect(await spawn(patient)).toEqual({ id, resent: true });
  expect(units.posted).toEqual([id]);
});

describe("a process that the compute unit does not know", () => {
  const unknown: Reply = {
    status: 500,
    json: { error: "Cannot read properties of undefined (reading 'tags')" },
  };
  /** Several callers wait for results of a process whose spawn was accepted; the gateway shows it only after some reads. */
  async function awaited(scheduler: (id: string) => Reply): Promise<string[]> {
    const eager = connect({ repostAfter: 1 });
    const { id } = await spawn(eager);
    const looks = new Map<string, number>();
    units.script(({ endpoint, path }) => {
      if (endpoint === "su.process") return scheduler(id);
      if (endpoint !== "cu.result") return undefined;
      looks.set(path, (looks.get(path) ?? 0) + 1);
      return (looks.get(path) ?? 0) < 12 ? unknown : ok("up");
    });
    const waits = ["a", "b", "c"].map((letter) =>
      eager.evaluation({ processId: id, messageId: letter.repeat(43) }, budgetOf(10)),
    );
    await Promise.all(waits);
    return units.posted.map((posted) => (posted === id ? "spawn" : posted));
  }

  test("is not spawned again while its scheduler has it and only the gateway lags", async () => {
    expect(await awaited(there)).toEqual(["spawn"]);
    expect(count("su.process")).toBeGreaterThan(0);
  });

  test("is spawned again once if its scheduler lost it, however many callers wait", async () => {
    let lost = true;
    const posts = await awaited((id) => {
      if (units.posted.length > 1) lost = false;
      return lost ? absent : there(id);
    });
    expect(posts).toEqual(["spawn", "spawn"]);
  });

  test("is not spawned again while the scheduler does not answer", async () => {
    expect(await awaited(() => ({ status: 503, text: "busy" }))).toEqual(["spawn"]);
  });

  test("is not spawned again when messages to it are refused", async () => {
    const { id } = await spawn();
    units.script(({ endpoint, nth }) => (endpoint === "mu.post" && nth < 12 ? unknown : undefined));
    await ao.send({ intent: "m", processId: id, tags: { Action: "Eval" }, data: "1" }, budgetOf(10));
    expect(units.posted.filter((posted) => posted === id)).toEqual([id]);
    expect(count("su.process")).toBeGreaterThan(0);
  });
});

describe("a message whose post was not answered", () => {
  const P = "p".repeat(43);
  const send = () => ao.send({ intent: "m", processId: P, tags: { Action: "Eval" }, data: "1" }, budgetOf(5));

  test.each<[string, (id: string) => Reply, number]>([
    ["is not posted again if the scheduler has it", (id) => ({ json: entry(id) }), 1],
    [
      "is posted again if the scheduler does not have it",
      () => ({ status: 400, json: { error: "Message or Process not found" } }),
      2,
    ],
    [
      "is posted again if the scheduler does not answer: it is still one message",
      () => ({ status: 503, text: "busy" }),
      2,
    ],
  ])("%s", async (_, scheduler, posts) => {
    units.script(({ endpoint, nth }) => {
      if (endpoint === "mu.post" && nth === 1) return "reset";
      return endpoint === "su.message" ? scheduler(units.posted[0] ?? "") : undefined;
    });
    await send();
    expect(units.posted).toHaveLength(posts);
    expect(count("su.message")).toBe(1);
  });
});

test("a message that waits because its scheduler is down names that unit, and not the messenger, which fails for that reason", async () => {
  const waits: Wait[] = [];
  const through = connectLegacy({
    ...{ endpoints: units.endpoints, wallet, journal, limits },
    onWait: (wait) => waits.push(wait),
  });
  units.script(({ endpoint }) => {
    if (endpoint === "mu.post") return { status: 500, json: { error: "TypeError: fetch failed" } };
    return endpoint.startsWith("su.") ? "reset" : undefined;
  });
  const message = { intent: "m", processId: "p".repeat(43), tags: { Action: "Eval" }, data: "1" };
  const sent = through.send(
    message,
    budgetWhile(() => count("su.message") < 3),
  );
  await expect(sent).rejects.toMatchObject({ code: "UNIT_DOWN", transient: true });
  await expect(sent).rejects.toThrow(/The scheduler unit at .* cannot be reached.*fetch failed/s);
  expect(waits.at(-1)?.last?.what).toMatch(/^The scheduler unit at .* cannot be reached\.$/);
});

test.each<[string, (endpoint: string) => Reply | undefined]>([
  ["the gateway does not tell the process' scheduler", (of) => (of === "graphql" ? "reset" : undefined)],
  [
    "the scheduler answers the lookup, but refuses it",
    (of) =>
      of === "su.message" ? { status: 400, json: { error: "missing field `process-id`" } } : undefined,
  ],
])("a message that a messenger fails to take names that unit while %s", async (_, lookup) => {
  units.script(({ endpoint }) =>
    endpoint === "mu.post" ? { status: 500, json: { error: "SQLITE_FULL" } } : lookup(endpoint),
  );
  const sent = ao.send(
    { intent: "m", processId: "p".repeat(43), tags: { Action: "Eval" }, data: "1" },
    budgetWhile(() => count("mu.post") < 3),
  );
  const got = expect.stringMatching(/^The messenger unit at .* failed\. 500 .*SQLITE_FULL/);
  await expect(sent).rejects.toMatchObject({ problems: [{ got }] });
});

const entry = (id: string) => ({
  message: { id },
  assignment: { id: "a", tags: [{ name: "Message", value: id }] },
});

describe("a message that is uploaded and assigned", () => {
  const P = `${"p".repeat(42)}o`;
  const uploading = (more: LegacyLimits = {}) =>
    connectLegacy({
      endpoints: { ...units.endpoints, uploadUrl: units.endpoints.gatewayUrl, maxMessageBytes: 20_000 },
      ...{ wallet, journal, limits: { ...limits, ...more } },
    });
  const send = (through: Ao, seconds = 5) =>
    through.send(
      { intent: "m", processId: P, tags: { Action: "Eval" }, data: "x".repeat(30_000) },
      budgetOf(seconds),
    );
  const range = (ids: string[]): Reply => ({
    json: {
      page_info: { has_next_page: false },
      edges: ids.map((id) => ({ cursor: "1", node: { ...entry(id), message: null } })),
    },
  });

  test.each<[string, (id: string) => Reply, number]>([
    ["is not assigned again if it was assigned", (id) => range([id]), 1],
    ["is assigned again if it was not assigned", () => range([]), 2],
  ])("%s", async (_, scheduler, assignments) => {
    units.script(({ endpoint, nth }) => {
      if (endpoint === "mu.assign" && nth === 1) return "reset";
      return endpoint === "su.range" ? scheduler(units.uploaded[0] ?? "") : undefined;
    });
    const { id } = await send(uploading());
    expect(units.uploaded).toEqual([id]);
    expect(count("mu.assign")).toBe(assignments);
  });

  test("is looked for from the slot that was the newest when it was signed, whatever the clocks say", async () => {
    units.script(({ endpoint, path, nth }) => {
      if (endpoint === "mu.assign" && nth === 1) return "reset";
      if (path.endsWith("/latest")) {
        const tags = [{ name: "Nonce", value: "7" }];
        return { json: { message: null, assignment: { id: "b", tags } } };
      }
      return endpoint === "su.range"
        ? range(path.includes("from-nonce=6") ? [units.uploaded[0] ?? ""] : [])
        : undefined;
    });
    const { id } = await send(uploading());
    expect(journal.byId(id)?.floor).toBe(7);
    expect(count("mu.assign")).toBe(1);
  });

  test("is not assigned again while the scheduler does not answer", async () => {
    units.script(({ endpoint }) => {
      if (endpoint === "mu.assign") return "reset";
      return endpoint === "su.range" ? { status: 503, text: "busy" } : undefined;
    });
    await expect(send(uploading(), 0.3)).rejects.toMatchObject({ transient: true });
    expect(count("mu.assign")).toBe(1);
  });
});

test("an upload of an earlier run that the gateway shows is not sent again", async () => {
  const through = connectLegacy({
    endpoints: { ...units.endpoints, uploadUrl: units.endpoints.gatewayUrl },
    ...{ wallet, journal, limits },
  });
  const publish = () =>
    through.publish({ intent: "u", tags: { Type: "Module" }, data: new Uint8Array(3) }, budgetOf(5));
  const first = await publish();
  expect(await publish()).toEqual({ id: first.id, resent: true });
  expect(units.uploaded).toEqual([first.id]);
});

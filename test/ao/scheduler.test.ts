import { afterEach, beforeEach, expect, test } from "vitest";
import { type ScheduledItem, type Schedulers, schedulersOf } from "../../src/ao/legacy/scheduler.ts";
import { unitAt } from "../../src/ao/shared/http.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { notFound, page, type Reply, SCHEDULER, startUnits, type Units } from "./units.ts";

type Assigned = Parameters<Schedulers["assignmentOf"]>[0];

let units: Units;

const ID = "i".repeat(43);
const P = "p".repeat(43);
const OTHER = "t".repeat(43);
const limits = { concurrency: 2, timeout: 2000 };
const spawn: ScheduledItem = { kind: "spawn", id: ID, scheduler: SCHEDULER };
const message: ScheduledItem = { kind: "message", id: ID, processId: P };
const assigned: Assigned = { id: ID, processId: P, since: 1_000_000 };

// Each test has its own units: a call that timed out may still reach the units it was sent to.
beforeEach(async () => {
  units = await startUnits();
});
afterEach(() => units.close());

function schedulers(suUrl: string | undefined = units.endpoints.suUrl): Schedulers {
  return schedulersOf({
    endpoints: { scheduler: SCHEDULER, ...(suUrl === undefined ? {} : { suUrl }) },
    index: unitAt("gateway", units.endpoints.graphqlUrl, limits),
    unit: (url) => unitAt("scheduler unit", url, limits),
  });
}
const isThere = async (item: ScheduledItem | Assigned): Promise<boolean> =>
  "kind" in item
    ? schedulers().has(item, budgetOf(5))
    : (await schedulers().assignmentOf(item, budgetOf(5))) !== undefined;
const location = (owner: string, url: string) => ({
  ...{ id: "l".repeat(43), recipient: "", owner: { address: owner } },
  tags: [
    { name: "Data-Protocol", value: "ao" },
    { name: "Type", value: "Scheduler-Location" },
    { name: "Url", value: url },
  ],
});
const absent: Reply = { status: 400, json: { error: 'NotFound("Process not found")' } };
const says = (reply: Reply) =>
  units.script(({ endpoint }) => (endpoint.startsWith("su.") ? reply : undefined));

const entry = (id: string, message: { id: string } | null) => ({
  message,
  assignment: { id: "a", tags: [{ name: "Message", value: id }] },
});

test.each<[string, ScheduledItem | Assigned, Reply, boolean]>([
  ["an existing process", spawn, { json: { process_id: ID, tags: [] } }, true],
  ["a missing process", spawn, { status: 400, json: { error: 'NotFound("Process not found")' } }, false],
  [
    "a process unknown to a router of schedulers",
    spawn,
    { status: 400, json: { error: 'NotFound("Process scheduler not found")' } },
    false,
  ],
  ["an existing message", message, { json: entry(ID, { id: ID }) }, true],
  ["a missing message", message, notFound, false],
  [
    "an existing assignment",
    assigned,
    {
      json: { page_info: { has_next_page: false }, edges: [{ cursor: "1", node: entry(ID, null) }] },
    },
    true,
  ],
  ["a missing assignment", assigned, { json: { page_info: { has_next_page: false }, edges: [] } }, false],
])("the scheduler's answer tells whether it has %s", async (_, item, reply, expected) => {
  says(reply);
  expect(await isThere(item)).toBe(expected);
});

test.each<[string, ScheduledItem | Assigned, Reply]>([
  ["its store failed", spawn, { status: 400, json: { error: 'DatabaseError("connection closed")' } }],
  ["a proxy answers with its own page", spawn, { status: 404, text: "<h1>404 Not Found</h1>" }],
  ["a proxy answers 404 in JSON", spawn, { status: 404, json: { error: "route not found" } }],
  ["it answers 503", message, { status: 503, json: { error: "NotFound" } }],
  ["the answer names another process", spawn, { json: { process_id: OTHER } }],
  ["the answer is cut off", message, { json: entry(ID, { id: ID }), cut: true }],
  ["another server answers", message, { text: "<h1>It works!</h1>" }],
  ["the list is refused", assigned, { status: 400, json: { error: "missing field `process-id`" } }],
  ["the connection breaks", spawn, "reset"],
  ["a cache answers", spawn, { ...absent, headers: { age: "12" } }],
  [
    "the list has a page without entries",
    assigned,
    { json: { page_info: { has_next_page: true }, edges: [] } },
  ],
  [
    "a cache answers with a list",
    assigned,
    { json: { page_info: { has_next_page: false }, edges: [] }, headers: { age: "12" } },
  ],
])("nothing is concluded while %s", async (_, item, reply) => {
  says(reply);
  await expect(isThere(item)).rejects.toMatchObject({ transient: true });
});

test("the list of assignments is read to its end, with the process named", async () => {
  const pages = [entry("x", null), entry(ID, null)].map((node, n) => ({
    page_info: { has_next_page: n === 0 },
    edges: [{ cursor: `${n + 7}`, node }],
  }));
  units.script(({ endpoint, nth }) => (endpoint === "su.range" ? { json: pages[nth - 1] } : undefined));
  expect(await isThere(assigned)).toBe(true);
  const paths = units.requests
    .filter(({ endpoint }) => endpoint === "su.range")
    .map(({ path }) => new URL(path, "http://u"));
  expect(paths.map(({ pathname }) => pathname)).toEqual([`/su/${P}`, `/su/${P}`]);
  expect(paths.map(({ searchParams }) => searchParams.get("process-id"))).toEqual([P, P]);
  expect(paths.map(({ searchParams }) => searchParams.get("from"))).toEqual(["400000", "7"]);
});

test("an assignment is found although this machine's clock is hours ahead of the scheduler's", async () => {
  const HOUR = 3_600_000;
  const since = Date.now();
  const placedAt = since - 2 * HOUR + 1000;
  units.script(({ endpoint, path }) => {
    if (endpoint !== "su.range") return undefined;
    const from = Number(new URL(path, "http://u").searchParams.get("from"));
    const edges = from < placedAt ? [{ cursor: String(placedAt), node: entry(ID, null) }] : [];
    const headers = { date: new Date(Date.now() - 2 * HOUR).toUTCString() };
    return { json: { page_info: { has_next_page: false }, edges }, headers };
  });
  expect(await isThere({ ...assigned, since })).toBe(true);
  expect(units.count("su.range")).toBe(2);
  expect(await isThere({ ...assigned, id: OTHER, since })).toBe(false);
});

/** A scheduler whose order has an assignment in slot 7, made at that time. */
const placed = (placedAt: number) =>
  units.script(({ endpoint, path }) => {
    if (endpoint !== "su.range") return undefined;
    const { searchParams } = new URL(path, "http://u");
    const [nonce, time] = [searchParams.get("from-nonce"), searchParams.get("from")];
    const isShown = nonce === null ? Number(time) < placedAt : Number(nonce) < 7;
    const cursor = nonce === null ? String(placedAt) : "7";
    const edges = isShown ? [{ cursor, node: entry(ID, null) }] : [];
    return { json: { page_info: { has_next_page: false }, edges } };
  });
const asked = () =>
  units.requests
    .filter(({ endpoint }) => endpoint === "su.range")
    .map(({ path }) => new URL(path, "http://u").searchParams.get("from-nonce"));

test("an assignment is found although the clock was ahead when its message was signed, and is right again", async () => {
  const now = Date.now();
  placed(now - 3 * 3_600_000);
  // Of an earlier version, which noted no slot.
  expect(await isThere({ ...assigned, since: now + 3_600_000 })).toBe(true);
  expect(asked()).toEqual([null, "0"]);
});

test("an assignment is looked for from the slot before it, whatever the time", async () => {
  placed(1000);
  const item = { ...assigned, floor: 6, since: Date.now() };
  expect(await isThere(item)).toBe(true);
  expect(await isThere({ ...item, id: OTHER })).toBe(false);
  expect(asked()).toEqual(["5", "5"]);
  // The order has slot 9, and the unit does not list it.
  const behind = isThere({ ...item, floor: 9 });
  await expect(behind).rejects.toMatchObject({ transient: true });
});

test("an assignment is looked for in the past if this machine's clock was set back since it was made", async () => {
  const now = Date.now();
  says({ json: { page_info: { has_next_page: false }, edges: [] } });
  await isThere({ ...assigned, since: now + 86_400_000 });
  const [first] = units.requests.filter(({ endpoint }) => endpoint === "su.range");
  const from = Number(new URL(first?.path ?? "", "http://u").searchParams.get("from"));
  expect(now - from).toBeGreaterThan(500_000);
});

test("a scheduler is looked up once, by the location that it published", async () => {
  const asked: unknown[] = [];
  units.script(({ endpoint, body }) => {
    if (endpoint !== "graphql") return undefined;
    asked.push(JSON.parse(body.toString("utf8")).variables.owners);
    return { json: page([location(OTHER, `${units.endpoints.gatewayUrl}/su/`)]) };
  });
  const found = schedulers();
  const item: ScheduledItem = { ...spawn, scheduler: OTHER };
  expect(await found.has(item, budgetOf(5))).toBe(false);
  expect(await found.has(item, budgetOf(5))).toBe(false);
  expect(asked).toEqual([[OTHER]]);
  expect(units.count("su.process")).toBe(2);
});

test("a scheduler is looked up again when its old address does not answer", async () => {
  const urls = ["http://127.0.0.1:9", `${units.endpoints.gatewayUrl}/su`];
  units.script(({ endpoint, nth }) =>
    endpoint === "graphql" ? { json: page([location(OTHER, urls[nth - 1] ?? "")]) } : undefined,
  );
  const found = schedulers();
  const item: ScheduledItem = { ...spawn, scheduler: OTHER };
  await expect(found.has(item, budgetOf(5))).rejects.toMatchObject({ code: "UNIT_DOWN", transient: true });
  expect(await found.has(item, budgetOf(5))).toBe(false);
});

test("a message is looked up at the scheduler of its own process", async () => {
  units.script(({ endpoint, body }) => {
    if (endpoint !== "graphql") return undefined;
    const { ids } = JSON.parse(body.toString("utf8")).variables;
    const process = { ...location("o", ""), id: P, tags: [{ name: "Scheduler", value: OTHER }] };
    return { json: page([ids ? process : location(OTHER, `${units.endpoints.gatewayUrl}/su`)]) };
  });
  expect(await schedulers("http://127.0.0.1:9").has(message, budgetOf(5))).toBe(false);
  expect(units.requests.map(({ endpoint }) => endpoint)).toEqual(["graphql", "graphql", "su.message"]);
});

test("a scheduler without a location is an error that says what to set", async () => {
  units.script(({ endpoint }) => (endpoint === "graphql" ? { json: page([]) } : undefined));
  const lost = schedulers("").has({ ...spawn, scheduler: OTHER }, budgetOf(5));
  await expect(lost).rejects.toMatchObject({
    code: "SCHEDULER_UNKNOWN",
    problems: [{ remedy: expect.stringContaining("suUrl") }],
  });
});

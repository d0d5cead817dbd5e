import { expect, test } from "vitest";
import { scheduleAt } from "../../../src/ao/mainnet/schedule.ts";
import { budgetOf } from "../../../src/core/budget.ts";

const P = "p".repeat(43);
const ADDRESS = "n".repeat(43);
const HOUR = 3_600_000;
const item = (slot: number) => `m${slot}`.padEnd(43, "x");

/**
 * The schedule of a node that has the slots 0 to 9, one each second until `age` milliseconds ago.
 *
 * @param shows whether its list shows a slot
 * @param clock the node's, in milliseconds since 1970
 * @param status of everything, as a proxy answers without its node
 * @param isCached what a cache answers
 */
function node({
  shows = (_: number): boolean => true,
  clock = Date.now(),
  age = 0,
  status = (_: string): number => 200,
  isCached = (_: string): boolean => false,
} = {}) {
  const asked: string[] = [];
  const edge = (slot: number) => ({
    cursor: slot,
    node: {
      message: { Id: item(slot), Owner: "o", Tags: [], Data: "" },
      assignment: { Tags: [{ name: "Timestamp", value: String(clock - age + (slot - 10) * 1000) }] },
    },
  });
  const ask = async ({ path }: { path: string }) => {
    asked.push(path);
    const code = status(path);
    const query = new URL(path, "http://node").searchParams;
    const edges = Array.from({ length: 10 }, (_, slot) => slot)
      .filter((slot) => slot >= Number(query.get("from")) && slot <= Number(query.get("to")) && shows(slot))
      .map(edge);
    const text = path.endsWith("/slot/current") ? "9" : path.startsWith("/~meta") ? ADDRESS : "";
    const body = { text, excerpt: text, json: { edges } };
    return { status: code, ok: code === 200, headers: {}, ...body, clock, isCached: isCached(path) };
  };
  return { asked, schedule: scheduleAt({ name: "node", url: "http://node", ask }, 4) };
}

test("an item is found wherever it stands, and is missing only after the whole schedule was read", async () => {
  const { schedule } = node();
  const find = (id: string) => schedule.slotOf({ processId: P, id, from: 1 }, budgetOf(5));
  expect([await find(item(1)), await find(item(9)), await find("other")]).toEqual([1, 9, undefined]);
});

test.each([1, 6, 9])(
  "nothing is concluded from a list without the slot %i, which exists",
  async (lacking) => {
    const { schedule } = node({ shows: (slot) => slot !== lacking });
    const incomplete = { code: "UNIT_NOT_AO", transient: true };
    const at = { processId: P, id: item(lacking) };
    await expect(schedule.slotOf({ ...at, from: 1 }, budgetOf(5))).rejects.toMatchObject(incomplete);
    await expect(schedule.slotSince({ ...at, since: 0 }, budgetOf(5))).rejects.toMatchObject(incomplete);
  },
);

test("a list may lack the spawn", async () => {
  const { schedule } = node({ shows: (slot) => slot > 0 });
  const missing = { processId: P, id: "other" };
  expect(await schedule.slotOf({ ...missing, from: 0 }, budgetOf(5))).toBeUndefined();
  expect(await schedule.slotSince({ ...missing, since: 0 }, budgetOf(5))).toBeUndefined();
});

test("an item is found on an earlier page although this machine's clock is hours ahead of the node's", async () => {
  const { schedule } = node({ clock: Date.now() - 2 * HOUR });
  const slot = schedule.slotSince({ processId: P, id: item(2), since: Date.now() - 9000 }, budgetOf(5));
  expect(await slot).toBe(2);
});

test("nothing is concluded while the node shows less than the slot that was taken before the item was signed", async () => {
  const { schedule } = node();
  const missing = { processId: P, id: "other" };
  expect(await schedule.slotOf({ ...missing, from: 10 }, budgetOf(5))).toBeUndefined();
  await expect(schedule.slotOf({ ...missing, from: 11 }, budgetOf(5))).rejects.toMatchObject({
    code: "SCHEDULE_BEHIND",
    transient: true,
  });
});

test("pages that are older than an item are not read", async () => {
  const { asked, schedule } = node({ age: HOUR });
  const late = { processId: P, id: "other", since: Date.now() };
  expect(await schedule.slotSince(late, budgetOf(5))).toBeUndefined();
  // The newest page, and what was scheduled in the meantime.
  expect(asked.filter((path) => path.includes("/schedule"))).toHaveLength(2);
});

test("a process is missing only if the node itself says so", async () => {
  const absent = node({ status: (path) => (path.startsWith("/~meta") ? 200 : 404) });
  expect(await absent.schedule.current(P, budgetOf(5))).toBeUndefined();
  const proxy = node({ status: () => 404 });
  await expect(proxy.schedule.current(P, budgetOf(5))).rejects.toMatchObject({
    code: "UNIT_FAILED",
    transient: true,
  });
});

test.each([
  ["comes back after the first question", [404]],
  ["comes back after the second question", [404, 404]],
  ["comes back after the third question", [404, 404, 404]],
  ["goes away after the second question", [404, 200, 404, 404]],
])("nothing is concluded about a process from a node that %s", async (_, first) => {
  const left = [...first];
  const { schedule } = node({ status: () => left.shift() ?? 200 });
  await expect(schedule.current(P, budgetOf(5))).rejects.toMatchObject({
    code: "UNIT_FAILED",
    transient: true,
  });
});

test("a process is not missing because a cache answers for a node that is away", async () => {
  const status = (path: string) => (path.startsWith("/~meta") ? 200 : 404);
  const { schedule } = node({ status, isCached: (path) => path.startsWith("/~meta") });
  await expect(schedule.current(P, budgetOf(5))).rejects.toMatchObject({ code: "UNIT_FAILED" });
});

test.each([
  ["the newest slot", "/slot/current"],
  ["the empty page at the end", "from=10"],
])(
  "an item is not missing from a schedule of which a cache shows %s, but may be found in it",
  async (_, cached) => {
    const { schedule } = node({ isCached: (path) => path.includes(cached) });
    const doubt = { code: "UNIT_NOT_AO", transient: true };
    const at = { processId: P, id: "other" };
    await expect(schedule.slotOf({ ...at, from: 1 }, budgetOf(5))).rejects.toMatchObject(doubt);
    await expect(schedule.slotSince({ ...at, since: 0 }, budgetOf(5))).rejects.toMatchObject(doubt);
    expect(await schedule.slotOf({ processId: P, id: item(9), from: 1 }, budgetOf(5))).toBe(9);
  },
);

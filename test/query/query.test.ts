import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { timeIn } from "../../src/core/span.ts";
import { type MessageRecord, matches } from "../../src/operations/trace/records.ts";
import { type Simulated, simulatedFleet } from "../validate/fleet.ts";

let here: Simulated;
let shop: string;

beforeAll(async () => {
  here = await simulatedFleet();
  shop = here.fleet.members.find(({ name }) => name === "shop")?.processId ?? "";
  await here.tell("shop", "Info", {}, { "Correlation-Id": "asked-once" });
  await expect(here.tell("shop", "NO_SUCH_ACTION")).rejects.toThrow("UNKNOWN_ACTION");
}, 60_000);
afterAll(() => here.close());

const query = async (...words: string[]) => {
  const ran = await here.run("query", ...words, "--json");
  expect(ran.code).toBe(0);
  return ran.json<{ messages: MessageRecord[] }>().messages;
};
const brief = (messages: readonly MessageRecord[]) =>
  messages.map(({ direction, action, status }) => [direction, action, status]);

describe("fleet query", () => {
  test("shows received and sent messages by correlation id", async () => {
    const found = await query("shop", "--correlation", "asked-once");
    expect(brief(found)).toEqual([
      ["received", "Info", "ok"],
      ["sent", "Info-Response", "ok"],
    ]);
    expect(found[0]).toMatchObject({ from: here.fleet.session.ao.address, to: shop });
    expect(JSON.parse(found[1]?.data ?? "")).toMatchObject({ success: true, name: "shop" });
  });

  test("finds errors on either side", async () => {
    expect(brief(await query("shop", "--status", "error", "--direction", "received"))).toEqual([
      ["received", "NO_SUCH_ACTION", "error"],
    ]);
    expect(brief(await query("shop", "--status", "error", "--direction", "sent"))).toEqual([
      ["sent", "Error-Response", "error"],
    ]);
  });

  test("filters by action, sender, text and tag, and shows the newest when there are many", async () => {
    expect(brief(await query("shop", "--action", "WIRE_PEERS,UPDATE_CONFIG"))).toEqual([
      ["received", "WIRE_PEERS", "ok"],
      ["received", "UPDATE_CONFIG", "ok"],
    ]);
    expect(
      brief(await query("shop", "--contains", "maxConcurrentRequests", "--direction", "received")),
    ).toEqual([["received", "UPDATE_CONFIG", "ok"]]);
    expect(await query("shop", "--from", "battle")).toEqual([]);
    expect(brief(await query("shop", "--tag", "Correlation-Id=asked-once"))).toHaveLength(2);
    const newest = await query("shop", "-n", "1", "--direction", "received");
    expect(brief(newest)).toEqual([["received", "NO_SUCH_ACTION", "error"]]);
    expect(await query("shop", "--until", "2001-01-01")).toEqual([]);
    expect((await query("shop", "--since", "1h")).length).toBeGreaterThan(4);
  });

  test("prints a table for people", async () => {
    const { stdout, stderr } = await here.run("query", "shop", "--correlation", "asked-once");
    expect(stdout).toMatch(/^\d{4}-\S+ {2}slot \d+ {2}← \S{8} {2}Info/);
    expect(stderr).toMatch(/2 messages; searched slots 0 to \d+/);
  });

  test("rejects an invalid time as a usage error", async () => {
    expect((await here.run("query", "shop", "--since", "yesterday")).code).toBe(2);
    expect(timeIn("1h", 3_600_000)).toBe(0);
    expect(timeIn("2026-01-02T03:04:05Z", 0)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
  });

  test("takes every message when the filter is empty", () => {
    expect(matches({} as MessageRecord, {})).toBe(true);
  });
});

describe("fleet trace", () => {
  test("follows a request from process to process, and the replies it caused", async () => {
    const code = `Send({ Target = "${shop}", Action = "Info", ["Correlation-Id"] = "second" }) return "sent"`;
    const { ao } = here.fleet.session;
    const battle = here.fleet.members.find(({ name }) => name === "battle")?.processId ?? "";
    const budget = { total: 20_000, remaining: () => 20_000 };
    const tags = { Action: "Eval", "Correlation-Id": "first" };
    const sent = await ao.send({ intent: "trace", processId: battle, tags, data: code }, budget);
    await here.stack.net.oracle.quiet();
    const ran = await here.run("trace", "first", "--json");
    const { hops } = ran.json<{ hops: { process: string; action: string; depth: number }[] }>();
    expect(hops.map(({ process, action, depth }) => [process, action, depth])).toEqual([
      ["battle", "Eval", 0],
      ["shop", "Info", 1],
      ["battle", "Info-Response", 1],
    ]);
    expect(ran.code).toBe(0);
    const byId = await here.run("trace", sent.id);
    expect(byId.stdout).toMatch(/\+0 ms {2}battle slot \d+ {2}Eval from/);
    expect(byId.stdout).toContain("→ Info to shop");
    expect(byId.stdout).toMatch(/shop slot \d+ {2}Info from battle/);
  });

  test("says how far it searched when the id is unknown", async () => {
    const ran = await here.run("trace", "nothing");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("TRACE_EMPTY");
  });
});

describe("fleet statistics", () => {
  test("shows what each process counted", async () => {
    const ran = await here.run("statistics", "--json");
    expect(ran.code).toBe(0);
    const { processes } = ran.json<{ processes: { name: string; statistics: Record<string, number> }[] }>();
    const own = processes.find(({ name }) => name === "shop");
    expect(own?.statistics.messages).toBeGreaterThan(3);
    expect(own?.statistics).toMatchObject({ errors: 0, refused: 1 });
    const text = await here.run("statistics", "shop", "--verbose");
    expect(text.stdout).toMatch(/^process +messages +errors +refused/);
    expect(text.stderr).toMatch(/shop: Info 2, GET_STATISTICS 2/);
  });
});

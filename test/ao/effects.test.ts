import { DataItem } from "@dha-team/arbundles";
import { beforeEach, describe, expect, test } from "vitest";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import { AUTHORITY, budgetWhile, MODULE, notFound, ok, page, SCHEDULER } from "./units.ts";

let ao: Ao;
const lines: string[] = [];

const quick = { firstRead: 0, backoff: { base: 5, cap: 20, floor: 1 } };
const budget = () => budgetOf(10);
const spawnInput = (intent: string) => ({
  intent,
  module: MODULE,
  scheduler: SCHEDULER,
  authority: AUTHORITY,
  tags: { Name: "battle" },
});

beforeEach(() => {
  lines.length = 0;
  ao = connectLegacy({
    endpoints: units.endpoints,
    wallet,
    journal,
    limits: quick,
    log: (line) => lines.push(line),
  });
});

describe("a spawn", () => {
  test("is an item that the wallet signed, with the protocol's tags", async () => {
    const { id, resent } = await ao.spawn(spawnInput("p/s/battle/1/spawn"), budget());
    expect(resent).toBe(false);
    expect(units.posted).toEqual([id]);
    const body = units.requests.find(({ endpoint }) => endpoint === "mu.post")?.body ?? Buffer.alloc(0);
    expect(await DataItem.verify(body)).toBe(true);
    const tags = new Map(new DataItem(body).tags.map(({ name, value }) => [name, value]));
    expect(Object.fromEntries(tags)).toMatchObject({
      "Data-Protocol": "ao",
      Type: "Process",
      Variant: "ao.TN.1",
      Module: MODULE,
      Scheduler: SCHEDULER,
      Authority: AUTHORITY,
      Name: "battle",
    });
  });

  test("is not posted by a second call while the scheduler has it, and looks up the module once", async () => {
    const first = await ao.spawn(spawnInput("k"), budget());
    const second = await ao.spawn(spawnInput("k"), budget());
    expect(second).toEqual({ id: first.id, resent: true });
    expect(units.posted).toEqual([first.id]);
    expect(units.count("graphql")).toBe(1);
  });

  test("is not signed if its module is unknown", async () => {
    units.script(({ endpoint }) => (endpoint === "graphql" ? { json: page([]) } : undefined));
    await expect(
      ao.spawn(
        spawnInput("k"),
        budgetWhile(() => units.requests.length < 2),
      ),
    ).rejects.toMatchObject({
      code: "MODULE_UNKNOWN",
    });
    expect(journal.open()).toEqual([]);
    expect(units.posted).toEqual([]);
  });
});

describe("a message", () => {
  const message = (intent: string, data = "1") => ({
    intent,
    processId: "p".repeat(43),
    tags: { Action: "Eval" },
    data,
  });

  test("stays one message however often the answer is lost", async () => {
    units.script(({ endpoint, nth }) => {
      if (endpoint !== "mu.post") return undefined;
      return nth <= 3
        ? "reset"
        : { status: 500, json: { error: "Error: MessageExists: Message already exists" } };
    });
    const { id } = await ao.send(message("k"), budget());
    expect(new Set(units.posted)).toEqual(new Set([id]));
    expect(units.posted).toHaveLength(4);
  });

  test("is a new message after the key was settled: A, B, A", async () => {
    const first = await ao.send(message("A"), budget());
    await ao.settle("A");
    const other = await ao.send(message("B"), budget());
    await ao.settle("B");
    const again = await ao.send(message("A"), budget());
    expect(new Set([first.id, other.id, again.id]).size).toBe(3);
    expect(again.resent).toBe(false);
    expect(journal.signed("A")?.n).toBe(2);
  });

  test("is signed again if its content changed under the same key, and voids the earlier one", async () => {
    const first = await ao.send(message("k", "1"), budget());
    const second = await ao.send(message("k", "2"), budget());
    expect(second.id).not.toBe(first.id);
    expect(journal.byId(first.id)).toMatchObject({ state: "voided", reason: "other content" });
  });

  test("is signed once if it is requested twice at the same time", async () => {
    const [one, two] = await Promise.all([ao.send(message("k"), budget()), ao.send(message("k"), budget())]);
    expect(two.id).toBe(one.id);
  });

  test("is posted again, while its result is awaited, if the unit accepted and lost it", async () => {
    const patient = connectLegacy({
      endpoints: units.endpoints,
      wallet,
      journal,
      limits: { ...quick, repostAfter: 30 },
      log: (line) => lines.push(line),
    });
    units.script(({ endpoint }) => {
      if (endpoint === "su.message") return notFound;
      if (endpoint !== "cu.result") return undefined;
      return units.posted.length < 2 ? { status: 500, json: { error: "message not found" } } : ok("done");
    });
    const { id } = await patient.send(message("k"), budget());
    const { output } = await patient.evaluation({ processId: "p".repeat(43), messageId: id }, budget());
    expect(output).toBe("done");
    expect(units.posted).toEqual([id, id]);
    expect(lines.join()).toContain("again: the network did not have it");
  });
});

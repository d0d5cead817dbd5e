/** A run that was suspended, and whose journal another run took meanwhile, posts nothing any more: the other one has posted the same bytes. */
import { writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import { AUTHORITY, type Endpoint, MODULE, type Reply, SCHEDULER } from "./units.ts";

let ao: Ao;

beforeEach(() => {
  ao = connectLegacy({
    endpoints: { ...units.endpoints, uploadUrl: units.endpoints.gatewayUrl, maxMessageBytes: 20_000 },
    wallet,
    journal,
    limits: { firstRead: 0, inFlight: 0, backoff: { base: 5, cap: 20, floor: 1 } },
  });
});

/** During the first call to this endpoint, another run takes the journal. */
function taken(during: Endpoint, replies: Partial<Record<Endpoint, Reply>>): void {
  const owner = { nonce: "n", pid: 1, born: "", host: "elsewhere", at: "2026-01-01T00:00:00.000Z" };
  units.script(({ endpoint }) => {
    if (endpoint === during) writeFileSync(`${journal.path}.lock`, JSON.stringify(owner));
    return replies[endpoint];
  });
}
const spawn = () =>
  ao.spawn(
    { intent: "s", module: MODULE, scheduler: SCHEDULER, authority: AUTHORITY, tags: { Name: "battle" } },
    budgetOf(5),
  );
const absent: Reply = { status: 400, json: { error: 'NotFound("Process not found")' } };

describe("a run that lost the journal's lock", () => {
  test.each<[string, Endpoint, Reply]>([
    ["while it waited after a post that the unit refused", "mu.post", { status: 429, text: "" }],
    ["while it asked the scheduler about a post without an answer", "su.process", "reset"],
  ])("does not post its spawn again: %s", async (_, during, reply) => {
    taken(during, { "mu.post": reply, "su.process": absent });
    await expect(spawn()).rejects.toMatchObject({ code: "JOURNAL_LOST" });
    expect(units.posted).toHaveLength(1);
  });

  test("does not upload again what the upload service refused", async () => {
    taken("upload", { upload: { status: 429, text: "" } });
    const message = { intent: "u", processId: `${"p".repeat(42)}o`, tags: {}, data: "x".repeat(30_000) };
    await expect(ao.send(message, budgetOf(5))).rejects.toMatchObject({ code: "JOURNAL_LOST" });
    expect(units.count("upload")).toBe(1);
  });

  test("does not assign what it has uploaded", async () => {
    taken("upload", {});
    const message = { intent: "m", processId: `${"p".repeat(42)}o`, tags: {}, data: "x".repeat(30_000) };
    await expect(ao.send(message, budgetOf(5))).rejects.toMatchObject({ code: "JOURNAL_LOST" });
    expect(units.uploaded).toHaveLength(1);
    expect(units.count("mu.assign")).toBe(0);
  });
});

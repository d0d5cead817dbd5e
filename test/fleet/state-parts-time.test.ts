/** How long an export or import in parts may take. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf, growing, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { exportedState, importState } from "../../src/fleet/protocol/state.ts";
import { runningDigest } from "../../src/fleet/snapshot/parts.ts";
import { fakeAo, fakeFleet, member } from "../cli/fakes.ts";

const PARTS = 20;
const notes = member("notes");

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A process whose every answer takes a time. */
function taking(seconds: number) {
  let [chain, asked] = ["", 0];
  const ao = fakeAo(({ action, data }) => {
    const { part } = JSON.parse(data) as { part: { n: number; digest: string; isLast: boolean } };
    const text = `[["s",["notes"],[["line-${part.n}",${part.n}]]]]`;
    const digest = action === "EXPORT_STATE" ? sha256(text) : part.digest;
    chain = runningDigest(part.n === 1 ? "" : chain, digest);
    const isLast = action === "EXPORT_STATE" ? part.n === PARTS : part.isLast;
    const header = { schema: 1, stateVersion: "1", hasGlobals: false };
    return {
      reply: { success: true, slot: 1, part: { id: "one", n: part.n, text, digest, chain, isLast, header } },
    };
  });
  const evaluation: Ao["evaluation"] = async (ref, budget) => {
    asked += 1;
    vi.advanceTimersByTime(seconds * 1000);
    if (budget.remaining() > 0) return ao.evaluation(ref, budget);
    const problem = { code: "BUDGET_SPENT", what: "no time is left", remedy: "" };
    throw new FleetError({ ...problem, expected: `within ${budget.total / 1000} s` });
  };
  return { session: fakeFleet({ ...ao, evaluation }, [notes]).session, asked: () => asked };
}

const lines = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`line-${i}`, "x".repeat(200)]));
const state = { schema: 1, stateVersion: "1", states: { notes: lines } };
const sent = { epoch: 1, state, digest: sha256(canonicalJson(state)) };

test("parts that arrive in time may take longer together than one message may", async () => {
  const { session, asked } = taking(25);
  const { state: read } = await exportedState(session, notes, {}, budgetOf(60));
  expect(Object.keys(read.states?.notes as object)).toHaveLength(PARTS);
  const before = asked();
  expect(await importState(session, notes, sent, budgetOf(60))).toMatchObject({ digest: sent.digest });
  expect(asked() - before).toBeGreaterThan(5);
});

test("the whole has a limit, which grows by 30 s with each part that arrived", async () => {
  const { session, asked } = taking(40);
  // 60 s, and 30 s for each part that arrived: the third would arrive at 120 s of 120 s.
  await expect(exportedState(session, notes, {}, budgetOf(60))).rejects.toMatchObject({
    code: "BUDGET_SPENT",
  });
  expect(asked()).toBe(3);
  await expect(importState(session, notes, sent, budgetOf(60))).rejects.toMatchObject({
    code: "BUDGET_SPENT",
  });
  expect(asked()).toBe(6);
});

test("a step never has more than the first budget, nor than the whole has left", () => {
  const whole = growing(within(budgetOf(100), 60), 30);
  whole.grow();
  expect([whole.total, whole.remaining(), whole.step().remaining()]).toEqual([90_000, 90_000, 60_000]);
  vi.advanceTimersByTime(50_000);
  expect([whole.remaining(), whole.step().remaining()]).toEqual([40_000, 40_000]);
  vi.advanceTimersByTime(50_000);
  expect(whole.remaining()).toBe(0);
});

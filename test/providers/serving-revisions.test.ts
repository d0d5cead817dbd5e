/** Revisions with a share of the traffic next to the wanted one: a refresh reads them too, and the next update repairs them. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { explainChanges } from "../../providers/process/explain-changes.ts";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { sessionFor } from "../../providers/run/session.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { failureOf } from "../kit/failure.ts";
import { checked, createProcess, evaluate, type Stack, simulatedStack, statusOf } from "./fixture.ts";

let stack: Stack;
afterEach(async () => {
  vi.restoreAllMocks();
  await stack.close();
});

/** A version of the shop: another number makes other code. */
const BESIDE = { strategy: { kind: "new-process", router: "gate", retention: {} } };
const shop = async (slow: number, extra: object = BESIDE) =>
  checked(await stack.inputs("shop", { slow }, { ...extra }));
const update = async (olds: ProcessOutputs, slow: number, extra?: object) =>
  (await lifecycle.update("id", olds, await shop(slow, extra))).outs;
const refreshed = async (outs: ProcessOutputs) =>
  (await lifecycle.read("id", outs)).props as unknown as ProcessOutputs;
const idOf = (outs: ProcessOutputs) => outs.processId.slice(0, 8);
const HACK = 'Handlers.add("hack", "X", function(m) end)';
const isHacked = (id: string) => JSON.stringify(stack.net.oracle.state(id)).includes('"hack"');

/** The progress lines of the providers. */
function listening(): string[] {
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
  return lines;
}

type Shares = readonly (readonly [ProcessOutputs, number])[];

const servicesOf = (shares: Shares) => ({
  shop: {
    key: "sender",
    routes: shares.map(([{ processId }, weightBp]) => ({ processId, weightBp, revision: "r" })),
  },
});

/**
 * Gives the router this table.
 *
 * @param since the shares in the last proven table. @default the same
 * @param more other fields of its state
 */
async function routed(
  shares: Shares,
  mode = "steady",
  before?: ProcessOutputs,
  since = shares,
  more = {},
): Promise<ProcessOutputs> {
  const table = { release: "r", step: 1, salt: "s", mode, at: 1, services: servicesOf(shares) };
  const proven = { ...table, mode: "steady", services: servicesOf(since) };
  const traffic = { table, proven, proofs: [], serial: 1, epoch: 1, at: 2, ...more };
  const inputs = await checked(await stack.inputs("gate", { traffic }));
  return before ? (await lifecycle.update("gate", before, inputs)).outs : createProcess(inputs);
}

/** Makes a process refuse requests, as a hand-over of its state does. */
async function drain({ name, processId, generation }: ProcessOutputs): Promise<void> {
  const session = await sessionFor(stack.scope, { kind: "legacy", ...stack.net.endpoints });
  const epoch = await session.deployment.epoch();
  const place = { name, processId, generation };
  await ask(session, { ...place, action: "DRAIN", epoch }, z.looseObject({}), budgetOf(10));
}

async function split(): Promise<{ old: ProcessOutputs; wanted: ProcessOutputs; gate: ProcessOutputs }> {
  stack = await simulatedStack();
  const old = await createProcess(await shop(1));
  const wanted = await update(old, 2);
  const gate = await routed([
    [wanted, 5000],
    [old, 5000],
  ]);
  return { old, wanted, gate };
}

describe("in a steady split, the half that is not the wanted revision", () => {
  it("has no findings in a refresh while it is as it was loaded", async () => {
    const { wanted } = await split();
    const again = await refreshed(wanted);
    expect(again).toEqual(wanted);
    expect(await lifecycle.diff("id", again, await shop(2))).toMatchObject({ changes: false });
  });

  it("is named by a refresh after a change by hand, and repaired with its own code by the next update", async () => {
    const { old, wanted } = await split();
    await evaluate(stack, old.processId, HACK);
    const found = await refreshed(wanted);
    expect(found).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
    const words = `${idOf(old)}, which also has traffic: changed by hand: handlers were added: hack`;
    expect(explainChanges(found, (await shop(2)) as never)).toEqual([words]);
    expect(await lifecycle.diff("id", found, await shop(2))).toMatchObject({ changes: true });
    const lines = listening();
    const repaired = await update(found, 2);
    expect(lines.join("\n")).toMatch(new RegExp(`shop\\s+repaired\\s+${idOf(old)}, which also has traffic`));
    expect([isHacked(old.processId), repaired.processId]).toEqual([false, wanted.processId]);
    // Its own code, not the wanted revision's.
    expect(stack.net.oracle.state(old.processId)).toMatchObject({
      fleet: { sourceHash: old.revision?.sourceHash },
    });
    expect(repaired.revisions?.map(({ processId, finding }) => [processId, finding])).toEqual([
      [wanted.processId, undefined],
      [old.processId, undefined],
    ]);
    // The other half still shares the traffic: without it the next plan would end the split.
    expect(repaired.blue).toEqual({ processId: old.processId, sourceHash: "r" });
    expect(await refreshed(repaired)).toEqual(repaired);
  });

  it("accepts requests again after somebody drained it", async () => {
    const { old, wanted } = await split();
    await drain(old);
    const found = await refreshed(wanted);
    expect(explainChanges(found, (await shop(2)) as never)).toEqual([
      `${idOf(old)}, which also has traffic: changed by hand: it is draining instead of active`,
    ]);
    await update(found, 2);
    expect(statusOf(stack, old.processId)).toBe("ACTIVE");
  });

  it("is reported if it cannot be repaired, stays a finding, and does not stop a run", async () => {
    const { old, wanted } = await split();
    await evaluate(stack, old.processId, HACK);
    const found = await refreshed(wanted);
    await rm(join(stack.scope.home, "bundles"), { recursive: true });
    const lines = listening();
    // The wanted code is built again from its source; the earlier revision's code no longer exists.
    const tried = await update(found, 2);
    expect(lines.join("\n")).toMatch(
      new RegExp(`not repaired\\s+${idOf(old)}, which also has traffic: .*\\[BUNDLE_GONE\\]`),
    );
    expect(await lifecycle.diff("id", tried, await shop(2))).toMatchObject({ changes: true });
    expect(isHacked(old.processId)).toBe(true);
  });

  it("has no finding once it has no traffic", async () => {
    const { old, wanted, gate } = await split();
    await evaluate(stack, old.processId, HACK);
    const found = await refreshed(wanted);
    await routed([[wanted, 10_000]], "steady", gate);
    const evals = stack.evalsOf("shop");
    const later = await update(found, 2);
    expect(later.revisions?.some(({ finding }) => finding !== undefined)).toBe(false);
    expect(stack.evalsOf("shop")).toBe(evals);
  });

  it("does not leave its finding to the revision that is used again", async () => {
    const { old, wanted } = await split();
    await evaluate(stack, old.processId, HACK);
    const back = await update(await refreshed(wanted), 1);
    expect(back.processId).toBe(old.processId);
    expect(isHacked(old.processId)).toBe(false);
    expect(back.revision).not.toHaveProperty("finding");
    expect(back.revisions?.some(({ finding }) => finding !== undefined)).toBe(false);
  });
});

it("a warm revision without traffic is not read", async () => {
  const { old, wanted, gate } = await split();
  await routed([[wanted, 10_000]], "steady", gate);
  await evaluate(stack, old.processId, HACK);
  expect(await refreshed(wanted)).toEqual(wanted);
});

it("a revision with the traffic while the wanted one has none, as after an abort, is read too", async () => {
  const { old, wanted, gate } = await split();
  await routed([[old, 10_000]], "steady", gate);
  await evaluate(stack, old.processId, HACK);
  const found = await refreshed(wanted);
  expect(found.revisions?.find(({ processId }) => processId === old.processId)?.finding?.drift).toEqual([
    "handlers were added: hack",
  ]);
  await update(found, 2);
  expect(isHacked(old.processId)).toBe(false);
});

describe("in an unfinished rollout, the revision that has handed its state over", () => {
  /** A killed rollout of `green`, whose table a person aborted: callers and state are there until a run returns both. */
  async function left(mode: string, extra?: object) {
    stack = await simulatedStack();
    const blue = await createProcess(await shop(1, extra));
    const green = await update(blue, 2, extra);
    const gate = await routed([[green, 10_000]], mode, undefined, [[blue, 10_000]]);
    await drain(blue);
    return { blue, green, gate };
  }

  it.each(["held", "rollout"])(
    "is not resumed with the state of before when its code is declared again (%s): the traffic resource returns the state first",
    async (mode) => {
      const { blue, green, gate } = await left(mode);
      const lines = listening();
      const back = await update(green, 1);
      expect([back.processId, statusOf(stack, blue.processId)]).toEqual([blue.processId, "DRAINING"]);
      expect(back.health).toEqual({ status: "HEALTHY", reasons: [] });
      expect(lines.join("\n")).toMatch(/shop\s+ready\s+HEALTHY \(refuses requests until the traffic returns/);
      expect(await lifecycle.diff("id", back, await shop(1))).toMatchObject({ changes: false });
      // Once the rollout has ended, a process that refuses requests was stopped by hand.
      await routed([[blue, 10_000]], "steady", gate);
      await update(await refreshed(back), 1);
      expect(statusOf(stack, blue.processId)).toBe("ACTIVE");
    },
  );

  it("is resumed if it has no state", async () => {
    const { blue, green } = await left("held", { ...BESIDE, state: "none" });
    await update(green, 1, { ...BESIDE, state: "none" });
    expect(statusOf(stack, blue.processId)).toBe("ACTIVE");
  });

  it.each([
    { code: "BAD_REPLY", script: { traffic: { table: "none" } } },
    { code: "NO_REPLY", script: { missing: ["GET_TRAFFIC"] } },
  ])(
    "stays as it is if the router cannot be asked, and the run fails with its error ($code)",
    async ({ code, script }) => {
      const { blue, green, gate } = await left("held");
      await lifecycle.update("id", gate, await checked(await stack.inputs("gate", script)));
      const error = (await failureOf(update(green, 1))) as Error;
      expect(error.message).toContain(`shop (${idOf(blue)}) refuses requests, and only the router can tell`);
      expect(error.message).toContain(`[${code}]`);
      expect(statusOf(stack, blue.processId)).toBe("DRAINING");
    },
  );

  it("stays as it is also after a router of an earlier version returned its traffic without the state", async () => {
    const { blue, green, gate } = await left("held");
    const back = [[blue, 10_000]] as const;
    const reverted = { release: "r", step: 2, why: "abort", at: 2, services: servicesOf([[green, 10_000]]) };
    const later = await routed(back, "steady", gate, back, { reverted });
    const waiting = await update(green, 1);
    expect([waiting.processId, statusOf(stack, blue.processId)]).toEqual([blue.processId, "DRAINING"]);
    // Code that is loaded in place goes to the one with the state.
    expect((await update(waiting, 3, {})).processId).toBe(green.processId);
    expect(statusOf(stack, blue.processId)).toBe("DRAINING");
    // Once a run has returned the state, a process that refuses requests was stopped by hand.
    await routed(back, "steady", later, back, { reverted: { ...reverted, returned: true } });
    await update(await refreshed(waiting), 1);
    expect(statusOf(stack, blue.processId)).toBe("ACTIVE");
  });

  it("gets code that is loaded in place if its traffic returned before it had handed anything over", async () => {
    stack = await simulatedStack();
    const blue = await createProcess(await shop(1));
    const green = await update(blue, 2);
    const back = [[blue, 10_000]] as const;
    const reverted = { release: "r", step: 2, why: "lease", at: 2, services: servicesOf([[green, 10_000]]) };
    await routed(back, "steady", undefined, back, { reverted });
    expect((await update(green, 3, {})).processId).toBe(blue.processId);
  });

  it("does not get code that is loaded in place from now on: the one with callers and state does", async () => {
    const { blue, green } = await left("held");
    const inPlace = await update(green, 3, {});
    expect(inPlace.processId).toBe(green.processId);
    expect(statusOf(stack, blue.processId)).toBe("DRAINING");
  });
});

it("a half that was drained by hand is not resumed if a rollout has begun since, and is reported until it has ended", async () => {
  const { old, wanted, gate } = await split();
  await drain(old);
  const found = await refreshed(wanted);
  const halves: Shares = [
    [wanted, 5000],
    [old, 5000],
  ];
  const later = await routed(halves, "held", gate);
  const lines = listening();
  const left = await update(found, 2);
  expect(statusOf(stack, old.processId)).toBe("DRAINING");
  expect(lines.join("\n")).toContain("it is not resumed while a rollout is in progress");
  expect(lines.join("\n")).not.toMatch(/shop\s+repaired/);
  expect(explainChanges(left, (await shop(2)) as never)).toEqual([
    `${idOf(old)}, which also has traffic: changed by hand: it is draining instead of active`,
  ]);
  // The next run would change nothing, so its preview is silent. A refresh keeps the finding.
  expect(await lifecycle.diff("id", left, await shop(2))).toMatchObject({ changes: false });
  expect(await refreshed(left)).toEqual(left);
  await routed(halves, "steady", later);
  expect(await lifecycle.diff("id", left, await shop(2))).toMatchObject({ changes: true });
  const resumed = await update(left, 2);
  expect(statusOf(stack, old.processId)).toBe("ACTIVE");
  expect(resumed.revisions?.some(({ finding }) => finding !== undefined)).toBe(false);
});

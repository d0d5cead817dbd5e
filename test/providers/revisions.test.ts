import { afterEach, describe, expect, it, vi } from "vitest";
import { spawnGeneration } from "../../providers/process/ensure-process.ts";
import { explainChanges } from "../../providers/process/explain-changes.ts";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { revisionsOf, surplus } from "../../providers/process/revisions.ts";
import type { ProcessInputs, ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import type { HeldRevision } from "../../src/fleet/members/revision.ts";
import type { Script } from "../simnet/index.ts";
import { checked, createProcess, partialFailureOf, type Stack, simulatedStack, statusOf } from "./fixture.ts";

let stack: Stack;
let open: Stack[] = [];
const started = async (): Promise<Stack> => {
  const made = await simulatedStack();
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const each of open) await each.close();
  open = [];
});

const strategy = (retention: object = {}) => ({
  strategy: { kind: "new-process", retention: { revisions: 2, windowSeconds: 0, ...retention } },
});

/** A version of the shop: another number makes other code. */
const shop = async (slow: number, extra: object = strategy(), script: Script = {}) =>
  checked(await stack.inputs("shop", { ...script, slow }, { ...extra }));

const update = async (olds: ProcessOutputs, slow: number, extra?: object, script?: Script) =>
  (await lifecycle.update("id", olds, await shop(slow, extra, script))).outs;

describe("a revision in a new process", () => {
  it("does not change its callers' wiring before a router confirms it, however many rollouts died", async () => {
    stack = await started();
    const routed = { strategy: { ...strategy().strategy, router: "coordinator" } };
    const base = await createProcess(await shop(1, {}));
    const killed = await update(base, 2, routed);
    const next = await update(killed, 3, routed);
    expect(next.blue?.processId).toBe(base.processId);
    expect(statusOf(stack, base.processId)).toBe("ACTIVE");
    const back = await update(next, 1, routed);
    expect(back.processId).toBe(base.processId);
  });

  it("is created next to the running one, which keeps its code and keeps running", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const green = await update(blue, 2);
    expect(green.processId).not.toBe(blue.processId);
    expect(green.generation).toBe(2);
    expect(green.health.status).toBe("HEALTHY");
    expect(green.revisions?.map(({ processId }) => processId)).toEqual([green.processId, blue.processId]);
    expect(green.blue).toEqual({ processId: blue.processId, sourceHash: blue.revision?.sourceHash });
    expect(statusOf(stack, blue.processId)).toBe("ACTIVE");
    expect(stack.net.oracle.state(blue.processId)).toMatchObject({
      fleet: { sourceHash: blue.revision?.sourceHash },
    });
    expect(stack.processesOf("shop")).toHaveLength(2);
    expect(await lifecycle.diff("id", green, await shop(2))).toMatchObject({ changes: false });
  });

  it("takes the process that a run on another machine spawned before it was killed", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const other = await simulatedStack({ net: stack.net, stack: stack.scope.stack });
    const inputs = (await checked(await other.inputs("shop", { slow: 2 }, strategy()))) as ProcessInputs;
    const session = await sessionFor(other.scope, inputs.network);
    const spawned = await spawnGeneration(session, inputs, 2, stack.net.module, session.budget(10));
    // The next run finds its own journal as it is: not new, and without that process.
    await endRun();
    const green = await update(blue, 2);
    expect([green.processId, green.generation]).toEqual([spawned.processId, 2]);
    expect(stack.processesOf("shop").map(({ tags }) => tags.Generation)).toEqual(["1", "2"]);
    // The next one has the next number.
    const third = await update(green, 3);
    expect(third.generation).toBe(3);
  });

  it("is used again, without a spawn or a load, when an edit returns to it", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const green = await update(blue, 2);
    const evals = stack.evalsOf("shop");
    const back = await update(green, 1);
    expect(back.processId).toBe(blue.processId);
    expect(back.revision).toEqual(blue.revision);
    expect(back.revisions?.map(({ processId }) => processId)).toEqual([blue.processId, green.processId]);
    expect(back.revisions?.[0]?.replacedAt).toBeUndefined();
    expect(stack.processesOf("shop")).toHaveLength(2);
    expect(stack.evalsOf("shop")).toBe(evals);
  });

  it("is retired when it is no longer kept, and never used again", async () => {
    stack = await started();
    const first = await createProcess(await shop(1));
    const third = await update(await update(first, 2), 3);
    expect(third.revisions).toHaveLength(2);
    expect(statusOf(stack, first.processId)).toBe("RETIRED");
    const again = await update(third, 1);
    expect(again.processId).not.toBe(first.processId);
    expect(again.generation).toBe(4);
  });

  it("is retired with its member, and the line about the removal counts the others", async () => {
    stack = await started();
    const hour = strategy({ windowSeconds: 3600 });
    const third = await update(await update(await createProcess(await shop(1, hour)), 2, hour), 3, hour);
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
    await lifecycle.remove("id", third);
    log.mockRestore();
    expect(third.revisions?.map(({ processId }) => statusOf(stack, processId))).toEqual([
      "RETIRED",
      "RETIRED",
      "RETIRED",
    ]);
    expect(lines.join("\n")).toContain(`${third.processId.slice(0, 8)} and 2 other revisions`);
  });

  it("is reported as forgotten, not as retired, if it does not answer", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const inputs = (await shop(2)) as ProcessInputs;
    const session = await sessionFor(stack.scope, inputs.network);
    // A spawn without code: nothing in it can answer.
    const { processId, generation } = await spawnGeneration(
      session,
      inputs,
      2,
      stack.net.module,
      session.budget(10),
    );
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
    await lifecycle.remove("id", { ...blue, processId, generation });
    log.mockRestore();
    const text = lines.join("\n");
    expect(text).toContain(`forgotten ${processId.slice(0, 8)}: it did not answer`);
    expect(text).toContain(`retired ${blue.processId.slice(0, 8)}`);
  });

  it("stays within its window, however many there are", async () => {
    stack = await started();
    const hour = strategy({ windowSeconds: 3600 });
    const first = await createProcess(await shop(1, hour));
    const third = await update(await update(first, 2, hour), 3, hour);
    expect(third.revisions).toHaveLength(3);
    expect(statusOf(stack, first.processId)).toBe("ACTIVE");
  });

  it("that is unhealthy leaves the old one unchanged, and the next one replaces and retires it", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const error = await partialFailureOf(
      update(blue, 2, strategy(), { health: "UNHEALTHY", reason: "no shelf" }),
    );
    const state = error.properties as unknown as ProcessOutputs;
    expect(error.message).toContain("no shelf");
    expect(state.revisions?.map(({ health }) => health)).toEqual(["UNHEALTHY", "HEALTHY"]);
    expect(statusOf(stack, blue.processId)).toBe("ACTIVE");
    const fixed = await update(state, 3);
    expect(fixed.health.status).toBe("HEALTHY");
    expect(fixed.blue?.processId).toBe(blue.processId);
    expect(statusOf(stack, state.processId)).toBe("RETIRED");
    expect(fixed.revisions?.map(({ processId }) => processId)).toEqual([fixed.processId, blue.processId]);
  });

  it("whose code cannot be loaded is used for the fixed code, because nothing ever ran in it", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const error = await partialFailureOf(
      update(blue, 2, strategy(), { evalError: "attempt to index a nil value" }),
    );
    const state = error.properties as unknown as ProcessOutputs;
    // No line is known, so the error names none to fix.
    expect(error.message).toContain("Find the error that the program raises while it loads");
    // It was not judged, so its health is not a finding.
    expect(explainChanges(state, (await shop(2)) as never)).toContainEqual(
      expect.stringMatching(/^the last run failed: shop could not be loaded: .*\[LUA_ERROR\] Find the error/),
    );
    // A state of version 0.1.0 has no failure.
    expect(explainChanges({ ...state, failure: undefined } as never, (await shop(2)) as never)).toContain(
      "the last run ended before its health check: check again",
    );
    expect(state.revisions?.map(({ processId }) => processId)).toEqual([blue.processId]);
    const fixed = await update(state, 3);
    expect(fixed.processId).toBe(state.processId);
    expect(stack.processesOf("shop")).toHaveLength(2);
  });

  it("is found again when the run died before the state recorded it, and loaded once", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const green = await update(blue, 2);
    const evals = stack.evalsOf("shop");
    await endRun();
    const again = await update(blue, 2);
    expect(again.processId).toBe(green.processId);
    expect(again.revision?.evalId).toBe(green.revision?.evalId);
    expect(again.blue?.processId).toBe(blue.processId);
    expect(stack.processesOf("shop")).toHaveLength(2);
    expect(stack.evalsOf("shop")).toBe(evals);
  });

  it("is found with all its warm ones after the state was lost", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const green = await update(blue, 2);
    const found = await createProcess(await shop(2));
    expect(found.processId).toBe(green.processId);
    const back = await update(found, 1);
    expect(back.processId).toBe(blue.processId);
    expect(stack.processesOf("shop")).toHaveLength(2);
  });

  it("follows loads in place, whose state has no list of revisions", async () => {
    stack = await started();
    const old = await createProcess(await shop(1, {}));
    expect(old.revisions).toBeUndefined();
    const green = await update(old, 2);
    expect(green.revisions?.map(({ processId }) => processId)).toEqual([green.processId, old.processId]);
    expect(await lifecycle.diff("id", old, await shop(1))).toMatchObject({ changes: true });
  });

  it("is loaded in place again once there is no strategy", async () => {
    stack = await started();
    const green = await update(await createProcess(await shop(1)), 2);
    const inPlace = await update(green, 3, {});
    expect(inPlace.processId).toBe(green.processId);
    expect(inPlace.revision?.sourceHash).not.toBe(green.revision?.sourceHash);
    expect(stack.processesOf("shop")).toHaveLength(2);
  });

  it("is not used when code is loaded in place again: neither a warm one nor a failed one", async () => {
    stack = await started();
    const first = await createProcess(await shop(1));
    const back = await update(await update(first, 2), 1);
    expect((await update(back, 3, {})).processId).toBe(first.processId);
    const error = await partialFailureOf(update(back, 4, strategy(), { health: "UNHEALTHY" }));
    const failed = error.properties as unknown as ProcessOutputs;
    expect(failed.processId).not.toBe(first.processId);
    expect((await update(failed, 5, {})).processId).toBe(first.processId);
  });

  it("is removed together with all that are kept", async () => {
    stack = await started();
    const blue = await createProcess(await shop(1));
    const green = await update(blue, 2);
    await lifecycle.remove("id", green);
    expect([blue, green].map(({ processId }) => statusOf(stack, processId))).toEqual(["RETIRED", "RETIRED"]);
  });
});

describe("the revisions to retire", () => {
  const held = (generation: number, more: Partial<HeldRevision> = {}): HeldRevision => ({
    processId: `p${generation}`,
    generation,
    moduleId: "m",
    sourceHash: `h${generation}`,
    evalId: "e",
    version: "1",
    loadedAt: "2026-01-01T00:00:00.000Z",
    deploymentId: "d",
    health: "HEALTHY",
    replacedAt: `2026-01-0${generation}T00:00:00.000Z`,
    ...more,
  });
  const now = new Date("2026-01-09T00:00:00.000Z");
  const ids = (list: readonly HeldRevision[]) => list.map(({ processId }) => processId);
  const { replacedAt: _, ...wanted } = held(5);
  const policy = { revisions: 2, windowSeconds: 0 };

  it("never include those with traffic, nor the wanted one", () => {
    const all = [wanted, held(4), held(3), held(2), held(1)];
    expect(ids(surplus(all, new Set(["p1"]), policy, now))).toEqual(["p4", "p3", "p2"]);
    expect(ids(surplus(all, new Set(), policy, now))).toEqual(["p3", "p2", "p1"]);
    expect(ids(surplus(all, new Set(["p1", "p2", "p3", "p4"]), policy, now))).toEqual([]);
  });

  it("start with those that were never healthy", () => {
    const all = [wanted, held(4, { health: "UNHEALTHY" }), held(3)];
    expect(ids(surplus(all, new Set(), policy, now))).toEqual(["p4"]);
  });

  it("include none within the window", () => {
    const all = [wanted, held(4), held(3)];
    const days = 86_400 * 7;
    expect(ids(surplus(all, new Set(), { ...policy, windowSeconds: days }, now))).toEqual([]);
  });

  it("include none of a state from before revisions", () => {
    expect(revisionsOf(undefined)).toEqual([]);
  });
});

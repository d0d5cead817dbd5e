import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { sessionFor } from "../../providers/run/session.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { FleetError } from "../../src/core/errors.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import type { Behaviours } from "../simnet/index.ts";
import { checked, createProcess, evaluate, partialFailureOf, type Stack, simulatedStack } from "./fixture.ts";

let stack: Stack;
afterEach(() => stack.close());

describe("create", () => {
  it("spawns once, loads once and returns the process' own description", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle"));
    const [made, ...others] = stack.processesOf("battle");
    expect(others).toEqual([]);
    expect(made?.id).toBe(outs.processId);
    expect(made?.tags).toMatchObject({ Name: "battle", Generation: "1" });
    expect(stack.evalsOf("battle")).toBe(1);
    expect(outs.health).toEqual({ status: "HEALTHY", reasons: [] });
    expect(outs.revision).toMatchObject({
      processId: outs.processId,
      sourceHash: (outs.bundle as { hash: string }).hash,
      version: "1.0.0",
    });
  });

  it("finds the process again after the state was lost, and spawns none", async () => {
    stack = await simulatedStack();
    const inputs = await stack.inputs("battle");
    const first = await createProcess(inputs);
    const second = await createProcess(inputs);
    expect(second.processId).toBe(first.processId);
    expect(stack.processesOf("battle")).toHaveLength(1);
  });

  it("finds it from another machine, without the journal, by key and owner", async () => {
    stack = await simulatedStack();
    const first = await createProcess(await stack.inputs("battle"));
    const other = await simulatedStack({ net: stack.net, stack: stack.scope.stack });
    const second = await createProcess(await other.inputs("battle"));
    expect(second.processId).toBe(first.processId);
    expect(stack.processesOf("battle")).toHaveLength(1);
  });

  it("keeps the id in the state if the process is unhealthy, reports why, and continues with it after the fix", async () => {
    stack = await simulatedStack();
    const bad = await stack.inputs("shop", { health: "UNHEALTHY", reason: "the shelf is empty" });
    const error = await partialFailureOf(createProcess(bad));
    expect(error.id).toBe(`game/${stack.scope.stack}/shop`);
    expect(error.message).toContain("the shelf is empty");
    expect(error.properties).toMatchObject({
      name: "shop",
      processId: stack.processesOf("shop")[0]?.id,
      health: { status: "UNHEALTHY" },
    });
    const good = await checked(await stack.inputs("shop"));
    const { outs } = await lifecycle.update(error.id, error.properties as never, good);
    expect(outs.processId).toBe(error.properties.processId);
    expect(outs.health.status).toBe("HEALTHY");
    expect(stack.processesOf("shop")).toHaveLength(1);
  });

  it("does not accept a healthy status from a process of another version", async () => {
    stack = await simulatedStack();
    const error = await partialFailureOf(createProcess(await stack.inputs("shop", { version: "0.9.0" })));
    expect(error.message).toContain("version 0.9.0, expected 1.0.0");
  });

  it("does not accept a verdict with another probe's nonce", async () => {
    stack = await simulatedStack();
    const error = await partialFailureOf(createProcess(await stack.inputs("shop", { wrongNonce: true })));
    expect(error.message).toContain("a different probe");
  });

  it("waits for a process that becomes healthy within its retries", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("shop", { health: ["UNHEALTHY", "HEALTHY"] }));
    expect(outs.health.status).toBe("HEALTHY");
  });

  it("ends when the time is up if the process never answers", async () => {
    stack = await simulatedStack();
    const started = performance.now();
    const error = await partialFailureOf(
      createProcess(await stack.inputs("shop", { silent: true }, { timeoutSeconds: 3 })),
    );
    expect(performance.now() - started).toBeLessThan(8_000);
    expect(error.properties.processId).toBe(stack.processesOf("shop")[0]?.id);
  });

  it("reports a Lua error of the load and leaves the process unchanged", async () => {
    stack = await simulatedStack();
    const first = await createProcess(await stack.inputs("shop"));
    const bad = await checked(await stack.inputs("shop", { evalError: "attempt to index a nil value" }));
    const error = await partialFailureOf(lifecycle.update("id", first, bad));
    expect(error.message).toContain("attempt to index a nil value");
    expect(error.message).toContain("[LUA_ERROR]");
    expect(stack.net.oracle.state(first.processId)).toMatchObject({
      fleet: { sourceHash: first.revision?.sourceHash },
    });
  });

  it("refuses an unknown module alias before it sends anything", async () => {
    stack = await simulatedStack();
    await expect(createProcess(await stack.inputs("shop", {}, { module: "oas" }))).rejects.toThrow(
      /MODULE_UNKNOWN/,
    );
    expect(stack.net.oracle.counts().processes).toBe(0);
  });
});

describe("behaviour of real units", () => {
  const cases: [string, (behaviours: Behaviours) => unknown][] = [
    ["1: a failure in a resolved body", (b) => b.lowerCaseErrorResult({ nth: [1, 3] })],
    ["2: an empty first result", (b) => b.emptyFirstResult({ share: 1, lose: 0 })],
    ["3: a process that the gateway does not show yet", (b) => b.gatewayLag(700)],
    ["4: a messenger that is warming up", (b) => b.muFailure("warmingUp", { nth: [1, 2] })],
    ["4: a messenger whose fetch failed", (b) => b.muFailure("fetchFailed", { nth: [2] })],
    ["5: accepted, the answer lost", (b) => b.acceptAndLoseAnswer({ nth: [1, 2, 3] })],
    ["8: unknown messages take long to fail", (b) => b.slowUnknown(400)],
    ["9: cached dry-runs", (b) => b.cachedDryruns()],
    ["9: limited dry-runs", (b) => b.limitedDryruns(1)],
    ["10: arrival in another order", (b) => b.shuffledArrival()],
    ["12: congestion", (b) => b.congestion({ lanes: 1, ms: 30 })],
    ["the index lags", (b) => b.indexLag(60_000)],
    ["an ordinary day", (b) => b.ordinaryDay({ hurry: 10, seed: 7 })],
  ];
  it.each(cases)("%s: one healthy process, one load", async (_name, arm) => {
    stack = await simulatedStack();
    arm(stack.net.behaviours);
    const outs = await createProcess(await stack.inputs("battle"));
    expect(outs.health.status).toBe("HEALTHY");
    expect(stack.processesOf("battle")).toHaveLength(1);
    expect(stack.evalsOf("battle")).toBe(1);
  });

  it("6: a compute unit that is down fails the run with the id kept, and the next update continues", async () => {
    stack = await simulatedStack();
    const up = stack.net.behaviours.computeDown();
    const error = await partialFailureOf(
      createProcess(await stack.inputs("battle", {}, { timeoutSeconds: 2 })),
    );
    up();
    const { outs } = await lifecycle.update(
      error.id,
      error.properties as never,
      await checked(await stack.inputs("battle")),
    );
    expect(outs.processId).toBe(error.properties.processId);
    expect(stack.processesOf("battle")).toHaveLength(1);
    expect(stack.evalsOf("battle")).toBe(1);
  });
});

describe("diff", () => {
  it("describes what changes in words, and nothing if nothing changes", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle"));
    const same = await checked(await stack.inputs("battle"));
    expect(await lifecycle.diff("id", outs, same)).toMatchObject({ changes: false });
    const edited = await checked(await stack.inputs("battle", { slow: 1 }));
    expect(await lifecycle.diff("id", outs, edited)).toMatchObject({ changes: true });
  });

  it("refuses another module in the plan", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle"));
    const other = await checked(await stack.inputs("battle", {}, { module: "x".repeat(43) }));
    await expect(lifecycle.diff("id", outs, other)).rejects.toThrow(/MODULE_FIXED/);
  });

  it("asks the process itself if the state names another wallet: one that was given to this wallet needs no refresh", async () => {
    stack = await simulatedStack();
    const inputs = await checked(await stack.inputs("battle"));
    const outs = await createProcess(await stack.inputs("battle"));
    const given = { ...outs, owner: "o".repeat(43) };
    expect(await lifecycle.diff("id", given, inputs)).toMatchObject({ changes: true });
    const { outs: noted } = await lifecycle.update("id", given, inputs);
    expect(noted).toEqual(outs);
    const { props } = await lifecycle.read("id", given);
    expect(props).toEqual(outs);
    expect(await lifecycle.diff("id", props as typeof outs, inputs)).toMatchObject({ changes: false });
  });

  it("refuses a wallet that does not own the process, with both addresses and the command that hands it over", async () => {
    stack = await simulatedStack();
    const inputs = await checked(await stack.inputs("battle"));
    const outs = await createProcess(await stack.inputs("battle"));
    const owner = "o".repeat(43);
    await evaluate(stack, outs.processId, `Owner = "${owner}"`);
    const refused = {
      code: "WRONG_WALLET",
      problems: [
        {
          got: `the wallet ${outs.owner}`,
          expected: expect.stringMatching(new RegExp(`${owner}.*\\n +battle: ${outs.processId}$`)),
          remedy: expect.stringContaining(`npx fleet rotate-wallet --to ${outs.owner}`),
        },
      ],
    };
    await expect(lifecycle.diff("id", { ...outs, owner }, inputs)).rejects.toMatchObject(refused);
    const { props } = await lifecycle.read("id", outs);
    expect(props).toMatchObject({ owner, drift: [`it belongs to ${owner} instead of ${outs.owner}`] });
    // The same at each refresh, which compares what it has read, and finds no error in it.
    expect(await lifecycle.diff("id", props as typeof outs, inputs)).toMatchObject({ changes: true });
    expect((await lifecycle.read("id", props as typeof outs)).props).toEqual(props);
    expect(await lifecycle.diff("id", props as typeof outs, inputs)).toMatchObject({ changes: true });
    await expect(lifecycle.diff("id", props as typeof outs, inputs)).rejects.toMatchObject(refused);
    // A state of an earlier version has the sentence only.
    const earlier = { ...props, owner: outs.owner } as typeof outs;
    await expect(lifecycle.diff("id", earlier, inputs)).rejects.toMatchObject(refused);
    await expect(lifecycle.remove("id", outs)).rejects.toMatchObject(refused);
  });

  it("names in one error all processes of the stack that must be transferred, with their kept revisions", async () => {
    stack = await simulatedStack();
    const owner = "o".repeat(43);
    const blueGreen = { strategy: { kind: "new-process", retention: { revisions: 2, windowSeconds: 3600 } } };
    const shop = async (slow: number) => checked(await stack.inputs("shop", { slow }, blueGreen));
    const blue = await createProcess(await shop(1));
    const { outs: green } = await lifecycle.update("id", blue, await shop(2));
    const battle = await createProcess(await stack.inputs("battle"));
    const next = await createProcess(await stack.inputs("next"));
    // Somebody transferred the stack's processes, or returned them, and forgot the kept revisions.
    for (const one of [blue, battle]) await evaluate(stack, one.processId, `Owner = "${owner}"`);
    const error = await lifecycle
      .diff("id", { ...green, owner }, await shop(2))
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "WRONG_WALLET", problems: [{ at: "processes.shop" }] });
    const [{ expected = "" }] = (error as FleetError).problems;
    expect(expected).toContain(`shop (held): ${blue.processId}`);
    expect(expected).toContain(battle.processId);
    for (const ours of [green, next]) expect(expected).not.toContain(ours.processId);
    await expect(lifecycle.remove("id", green)).rejects.toMatchObject({
      code: "WRONG_WALLET",
      problems: [{ expected: expect.stringContaining(blue.processId) }],
    });
  });
});

describe("read", () => {
  it("finds nothing on an idle process, and finds code that was changed by hand", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle"));
    const idle = await lifecycle.read("id", outs);
    expect(idle.props).toEqual(outs);
    const edited = { ...outs, revision: { ...outs.revision, sourceHash: "f".repeat(64) } } as typeof outs;
    const found = await lifecycle.read("id", edited);
    expect(found.props.drift.join()).toContain("instead of ffffffff");
    expect(
      await lifecycle.diff("id", found.props, await checked(await stack.inputs("battle"))),
    ).toMatchObject({ changes: true });
  });

  it("does not report a retired process as healthy, as a state from before its retirement does", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle"));
    await lifecycle.remove("id", outs);
    const { props } = await lifecycle.read("id", outs);
    expect(props.health).toEqual({
      status: "UNHEALTHY",
      reasons: ["status: RETIRED", "service: it is retired"],
    });
    expect(props.drift).toEqual(["it is retired instead of active"]);
  });

  it("finds that somebody drained the process, and the next update resumes it, also from a state of version 0.1.0", async () => {
    for (const isOld of [false, true]) {
      stack = await simulatedStack();
      const inputs = await stack.inputs("battle");
      const outs = await createProcess(inputs);
      const session = await sessionFor(stack.scope, { kind: "legacy", ...stack.net.endpoints });
      const { name, processId, generation } = outs;
      const epoch = await session.deployment.epoch();
      await ask(
        session,
        { name, processId, generation, action: "DRAIN", epoch },
        z.looseObject({}),
        budgetOf(30),
      );
      const { props } = await lifecycle.read("id", outs);
      expect(props).toMatchObject({ drift: ["it is draining instead of active"], driftCodes: ["STOPPED"] });
      const { driftCodes: _, ...old } = props;
      const olds = isOld ? old : { ...props, drift: ["words that mean nothing"] };
      const { outs: again } = await lifecycle.update("id", olds as typeof outs, inputs);
      expect((await lifecycle.read("id", again)).props).toEqual(again);
      expect(again).toMatchObject({ drift: [] });
      expect(again).not.toHaveProperty("driftCodes");
      if (!isOld) await stack.close();
    }
  });

  it("names a handler that was added by hand, and the next update removes it, whatever library is loaded", async () => {
    for (const older of [false, true]) {
      stack = await simulatedStack();
      const inputs = await stack.inputs("battle", { older });
      const outs = await createProcess(inputs);
      expect(await evaluate(stack, outs.processId, 'Handlers.add("hack", "X", function(m) end)')).toBe("1");
      const { props } = await lifecycle.read("id", outs);
      expect(props.drift).toEqual(["handlers were added: hack"]);
      const again = await lifecycle.update("id", props as never, await checked(inputs));
      expect(again.outs).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
      expect(again.outs.revision?.handlers).toEqual(
        older ? ["fleet", "fleet.unknown"] : ["ao-fleet.first", "ao-fleet.last"],
      );
      expect((await lifecycle.read("id", again.outs)).props).toEqual(again.outs);
      expect(stack.evalsOf("battle")).toBe(3);
    }
  });

  it("is as strict as an update: what is unhealthy after a load is not healthy in a refresh", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(
      await stack.inputs("battle", { health: ["HEALTHY", "UNHEALTHY"], reason: "no room" }),
    );
    const { props } = await lifecycle.read("id", outs);
    expect(props.health).toMatchObject({ status: "UNHEALTHY" });
  });

  it("never reports a network that does not answer as a missing process", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle"));
    stack.net.behaviours.computeDown();
    // The state is kept: a refresh that fails writes none.
    const refreshed = lifecycle.read("id", { ...outs, timeoutSeconds: 2 });
    await expect(refreshed).rejects.toMatchObject({ code: "UNIT_DOWN", transient: true });
    await expect(refreshed).rejects.toThrow("compute unit at");
  });
});

describe("remove", () => {
  it("retires once, and the next process is a new generation", async () => {
    stack = await simulatedStack();
    const inputs = await stack.inputs("battle");
    const first = await createProcess(inputs);
    await lifecycle.remove("id", first);
    await lifecycle.remove("id", first);
    const second = await createProcess(inputs);
    expect(second.generation).toBe(2);
    expect(second.processId).not.toBe(first.processId);
    expect(stack.processesOf("battle")).toHaveLength(2);
  });
});

import { afterEach, describe, expect, it } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { PartialFailure } from "../../providers/run/partial.ts";
import type { Behaviours } from "../simnet/index.ts";
import { checked, createProcess, evaluate, type Stack, simulatedStack } from "./fixture.ts";

let stack: Stack;
afterEach(() => stack.close());

const failure = async (work: Promise<unknown>): Promise<PartialFailure> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PartialFailure);
  return error as PartialFailure;
};

describe("create", () => {
  it("spawns once, loads once and returns what the process said of itself", async () => {
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

  it("finds the process again when the state was lost, and spawns none", async () => {
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

  it("keeps the id in the state when the process is unhealthy, says why, and goes on with it after the fix", async () => {
    stack = await simulatedStack();
    const bad = await stack.inputs("shop", { health: "UNHEALTHY", reason: "the shelf is empty" });
    const error = await failure(createProcess(bad));
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

  it("does not take a healthy status from a process of another version", async () => {
    stack = await simulatedStack();
    const error = await failure(createProcess(await stack.inputs("shop", { version: "0.9.0" })));
    expect(error.message).toContain("version 0.9.0, expected 1.0.0");
  });

  it("does not believe a verdict with another probe's nonce", async () => {
    stack = await simulatedStack();
    const error = await failure(createProcess(await stack.inputs("shop", { wrongNonce: true })));
    expect(error.message).toContain("another probe");
  });

  it("waits for a process that becomes healthy within its tries", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("shop", { health: ["UNHEALTHY", "HEALTHY"] }));
    expect(outs.health.status).toBe("HEALTHY");
  });

  it("ends within the budget when the process never answers", async () => {
    stack = await simulatedStack();
    const started = performance.now();
    const error = await failure(
      createProcess(await stack.inputs("shop", { silent: true }, { timeoutSeconds: 3 })),
    );
    expect(performance.now() - started).toBeLessThan(8_000);
    expect(error.properties.processId).toBe(stack.processesOf("shop")[0]?.id);
  });

  it("reports a Lua error of the load and leaves the process as it was", async () => {
    stack = await simulatedStack();
    const first = await createProcess(await stack.inputs("shop"));
    const bad = await checked(await stack.inputs("shop", { evalError: "attempt to index a nil value" }));
    const error = await failure(lifecycle.update("id", first, bad));
    expect(error.message).toContain("attempt to index a nil value");
    expect(error.message).toContain("[LUA_ERROR]");
    expect(stack.net.oracle.state(first.processId)).toMatchObject({
      fleet: { sourceHash: first.revision?.sourceHash },
    });
  });

  it("names an unknown module alias before it sends anything", async () => {
    stack = await simulatedStack();
    await expect(createProcess(await stack.inputs("shop", {}, { module: "oas" }))).rejects.toThrow(
      /MODULE_UNKNOWN/,
    );
    expect(stack.net.oracle.counts().processes).toBe(0);
  });
});

describe("what real units do", () => {
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

  it("6: a compute unit that is down is a clean failure with the id kept, and the next update goes on", async () => {
    stack = await simulatedStack();
    const up = stack.net.behaviours.computeDown();
    const error = await failure(createProcess(await stack.inputs("battle", {}, { timeoutSeconds: 2 })));
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
  it("says in words what changes, and nothing for nothing", async () => {
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

  it("refuses a wallet that does not own the process, with both addresses, until a refresh says otherwise", async () => {
    stack = await simulatedStack();
    const inputs = await checked(await stack.inputs("battle"));
    const outs = await createProcess(await stack.inputs("battle"));
    const owner = "o".repeat(43);
    const wrong = { ...outs, owner };
    const refused = await lifecycle.diff("id", wrong, inputs).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "WRONG_WALLET",
      problems: [{ got: `the wallet ${outs.owner}`, expected: expect.stringContaining(owner) }],
    });
    // The process itself says that it belongs to this wallet.
    const { props } = await lifecycle.read("id", wrong);
    expect(await lifecycle.diff("id", props, inputs)).toMatchObject({ changes: true });
  });
});

describe("read", () => {
  it("finds nothing on an idle process, and code that was changed by hand", async () => {
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

  it("does not say that a retired process is healthy, as a state of before its retirement does", async () => {
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

  it("names a handler that was added by hand, and the next update takes it away, whatever library is loaded", async () => {
    for (const older of [false, true]) {
      stack = await simulatedStack();
      const inputs = await stack.inputs("battle", { older });
      const outs = await createProcess(inputs);
      expect(await evaluate(stack, outs.processId, 'Handlers.add("hack", "X", function(m) end)')).toBe("1");
      const { props } = await lifecycle.read("id", outs);
      expect(props.drift).toEqual(["handlers were added: hack"]);
      const again = await lifecycle.update("id", props as never, await checked(inputs));
      expect(again.outs).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
      expect(again.outs.revision?.handlers).toEqual(["fleet", "fleet.unknown"]);
      expect((await lifecycle.read("id", again.outs)).props).toEqual(again.outs);
      expect(stack.evalsOf("battle")).toBe(3);
    }
  });

  it("is as strict as an update: what a check after a load calls unhealthy is not healthy in a refresh", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(
      await stack.inputs("battle", { health: ["HEALTHY", "UNHEALTHY"], reason: "no room" }),
    );
    const { props } = await lifecycle.read("id", outs);
    expect(props.health).toMatchObject({ status: "UNHEALTHY" });
  });

  it("never reports a network that does not answer as an absent process", async () => {
    stack = await simulatedStack();
    const outs = await createProcess(await stack.inputs("battle", {}, { timeoutSeconds: 2 }));
    stack.net.behaviours.computeDown();
    await expect(lifecycle.read("id", outs)).rejects.toThrow();
  });
});

describe("remove", () => {
  it("retires, once, and the next one is a new generation", async () => {
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

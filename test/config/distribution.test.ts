import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import * as config from "../../providers/config-bundle/lifecycle.ts";
import type { ConfigBundleOutputs } from "../../providers/config-bundle/schema.ts";
import * as process from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { hashOf } from "../../src/core/hash.ts";
import { open } from "../../src/fleet/config/seal.ts";
import { failureOf } from "../kit/failure.ts";
import { createProcess, type Stack, simulatedStack, targetOf } from "../providers/fixture.ts";
import { anyFault } from "../simnet/index.ts";

let stack: Stack;
afterEach(() => stack.close());

const inputs = (configData: object, members: readonly ProcessOutputs[], more: object = {}) => ({
  scope: stack.scope,
  network: { kind: "legacy" as const, ...stack.net.endpoints },
  name: "limits",
  configType: "PROCESS_CONFIG",
  configData,
  targets: members.map(targetOf),
  timeoutSeconds: 60,
  ...more,
});

/** The config that a process really has. */
const heldBy = ({ processId }: ProcessOutputs, type = "PROCESS_CONFIG") =>
  stack.net.oracle.state(processId)?.fleet?.configs[type];

const sentTo = ({ processId }: ProcessOutputs, action = "UPDATE_CONFIG") =>
  stack.net.oracle.messages(processId).filter(({ tags }) => tags.Action === action).length;

async function members(count: number) {
  const made: ProcessOutputs[] = [];
  // A few at a time, like Pulumi.
  for (let at = 0; at < count; at += 25) {
    const names = Array.from({ length: Math.min(25, count - at) }, (_unused, index) => at + index);
    const batch = names.map(async (n) => createProcess(await stack.inputs(`p${n}`)));
    made.push(...(await Promise.all(batch)));
  }
  return made;
}

const failed = async (work: Promise<unknown>) =>
  (await failureOf(work)) as Error & { properties: ConfigBundleOutputs };

describe("a distribution", () => {
  test("reaches 100 processes through lost answers, failing units and empty results, each once", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator", faults: { seed: 4 } });
    await createProcess(await stack.inputs("deployment-coordinator"));
    const all = await members(100);
    // All faults except a unit that reports what it did not accept: that costs ten seconds each time, and has its own tests.
    for (const rule of anyFault(["mu.post", "cu.result"], 0.1)) {
      if (rule.name === "any:status-202") stack.net.faults.add({ ...rule, on: "cu.result" });
      else stack.net.faults.add(rule);
    }
    const { outs } = await config.create(inputs({ maxConcurrentRequests: 5 }, all));
    expect(outs).toMatchObject({ version: 1, drift: [] });
    expect(stack.net.faults.injected.length).toBeGreaterThan(20);
    expect(all.map((one) => [heldBy(one)?.hash, sentTo(one)])).toEqual(
      all.map(() => [hashOf({ maxConcurrentRequests: 5 }), 1]),
    );
    // Nothing is sent to a member that already has it; a member with other settings gets it.
    const [odd, ...rest] = all as [ProcessOutputs, ...ProcessOutputs[]];
    await config.create(inputs({ maxConcurrentRequests: 6 }, [odd], { name: "other" }));
    const again = await config.update("id", outs, inputs({ maxConcurrentRequests: 5 }, all));
    expect(sentTo(odd)).toBe(3);
    expect(rest.map((one) => sentTo(one))).toEqual(rest.map(() => 1));
    expect(again.outs.version).toBe(3);
  }, 120_000);

  test("applies to no member if one of many refuses: the earlier settings are active again", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    await createProcess(await stack.inputs("deployment-coordinator"));
    const good = await members(30);
    const { outs } = await config.create(inputs({ maxConcurrentRequests: 5 }, good));
    const bad = await createProcess(await stack.inputs("bad", { refuseConfig: ["PROCESS_CONFIG"] }));
    const mixed = [...good.slice(0, 10), bad, ...good.slice(10)];
    const error = await failed(config.update("id", outs, inputs({ maxConcurrentRequests: 9 }, mixed)));
    expect(error.message).toContain("bad refused UPDATE_CONFIG");
    expect(error.message).toContain(
      "1 of 31 targets did not accept PROCESS_CONFIG v2, so it applies to none.",
    );
    expect(error.message).toMatch(/p0, p1\b.* restored to the previous version/);
    expect(error.properties).toMatchObject({ configData: { maxConcurrentRequests: 9 } });
    for (const one of good)
      expect(heldBy(one)).toMatchObject({ configData: { maxConcurrentRequests: 5 }, version: 1 });
    // The second batch of twenty was never started.
    expect(good.slice(19).map((one) => sentTo(one))).toEqual(good.slice(19).map(() => 1));
    // The version is used up: a member that had it for a moment must take the next one as new.
    const fixed = await config.update("id", error.properties, inputs({ maxConcurrentRequests: 9 }, good));
    expect(fixed.outs).toMatchObject({ version: 3, drift: [] });
    for (const one of good) expect(heldBy(one)).toMatchObject({ version: 3 });
  }, 60_000);

  test("is reverted on members that it reached when others do not answer in time", async () => {
    stack = await simulatedStack();
    const [one, two] = (await members(2)) as [ProcessOutputs, ProcessOutputs];
    const remove = stack.net.faults.add({
      on: "cu.result",
      match: ({ processId, messageId }) =>
        processId === two.processId &&
        stack.net.oracle.messages(two.processId).find(({ id }) => id === messageId)?.tags.Action ===
          "UPDATE_CONFIG",
      fault: { kind: "status", status: 500, body: '{"error":"down"}' },
    });
    const short = inputs({ maxConcurrentRequests: 5 }, [one, two], { timeoutSeconds: 2 });
    await failureOf(config.create(short));
    remove();
    expect([heldBy(one), heldBy(two)]).toEqual([undefined, undefined]);
    expect(sentTo(two)).toBe(1);
  }, 30_000);
});

describe("a config that was changed by hand", () => {
  test("is drift that names the fields, the author and the time, and is repaired by a higher version", async () => {
    stack = await simulatedStack();
    const [one] = (await members(1)) as [ProcessOutputs];
    const raw = inputs({ maxConcurrentRequests: 5, requestTimeout: 1000 }, [one]);
    const { outs } = await config.create(raw);
    expect((await config.read("id", outs)).props).toEqual(outs);
    // The same wallet, but outside of the fleet's declaration.
    await config.create(inputs({ maxConcurrentRequests: 7 }, [one], { name: "by-hand" }));
    const { props } = await config.read("id", outs);
    expect(props.drift).toEqual([
      expect.stringMatching(
        /^p0 holds other PROCESS_CONFIG: maxConcurrentRequests 5 → 7, requestTimeout 1000 → unset \(v2 by \S{43} at \S+Z\)$/,
      ),
    ]);
    expect(config.explainChanges(props, props)).toEqual([`changed by hand: ${props.drift[0]}`]);
    const fields = expect.arrayContaining([{ field: "maxConcurrentRequests", before: "5", after: "7" }]);
    expect(props.driftFacts).toMatchObject([
      { code: "OTHER_SETTINGS", target: "p0", fields, version: 2, by: expect.any(String) },
    ]);
    expect(await config.diff("id", props, raw)).toMatchObject({ changes: true });
    const repaired = await config.update("id", props, raw);
    expect(repaired.outs).toMatchObject({ version: 3, drift: [] });
    const { props: after } = await config.read("id", repaired.outs);
    expect(after.drift).toEqual([]);
    expect(after).not.toHaveProperty("driftFacts");
  });

  test("returns to the defaults when its declaration is removed, but not if others set it meanwhile", async () => {
    stack = await simulatedStack();
    const [one, two] = (await members(2)) as [ProcessOutputs, ProcessOutputs];
    const { outs } = await config.create(inputs({ maxConcurrentRequests: 5 }, [one, two]));
    await config.create(inputs({ maxConcurrentRequests: 7 }, [two], { name: "by-hand" }));
    await config.remove("id", outs);
    expect(heldBy(one)).toBeUndefined();
    expect(heldBy(two)).toMatchObject({ configData: { maxConcurrentRequests: 7 } });
    // A version is never used twice.
    expect((await config.create(inputs({ maxConcurrentRequests: 8 }, [one]))).outs.version).toBe(2);
  });

  test("returns to the defaults when its target is removed", async () => {
    stack = await simulatedStack();
    const [one, two] = (await members(2)) as [ProcessOutputs, ProcessOutputs];
    const { outs } = await config.create(inputs({ maxConcurrentRequests: 5 }, [one, two]));
    const fewer = inputs({ maxConcurrentRequests: 5 }, [one]);
    expect(await config.diff("id", outs, fewer)).toMatchObject({ changes: true });
    await config.update("id", outs, fewer);
    expect(heldBy(one)).toMatchObject({ version: 1 });
    expect(heldBy(two)).toBeUndefined();
  });
});

test("code and config move forward and back together, the config as a new version", async () => {
  stack = await simulatedStack({ ledger: "deployment-coordinator" });
  await createProcess(await stack.inputs("deployment-coordinator"));
  const first = await stack.inputs("battle", {});
  const one = await createProcess(first);
  const { outs: before } = await config.create(inputs({ maxConcurrentRequests: 5 }, [one]));
  const { outs: later } = await process.update("id", one, await stack.inputs("battle", { slow: 1 }));
  const { outs: changed } = await config.update("id", before, inputs({ maxConcurrentRequests: 9 }, [later]));
  const { outs: back } = await process.update("id", later, first);
  const { outs: reverted } = await config.update("id", changed, inputs({ maxConcurrentRequests: 5 }, [back]));
  expect(back.revision?.sourceHash).toBe(one.revision?.sourceHash);
  expect(reverted).toMatchObject({ version: 3, hash: before.hash });
  expect(heldBy(back)).toMatchObject({ configData: { maxConcurrentRequests: 5 }, version: 3 });
});

describe("a secret", () => {
  const CANARY = "canary-3f9a1c";
  const keys = generateKeyPairSync("x25519");
  const sealTo = keys.publicKey.export({ format: "pem", type: "spki" }).toString();
  const own = keys.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const secret = (more: object = {}) => ({
    configType: "ENVIRONMENT_VARS",
    secretData: { TOKEN: CANARY },
    sealTo,
    ...more,
  });

  test("reaches the process sealed, is sealed once, and is nowhere else", async () => {
    stack = await simulatedStack();
    const [one] = (await members(1)) as [ProcessOutputs];
    const raw = inputs({ PLAIN: "seen" }, [one], secret());
    const { outs } = await config.create(raw);
    const held = heldBy(one, "ENVIRONMENT_VARS")?.configData as { TOKEN: string; PLAIN: string };
    expect(held.PLAIN).toBe("seen");
    expect(await open(held.TOKEN, own)).toBe(CANARY);
    expect(config.explainChanges(outs, raw as never)).toEqual([]);
    await config.update("id", outs, raw);
    expect(sentTo(one)).toBe(1);
    const other = inputs({ PLAIN: "seen" }, [one], secret({ secretData: { TOKEN: `${CANARY}-2` } }));
    expect(config.explainChanges(outs, other as never)).toEqual([
      "TOKEN (sealed) → (sealed, another value) on p0",
    ]);
    const changed = await config.update("id", outs, other);
    expect(changed.outs.version).toBe(2);
    const { secretData: _, ...rest } = changed.outs;
    const journal = await readFile(`${stack.scope.home}/journal/game.${stack.scope.stack}.jsonl`, "utf8");
    const manifest = await readFile(`${stack.scope.build}/deployment-manifest.json`, "utf8");
    const network = JSON.stringify(stack.net.oracle.messages(one.processId));
    for (const place of [JSON.stringify(rest), journal, manifest, network])
      expect(place).not.toContain(CANARY);
  });

  test("without a key is refused in the plan with the reason", async () => {
    stack = await simulatedStack();
    const one = { name: "p0", processId: "x".repeat(43), generation: 1 } as ProcessOutputs;
    for (const [given, says] of [
      [undefined, "an AO process has no private memory"],
      [own, "a private key must not be in a declaration"],
      ["nonsense", "an unreadable key"],
    ] as const) {
      const { failures } = await config.check({}, inputs({}, [one], secret({ sealTo: given })));
      expect(failures).toEqual([{ property: "sealTo", reason: expect.stringContaining(says) }]);
      expect(JSON.stringify(failures)).not.toContain(CANARY);
      expect(JSON.stringify(failures)).not.toContain("BEGIN PRIVATE KEY");
    }
    const { failures } = await config.check(
      {},
      inputs({}, [one], secret({ secretData: { TOKEN: CANARY.repeat(200), "a b": CANARY } })),
    );
    expect(JSON.stringify(failures)).not.toContain(CANARY);
    expect(failures).not.toEqual([]);
  });
});

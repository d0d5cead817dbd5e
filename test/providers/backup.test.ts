import { afterEach, expect, test } from "vitest";
import { explainChanges } from "../../providers/process/explain-changes.ts";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { endRun } from "../../providers/run/session.ts";
import { checked, createProcess, evaluate, partialFailureOf, type Stack, simulatedStack } from "./fixture.ts";

let stack: Stack;
afterEach(async () => {
  delete process.env.FLEET_WITHOUT_BACKUP;
  await stack.close();
});

/** Every dry run of an export fails; everything else works. */
function noExports(status: number): () => void {
  const ids = new Set<string>();
  const watch = stack.net.faults.add({
    on: "mu.post",
    match: ({ item }) => {
      if (item?.tags.Action === "EXPORT_STATE") ids.add(item.id);
      return false;
    },
    fault: { kind: "reset" },
  });
  const fail = stack.net.faults.add({
    on: "cu.result",
    match: ({ messageId }) => messageId !== undefined && ids.has(messageId),
    fault: { kind: "status", status, body: '{"error":"the unit refuses"}' },
  });
  return () => {
    watch();
    fail();
  };
}

const edited = async (name: string) =>
  checked(await stack.inputs(name, { reason: "edited" }, { timeoutSeconds: 20 }));

test("a state that cannot be kept stops the change with a code and a remedy, and the next run continues", async () => {
  stack = await simulatedStack();
  const shop = await createProcess(await stack.inputs("shop"));
  const calm = noExports(403);
  const error = await partialFailureOf(lifecycle.update("id", shop, await edited("shop")));
  expect(error.message).toContain("[BACKUP_FAILED]");
  expect(error.message).toContain("[UNIT_REFUSED]");
  expect(error.message).toContain("--without-backup");
  expect(stack.evalsOf("shop")).toBe(1);
  expect(stack.net.oracle.state(shop.processId)).toMatchObject({
    fleet: { sourceHash: shop.revision?.sourceHash },
  });
  // The next preview says why the run failed and what to do, until a run succeeds.
  const reasons = explainChanges(error.properties as never, (await edited("shop")) as never);
  const why = "the last run failed: The state of shop could not be backed up, so its code was not changed.";
  expect(reasons).toContainEqual(expect.stringMatching(`^${why} \\[BACKUP_FAILED\\] .*--without-backup`));
  expect(reasons.join()).not.toContain("ended before its health check");
  calm();
  // A refresh finds what runs healthy: the code that was declared is still to be loaded.
  const { props } = await lifecycle.read("id", error.properties as never);
  expect(props).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
  expect(await lifecycle.diff("id", props as never, await edited("shop"))).toMatchObject({ changes: true });
  expect(explainChanges(props as never, (await edited("shop")) as never)).toContainEqual(
    expect.stringContaining("[BACKUP_FAILED]"),
  );
  const { outs } = await lifecycle.update("id", props as never, await edited("shop"));
  expect(outs.health.status).toBe("HEALTHY");
  expect(outs).not.toHaveProperty("failure");
  expect(stack.evalsOf("shop")).toBe(2);
  const declared = await edited("shop");
  expect(explainChanges(outs, declared as never)).toEqual([]);
  expect(explainChanges(outs, { ...declared, version: "9.0.0" } as never)).toEqual([
    `version ${outs.version} → 9.0.0`,
  ]);
});

test("a repair, which loads the same code again, continues without a backup", async () => {
  stack = await simulatedStack();
  const inputs = await stack.inputs("shop");
  const shop = await createProcess(inputs);
  expect(await evaluate(stack, shop.processId, 'Handlers.add("hack", "X", function(m) end)')).toBe("1");
  const { props } = await lifecycle.read("id", shop);
  expect(props.drift).toEqual(["handlers were added: hack"]);
  noExports(403);
  const { outs } = await lifecycle.update("id", props as never, await checked(inputs));
  expect(outs).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
});

test("a run that may continue without a backup does so, and reports it", async () => {
  stack = await simulatedStack();
  const shop = await createProcess(await stack.inputs("shop"));
  await endRun();
  process.env.FLEET_WITHOUT_BACKUP = "1";
  noExports(403);
  const { outs } = await lifecycle.update("id", shop, await edited("shop"));
  expect(outs.revision?.sourceHash).not.toBe(shop.revision?.sourceHash);
  expect(stack.evalsOf("shop")).toBe(2);
});

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { makeJwk } from "../ao/wallets.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { createProcess, type Stack, simulatedStack } from "./fixture.ts";

let stack: Stack;
afterEach(() => stack.close());

/** A process of another wallet. */
async function foreign(): Promise<string> {
  const journal = await openJournal(join(temporaryFolder("foreign"), "j.jsonl"));
  const { endpoints, module } = stack.net;
  const ao = connectLegacy({ endpoints, wallet: await loadWallet({ jwk: await makeJwk() }), journal });
  const { scheduler, authority } = endpoints;
  const spawn = { intent: randomUUID(), module, scheduler, authority, tags: { Name: "theirs" } };
  const { id } = await ao.spawn(spawn, budgetOf(20));
  await journal.close();
  return id;
}

it("a member adopts a process by its id, and by its name", async () => {
  stack = await simulatedStack();
  const old = await createProcess(await stack.inputs("old"));
  const byId = await createProcess(await stack.inputs("battle", {}, { adopt: old.processId }));
  const byName = await createProcess(await stack.inputs("shop", {}, { adopt: { name: "old" } }));
  expect([byId.processId, byName.processId]).toEqual([old.processId, old.processId]);
  expect(stack.net.oracle.counts().processes).toBe(1);
});

it("an adoption by name lists the candidates when there are several", async () => {
  stack = await simulatedStack();
  const one = await createProcess(await stack.inputs("old"));
  const other = await simulatedStack({ net: stack.net });
  const two = await createProcess(await other.inputs("old"));
  const work = createProcess(await stack.inputs("battle", {}, { adopt: { name: "old" } }));
  const error = await work.catch((reason: Error) => reason);
  expect(String(error)).toContain("ADOPT_SEVERAL");
  for (const { processId } of [one, two]) expect(String(error)).toContain(processId);
});

it("an adoption refuses what it cannot upgrade, and sends nothing to it", async () => {
  stack = await simulatedStack();
  const theirs = await foreign();
  const retired = await createProcess(await stack.inputs("old"));
  await lifecycle.remove("id", retired);
  const adopt = async (to: unknown) => createProcess(await stack.inputs("battle", {}, { adopt: to }));
  await expect(adopt(theirs)).rejects.toThrow(/NOT_OWNER/);
  await expect(adopt("x".repeat(43))).rejects.toThrow(/ADOPT_UNKNOWN/);
  await expect(adopt({ name: "nobody" })).rejects.toThrow(/ADOPT_UNKNOWN/);
  await expect(adopt(retired.processId)).rejects.toThrow(/ADOPT_RETIRED/);
  await expect(adopt("too short")).rejects.toThrow(/43 characters/);
  expect(stack.net.oracle.messages(theirs)).toEqual([]);
});

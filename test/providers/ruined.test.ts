import { afterEach, expect, test } from "vitest";
import * as config from "../../providers/config-bundle/lifecycle.ts";
import { explainChanges } from "../../providers/process/explain-changes.ts";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import { ProcessInputsSchema, type ProcessOutputs } from "../../providers/process/schema.ts";
import { PartialFailure } from "../../providers/run/partial-failure.ts";
import { endRun } from "../../providers/run/session.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { DEVICE_TAG, LUA_DEVICE } from "../../src/core/devices.ts";
import { makeWallet } from "../ao/wallets.ts";
import { failureOf } from "../kit/failure.ts";
import { checked, createProcess, type Stack, simulatedStack } from "./fixture.ts";

/** A process whose spawn reached the scheduler twice never evaluates a message again: it is found, named, and replaced on request. */
let stack: Stack;
let spawns: Map<string, Uint8Array>;

afterEach(async () => {
  delete process.env.FLEET_REPLACE;
  delete process.env.FLEET_TAKE_OVER;
  await endRun();
  await stack.close();
});

/** What follows is another run, with this request. */
async function nextRun(variables: Readonly<Record<string, string>> = {}): Promise<void> {
  await endRun();
  delete process.env.FLEET_REPLACE;
  Object.assign(process.env, variables);
}

async function simulated(ledger?: string): Promise<void> {
  stack = await simulatedStack(ledger === undefined ? {} : { ledger });
  spawns = new Map();
  stack.net.faults.add({
    on: "mu.spawn",
    fault: {
      kind: "rewrite",
      with(answer, { body, messageId = "" }) {
        spawns.set(messageId, new Uint8Array(body));
        return answer;
      },
    },
  });
}

const post = (body: Uint8Array<ArrayBuffer>) =>
  fetch(stack.net.endpoints.muUrl, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body,
  });

/** Somebody posts the bytes of a spawn again: they are public. */
async function ruin(id: string): Promise<void> {
  const { status } = await post(spawns.get(id) as Uint8Array<ArrayBuffer>);
  expect(status).toBe(202);
  expect(stack.net.oracle.process(id)?.ruined).toBe(true);
}

const failed = async (work: Promise<unknown>) =>
  (await failureOf(work)) as Error & { properties?: ProcessOutputs };

const update = async (olds: ProcessOutputs, raw: Record<string, unknown>) =>
  (await lifecycle.update("id", olds, await checked(raw))).outs;

test("an update of a ruined process explains what happened and what to do, and spawns nothing", async () => {
  await simulated();
  const first = await createProcess(await stack.inputs("battle"));
  await ruin(first.processId);
  const error = await failed(update(first, await stack.inputs("battle", { slow: 1 })));
  expect(error).toBeInstanceOf(PartialFailure);
  expect(error.message).toContain("battle is ruined");
  expect(error.message).toContain("[PROCESS_RUINED]");
  expect(error.message).toContain(first.processId);
  expect(error.message).toContain("HashChain invalid");
  expect(error.message).toContain("fleet deploy --replace battle");
  expect(error.message).not.toContain("the request itself has to change");
  expect(error.properties?.processId).toBe(first.processId);
  expect(stack.processesOf("battle")).toHaveLength(1);
});

test("a create that finds its process ruined reports it", async () => {
  await simulated();
  const inputs = await stack.inputs("battle");
  const first = await createProcess(inputs);
  await ruin(first.processId);
  const error = await failed(createProcess(inputs));
  expect(error.message).toContain("fleet deploy --replace battle");
  expect(stack.processesOf("battle")).toHaveLength(1);
});

test("on request it gets a new process: state and ledger keep the old id, and it is never adopted again", async () => {
  await simulated("deployment-coordinator");
  const keeper = await createProcess(await stack.inputs("deployment-coordinator"));
  const inputs = await stack.inputs("battle");
  const first = await createProcess(inputs);
  await ruin(first.processId);
  await nextRun({ FLEET_REPLACE: "shop battle" });
  const second = await update(first, inputs);
  expect(second).toMatchObject({
    generation: 2,
    health: { status: "HEALTHY" },
    ruined: [{ processId: first.processId, generation: 1 }],
  });
  expect(second.processId).not.toBe(first.processId);
  expect(stack.processesOf("battle").map(({ id }) => id)).toEqual([first.processId, second.processId]);
  const ledger = stack.net.oracle.state(keeper.processId)?.fleet?.ledger;
  expect(ledger?.entries).toContainEqual(
    expect.objectContaining({
      kind: "PROCESS_PROGRESS",
      process: "battle",
      status: "RUINED",
      processId: first.processId,
    }),
  );

  // The request repeated: the new one works, and nothing is replaced.
  expect((await update(second, await stack.inputs("battle", { slow: 1 }))).processId).toBe(second.processId);
  await nextRun();
  const third = await update(second, await stack.inputs("battle"));
  expect(third).toMatchObject({ processId: second.processId, ruined: second.ruined });
  // Neither without the state, nor without state and journal.
  expect((await createProcess(inputs)).processId).toBe(second.processId);
  const other = await simulatedStack({
    net: stack.net,
    stack: stack.scope.stack,
    ledger: "deployment-coordinator",
  });
  await nextRun({ FLEET_TAKE_OVER: "1" });
  expect((await createProcess(await other.inputs("battle"))).processId).toBe(second.processId);
}, 60_000);

test("a run that died after the new spawn continues with it, without another request", async () => {
  await simulated();
  const inputs = await stack.inputs("battle");
  const first = await createProcess(inputs);
  await ruin(first.processId);
  await nextRun({ FLEET_REPLACE: "battle" });
  const second = await update(first, inputs);
  await nextRun();
  expect((await update(first, inputs)).processId).toBe(second.processId);
});

test("the request changes nothing for a process that works", async () => {
  await simulated();
  const inputs = await stack.inputs("battle");
  const first = await createProcess(inputs);
  await nextRun({ FLEET_REPLACE: "battle" });
  expect((await lifecycle.diff("id", first, inputs)).changes).toBe(true);
  const second = await update(first, inputs);
  expect(second.processId).toBe(first.processId);
  expect(second.ruined).toBeUndefined();
  await nextRun();
  expect((await lifecycle.diff("id", second, inputs)).changes).toBe(false);
});

test("a refresh names it, and the next up checks it", async () => {
  await simulated();
  const inputs = await stack.inputs("battle");
  const first = await createProcess(inputs);
  await ruin(first.processId);
  const { props } = await lifecycle.read("id", first);
  expect(props.health).toMatchObject({ status: "OFFLINE" });
  expect(props.health.reasons.join()).toContain("HashChain invalid");
  const [said, ...others] = explainChanges(props, ProcessInputsSchema.parse(inputs));
  expect(others).toEqual([]);
  expect(said).toContain(`${first.processId} is ruined`);
  expect(said).toContain("[PROCESS_RUINED]");
  expect(said).toContain("fleet deploy --replace battle");
  // Nobody changed anything by hand, and another look finds the same.
  expect(props.drift).toEqual([]);
  expect((await lifecycle.read("id", props)).props).toEqual(props);
  expect((await lifecycle.diff("id", props, inputs)).changes).toBe(true);
  expect((await failed(update(props, inputs))).message).toContain("[PROCESS_RUINED]");
});

test("a ruined revision is named, and replaced on request", async () => {
  await simulated();
  const strategy = { kind: "new-process", retention: {} };
  const inputs = await stack.inputs("battle", {}, { strategy });
  const first = await createProcess(inputs);
  await ruin(first.processId);
  expect((await failed(update(first, inputs))).message).toContain("fleet deploy --replace battle");
  await nextRun({ FLEET_REPLACE: "battle" });
  const second = await update(first, inputs);
  expect(second).toMatchObject({ generation: 2, health: { status: "HEALTHY" } });
  expect(second.ruined).toEqual([{ processId: first.processId, generation: 1 }]);
  expect(second.revisions?.map(({ processId }) => processId)).toEqual([second.processId]);
});

test("its wiring and its config leave the finding to it, name the remedy when they change, and can be removed", async () => {
  await simulated();
  const battle = await createProcess(await stack.inputs("battle"));
  const shop = await createProcess(await stack.inputs("shop"));
  const common = { scope: stack.scope, network: { kind: "legacy", ...stack.net.endpoints } };
  const { name, processId, generation } = battle;
  const target = { name, processId, generation };
  const peers = { shop: shop.processId };
  const wired = (await wiring.create({ ...common, target, peers })).outs;
  const settings = (maxConcurrentRequests: number) => ({
    ...common,
    name: "process",
    configType: "PROCESS_CONFIG",
    configData: { maxConcurrentRequests },
    targets: [target],
    timeoutSeconds: 20,
  });
  const configured = (await config.create(settings(5))).outs;
  await ruin(processId);
  expect((await wiring.read("id", wired)).props).toEqual(wired);
  expect((await config.read("id", configured)).props).toEqual(configured);
  const changes = [
    () => wiring.update("id", wired, { ...common, target, peers: { shop: processId } }),
    () => config.update("id", configured, settings(6)),
  ];
  for (const change of changes)
    expect((await failed(change())).message).toContain("fleet deploy --replace battle");
  // A new process in its place gets both.
  const second = { name: shop.name, processId: shop.processId, generation: 1 };
  const moved = await config.update("id", configured, { ...settings(5), targets: [second] });
  expect(moved.outs.targets).toEqual([second]);
  await config.remove("id", configured);
}, 60_000);

test("a ruined member can be removed", async () => {
  await simulated();
  const first = await createProcess(await stack.inputs("battle"));
  await ruin(first.processId);
  await lifecycle.remove("id", first);
});

test("a spawn that the messenger unit posts twice by itself is named at its first create", async () => {
  await simulated();
  stack.net.faults.add({
    on: "mu.spawn",
    times: 1,
    fault: {
      kind: "rewrite",
      async with(answer, { body }) {
        await post(new Uint8Array(body));
        return answer;
      },
    },
  });
  const inputs = await stack.inputs("battle");
  const error = await failed(createProcess(inputs));
  expect(error.message).toContain("[PROCESS_RUINED]");
  await nextRun({ FLEET_REPLACE: "battle" });
  const outs = await update(error.properties as ProcessOutputs, inputs);
  expect(outs).toMatchObject({ generation: 2, health: { status: "HEALTHY" } });
});

test("a ruined ledger is named by every member, and replaced on request; the fleet continues with it", async () => {
  const name = "deployment-coordinator";
  await simulated(name);
  const ledger = await createProcess(await stack.inputs(name));
  const battle = await createProcess(await stack.inputs("battle"));
  await endRun();
  // The fleet has an epoch that the new ledger does not know.
  const later = await update(battle, await stack.inputs("battle", { slow: 1 }));
  await endRun();
  await ruin(ledger.processId);
  const error = await failed(update(later, await stack.inputs("battle")));
  expect(error.message).toContain("[LEDGER_RUINED]");
  expect(error.message).toContain(`fleet deploy --replace ${name}`);
  await endRun();

  await nextRun({ FLEET_REPLACE: name });
  const second = await update(ledger, await stack.inputs(name));
  expect(second).toMatchObject({ generation: 2, health: { status: "HEALTHY" } });
  const behind = await failed(update(later, await stack.inputs("battle")));
  expect(behind.message).toContain("The ledger's epoch was raised to match. Run pulumi up again.");
  await endRun();
  await nextRun();
  const third = await update(behind.properties as ProcessOutputs, await stack.inputs("battle"));
  expect(third).toMatchObject({ processId: battle.processId, health: { status: "HEALTHY" } });
});

test("a member that has to introduce itself to a ruined peer names the peer, not itself", async () => {
  await simulated();
  const battle = await createProcess(await stack.inputs("battle"));
  const shop = await createProcess(await stack.inputs("shop"));
  const place = ({ name, processId, generation }: ProcessOutputs) => ({ name, processId, generation });
  await ruin(battle.processId);
  const common = { scope: stack.scope, network: { kind: "legacy", ...stack.net.endpoints } };
  const wired = { ...common, target: place(shop), peers: {}, newOnly: true, admit: [place(battle)] };
  const { message } = await failed(wiring.create(wired));
  expect(message).toContain("battle is ruined");
  expect(message).toContain("fleet deploy --replace battle");
  expect(message).not.toContain("shop is ruined");
});

test("on a node, a process on lua@5.3a that a stranger's message ended is stuck, named, and replaced on request once that is proved", async () => {
  stack = await simulatedStack({ face: "mainnet", lua: true });
  const declared = (script = {}) =>
    stack.inputs("ticker", script, { tags: { [DEVICE_TAG]: LUA_DEVICE }, state: "none" });
  const first = await createProcess(await declared());
  const stranger = await makeWallet();
  const { raw } = await stranger.sign({
    data: "",
    tags: [
      { name: "Action", value: "HIT" },
      { name: "Function", value: "foo" },
    ],
    target: first.processId,
  });
  const body = raw as Uint8Array<ArrayBuffer>;
  await fetch(stack.net.posts, { method: "POST", headers: { "content-type": stack.net.itemType }, body });
  await nextRun();
  const { message } = await failed(update(first, await declared({ slow: 1 })));
  expect(message).toContain("ticker is stuck");
  expect(message).toMatch(
    /Whether that message ended the process or the node fails is not known. \[PROCESS_STUCK\]/,
  );
  expect(message).toContain("fleet deploy --replace ticker");
  await nextRun();
  const { props } = await lifecycle.read("id", first);
  expect(props.health).toMatchObject({ status: "UNKNOWN", code: "PROCESS_STUCK" });
  await nextRun({ FLEET_REPLACE: "ticker" });
  const second = await update(first, await declared());
  expect(second).toMatchObject({
    generation: 2,
    health: { status: "HEALTHY" },
    ruined: [{ processId: first.processId, generation: 1 }],
  });
}, 150_000);

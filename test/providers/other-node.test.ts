import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assertExists } from "../../providers/process/assert-exists.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import * as release from "../../providers/release/lifecycle.ts";
import type { ReleaseOutputs } from "../../providers/release/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import type { WiringOutputs } from "../../providers/wiring/schema.ts";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { writeNodeLock } from "../../src/fleet/node-lock.ts";
import { openFleet } from "../../src/operations/workspace/open-fleet.ts";
import { launcherVersion } from "../../src/toolchain/install.ts";
import { cliDir } from "../../src/toolchain/paths.ts";
import { makeJwk } from "../ao/wallets.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, temporaryFolder, writeFiles } from "../kit/folder.ts";
import { type Simnet, startSimnet } from "../simnet/index.ts";
import { fakeCli, script } from "../toolchain/sandbox.ts";
import { configureOnce } from "./fixture.ts";

/** Commands and providers that run no program sign only for the node that `fleet.lock.json` pins. */

const OTHER = "n".repeat(43);
let net: Simnet;

beforeAll(async () => {
  net = await startSimnet({ face: "mainnet" });
  enterFolder("other-node");
  await configureOnce();
});
afterAll(async () => {
  await endRun();
  await net.close();
});

const mainnet = (more: object = {}) => ({
  ...{ kind: "mainnet" as const, nodeUrl: net.node.nodeUrl, gatewayUrl: net.endpoints.gatewayUrl },
  ...more,
});
/** Writes the lock file with this address of the node. */
async function pin(address: string): Promise<void> {
  const addresses = { address, scheduler: address, authority: address };
  await writeNodeLock(".", { version: 1, nodes: { [net.node.nodeUrl]: addresses } });
}
const refused = async (work: Promise<unknown>, expected = OTHER) =>
  expect(await problemsOf(work)).toEqual([
    {
      code: "NODE_CHANGED",
      what: `The node at ${net.node.nodeUrl} has another address than the one that is pinned.`,
      got: net.node.nodeAddress,
      expected,
      remedy: expect.stringContaining("Check nodeUrl."),
    },
  ]);

const READS = { journal: "discard" as const, asksRouter: false, note: () => {} };

let key = 0;
const make = (ao: Ao) => {
  key += 1;
  const spawn = { intent: `spawn ${key}`, module: net.module, tags: { Name: "x" } };
  return ao.spawn(spawn, budgetOf(20));
};
const say = (ao: Ao, processId: string) => {
  key += 1;
  return ao.send({ intent: `say ${key}`, processId, tags: { Action: "Info" } }, budgetOf(20));
};
const sent = () => {
  const { processes, messages } = net.oracle.counts();
  return { processes, messages };
};

test("a destroy or a refresh compares the lock file, and without an entry what the state has", async () => {
  const scope = (stack: string) => ({ project: "game", stack, home: ".fleet", build: "build" });
  await pin(net.node.nodeAddress);
  const { ao, journal } = await sessionFor(scope("s1"), mainnet({ nodeAddress: net.node.nodeAddress }));
  const { id } = await make(ao);
  await say(ao, id);
  const before = sent();
  const records = journal.open().length;
  await pin(OTHER);
  const other = await sessionFor(scope("s2"), mainnet({ nodeAddress: net.node.nodeAddress }));
  await refused(say(other.ao, id));
  await refused(make(other.ao));
  await refused(
    other.ao.publish({ intent: "module", tags: { Type: "Module" }, data: Buffer.from("x") }, budgetOf(20)),
  );
  expect(other.journal.open()).toEqual([]);
  await writeNodeLock(".", { version: 1, nodes: {} });
  const unpinned = await sessionFor(scope("s3"), mainnet({ nodeAddress: "z".repeat(43) }));
  await refused(say(unpinned.ao, id), "z".repeat(43));
  expect([sent(), journal.open().length]).toEqual([before, records]);
});

test("a destroy fails at what it removes first, a release or a wiring, although that needs no message", async () => {
  const network = mainnet({ nodeAddress: net.node.nodeAddress });
  const removals = (at: object = network) => [
    () => release.remove("id", { network: at } as ReleaseOutputs),
    () => wiring.remove("id", { target: { name: "x" }, network: at } as WiringOutputs),
  ];
  await pin(OTHER);
  for (const remove of removals()) await refused(remove());
  await pin(net.node.nodeAddress);
  for (const remove of removals()) await remove();
  // A node that does not answer is reported by what needs it.
  await removals(mainnet({ nodeUrl: "http://127.0.0.1:9", nodeAddress: OTHER }))[0]?.();
});

test("without the lock file, a preview and a run compare a process' node with the state's", async () => {
  const scope = { project: "game", stack: "dev", home: ".fleet", build: "build" };
  const { nodeUrl, nodeAddress: address } = net.node;
  const before = { name: "x", processId: "p".repeat(43), scope, network: mainnet({ nodeAddress: OTHER }) };
  const compare = (more: object = { nodeAddress: address }) =>
    assertExists(before as ProcessOutputs, mainnet(more));
  const entry = { address, scheduler: address, authority: address };
  await writeNodeLock(".", { version: 1, nodes: {} });
  const other = [
    { code: "NODE_CHANGED", got: address, expected: OTHER, what: expect.stringMatching(/state\.$/) },
  ];
  expect(await problemsOf(compare())).toMatchObject(other);
  await compare({ nodeAddress: OTHER });
  // Another address at another URL: another way to the same network.
  await compare({ nodeUrl: "http://127.0.0.1:9", nodeAddress: address });
  // Another stack that pinned the node does not speak for this one; a person who changed the file does.
  await writeNodeLock(".", { version: 1, nodes: { [nodeUrl]: { ...entry, stacks: ["prod"] } } });
  expect(await problemsOf(compare())).toMatchObject(other);
  await writeNodeLock(".", { version: 1, nodes: { [nodeUrl]: { ...entry, stacks: ["dev", "prod"] } } });
  await compare();
  await pin(address);
  await compare();
});

test("a command of another node than the lock file's sends nothing", async () => {
  const home = temporaryFolder("home");
  const env = { HOME: home, PULUMI_HOME: home, PATH: process.env.PATH };
  const cli = cliDir(launcherVersion(), env);
  fakeCli(cli, launcherVersion());
  const workspace = { projectDir: process.cwd(), env, pulumi: join(cli, "bin", "pulumi") };
  script(workspace.pulumi, "echo \"error: no stack named 'dev' found\" >&2; exit 255");
  const settings = Object.entries({ network: "mainnet", walletPath: "wallet.json", ...net.node })
    .filter(([name]) => name !== "nodeAddress")
    .concat([["gatewayUrl", net.endpoints.gatewayUrl]])
    .map(([name, value]) => `  game:${name}: ${value}\n`);
  writeFiles({
    "Pulumi.yaml": "name: game\nruntime: nodejs\n",
    "Pulumi.dev.yaml": `config:\n${settings.join("")}`,
  });
  writeFileSync("wallet.json", JSON.stringify(await makeJwk()), { mode: 0o600 });
  await pin(net.node.nodeAddress);
  const open = () => openFleet(workspace, "dev", READS);
  const fleet = await open();
  const { id } = await make(fleet.session.ao);
  await say(fleet.session.ao, id);
  await fleet.close();
  const before = sent();
  await pin(OTHER);
  // Reads that sign nothing compare it, too: the other node would show processes without messages.
  const reader = await openFleet(workspace, "dev", { ...READS, wallet: false });
  await refused(reader.session.ao.latest(id, budgetOf(20)));
  await reader.close();
  await writeNodeLock(".", { version: 1, nodes: {} });
  const outputs = { network: mainnet({ nodeAddress: "z".repeat(43) }) };
  const state = { deployment: { resources: [{ type: "pulumi-nodejs:dynamic/ao:Process", outputs }] } };
  script(workspace.pulumi, `echo '${JSON.stringify(state)}'`);
  const unpinned = await openFleet(workspace, "dev", { ...READS, wallet: false });
  await refused(unpinned.session.ao.latest(id, budgetOf(20)), "z".repeat(43));
  await unpinned.close();
  await pin(OTHER);
  const changed = await open();
  await refused(say(changed.session.ao, id));
  await refused(make(changed.session.ao));
  await changed.close();
  expect(sent()).toEqual(before);
});

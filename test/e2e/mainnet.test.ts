import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { startSimnet } from "../simnet/index.ts";
import { ROUTER, setNode } from "./node-project.ts";
import { newProject, type Project, type Ran } from "./project.ts";

/** A fleet on `network: mainnet`, with the real pulumi, real aos and the embedded network's HyperBEAM node in the place of a public one. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("node", {
  ...settings(new pulumi.Config()),
  processes: {
    coordinator: { peers: ["counter"] },
    counter: { dependsOn: ["coordinator"], config: { PROCESS_CONFIG: { maxConcurrentRequests: 101 } } },
  },
});
export const processes = fleet.processes;
`;
const COUNTER = `local fleet = require("fleet")
fleet.process { name = "counter", version = "1.0.0", capabilities = {} }
local S = fleet.state("counter", { n = 0 })
fleet.on("COUNT", { who = "anyone" }, function()
  S.n = S.n + 1
  return { n = S.n, edition = 1 }
end)
`;
const INSTANT = { kind: "blue-green", intervalSeconds: 0, checks: [{ kind: "health" }], probes: 3 };

let project: Project;
let address: string;
let module: string;
let nodeUrl: string;

const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const refused = (ran: Ran, code: string) => {
  expect(ran.code).not.toBe(0);
  expect(ran.text).toContain(`[${code}]`);
};
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const up = (strategy: object = { kind: "parallel" }) =>
  project.pulumi(["up", "--yes", "--skip-preview", "--config", `node:strategy=${JSON.stringify(strategy)}`]);
const count = async () => (await fleet("call", "counter", "COUNT")).text;
const releaseNow = () =>
  project.json<{ deploymentId: string }>("build/deployment-manifest.json").deploymentId;

beforeAll(async () => {
  project = await newProject("node", {
    "index.ts": INDEX,
    "processes/coordinator/process.lua": ROUTER,
    "processes/counter/process.lua": COUNTER,
  });
  const network = await setNode(project, "node");
  ({ nodeUrl, nodeAddress: address } = network);
  module = network.modules.aos ?? "";
});
afterAll(() => project.close());

/** One story, in order: each step continues after the one before. */
describe("a fleet on a HyperBEAM node", { timeout: 240_000 }, () => {
  let first: string;

  it("is previewed without a trace, and the first up pins the node", async () => {
    const preview = await project.pulumi(["preview"]);
    ok(preview);
    expect(preview.text).toContain("[NODE_NOT_PINNED]");
    expect(preview.text).toContain(address);
    expect(existsSync(join(project.dir, "fleet.lock.json"))).toBe(false);
    ok(await up());
    expect(Object.values(project.json<{ nodes: object }>("fleet.lock.json").nodes)).toEqual([
      {
        ...{ address, scheduler: address, authority: address, build: "HyperBEAM 0.9 (embedded)" },
        modules: {
          [module]: { device: "genesis-wasm@1.0", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
        },
        stacks: ["dev"],
      },
    ]);
    first = releaseNow();
    expect(await project.idle()).toBe("");
    expect(await count()).toContain('"n": 1');
    expect((await fleet("status")).text).toMatch(/counter.*HEALTHY/);
  });

  it("publishes what its processes run, which status --quick and anyone read without a message", async () => {
    const { counter } = project.json<{ processes: Record<string, { processId: string }> }>(
      "build/deployment-manifest.json",
    ).processes;
    const read = async (key: string) =>
      (await fetch(`${nodeUrl}/${counter?.processId}~process@1.0/now/fleet/${key}`)).text();
    expect([await read("release"), await read("status"), await read("health")]).toEqual([
      first,
      "ACTIVE",
      "HEALTHY",
    ]);
    const slot = await (await fetch(`${nodeUrl}/${counter?.processId}~process@1.0/slot/current`)).text();
    expect((await fleet("status", "--quick")).text).toMatch(/counter.*ACTIVE.*published .* ago/);
    expect(await (await fetch(`${nodeUrl}/${counter?.processId}~process@1.0/slot/current`)).text()).toBe(
      slot,
    );
  });

  it("moves its traffic to new code with its state, and returns to the first release with it", async () => {
    project.edit("processes/counter/process.lua", "edition = 1", "edition = 2");
    ok(await up(INSTANT));
    expect(await count()).toMatch(/"edition": 2[\s\S]*"n": 2|"n": 2[\s\S]*"edition": 2/);
    ok(await fleet("rollback", "--to", first, "--yes"));
    expect(await count()).toMatch(/"edition": 1[\s\S]*"n": 3|"n": 3[\s\S]*"edition": 1/);
    ok(await fleet("rollback", "--clear"));
  });

  it("passes the checks of health", async () => {
    const ran = await fleet("validate", "--types", "health");
    expect([ran.code, ran.text]).toEqual([0, expect.stringContaining("0 failed")]);
  });

  it("is refused with a cron, before anything is sent", async () => {
    project.edit("index.ts", "counter: {", 'counter: { tags: { "Cron-Interval": "30-seconds" },');
    refused(await project.pulumi(["preview"]), "CRON_NOT_DRIVEN");
    project.edit("index.ts", 'tags: { "Cron-Interval": "30-seconds" },', "");
  });

  it("is refused on a node that cannot run it, with everything that is wrong at once", async () => {
    const net = await startSimnet({
      node: { fetchesModules: false, devices: ["lua@5.3a"], payment: { price: 1, ledger: {} } },
    });
    const settings = project.text("Pulumi.dev.yaml");
    const other = { ...net.node, gatewayUrl: net.endpoints.gatewayUrl, module: net.module };
    const changed = Object.entries(other).reduce(
      (text, [key, value]) => text.replace(new RegExp(`(node:${key}:) .*`), `$1 ${value}`),
      settings,
    );
    project.write("Pulumi.dev.yaml", changed);
    // After the rollback, the source is newer than what runs: there is something to pay for.
    const ran = await project.pulumi(["preview"]);
    for (const code of ["DEVICE_MISSING", "MODULE_NOT_ON_NODE", "WALLET_UNFUNDED"]) refused(ran, code);
    expect(ran.text).toContain("a balance of 0");
    expect(net.oracle.counts()).toMatchObject({ processes: 0, messages: 0 });
    project.write("Pulumi.dev.yaml", settings);
    await net.close();
  });

  it("is refused on another node than the lock file's, and with a module of other bytes", async () => {
    const lock = project.text("fleet.lock.json");
    project.write("fleet.lock.json", lock.replace(address, "n".repeat(43)));
    for (const args of [["preview"], ["up", "--yes", "--skip-preview"]])
      refused(await project.pulumi(args), "NODE_CHANGED");
    project.write(
      "fleet.lock.json",
      lock.replace(/"sha256": "[0-9a-f]{64}"/, `"sha256": "${"0".repeat(64)}"`),
    );
    refused(await project.pulumi(["preview"]), "MODULE_CHANGED");
    project.write("fleet.lock.json", lock);
    ok(await project.pulumi(["preview"]));
  });
});

import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reset, stop } from "../../src/localnet/index.ts";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newProject, type Project, processFiles } from "./project.ts";

/** A stack whose embedded network was reset, with the real pulumi: its state names processes that do not exist any more. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("reset", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
    coordinator: {},
    counter: {
      strategy: { kind: "blue-green" },
      dependsOn: ["deployment-coordinator", "coordinator"],
      peers: ["deployment-coordinator"],
      config: { PROCESS_CONFIG: { maxConcurrentRequests: 101 } },
    },
    token: { lib: false },
  },
});
export const processes = fleet.processes;
`;
const COUNTER = `local fleet = require("fleet")
fleet.process { name = "counter", version = "1.0.0", capabilities = {} }
local S = fleet.state("counter", { n = 0 })
fleet.on("COUNT", { who = "anyone" }, function()
  S.n = S.n + 1
  return { n = S.n }
end)
`;
const COORDINATOR = `local fleet = require("fleet")
fleet.process { name = "coordinator", version = "1.0.0", capabilities = {} }
require("fleet.carry").serve()
`;
const TOKEN = `Handlers.add("Info", "Info", function(m) m.reply({ Data = "a token" }) end)
`;
const WAY_ON = "pulumi destroy, then pulumi up";

let project: Project;
type Members = Record<string, { processId: string; health: string }>;
const network = () => join(project.dir, ".fleet/localnet");
const idsNow = async () =>
  Object.values(await project.output<Members>("processes"))
    .map(({ processId }) => processId)
    .sort();
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);

const FILES = {
  ...processFiles("deployment-coordinator"),
  "index.ts": INDEX,
  "processes/coordinator/process.lua": COORDINATOR,
  "processes/counter/process.lua": COUNTER,
  "processes/token/process.lua": TOKEN,
};

beforeAll(async () => {
  project = await newProject("reset", FILES);
});
afterAll(() => project.close());

describe("a stack whose network was reset", { timeout: 240_000 }, () => {
  it("previews and deploys nothing, and says what to do", async () => {
    const up = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect([up.code, up.text]).toEqual([0, expect.stringContaining("ready HEALTHY")]);
    await reset(network());
    // First with the network down, then with another one on the same folder.
    for (const args of [["preview"], ["up", "--yes", "--skip-preview"], ["preview"]]) {
      const ran = await project.pulumi(args);
      expect([args, ran.code, ran.text]).toEqual([
        args,
        expect.any(Number),
        expect.stringContaining("[PROCESS_GONE]"),
      ]);
      expect(ran.code).not.toBe(0);
      expect(ran.text).toContain(WAY_ON);
      expect(ran.text).not.toMatch(/PROCESS_UNKNOWN|ready HEALTHY/);
    }
    const shown = await fleet("status");
    expect(shown.code).not.toBe(0);
    expect(shown.text).toContain("[PROCESS_GONE]");
  });

  it("is not healthy after a refresh", async () => {
    const refreshed = await project.pulumi(["refresh", "--yes", "--skip-preview"]);
    expect([refreshed.code, refreshed.text]).toEqual([0, expect.any(String)]);
    const { deployment } = JSON.parse((await project.pulumi(["stack", "export"])).text) as {
      deployment: {
        resources: { outputs?: { processId?: string; health?: { status: string; code?: string } } }[];
      };
    };
    const found = deployment.resources.flatMap(({ outputs }) => outputs?.health ?? []);
    expect(found).toHaveLength(4);
    for (const health of found) expect(health).toMatchObject({ status: "OFFLINE", code: "PROCESS_GONE" });
    expect((await project.pulumi(["preview"])).text).toContain("[PROCESS_GONE]");
    const deployed = await fleet("deploy", "--refresh", "--yes");
    expect(deployed.code).not.toBe(0);
    expect(deployed.text).toContain("[PROCESS_GONE]");
    expect(deployed.text).toContain(WAY_ON);
  });

  it("is destroyed without waiting for a process, and created again", async () => {
    const before = await idsNow();
    const started = performance.now();
    const destroyed = await project.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect([destroyed.code, destroyed.text]).toEqual([0, expect.stringContaining("does not exist any more")]);
    expect(performance.now() - started).toBeLessThan(60_000);
    const up = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect([up.code, up.text]).toEqual([0, expect.stringContaining("ready HEALTHY")]);
    const after = await idsNow();
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 1');
    expect((await fleet("status")).code).toBe(0);
    expect(await project.idle()).toBe("");
  });

  it("is created again after its folder and pulumi's state were removed", async () => {
    const before = await idsNow();
    await stop(network());
    rmSync(network(), { recursive: true });
    expect((await project.pulumi(["stack", "rm", "--yes", "--force", "--preserve-config", "dev"])).code).toBe(
      0,
    );
    expect((await project.pulumi(["stack", "init", "dev"])).code).toBe(0);
    const up = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect([up.code, up.text]).toEqual([0, expect.stringContaining("ready HEALTHY")]);
    const after = await idsNow();
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 1');
  });

  it("fails if the stack moves to another network", async () => {
    const set = await project.pulumi(["config", "set", "localDir", ".fleet/other"]);
    expect(set.code).toBe(0);
    const preview = await project.pulumi(["preview"]);
    expect([preview.code === 0, preview.text]).toEqual([false, expect.stringContaining("[PROCESS_GONE]")]);
  });
});

describe("a stack on the HyperBEAM node of a network that was reset", { timeout: 240_000 }, () => {
  let onNode: Project;
  const up = () => onNode.pulumi(["up", "--yes", "--skip-preview"]);
  beforeAll(async () => {
    onNode = await newProject("reset", FILES);
    await onNode.pulumi(["config", "set", "localProtocol", "mainnet"]);
  });
  afterAll(() => onNode.close());

  it("is destroyed without waiting for a process, and created again", async () => {
    const first = await up();
    expect([first.code, first.text]).toEqual([0, expect.stringContaining("ready HEALTHY")]);
    await reset(join(onNode.dir, ".fleet/localnet"));
    const preview = await onNode.pulumi(["preview"]);
    expect([preview.code === 0, preview.text]).toEqual([false, expect.stringContaining("[PROCESS_GONE]")]);
    const destroyed = await onNode.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect([destroyed.code, destroyed.text]).toEqual([0, expect.stringContaining("does not exist any more")]);
    const again = await up();
    expect([again.code, again.text]).toEqual([0, expect.stringContaining("ready HEALTHY")]);
  });
});

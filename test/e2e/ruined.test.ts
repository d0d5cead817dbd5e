import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { status } from "../../src/localnet/index.ts";
import { ruin } from "../localnet/ruin.ts";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newProject, type Project, processFiles } from "./project.ts";

/** A member whose spawn somebody posted twice, and its next process, with the real pulumi. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("ruined", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
    counter: {
      dependsOn: ["deployment-coordinator"],
      peers: ["deployment-coordinator"],
      config: { PROCESS_CONFIG: { maxConcurrentRequests: 101 } },
    },
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
const WAY_ON = "fleet deploy --replace counter";

let project: Project;
let before: string;
let after: string;

const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const counterId = async () =>
  (await project.output<Record<string, { processId: string }>>("processes")).counter?.processId ?? "";

beforeAll(async () => {
  project = await newProject("ruined", {
    ...processFiles("deployment-coordinator"),
    "index.ts": INDEX,
    "processes/counter/process.lua": COUNTER,
  });
});
afterAll(() => project.close());

describe("a member whose process is ruined", { timeout: 240_000 }, () => {
  it("is named with a remedy by status, by the plan after a refresh, and by pulumi up, which replaces nothing", async () => {
    const up = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect([up.code, up.text]).toEqual([0, expect.stringContaining("ready HEALTHY")]);
    before = await counterId();
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 1');
    expect((await fleet("backup", "counter")).code).toBe(0);
    const { info } = await status(join(project.dir, ".fleet/localnet"));
    if (!info) throw new Error("the network is down");
    expect(await ruin(info, before)).toBe(202);

    const shown = await fleet("status");
    expect([shown.code, shown.text]).toEqual([1, expect.stringContaining("[PROCESS_RUINED]")]);
    expect(shown.text).toContain(WAY_ON);
    const refreshed = await project.pulumi(["refresh", "--yes", "--skip-preview"]);
    expect([refreshed.code, refreshed.text]).toEqual([0, expect.any(String)]);
    const preview = await project.pulumi(["preview"]);
    expect(preview.code).toBe(0);
    for (const { text } of [refreshed, preview]) {
      expect(text).toContain(`${before} is ruined`);
      expect(text).toContain("[PROCESS_RUINED]");
      expect(text).toContain(WAY_ON);
      expect(text).not.toContain("changed by hand");
    }
    const plain = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(plain.code).not.toBe(0);
    expect(plain.text).toContain("[PROCESS_RUINED]");
    expect(plain.text).toContain(WAY_ON);
    expect(plain.text).not.toMatch(/counter +spawned/);
  });

  it("gets a new process on request, and the next runs have nothing to do", async () => {
    const replaced = await fleet("deploy", "--replace", "counter", "--yes");
    expect([replaced.code, replaced.text]).toEqual([
      0,
      expect.stringMatching(/counter +spawned \S+, replaces \S+, which is ruined/),
    ]);
    expect(await project.idle()).toBe("");
    after = await counterId();
    expect(after).not.toBe(before);
    expect((await fleet("status")).code).toBe(0);
    // Its state is lost, and is restored from a backup.
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 1');
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 2');
    const restored = await fleet("restore", "counter", "--yes");
    expect([restored.code, restored.text]).toEqual([0, expect.any(String)]);
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 2');
  });

  it("leaves its old id in the ledger, the state and the audit", async () => {
    const ledger = await fleet("call", "deployment-coordinator", "EXPORT_STATE", "--json");
    expect(ledger.code).toBe(0);
    const [entry] = ledger.text.match(/\{[^{}]*"RUINED"[^{}]*\}/) ?? [];
    expect(entry).toContain(before);
    const stack = await project.pulumi(["stack", "export"]);
    const { deployment } = JSON.parse(stack.text) as {
      deployment: { resources: { outputs?: Record<string, unknown> }[] };
    };
    const outputs = deployment.resources.map((one) => one.outputs).find((one) => one?.processId === after);
    expect(outputs).toMatchObject({ generation: 2, ruined: [{ processId: before, generation: 1 }] });
    const { text } = await fleet("audit");
    expect(text).toContain(`the process ${before} is ruined and was replaced`);
    expect(text).not.toContain(`the process ${before} was made`);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { ROUTER, setNode } from "./node-project.ts";
import { newProject, type Project, type Ran } from "./project.ts";

/** A member on lua@5.3a that a message without an end stopped, with the real pulumi and the embedded network's HyperBEAM node. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("stuck", {
  ...settings(new pulumi.Config()),
  processes: {
    coordinator: { peers: ["counter"] },
    counter: { device: "lua@5.3a", state: "none", dependsOn: ["coordinator"], peers: ["coordinator"] },
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
fleet.on("LOOP", { who = "anyone" }, function() while true do end end)
`;

let project: Project;
let before: string;
const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const counterId = async () =>
  (await project.output<Record<string, { processId: string }>>("processes")).counter?.processId ?? "";

beforeAll(async () => {
  project = await newProject("stuck", {
    "index.ts": INDEX,
    "processes/coordinator/process.lua": ROUTER,
    "processes/counter/process.lua": COUNTER,
  });
  await setNode(project, "stuck", ({ gatewayUrl }) => ({ uploadUrl: gatewayUrl }));
});
afterAll(() => project.close());

/** One story, in order: each step continues after the one before. */
describe("a member on lua@5.3a that a message without an end stopped", { timeout: 240_000 }, () => {
  it("is named with the slot and a command by call, status, logs, deploy and a refresh, which replace nothing", async () => {
    ok(await project.pulumi(["up", "--yes", "--skip-preview"]));
    before = await counterId();
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 1');
    const called = await fleet("call", "counter", "LOOP", "--timeout", "60");
    expect([called.code, called.text]).toEqual([1, expect.stringContaining("[PROCESS_STUCK]")]);
    expect(called.text).toContain("counter is stuck.");
    expect(called.text).toContain("npx fleet deploy --replace counter");
    for (const words of [["status"], ["status", "--quick"]]) {
      const shown = await fleet(...words);
      expect([shown.code, shown.text]).toEqual([1, expect.stringMatching(/counter +\S+ +UNKNOWN/)]);
      expect(shown.text).toContain("[PROCESS_STUCK]");
      expect(shown.text).toContain("npx fleet deploy --replace counter");
    }
    const logs = await fleet("logs", "counter");
    expect(logs.text).toMatch(/LOOP from .*\n(?: +data .*\n)*? +not computed \[PROCESS_STUCK\]/);
    expect(logs.text).toMatch(/COUNT from /);
    const deployed = await fleet("deploy", "--yes");
    expect([deployed.code, deployed.text]).toEqual([
      1,
      expect.stringMatching(/counter +\S+ +UNKNOWN \(PROCESS_STUCK\)/),
    ]);
    ok(await project.pulumi(["refresh", "--yes", "--skip-preview"]));
    const preview = await project.pulumi(["preview"]);
    expect(preview.text).toContain("[PROCESS_STUCK]");
    expect(await counterId()).toBe(before);
  });

  it("is replaced by name, once the node has computed a new process meanwhile", async () => {
    const replaced = await fleet("deploy", "--replace", "counter", "--yes");
    expect([replaced.code, replaced.text]).toEqual([
      0,
      expect.stringMatching(/counter +spawned \S+, replaces/),
    ]);
    expect(await counterId()).not.toBe(before);
    expect((await fleet("call", "counter", "COUNT")).text).toContain('"n": 1');
    expect((await fleet("status")).code).toBe(0);
    expect(await project.idle()).toBe("");
  });

  it("has logs that name an id which is no process of the network", async () => {
    for (const command of ["logs", "query"]) {
      const ran = await fleet(command, "x".repeat(43));
      expect([ran.code, ran.text]).toEqual([1, expect.stringContaining("[PROCESS_UNKNOWN]")]);
    }
  });
});

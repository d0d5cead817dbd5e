import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { ROUTER, setNode } from "./node-project.ts";
import { newProject, type Project, type Ran } from "./project.ts";

/** A member on lua@5.3a next to one on aos, with the real pulumi and the embedded network's HyperBEAM node. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("lua", {
  ...settings(new pulumi.Config()),
  processes: {
    coordinator: { peers: ["counter"] },
    counter: {
      device: "lua@5.3a",
      state: "none",
      dependsOn: ["coordinator"],
      peers: ["coordinator"],
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
  return { n = S.n, edition = 1, limit = fleet.config("PROCESS_CONFIG", "maxConcurrentRequests") }
end)
`;

let project: Project;
const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const up = () =>
  project.pulumi(["up", "--yes", "--skip-preview", "--config", 'lua:strategy={"kind":"parallel"}']);
const count = async () => (await fleet("call", "counter", "COUNT")).text;

beforeAll(async () => {
  project = await newProject("lua", {
    "index.ts": INDEX,
    "processes/coordinator/process.lua": ROUTER,
    "processes/counter/process.lua": COUNTER,
  });
  await setNode(project, "lua", ({ gatewayUrl }) => ({ uploadUrl: gatewayUrl }));
});
afterAll(() => project.close());

/** One story, in order: each step continues after the one before. */
describe("a member on lua@5.3a", { timeout: 240_000 }, () => {
  it("is deployed with the fleet's own module, is healthy and configured, and answers", async () => {
    ok(await project.pulumi(["preview"]));
    ok(await up());
    expect(await project.idle()).toBe("");
    expect(await count()).toMatch(/"n": 1/);
    expect(await count()).toMatch(/"limit": 101/);
    expect((await fleet("status")).text).toMatch(/counter.*HEALTHY/);
  });

  it("is loaded in place, and keeps what the code does not assign", async () => {
    project.edit("processes/counter/process.lua", "edition = 1", "edition = 2");
    ok(await up());
    const said = await count();
    expect(said).toMatch(/"edition": 2/);
    expect(said).toMatch(/"n": 3/);
  });
});

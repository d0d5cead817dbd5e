import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet as fleetCommand, printed } from "../rollback/fleet.ts";
import { ROUTER } from "./node-project.ts";
import { newProject, type Project, processFiles, type Ran } from "./project.ts";

/**
 * The rehearsal of docs/start/move-to-mainnet.md: one project with two stacks on one embedded network, `dev` on its legacy units and `node` on
 * its HyperBEAM node, with the real pulumi and real aos.
 */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("mover", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
    coordinator: { peers: ["counter"] },
    counter: { dependsOn: ["coordinator"] },
    notes: {},
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
/** A program that was not written for the fleet: its state is in a global. */
const NOTES = `Notes = Notes or {}
Handlers.add("Add", "Add", function(msg)
  table.insert(Notes, msg.Data)
  msg.reply({ Data = table.concat(Notes, ",") })
end)
`;
const MEMBERS = ["coordinator", "counter", "deployment-coordinator", "notes"];

let project: Project;

const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const refused = (ran: Ran, code: string) => {
  expect(ran.code).not.toBe(0);
  expect(ran.text).toContain(code);
};
type Stack = "dev" | "node";
const up = (stack: Stack) => project.pulumi(["up", "--yes", "--skip-preview", "--stack", stack]);
const count = (stack: Stack) => fleetCommand(project, ["call", "counter", "COUNT", "--stack", stack]);
const note = (stack: Stack, text: string) =>
  fleetCommand(project, ["call", "notes", "Add", "--raw", "--data", text, "--stack", stack]);
const move = (from: Stack, to: Stack, options: readonly string[] = [], env: Record<string, string> = {}) =>
  fleetCommand(project, ["move", "--stack", from, "--to", to, "--yes", ...options], env);
const idsOf = async (stack: Stack) => {
  const { text } = await project.pulumi(["stack", "output", "processes", "--json", "--stack", stack]);
  const processes = JSON.parse(text) as Record<string, { processId: string }>;
  return Object.fromEntries(Object.entries(processes).map(([name, { processId }]) => [name, processId]));
};

beforeAll(async () => {
  project = await newProject("mover", {
    "index.ts": INDEX,
    "processes/coordinator/process.lua": ROUTER,
    "processes/counter/process.lua": COUNTER,
    "processes/notes/process.lua": NOTES,
    ...processFiles("deployment-coordinator"),
  });
  const dev = project.text("Pulumi.dev.yaml").replace(/^encryptionsalt: .*\n/m, "");
  project.write("Pulumi.node.yaml", dev.replace("config:\n", "config:\n  mover:localProtocol: mainnet\n"));
  ok(await project.pulumi(["stack", "init", "node"]));
});
afterAll(() => project.close());

/** One story, in order: each step continues after the one before. */
describe("a fleet moves from legacy units to a HyperBEAM node", { timeout: 240_000 }, () => {
  it("is deployed on both, and serves on the legacy units", async () => {
    ok(await up("dev"));
    ok(await up("node"));
    expect((await count("dev")).text).toContain('"n": 1');
    expect((await count("dev")).text).toContain('"n": 2');
    expect((await note("dev", "milk")).text).toContain("milk");
  });

  it("is planned without a change", async () => {
    const plan = await move("dev", "node", ["--dry-run"]);
    ok(plan);
    expect(plan.text).toContain("From dev (local, legacy) to node (local, mainnet):");
    expect(plan.text).toMatch(/counter +\S{43} +\S{43} +1 state \(counter\)/);
    expect(plan.text).toMatch(/notes +\S{43} +\S{43} +1 global \(Notes\)/);
    expect(plan.text).toMatch(/deployment-coordinator +\S{43} +\S{43} +its own \(ledger\)/);
    expect((await count("dev")).text).toContain('"n": 3');
  });

  it("is killed after the old processes were stopped, and refuses callers", async () => {
    expect((await move("dev", "node", [], { FLEET_CRASH_AT: "move.drained" })).code).not.toBe(0);
    for (const stack of ["dev", "node"] as const) {
      refused(await count(stack), "DRAINING");
      refused(await project.pulumi(["preview", "--stack", stack]), "[STACK_MOVING]");
    }
  });

  it("continues, with every state equal by digest and the new ids for its callers", async () => {
    const [old, now] = [await idsOf("dev"), await idsOf("node")];
    const ran = await move("dev", "node", ["--json"]);
    ok(ran);
    const told = JSON.parse(ran.stdout) as { file: string; processes: Record<string, object> };
    expect(Object.keys(told.processes).sort()).toEqual(MEMBERS);
    for (const name of MEMBERS)
      expect(told.processes[name]).toMatchObject({ from: old[name], to: now[name] });
    const equal = {
      state: "equal",
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      slot: expect.any(Number),
    };
    expect(told.processes).toMatchObject({
      counter: { ...equal, states: ["counter"] },
      notes: { ...equal, globals: ["Notes"] },
      // A router remembers its callers, so that they are known to a rollout there.
      coordinator: { ...equal, states: ["traffic-callers"] },
      "deployment-coordinator": { state: "own" },
    });
    expect(project.json<{ processes: object }>(told.file).processes).toEqual(told.processes);
  });

  it("serves on the node with its state, and no more on the legacy units", async () => {
    expect((await count("node")).text).toContain('"n": 4');
    expect((await note("node", "eggs")).text).toContain("milk,eggs");
    refused(await count("dev"), "DRAINING");
    refused(await project.pulumi(["preview", "--stack", "dev"]), "[STACK_MOVED]");
    refused(await move("dev", "node"), "[STACK_MOVED]");
    // The selected stack is the one that was created last.
    expect(await project.idle()).toBe("");
  });

  it("returns with its present state, also if the move is killed after the last copy", async () => {
    expect((await move("node", "dev", [], { FLEET_CRASH_AT: "move.copied" })).code).not.toBe(0);
    refused(await move("dev", "node"), "[MOVE_UNFINISHED]");
    const ran = await move("node", "dev");
    ok(ran);
    expect(ran.text).toContain("only finishes the move");
    expect((await count("dev")).text).toContain('"n": 5');
    refused(await count("node"), "DRAINING");
    ok(await project.pulumi(["preview", "--stack", "dev"]));
  });

  it("continues with the options that it began with, by the commands that are printed, wherever it is killed", async () => {
    expect((await note("dev", "bread")).text).toContain("milk,eggs,bread");
    const begun = await move("dev", "node", ["--without-state", "notes"], { FLEET_CRASH_AT: "move.drained" });
    expect(begun.code).not.toBe(0);
    const line = "npx fleet move --stack dev --to node --without-state notes";
    for (const stack of ["dev", "node"] as const) {
      expect((await fleetCommand(project, ["status", "--stack", stack])).text).toContain(
        `continue it: ${line}\n`,
      );
      const preview = await project.pulumi(["preview", "--stack", stack]);
      refused(preview, "[STACK_MOVING]");
      expect(preview.text).toContain(`${line}. To give it up`);
    }
    refused(await move("dev", "node", ["--without-state", "counter"]), "[MOVE_OPTIONS_DIFFER]");
    const again = await printed(project, `${line} --yes`, { FLEET_CRASH_AT: "move.copied" });
    expect(again.code).not.toBe(0);
    refused(await move("node", "dev"), `Finish it: ${line}\n`);
    ok(await printed(project, `${line} --yes`));
    // The state of the new process was left as it was; that of the counter was carried.
    expect((await note("node", "tea")).text).toContain("milk,eggs,tea");
    expect((await count("node")).text).toContain('"n": 6');
  });
});

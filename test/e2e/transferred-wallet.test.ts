import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeJwk } from "../ao/wallets.ts";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newProject, type Project, processFiles } from "./project.ts";

/** A fleet that is transferred to another wallet as docs/how-to/rotate-wallet.md describes, with the real pulumi. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("given", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
    coordinator: { dependsOn: ["deployment-coordinator"], peers: ["token"] },
    token: {
      dependsOn: ["coordinator"],
      strategy: { kind: "blue-green", intervalSeconds: 0, checks: [{ kind: "health" }], probes: 3, windowSeconds: 0 },
    },
    plain: { lib: false },
  },
});
export const processes = fleet.processes;
`;
const program = `-- edition 1
Count = Count or 0
Handlers.add("Add", "Add", function(m) Count = Count + 1 m.reply({ Data = "count " .. Count }) end)
`;
const OURS = ".fleet/dev-wallet.json";
const THEIRS = ".fleet/other-wallet.json";

let project: Project;
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const configure = (from: string, to: string) => project.edit("Pulumi.dev.yaml", from, to);
const edit = (member: string, edition: number) =>
  project.edit(`processes/${member}/process.lua`, `edition ${edition - 1}`, `edition ${edition}`);
const idsOf = async () =>
  Object.values(await project.output<Record<string, { processId: string }>>("processes")).map(
    ({ processId }) => processId,
  );

beforeAll(async () => {
  project = await newProject("given", {
    ...processFiles("coordinator"),
    ...processFiles("deployment-coordinator"),
    "index.ts": INDEX,
    "processes/token/process.lua": program,
    "processes/plain/process.lua": program,
    [THEIRS]: JSON.stringify(await makeJwk()),
  });
  chmodSync(join(project.dir, THEIRS), 0o600);
});
afterAll(() => project.close());

describe("a fleet that is transferred to another wallet", { timeout: 240_000 }, () => {
  let all: string[];
  let commands: string[][];

  it("is refused to that wallet in the preview, with the ids and commands of all its processes, the kept one included", async () => {
    const up = () => project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(await up()).toMatchObject({ code: 0 });
    const first = await idsOf();
    expect((await fleet("call", "plain", "Add")).text).toContain("count 1");
    edit("token", 2);
    expect(await up()).toMatchObject({ code: 0 });
    all = [...new Set([...first, ...(await idsOf())])];
    expect(all).toHaveLength(5);
    configure(OURS, THEIRS);
    const preview = await project.pulumi(["preview"]);
    expect([preview.code, preview.text]).not.toEqual([0, ""]);
    expect(preview.text).toContain("[WRONG_WALLET]");
    const found = preview.text.matchAll(/npx fleet (call --raw --data) "(Owner = '[^']+')" (-- \S+ Eval)/g);
    commands = [...found].map(([, call = "", lua = "", target = ""]) => [
      ...call.split(" "),
      lua,
      ...["--stack", "dev"],
      ...target.split(" "),
    ]);
    expect(new Set(commands.map((words) => words.at(-2)))).toEqual(new Set(all));
  });

  it("belongs to that wallet after those commands: it loads code, and retires what the previous wallet spawned", async () => {
    configure(THEIRS, OURS);
    for (const words of commands.slice(0, all.length))
      expect(await fleetCommand(project, words)).toMatchObject({ code: 0 });
    configure(OURS, THEIRS);
    // A refresh is not needed and harmless: it still reads as the previous wallet.
    const refreshed = await project.pulumi(["refresh", "--yes", "--skip-preview"]);
    expect([refreshed.code, refreshed.text.slice(-3000)]).toEqual([0, expect.any(String)]);
    edit("token", 3);
    edit("plain", 2);
    const deployed = await fleet("deploy", "--yes");
    expect([deployed.code, deployed.text]).toEqual([
      0,
      expect.stringMatching(/token +retired \S+, no longer held/),
    ]);
    expect(deployed.text).toMatch(/plain +loaded/);
    expect(await project.idle()).toBe("");
    expect(await fleet("status")).toMatchObject({ code: 0 });
    expect((await fleet("call", "plain", "Add")).text).toContain("count 2");
  });
});

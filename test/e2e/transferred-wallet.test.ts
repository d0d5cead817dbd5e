import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadWallet } from "../../src/ao/wallet.ts";
import { signingProgram } from "../ao/signing-program.ts";
import { makeJwk } from "../ao/wallets.ts";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newProject, type Project, processFiles } from "./project.ts";

/** A fleet that is handed over to another wallet as docs/how-to/rotate-wallet.md describes, with the real pulumi. */

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

interface Operators {
  readonly success: boolean;
  readonly operators: readonly {
    address: string;
    member?: string;
    you: boolean;
    owns: string[];
    deploys: string[];
  }[];
  readonly acts: readonly { address: string; operator?: string; kind: string; status?: string }[];
}

let project: Project;
let [ours, theirs] = ["", ""];
const fleet = (args: readonly string[], env: Record<string, string> = {}) =>
  fleetCommand(project, [...args, "--stack", "dev"], env);
const configure = (from: string, to: string) => project.edit("Pulumi.dev.yaml", from, to);
const edit = (member: string, edition: number) =>
  project.edit(`processes/${member}/process.lua`, `edition ${edition - 1}`, `edition ${edition}`);
const idsOf = async () =>
  Object.values(await project.output<Record<string, { processId: string }>>("processes")).map(
    ({ processId }) => processId,
  );
const operators = async () => JSON.parse((await fleet(["operators", "--json"])).stdout) as Operators;
const addressIn = async (path: string) => (await loadWallet({ path: join(project.dir, path) })).address;

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
  [ours, theirs] = [await addressIn(OURS), await addressIn(THEIRS)];
});
afterAll(() => project.close());

describe("a fleet that is handed over to another wallet", { timeout: 240_000 }, () => {
  let all: string[];

  it("is refused to that wallet in the preview, with the ids of all its processes, the kept one included", async () => {
    const up = () => project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(await up()).toMatchObject({ code: 0 });
    const first = await idsOf();
    expect((await fleet(["call", "plain", "Add"])).text).toContain("count 1");
    edit("token", 2);
    expect(
      await project.pulumi(["up", "--yes", "--skip-preview"], { FLEET_OPERATOR: "alice" }),
    ).toMatchObject({
      code: 0,
    });
    all = [...new Set([...first, ...(await idsOf())])];
    expect(all).toHaveLength(5);
    configure(OURS, THEIRS);
    const preview = await project.pulumi(["preview"]);
    expect(preview.code).not.toBe(0);
    expect(preview.text).toContain("[WRONG_WALLET]");
    expect(preview.text).toContain(`npx fleet rotate-wallet --to ${theirs}`);
    for (const id of all) expect(preview.text).toContain(id);
    configure(THEIRS, OURS);
  });

  it("names its owner and those who deployed it, by what processes and ledger say", async () => {
    const found = await operators();
    expect(found.success).toBe(true);
    const [owner, ...others] = found.operators;
    expect(owner).toMatchObject({ address: ours, you: true, deploys: [] });
    expect(owner?.owns).toHaveLength(5);
    for (const one of others)
      expect([one.owns, one.you, one.member]).toEqual([[], false, expect.any(String)]);
    const [latest] = found.acts;
    expect(latest).toMatchObject({ address: ours, kind: "DEPLOYMENT_FINISHED", status: "COMPLETED" });
    expect(
      found.acts.filter(({ kind }) => kind === "DEPLOYMENT_BEGUN").map(({ operator }) => operator),
    ).toEqual([expect.stringMatching(/^alice op-/), expect.stringMatching(/^op-/)]);
  });

  it("is not given to an address that has sent nothing, nor by a wallet that does not own it", async () => {
    const typo = await fleet(["rotate-wallet", "--to", "x".repeat(43), "--yes"]);
    expect([typo.code, typo.text]).toEqual([1, expect.stringContaining("NEW_OWNER_UNPROVED")]);
    configure(OURS, THEIRS);
    const thief = await fleet(["rotate-wallet", "--to", THEIRS, "--yes"]);
    expect([thief.code, thief.text]).toEqual([1, expect.stringContaining("ROTATION_OF_OTHERS")]);
    configure(THEIRS, OURS);
    expect((await operators()).operators[0]).toMatchObject({ address: ours, owns: { length: 5 } });
  });

  it("has two owners after a rotation was killed, and the same command completes it and sets the wallet", async () => {
    const killed = await fleet(["rotate-wallet", "--to", THEIRS, "--yes"], {
      FLEET_CRASH_AT: "rotate.handed:2",
    });
    expect(killed.text).not.toContain("belongs to");
    const split = (await operators()).operators.filter(({ owns }) => owns.length > 0);
    expect(split.map(({ address }) => address).sort()).toEqual([ours, theirs].sort());
    const again = await fleet(["rotate-wallet", "--to", THEIRS, "--yes"]);
    expect([again.code, again.text]).toEqual([0, expect.stringContaining(`belongs to ${theirs}.`)]);
    expect(project.text("Pulumi.dev.yaml")).toContain(`walletPath: ${THEIRS}`);
    const idle = await fleet(["rotate-wallet", "--to", THEIRS, "--yes", "--json"]);
    expect(JSON.parse(idle.stdout)).toMatchObject({ success: true, left: [], unnamed: [], ruined: [] });
    expect((await operators()).operators[0]).toMatchObject({
      address: theirs,
      you: true,
      owns: { length: 5 },
    });
  });

  it("obeys the previous wallet in nothing", async () => {
    configure(THEIRS, OURS);
    for (const id of all) {
      const tried = await fleet(["call", "--raw", "--data", "Count = 99 Owner = 'me'", "--", id, "Eval"]);
      expect(tried.code).not.toBe(0);
    }
    configure(OURS, THEIRS);
    expect((await operators()).operators[0]).toMatchObject({ address: theirs, owns: { length: 5 } });
  });

  it("loads code by a signer that has the new wallet's key, and retires what the previous wallet spawned", async () => {
    const command = await signingProgram(project.dir, project.json(THEIRS));
    expect(await project.pulumi(["config", "rm", "walletPath", "--stack", "dev"])).toMatchObject({ code: 0 });
    const signer = JSON.stringify({ command, address: theirs });
    expect(await project.pulumi(["config", "set", "signer", signer, "--stack", "dev"])).toMatchObject({
      code: 0,
    });
    // A refresh is not needed and harmless: it still reads as the previous wallet.
    const refreshed = await project.pulumi(["refresh", "--yes", "--skip-preview"]);
    expect([refreshed.code, refreshed.text.slice(-3000)]).toEqual([0, expect.any(String)]);
    edit("token", 3);
    edit("plain", 2);
    const deployed = await fleet(["deploy", "--yes"]);
    expect([deployed.code, deployed.text]).toEqual([
      0,
      expect.stringMatching(/token +retired \S+, no longer held/),
    ]);
    expect(deployed.text).toMatch(/plain +loaded/);
    expect(await project.idle()).toBe("");
    expect(await fleet(["status"])).toMatchObject({ code: 0 });
    expect((await fleet(["call", "plain", "Add"])).text).toContain("count 2");
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { loadWallet } from "../../src/ao/wallet.ts";
import { start } from "../../src/localnet/index.ts";
import { fleet as fleetCommand, processOf } from "../rollback/fleet.ts";
import { cloneProject, type Project, type Ran } from "./project.ts";

/**
 * The guide's fleet with the settings of the stack prod, with the real pulumi and real aos, on the embedded network's HyperBEAM node: a
 * release that waits at its gate, its rollback, the validation, and the adoption of every process by a stack that has lost its state.
 */

const MEMBERS = ["admin", "battle", "coordinator", "deployment-coordinator", "pokemon", "security", "shop"];
const VERSION = '  version = "1.0.0",';

let project: Project;

const ok = (ran: Ran) => expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const up = () => project.pulumi(["up", "--yes", "--skip-preview"]);
const releaseNow = () =>
  project.json<{ deploymentId: string }>("build/deployment-manifest.json").deploymentId;
const processes = () => MEMBERS.map((member) => processOf(project, member));

/** The owner's money in the shop, read through the router. */
async function balance(): Promise<unknown> {
  const request = JSON.stringify({ service: "shop", action: "BALANCE", data: {} });
  const { stdout } = await fleet("call", "coordinator", "ROUTE", "--data", request, "--json");
  return (JSON.parse(stdout) as { data: { balance?: unknown } }).data.balance;
}
async function credit(amount: number): Promise<void> {
  const { address } = await loadWallet({ path: join(project.dir, ".fleet/dev-wallet.json") });
  ok(await fleet("call", "shop", "CREDIT", "--data", JSON.stringify({ account: address, amount })));
}

/** The settings of a stack as the repository has them, with short intervals and the embedded network's addresses. */
function settingsOf(stack: string, addresses: Record<string, string>): string {
  const { config } = parse(readFileSync(`Pulumi.${stack}.yaml`, "utf8")) as {
    config: Record<string, string>;
  };
  const strategy = JSON.parse(config["ao-fleet:strategy"] ?? "") as object;
  const own = { ...addresses, walletPath: ".fleet/dev-wallet.json", healthIntervalSeconds: "1" };
  const changed = { ...own, strategy: JSON.stringify({ ...strategy, intervalSeconds: 2 }) };
  const named = Object.entries(changed).map(([key, value]) => [`ao-fleet:${key}`, value]);
  return stringify({ config: { ...config, ...Object.fromEntries(named) } });
}

beforeAll(async () => {
  project = await cloneProject();
  const { nodeUrl, gatewayUrl } = await start(join(project.dir, ".fleet/localnet"));
  const salt = /^encryptionsalt: .*\n/m.exec(project.text("Pulumi.dev.yaml"))?.[0] ?? "";
  project.write("Pulumi.dev.yaml", salt + settingsOf("prod", { nodeUrl, gatewayUrl }));
});
afterAll(() => project.close());

/** One story, in order: each step continues after the one before. */
describe("the guide's fleet on a HyperBEAM node", { timeout: 600_000 }, () => {
  let first: string;

  it("is deployed, healthy, and then idle", async () => {
    ok(await up());
    const { processes: rows } = JSON.parse((await fleet("status", "--json")).stdout) as {
      processes: { name: string; health: string }[];
    };
    expect(rows.map(({ name, health }) => `${name} ${health}`).sort()).toEqual(
      MEMBERS.map((name) => `${name} HEALTHY`),
    );
    expect(await project.idle()).toBe("");
    first = releaseNow();
    await credit(700);
    expect(await balance()).toBe(700);
  });

  it("waits at the gate with a new release, and gives it callers and state after a promotion", async () => {
    project.edit("processes/shop/process.lua", VERSION, VERSION.replace("1.0.0", "1.1.0"));
    const old = processOf(project, "shop");
    const held = await up();
    expect(held.code).not.toBe(0);
    expect(held.text).toContain("fleet promote");
    expect(await balance()).toBe(700);
    ok(await fleet("promote"));
    ok(await up());
    expect(processOf(project, "shop")).not.toBe(old);
    expect(await balance()).toBe(700);
    expect(await project.idle()).toBe("");
  });

  it("returns to the first release with the state", async () => {
    await credit(11);
    ok(await fleet("rollback", "--to", first, "--yes"));
    expect(await balance()).toBe(711);
    ok(await fleet("rollback", "--clear"));
  });

  it("passes the validation", async () => {
    const load = [
      "--performance-duration",
      "3",
      "--rate",
      "2",
      "--max-average",
      "60000",
      "--max-response",
      "60000",
    ];
    const ran = await fleet("validate", ...load);
    const report = project.json<{ findings: { status: string }[] }>("build/validation-report.json");
    expect(report.findings.filter(({ status }) => status === "FAIL")).toEqual([]);
    ok(ran);
  });

  it("is adopted as it is by a stack that has lost its state", async () => {
    project.edit("processes/shop/process.lua", VERSION.replace("1.0.0", "1.1.0"), VERSION);
    const ids = processes();
    for (const args of [
      ["state", "unprotect", "--all", "--yes"],
      ["stack", "rm", "dev", "--force", "--yes", "--preserve-config"],
      ["stack", "init", "dev"],
    ])
      ok(await project.pulumi(args));
    ok(await fleet("adopt", "--yes"));
    expect(processes()).toEqual(ids);
    expect(await balance()).toBe(711);
    expect(await project.idle()).toBe("");
  });
});

describe("a fresh clone", { timeout: 600_000 }, () => {
  let clone: Project;
  beforeAll(async () => {
    clone = await cloneProject();
  });
  afterAll(() => clone.close());

  it("is deployed on the node of its embedded network by one setting, with the dev stack's own", async () => {
    expect(clone.text("Pulumi.dev.yaml")).toMatch(/healthCronSeconds: "?30\b/);
    ok(await clone.pulumi(["config", "set", "localProtocol", "mainnet"]));
    ok(await clone.pulumi(["preview"]));
    ok(await clone.pulumi(["up", "--yes", "--skip-preview"]));
    ok(await fleetCommand(clone, ["status", "--stack", "dev"]));
    expect(await clone.idle()).toBe("");
  });
});

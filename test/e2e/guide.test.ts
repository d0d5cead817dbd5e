import { execFile, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../src/core/hash.ts";
import type { FleetView } from "../../src/dashboard/view.ts";
import { type LocalNetworkInfo, status } from "../../src/localnet/index.ts";
import { ReportSchema } from "../../src/monitor/report.ts";
import { openBrowser } from "../dashboard/browser.ts";
import { savePicture } from "./page.ts";
import { newPlayer, type Player } from "./player.ts";
import { cloneProject, type Project } from "./project.ts";

const MEMBERS = ["admin", "battle", "coordinator", "deployment-coordinator", "pokemon", "security", "shop"];

let project: Project;
let ids: Record<string, string>;
let network: LocalNetworkInfo;
let ash: Player;
let gary: Player;
let owner: Player;

const entry = resolve("src/cli/fleet.mjs");
const asThere = () => ({
  cwd: project.dir,
  env: {
    ...process.env,
    PULUMI_BACKEND_URL: `file://${project.dir}/.fleet`,
    PULUMI_CONFIG_PASSPHRASE: "only a test",
  },
});

/** The `fleet` command in the project's folder. */
async function fleet(...args: string[]): Promise<{ code: number; stdout: string }> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [entry, ...args], asThere());
    return { code: 0, stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, stdout };
  }
}

beforeAll(async () => {
  project = await cloneProject();
  const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
  if (ran.code !== 0) throw new Error(ran.text);
  const members = await project.output<Record<string, { processId: string }>>("processes");
  ids = Object.fromEntries(Object.entries(members).map(([name, { processId }]) => [name, processId]));
  const { info } = await status(join(project.dir, ".fleet/localnet"));
  if (!info) throw new Error("the network is down");
  network = info;
  [ash, gary, owner] = await Promise.all([
    newPlayer(network),
    newPlayer(network),
    newPlayer(network, project.json(".fleet/dev-wallet.json")),
  ]);
}, 300_000);
afterAll(() => project.close());

const route = (player: Player, service: string, action: string, data: object = {}) =>
  player.route(ids.coordinator ?? "", service, action, data);

describe("the guide's fleet, for its players and operators", () => {
  it("is registered with the deployment coordinator, all seven", async () => {
    const { stdout } = await fleet("discover", "--json");
    for (const id of Object.values(ids)) expect(stdout).toContain(id);
    expect(Object.keys(ids).sort()).toEqual(MEMBERS);
  });

  it("is healthy, by every process' own answer", async () => {
    const { code, stdout } = await fleet("status", "--json");
    expect(code).toBe(0);
    const rows: { health: string }[] = JSON.parse(stdout).processes;
    expect(rows.map(({ health }) => health)).toEqual(MEMBERS.map(() => "HEALTHY"));
  });

  it("is reported by the monitor as fit, with its deployment, without an alert", async () => {
    const { code, stdout } = await fleet("monitor", "--once", "--json");
    const report = ReportSchema.parse(JSON.parse(stdout));
    expect(report.alerts).toEqual([]);
    expect(report.notes).toEqual([]);
    expect(code).toBe(0);
    expect(report.processes.map(({ name, state, drift }) => [name, state, drift]).sort()).toEqual(
      MEMBERS.map((name) => [name, "HEALTHY", []]),
    );
    expect(report).toMatchObject({
      fleet: { state: "HEALTHY", passed: true },
      deploymentStatistics: { totalDeployments: 1, successfulDeployments: 1, rollbackRate: 0 },
      dora: { changeFailureRate: 0 },
    });
    // Counted by the processes themselves, and read at the scheduler's latest slot.
    for (const { messages, luaHeapKB, slot, pendingSlots } of report.processes) {
      expect(messages).toBeGreaterThan(0);
      expect(luaHeapKB).toBeGreaterThan(100);
      expect([slot === null, pendingSlots]).toEqual([false, 0]);
    }
  }, 180_000);

  it("plays a battle between two players through the coordinator, and verifies its replay", async () => {
    const sides = [
      { player: ash, species: "squirtle", move: "water-gun" },
      { player: gary, species: "charmander", move: "scratch" },
    ];
    for (const { player, species } of sides) {
      const made = await route(player, "pokemon", "CREATE_POKEMON", { species });
      expect(made).toMatchObject({ success: true });
    }
    const started = await route(ash, "battle", "START_BATTLE", { opponent: gary.address });
    expect(started).toMatchObject({ success: true });
    const { battleId } = started as unknown as { battleId: string };
    let battle: Record<string, unknown> = started;
    const secret = "one-secret-is-enough-for-this";
    for (let turn = 1; turn < 60 && battle.status !== "FINISHED"; turn += 1) {
      for (const { player, move } of sides) {
        const commit = sha256([battleId, turn, player.address, move, secret].join("/"));
        battle = await route(player, "battle", "SUBMIT_MOVE", { battleId, commit });
        expect(battle).toMatchObject({ success: true });
      }
      for (const { player, move } of sides) {
        battle = await route(player, "battle", "REVEAL_MOVE", { battleId, move, secret });
        expect(battle).toMatchObject({ success: true });
      }
    }
    expect(battle.status).toBe("FINISHED");
    expect([ash.address, gary.address]).toContain(battle.winner);
    const replay = await route(gary, "battle", "REPLAY_BATTLE", { battleId });
    expect(replay).toMatchObject({ success: true, equal: true });
  }, 240_000);

  it("sells once to a player who can pay, and evolves a pokemon with the item", async () => {
    expect(await route(ash, "shop", "PURCHASE", { item: "fire-stone" })).toMatchObject({
      error: { code: "INSUFFICIENT_FUNDS" },
    });
    expect(await ash.ask(ids.shop ?? "", "CREDIT", { account: ash.address, amount: 10_000 })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    expect(await owner.ask(ids.shop ?? "", "CREDIT", { account: ash.address, amount: 10_000 })).toMatchObject(
      { success: true },
    );
    const before = (await route(ash, "shop", "BALANCE")).balance as number;
    expect(await route(ash, "shop", "PURCHASE", { item: "fire-stone" })).toMatchObject({ success: true });
    expect((await route(ash, "shop", "BALANCE")).balance).toBe(before - 3000);
    const misty = await newPlayer(network);
    const made = await route(misty, "pokemon", "CREATE_POKEMON", { species: "eevee" });
    const { pokemonId } = (made as unknown as { pokemon: { pokemonId: string } }).pokemon;
    await owner.ask(ids.shop ?? "", "CREDIT", { account: misty.address, amount: 3000 });
    expect(await route(misty, "pokemon", "EVOLVE", { pokemonId, item: "fire-stone" })).toMatchObject({
      error: { code: "NOT_ENOUGH_ITEMS" },
    });
    expect(await route(misty, "shop", "PURCHASE", { item: "fire-stone" })).toMatchObject({ success: true });
    expect(await route(misty, "pokemon", "EVOLVE", { pokemonId, item: "fire-stone" })).toMatchObject({
      success: true,
      from: "eevee",
      species: "flareon",
    });
    expect((await route(misty, "shop", "BALANCE")).balance).toBe(0);
  }, 120_000);

  it("lets no stranger change anything", async () => {
    for (const [member, action] of [
      ["deployment-coordinator", "DEPLOY_PROCESS"],
      ["deployment-coordinator", "PROCESS_REGISTRATION"],
      ["battle", "RETIRE"],
      ["battle", "UPDATE_CONFIG"],
      ["shop", "WIRE_PEERS"],
      ["security", "IMPORT_STATE"],
    ] as const) {
      expect([member, action, (await ash.ask(ids[member] ?? "", action, {})).error?.code]).toEqual([
        member,
        action,
        "FORBIDDEN",
      ]);
    }
  });

  it("shows an attack and a failed evaluation to the monitor in the next round", async () => {
    for (let n = 0; n < 6; n += 1) await gary.ask(ids.battle ?? "", "RETIRE", {});
    await fleet("call", "pokemon", "Eval", "--raw", "--data", "error('a careless hand')");
    const { code, stdout } = await fleet("monitor", "--once", "--json");
    const { alerts } = ReportSchema.parse(JSON.parse(stdout));
    expect(code).toBe(1);
    expect(alerts.map(({ type, source, message }) => `${type} ${source}: ${message}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(
          /^SECURITY_ALERT battle: it refused \d+ messages since .*FORBIDDEN \d+×: RETIRE by /,
        ),
        expect.stringMatching(/^PROCESS_ERROR pokemon: 1 of \d+ messages since .* failed: .*a careless hand/),
      ]),
    );
  }, 180_000);

  it("distributes a client's config through the deployment coordinator: to all, acknowledged, with the sender", async () => {
    const request = {
      requestType: "DISTRIBUTE_CONFIG",
      configType: "FEATURE_FLAGS",
      configData: { ranked: true },
    };
    const data = JSON.stringify({ configRequest: request });
    const { code, stdout } = await fleet(
      ...[
        "call",
        "deployment-coordinator",
        "CONFIG_DISTRIBUTION",
        "--data",
        data,
        "--timeout",
        "120",
        "--json",
      ],
    );
    expect([code, stdout]).toEqual([0, expect.stringContaining('"COMPLETED"')]);
    const shown = await fleet("config", "show", "--type", "FEATURE_FLAGS", "--json");
    const { members } = JSON.parse(shown.stdout) as {
      members: Record<string, { FEATURE_FLAGS?: { data: object; requestedBy: string; by: string } }>;
    };
    for (const name of MEMBERS)
      expect([name, members[name]?.FEATURE_FLAGS]).toEqual([
        name,
        expect.objectContaining({
          data: { ranked: true },
          by: ids["deployment-coordinator"],
          requestedBy: owner.address,
        }),
      ]);
  }, 180_000);

  it("answers a call from the command line, and exits with an error if the reply is one", async () => {
    const good = await fleet("call", "shop", "LIST_ITEMS", "--json");
    expect(good.code).toBe(0);
    expect(good.stdout).toContain("fire-stone");
    const bad = await fleet("call", "shop", "PURCHASE", "--data", '{"item":"nothing"}');
    expect(bad.code).toBe(1);
  });

  it("shows a process' messages by slot", async () => {
    const { code, stdout } = await fleet("logs", "shop", "--json");
    expect(code).toBe(0);
    expect(stdout).toContain("PURCHASE");
  });

  it("is checked by its admin process every 30 seconds, triggered by the messenger unit alone", async () => {
    const asked = async () =>
      (await owner.ask(ids.admin ?? "", "SYSTEM_STATUS", {})) as unknown as {
        systemStatus: string;
        processes: Record<string, { state: string }>;
      };
    for (const end = Date.now() + 60_000; (await asked()).systemStatus === "UNKNOWN" && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 500));
    const { systemStatus, processes } = await asked();
    expect(systemStatus).toBe("HEALTHY");
    const others = MEMBERS.filter((name) => name !== "admin").map((name) => ids[name]);
    expect(Object.keys(processes)).toEqual(expect.arrayContaining(others));
  }, 90_000);

  it("deploys an edit of one member with --only and leaves the others as they run", async () => {
    project.edit("processes/battle/process.lua", "local fleet = require", "-- edited\nlocal fleet = require");
    project.edit("processes/shop/process.lua", "local fleet = require", "-- edited\nlocal fleet = require");
    const { code, stdout } = await fleet("deploy", "--only", "battle", "--yes", "--json");
    expect([code, code === 0 ? "" : stdout]).toEqual([0, ""]);
    const preview = await project.pulumi(["preview"]);
    expect(preview.text).toContain("shop: in place, 1 module changed");
    expect(preview.text).not.toContain("battle: in place");
    const manifest = project.json<{ processes: Record<string, { processId: string }> }>(
      "build/deployment-manifest.json",
    );
    expect(Object.keys(manifest.processes).sort()).toEqual(MEMBERS);
    expect(manifest.processes.shop?.processId).toBe(ids.shop);
    const idle = await fleet("deploy", "--only", "battle", "--dry-run", "--expect-no-changes", "--json");
    expect([idle.code, idle.code === 0 ? "" : idle.stdout]).toEqual([0, ""]);
  }, 180_000);

  it("announces nothing and does nothing if nothing changed, even after a refresh", async () => {
    for (const member of ["battle", "shop"])
      project.edit(`processes/${member}/process.lua`, "-- edited\n", "");
    expect((await fleet("deploy", "--yes")).code).toBe(0);
    expect(await project.idle()).toBe("");
    const refreshed = await project.pulumi(["refresh", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect([refreshed.code, refreshed.code === 0 ? "" : refreshed.text]).toEqual([0, ""]);
    const preview = await project.pulumi(["preview", "--expect-no-changes"]);
    expect([preview.code, preview.code === 0 ? "" : preview.text]).toEqual([0, ""]);
  }, 180_000);

  it("is on the dashboard as it is, and changes appear without a reload", async () => {
    const command = spawn(process.execPath, [entry, "dashboard", "--every", "0.5"], asThere());
    const browser = await openBrowser();
    try {
      const url = await new Promise<string>((done, failed) => {
        let text = "";
        command.stdout.on("data", (chunk) => {
          text += chunk;
          const found = /http:\S+/.exec(text);
          if (found) done(found[0]);
        });
        command.on("exit", () => failed(new Error(`it ended: ${text}`)));
      });
      const view = (await (await fetch(`${url}api/fleet`)).json()) as FleetView;
      const { stdout } = await fleet("status", "--json");
      const rows: { name: string; processId: string; sourceHash: string; health: string }[] =
        JSON.parse(stdout).processes;
      const pick = ({ name, processId, sourceHash, health }: (typeof rows)[number]) => ({
        ...{ name, processId, sourceHash, health },
      });
      expect(view.processes.map(pick)).toEqual(rows.map(pick));
      expect(view.releases.filter(({ current }) => current)).toHaveLength(1);
      const page = await browser.newPage({ viewport: { width: 1100, height: 820 } });
      await page.goto(url);
      await page.locator("#count", { hasText: "7 of 7 processes are healthy" }).waitFor();
      await savePicture(page, "dashboard-fleet");
      await page.goto(`${url}#/process/shop`);
      await page.locator(".messages li", { hasText: "HEALTH_CHECK" }).first().waitFor();
      await ash.ask(ids.shop ?? "", "LIST_ITEMS", {});
      await page.locator(".messages li:first-child", { hasText: "LIST_ITEMS" }).waitFor();
      await page.emulateMedia({ colorScheme: "dark" });
      await savePicture(page, "dashboard-process");
      await page.goto(`${url}#/releases`);
      await page.locator("td", { hasText: "Lua" }).first().waitFor();
    } finally {
      await browser.close();
      const ended = new Promise((done) => command.on("exit", done));
      command.kill("SIGINT");
      expect(await ended).toBe(0);
    }
  }, 120_000);
});

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newPlayer } from "../e2e/player.ts";
import { newProject, type Project } from "../e2e/project.ts";
import { twoProcesses } from "../e2e/two-processes.ts";
import { fleet, networkOf, processOf } from "./fleet.ts";

let project: Project;
let first = "";
let second = "";

/** The second release renames its state, and has no migration down. */
const upgraded = (twoProcesses["processes/counter/process.lua"] ?? "")
  .replace(
    'fleet.state("counter", { n = 0 })',
    `fleet.state("counter", { count = 0 })
local M = fleet.state("more", { seen = true })
fleet.migrate{ from = "1", to = "2", up = function() S.count, S.n = S.n, nil end }`,
  )
  .replace("S.n = adding.add(S.n, data.by)", "S.count = adding.add(S.count, data.by)")
  .replace("{ n = S.n }", "{ n = S.count }");

const add = async (by: number): Promise<number> => {
  const anyone = await newPlayer(await networkOf(project));
  // Any other answer is not a number, and is shown.
  const { n, ...other } = await anyone.ask(processOf(project, "counter"), "ADD", { by });
  expect(other).not.toHaveProperty("error");
  return Number(n);
};
const ok = (ran: { code: number; text: string }) =>
  expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const up = async (...more: string[]) => ok(await project.pulumi(["up", "--yes", "--skip-preview", ...more]));
const current = (): string =>
  project.json<{ deploymentId: string }>(".fleet/releases/kept.dev/current.json").deploymentId;

beforeAll(async () => {
  project = await newProject("kept", twoProcesses);
  await up();
  first = current();
}, 300_000);
afterAll(() => project.close());

it("states are kept and restored, equal by digest, and the replaced state is kept too", async () => {
  expect(await add(5)).toBe(5);
  const kept = await fleet(project, ["backup", "counter", "--json"]);
  ok(kept);
  const [{ digest }] = JSON.parse(kept.stdout).snapshots;
  expect(await add(7)).toBe(12);
  const part = digest.slice(0, 10);
  const back = await fleet(project, ["restore", "counter", "--digest", part, "--yes", "--json"]);
  ok(back);
  const [restored] = JSON.parse(back.stdout).restored;
  expect(restored).toMatchObject({ member: "counter", digest, equal: true });
  expect(await add(0)).toBe(5);
  ok(await fleet(project, ["restore", "counter", "--digest", restored.kept, "--yes"]));
  expect(await add(0)).toBe(12);
}, 300_000);

it("integers beyond 2^53 are shown, kept and restored with every digit", async () => {
  const ask = async (by: string) => {
    const ran = await fleet(project, ["call", "counter", "ADD", "--data", `{"by":${by}}`]);
    ok(ran);
    return /"n": (-?\d+)/.exec(ran.stdout)?.[1];
  };
  expect(await ask("9007199254740981")).toBe("9007199254740993");
  const kept = await fleet(project, ["backup", "counter", "--json"]);
  ok(kept);
  const [{ digest }] = JSON.parse(kept.stdout).snapshots;
  expect(await ask("2")).toBe("9007199254740995");
  ok(await fleet(project, ["restore", "counter", "--digest", digest, "--yes"]));
  expect(await ask("0")).toBe("9007199254740993");
  expect(await ask("-9007199254740981")).toBe("12");
}, 300_000);

it("a rollback that would lose messages is explained and refused until that is accepted", async () => {
  project.write("processes/counter/process.lua", upgraded);
  await up();
  second = current();
  expect(await add(1)).toBe(13);
  expect(await add(1)).toBe(14);
  const refused = await fleet(project, ["rollback", "--to", first, "--yes", "--json"]);
  expect(refused.code).toBe(4);
  expect(JSON.parse(refused.stdout).error.code).toBe("DIVERGENCE");
  expect(refused.text).toContain("2 messages (2 ADD) are not in the state that would be restored");
  expect(await add(0)).toBe(14);
  expect(project.text("Pulumi.dev.yaml")).not.toContain("kept:release");
  const accepted = ["--accept-divergence", "--emergency"];
  const ran = await fleet(project, ["rollback", "--to", first, "--json", ...accepted]);
  ok(ran);
  expect(JSON.parse(ran.stdout)).toMatchObject({ status: "COMPLETED", acceptedDivergence: true });
  expect(await add(1)).toBe(13);
}, 300_000);

it("a state that this machine does not have is found on the network, and a dry run changes nothing", async () => {
  rmSync(join(project.dir, ".fleet/snapshots"), { recursive: true });
  const args = ["--to", second, "--restore-state", "--dry-run", "--json"];
  const ran = await fleet(project, ["rollback", ...args]);
  ok(ran);
  const { ways } = JSON.parse(ran.stdout);
  expect(ways).toContainEqual(
    expect.objectContaining({
      name: "counter",
      kind: "with-state",
      lost: expect.objectContaining({ messages: 1 }),
    }),
  );
  expect(readdirSync(join(project.dir, ".fleet/snapshots")).length).toBeGreaterThan(0);
  expect(await add(0)).toBe(13);
}, 300_000);

it("a deployment that fails half-way rolls back by itself, with the earlier state", async () => {
  ok(await fleet(project, ["rollback", "--clear"]));
  project.edit("processes/reader/process.lua", "fleet.on", "nothing.x = 1\nfleet.on");
  const ran = await fleet(project, ["deploy", "--yes", "--rollback-on-failure"]);
  expect(ran.code).toBe(1);
  expect(ran.text).toContain("Rolled back to");
  expect(await add(1)).toBe(14);
  expect(project.text("Pulumi.dev.yaml")).not.toContain("kept:release");
  const history = await fleet(project, ["history", "--json"]);
  const { entries } = JSON.parse(history.stdout);
  expect(entries[0]).toMatchObject({ kind: "rollback", current: true });
  expect(entries.map(({ result }: { result: string }) => result)).toContain("failed");
  const again = await fleet(project, ["deploy", "--yes", "--rollback-on-failure", "--json"]);
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
    1,
    { success: false, status: "failed", rollback: { kind: "done", unsaved: [] } },
  ]);
  expect(await add(1)).toBe(15);
}, 300_000);

it("fleet cleanup lists what it would remove, removes exactly that, and keeps what the latest releases need", async () => {
  const args = ["cleanup", "--older-than", "1s", "--keep", "1", "--json"];
  const look = await fleet(project, [...args, "--dry-run"]);
  ok(look);
  const plan = JSON.parse(look.stdout);
  expect(plan.releases.length).toBeGreaterThan(0);
  const ran = await fleet(project, args);
  ok(ran);
  expect(JSON.parse(ran.stdout).releases).toEqual(plan.releases);
  for (const [path, text] of Object.entries(twoProcesses)) project.write(path, text);
  expect(await project.idle()).toBe("");
}, 300_000);

import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Project } from "../e2e/project.ts";
import {
  askLedger,
  fleet,
  fleetProject,
  look,
  otherMachine,
  ownerOf,
  processOf,
  seen,
  write,
} from "./fleet.ts";

interface Line {
  number?: number;
  deploymentId: string;
  kind: string;
  result: string;
  current: boolean;
  changed: string[];
  to?: string;
  who: string;
}

/** One fleet for all tests, each of which continues where the one before ended: deployments take the time. */
let project: Project;
let first = "";
let second = "";
let count = 0;

const up = (where = project, ...more: string[]) => where.pulumi(["up", "--yes", "--skip-preview", ...more]);
const ok = (ran: { code: number; text: string }) =>
  expect([ran.code, ran.code === 0 ? "" : ran.text]).toEqual([0, ""]);
const history = async (where = project): Promise<Line[]> => {
  const ran = await fleet(where, ["history", "--json"]);
  ok(ran);
  return JSON.parse(ran.stdout).entries;
};
const back = (where: Project, ...args: string[]) => fleet(where, ["rollback", "--yes", "--json", ...args]);
const current = (where: Project) =>
  where.json<{ deploymentId: string; warm?: object; pinned?: object }>(
    ".fleet/releases/went.dev/current.json",
  );

beforeAll(async () => {
  project = await fleetProject("went");
  for (const release of [1, 3]) {
    write(project, release);
    ok(await up());
    count += 1;
    expect(await look(project, 1)).toEqual(seen(release, count));
    if (release === 1) first = current(project).deploymentId;
    else second = current(project).deploymentId;
  }
}, 600_000);
afterAll(() => project.close());

it("fleet history lists every release with its changes, and marks the running one", async () => {
  const lines = await history();
  expect(
    lines.map(({ deploymentId, number, result, current: runs }) => [deploymentId, number, result, runs]),
  ).toEqual([
    [second, 2, "succeeded", true],
    [first, 1, "succeeded", false],
  ]);
  expect(lines[0]?.changed).toEqual([
    "counter code, version 1.0.0 → 2.0.0, config",
    "late joins",
    "reader code, peers",
  ]);
});

it("fleet rollback leaves a deployment for the one before it, validated, with a report and a record in the ledger", async () => {
  const ran = await back(project, "--deployment-id", second, "--reason", "wrong words");
  ok(ran);
  expect(await look(project, 1)).toEqual(seen(1, ++count));
  const { rollbackId, ...report } = JSON.parse(ran.stdout);
  expect(report).toMatchObject({
    status: "COMPLETED",
    from: second,
    reason: "wrong words",
    automatic: false,
  });
  expect(
    report.members.map(({ name, kind }: { name: string; kind: string }) => `${name} ${kind}`).sort(),
  ).toEqual(["counter in-place", "deployment-coordinator settings", "late left-running", "reader in-place"]);
  const phases = ["PENDING", "PREPARING", "ROLLING_BACK", "VALIDATING", "COMPLETED"];
  expect(report.phases.map(({ phase }: { phase: string }) => phase)).toEqual(phases);
  const name = `build/rollback-${rollbackId.replace("rollback-", "")}.json`;
  expect(project.json<object>(name)).toMatchObject({ rollbackId, to: { deploymentId: first } });
  expect(project.text("Pulumi.dev.yaml")).toContain(`went:release: ${first}`);
  expect(current(project)).toMatchObject({ pinned: { deploymentId: first }, warm: { late: {} } });
  const lines = await history();
  expect(lines[0]).toMatchObject({ kind: "rollback", to: first, current: true, number: 3 });
  expect(lines.find(({ deploymentId }) => deploymentId === second)?.result).toBe("rolled-back");
  const { entries } = await askLedger<{ entries: { kind: string; status: string }[] }>(project, "LEDGER", {
    since: 0,
    limit: 200,
  });
  expect(entries.filter(({ kind }) => kind === "ROLLBACK_PHASE").map(({ status }) => status)).toEqual(
    phases.slice(1),
  );
  const { alerts } = await askLedger<{ alerts: object[] }>(project, "ALERT_MANAGEMENT", {
    operation: "list",
  });
  expect(alerts).toContainEqual(expect.objectContaining({ type: "ROLLBACK_EXECUTED", source: second }));
}, 600_000);

it("fleet rollback returns to any release on a machine with only backend, wallet and network, with the command and without", async () => {
  const other = await otherMachine(project);
  const bare = await otherMachine(project);
  try {
    ok(await back(other, "--to", second, "--emergency"));
    expect(await look(other, 1)).toEqual(seen(3, ++count));
    bare.write("processes/counter/process.lua", "this is no Lua");
    await bare.pulumi(["config", "set", "release", first]);
    const ran = await up(bare);
    ok(ran);
    expect(ran.text).toContain(`pinned to the release ${first}`);
    expect(ran.text.indexOf("reader                 ready")).toBeLessThan(
      ran.text.indexOf("counter                loaded"),
    );
    expect(await look(bare, 1)).toEqual(seen(1, ++count));
    expect(await bare.idle()).toBe("");
    expect((await history()).map(({ deploymentId }) => deploymentId)).toEqual(
      (await history(bare)).map(({ deploymentId }) => deploymentId),
    );
  } finally {
    for (const { dir } of [other, bare]) rmSync(join(dir), { recursive: true, force: true });
  }
}, 600_000);

it("fleet rollback records config that was restored by hand in the ledger too", async () => {
  const type = ["--type", "PROCESS_CONFIG", "--yes"];
  ok(await fleet(project, ["config", "rollback", "counter", ...type]));
  ok(await fleet(project, ["config", "rollback", "counter", ...type]));
  const { entries } = await askLedger<{ entries: object[] }>(project, "LEDGER", {
    since: 0,
    kind: "CONFIG_CHANGED",
  });
  const entry = {
    processId: processOf(project, "counter"),
    configType: "PROCESS_CONFIG",
    reason: "config rollback to previous",
  };
  expect(entries).toEqual([expect.objectContaining(entry), expect.objectContaining(entry)]);
}, 600_000);

it("fleet rollback needs no coordinator with --manual, and reports if it does not answer", async () => {
  await (await ownerOf(project)).run(processOf(project, "deployment-coordinator"), "Handlers.list = {}");
  const refused = await back(project, "--to", second);
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stdout).error).toMatchObject({ code: "LEDGER_SILENT" });
  expect(refused.text).toContain("--manual");
  ok(await back(project, "--to", second, "--manual", "--emergency", "--reason", "the coordinator is gone"));
  expect(await look(project, 1)).toEqual(seen(3, ++count));
}, 600_000);

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createSigner } from "@permaweb/aoconnect/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalNetworkInfo, status } from "../../localnet/index.ts";
import { makeJwk } from "../ao/wallets.ts";
import { newProject, type Project } from "./project.ts";
import { twoProcesses } from "./two.ts";

let project: Project;
type Members = Record<string, { processId: string; health: string }>;

beforeAll(async () => {
  project = await newProject("two", twoProcesses);
});
afterAll(() => project.close());

async function network(): Promise<LocalNetworkInfo> {
  const { info } = await status(join(project.dir, ".fleet/localnet"));
  if (!info) throw new Error("the network is down");
  return info;
}

/** As a client: any wallet, plain aoconnect. */
async function add(processId: string, by: number): Promise<number> {
  const info = await network();
  const ao = connect({
    MODE: "legacy",
    GATEWAY_URL: info.gatewayUrl,
    MU_URL: info.muUrl,
    CU_URL: info.cuUrl,
  });
  const signer = createSigner(await makeJwk());
  const tags = [
    { name: "Action", value: "ADD" },
    { name: "Nonce", value: randomUUID() },
  ];
  const message = String(
    await ao.message({ process: processId, signer, tags, data: JSON.stringify({ by }) }),
  );
  const result = await ao.result({ process: processId, message });
  return JSON.parse(result.Messages[0].Data).n;
}

const messagesOf = async (processId: string): Promise<number> => {
  const info = await network();
  const answer = await fetch(`${info.suUrl}/${processId}?process-id=${processId}&limit=1000`);
  return ((await answer.json()) as { edges: unknown[] }).edges.length;
};

const up = (...args: string[]) => project.pulumi(["up", "--yes", "--skip-preview", ...args]);

/** One story, told in order: each step stands on the one before. */
describe("a fleet of two, from nothing to destroyed", () => {
  let ids: Members;

  it("comes up in order and healthy", async () => {
    const ran = await up();
    expect(ran.text).toContain("9 created");
    expect(ran.code).toBe(0);
    ids = await project.output<Members>("processes");
    expect(Object.values(ids).map(({ health }) => health)).toEqual(["HEALTHY", "HEALTHY"]);
    const manifest = project.json<{ processes: Record<string, { processId: string; status: string }> }>(
      "build/deployment-manifest.json",
    );
    expect(manifest.processes.counter).toMatchObject({ processId: ids.counter?.processId, status: "ACTIVE" });
    expect(readFileSync(join(project.dir, "build/logs/deploy_output.txt"), "utf8")).toContain(
      "deployment phase completed",
    );
    expect(ran.text.indexOf("counter                ready")).toBeLessThan(
      ran.text.indexOf("reader                 spawned"),
    );
  });

  it("changes nothing the second time", async () => {
    const before = await messagesOf(ids.counter?.processId ?? "");
    const ran = await up("--expect-no-changes");
    expect(ran.text).toContain("9 unchanged");
    expect(ran.code).toBe(0);
    expect(await messagesOf(ids.counter?.processId ?? "")).toBe(before);
  });

  it("says in the preview which module changes, and sends nothing", async () => {
    expect(await add(ids.counter?.processId ?? "", 5)).toBe(5);
    const before = await messagesOf(ids.counter?.processId ?? "");
    project.edit("processes/counter/adding.lua", "return a + b", "return a + b + 100");
    const ran = await project.pulumi(["preview"]);
    expect(ran.text).toContain("counter: in place, 1 module changed (adding)");
    expect(ran.text).toContain("2 to update");
    expect(await messagesOf(ids.counter?.processId ?? "")).toBe(before);
  });

  it("upgrades in place and keeps the state", async () => {
    const ran = await up();
    expect(ran.code).toBe(0);
    expect(await project.output<Members>("processes")).toEqual(ids);
    expect(await add(ids.counter?.processId ?? "", 1)).toBe(106);
  });

  it("keeps the ids when the network was killed", async () => {
    const { pid } = await network();
    process.kill(pid, "SIGKILL");
    const ran = await up();
    expect(ran.text).toContain("is not running: start it again on the same folder");
    expect(ran.code).toBe(0);
    expect(await project.output<Members>("processes")).toEqual(ids);
    expect(await add(ids.counter?.processId ?? "", 0)).toBe(206);
  });

  it("shows a Lua error at the user's own line and leaves the process as it was", async () => {
    project.edit(
      "processes/counter/process.lua",
      "local S =",
      "local nothing = nil; nothing.x = 1\nlocal S =",
    );
    const ran = await up();
    expect(ran.code).not.toBe(0);
    expect(ran.text).toMatch(/processes\/counter\/process\.lua:4:/);
    expect(await add(ids.counter?.processId ?? "", 0)).toBe(306);
    project.edit("processes/counter/process.lua", "local nothing = nil; nothing.x = 1\n", "");
  });

  it("fails on an unhealthy process, names it and the reason, and leaves dependents alone", async () => {
    const before = await messagesOf(ids.reader?.processId ?? "");
    project.edit(
      "processes/counter/process.lua",
      "local S =",
      'fleet.check("stock", "READINESS", function() return false, "the shelf is empty" end)\nlocal S =',
    );
    project.edit("processes/reader/process.lua", '"hello"', '"good evening"');
    const ran = await up();
    expect(ran.code).not.toBe(0);
    expect(ran.text).toContain("counter is deployed but UNHEALTHY");
    expect(ran.text).toContain("the shelf is empty");
    expect(await messagesOf(ids.reader?.processId ?? "")).toBe(before);
    const manifest = project.json<{ processes: Record<string, { processId: string; status: string }> }>(
      "build/deployment-manifest.json",
    );
    expect(manifest.processes.counter).toMatchObject({
      processId: ids.counter?.processId,
      status: "UNHEALTHY",
    });
    expect(readFileSync(join(project.dir, "build/logs/health_output.txt"), "utf8")).toContain(
      "health check failed",
    );
  });

  it("goes on with the same ids after the fix", async () => {
    project.edit("processes/counter/process.lua", '"the shelf is empty"', '"stocked"');
    project.edit("processes/counter/process.lua", "return false", "return true");
    const ran = await up();
    expect(ran.code).toBe(0);
    expect(await project.output<Members>("processes")).toEqual(ids);
  });

  it("finds nothing in an idle refresh", async () => {
    const ran = await project.pulumi(["refresh", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect(ran.text).toContain("9 unchanged");
    expect(ran.code).toBe(0);
  });

  it("keeps no secret in state, logs or messages", async () => {
    const { text } = await project.pulumi(["stack", "export"]);
    const jwk = project.json<Record<string, string>>(".fleet/dev-wallet.json");
    const logs = ["deploy_output.txt", "health_output.txt"].map((file) =>
      readFileSync(join(project.dir, "build/logs", file), "utf8"),
    );
    for (const part of ["d", "p", "q", "dp", "dq", "qi"]) {
      const secret = jwk[part] ?? "";
      expect(secret.length).toBeGreaterThan(100);
      for (const place of [text, ...logs]) expect(place.includes(secret)).toBe(false);
    }
  });

  it("is destroyed: retired, and the network stopped", async () => {
    const ran = await project.pulumi(["destroy", "--yes", "--skip-preview"]);
    expect(ran.text).toContain("9 deleted");
    expect(ran.code).toBe(0);
    expect((await status(join(project.dir, ".fleet/localnet"))).running).toBe(false);
  });
});

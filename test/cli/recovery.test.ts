import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { hostname, tmpdir, userInfo } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { explainTraffic } from "../../providers/traffic/explain-changes.ts";
import { finalOf } from "../../providers/traffic/plan.ts";
import type { TrafficInputs, TrafficOutputs } from "../../providers/traffic/schema.ts";
import { isAlive, kill, parentOf, startedAt } from "../../src/core/processes.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";
import { enginesUnder } from "../../src/operations/recover/engines.ts";
import { describeOwner, recover } from "../../src/operations/recover/index.ts";
import { stackLocks, type TornLock } from "../../src/operations/recover/locks.ts";
import { removeTornLock, stopOrphans } from "../../src/operations/recover/orphans.ts";
import { withoutPending } from "../../src/operations/recover/pending.ts";

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((ended) => child.on("exit", ended));
  return child.pid ?? 0;
}

async function backend(locks: { pid: number; hostname: string; timestamp: string }[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fleet-locks-"));
  const at = join(folder, ".pulumi/locks/organization/game/dev");
  await mkdir(at, { recursive: true });
  for (const [index, lock] of locks.entries())
    await writeFile(join(at, `${index}.json`), JSON.stringify({ username: "alice", ...lock }));
  return `file://${folder}`;
}

describe("a stack's lock", () => {
  const now = () => new Date().toISOString();
  it.each([
    [
      "has a dead owner if the process ended",
      async () => ({ pid: await deadPid(), hostname: hostname(), timestamp: now() }),
      "dead",
    ],
    [
      "has a living owner if the process runs",
      async () => ({ pid: process.pid, hostname: hostname(), timestamp: now() }),
      "alive",
    ],
    [
      "has an owner elsewhere if another machine wrote it",
      async () => ({ pid: await deadPid(), hostname: "elsewhere", timestamp: now() }),
      "elsewhere",
    ],
    [
      "has a dead owner if the pid was reused",
      async () => ({ pid: process.pid, hostname: hostname(), timestamp: "2020-01-01T00:00:00Z" }),
      "dead",
    ],
  ])("%s", async (_name, lock, owner) => {
    const url = await backend([await lock()]);
    expect((await stackLocks(url, tmpdir(), "game", "dev")).map((found) => found.owner)).toEqual([owner]);
  });

  it.each([
    ["below the home folder", (folder: string) => `file://~/${relative(userInfo().homedir, folder)}`],
    ["relative to the project", (folder: string) => `file://${relative(tmpdir(), folder)}`],
    [
      "with an escaped character",
      (folder: string) => `file://${folder.replace("fleet-locks", "fleet%2Dlocks")}`,
    ],
  ])("is found in a backend %s", async (_name, urlOf) => {
    const url = await backend([{ pid: await deadPid(), hostname: hostname(), timestamp: now() }]);
    const found = await stackLocks(urlOf(fileURLToPath(url)), tmpdir(), "game", "dev");
    expect(found.map(({ owner }) => owner)).toEqual(["dead"]);
  });

  it("that is torn belongs to a pulumi elsewhere whose backend address is spelt differently", async () => {
    const url = await backend([]);
    const folder = fileURLToPath(url);
    await writeFile(join(folder, ".pulumi/locks/organization/game/dev/torn.json"), "");
    const projectDir = await mkdtemp(join(tmpdir(), "fleet-project-"));
    const env = { ...process.env, PULUMI_BACKEND_URL: `file://${relative(tmpdir(), folder)}` };
    const engine = spawn("sleep", ["60"], { argv0: "/opt/pulumi", cwd: tmpdir(), env });
    const ended = new Promise((done) => engine.once("exit", done));
    const found = await stackLocks(url, projectDir, "game", "dev");
    engine.kill();
    await ended;
    expect(found).toMatchObject([{ pid: engine.pid, owner: "alive" }]);
  });

  it.each(["", "{", '{"pid":12'])(
    "that is torn (%j) belongs to nobody, unless a pulumi works there",
    async (text) => {
      const url = await backend([]);
      const path = join(fileURLToPath(url), ".pulumi/locks/organization/game/dev/torn.json");
      await writeFile(path, text);
      const projectDir = await mkdtemp(join(tmpdir(), "fleet-project-"));
      const torn = { path, bytes: text.length };
      expect(await stackLocks(url, projectDir, "game", "dev")).toEqual([
        { ...torn, pid: undefined, owner: "dead" },
      ]);
      const engine = spawn("sleep", ["60"], { argv0: "/opt/pulumi", cwd: projectDir });
      const ended = new Promise((done) => engine.once("exit", done));
      const [held] = await stackLocks(url, projectDir, "game", "dev");
      engine.kill();
      await ended;
      expect(held).toEqual({ ...torn, pid: engine.pid, owner: "alive" });
      expect(describeOwner(held as TornLock)).toBe(
        `pulumi (pid ${engine.pid}; the lock ${path} is truncated)`,
      );
    },
  );

  it("is not reported for a stack that nobody holds, nor for a backend that is a service", async () => {
    expect(await stackLocks(await backend([]), tmpdir(), "game", "prod")).toEqual([]);
    expect(await stackLocks("https://api.example.com", tmpdir(), "game", "dev")).toEqual([]);
    expect(await stackLocks(undefined, tmpdir(), "game", "dev")).toEqual([]);
  });
});

it("engines under a process are found through other processes, and no unrelated engine is", async () => {
  const code = `const child = require("node:child_process").spawn("sleep", ["60"], { argv0: "/opt/pulumi" });
    console.log(child.pid);`;
  const between = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const engine = await new Promise<number>((found) =>
    between.stdout.once("data", (text) => found(Number(text))),
  );
  const found = [process.pid, between.pid ?? 0, engine].map(enginesUnder);
  kill(engine);
  await new Promise((ended) => between.once("exit", ended));
  expect(found).toEqual([[engine], [engine], []]);
});

describe("pending operations", () => {
  it("are listed and removed, and nothing else is changed", () => {
    const resources = [{ urn: "urn:pulumi:dev::game::a::kept" }];
    const pending = [{ type: "creating", resource: { urn: "urn:pulumi:dev::game::t::battle" } }];
    const { operations, cleared } = withoutPending(
      JSON.stringify({ version: 3, deployment: { manifest: {}, resources, pending_operations: pending } }),
    );
    expect(operations).toEqual([{ type: "creating", name: "battle" }]);
    expect(JSON.parse(cleared)).toEqual({ version: 3, deployment: { manifest: {}, resources } });
  });
});

describe("traffic whose update was interrupted", () => {
  const urn = "urn:pulumi:dev::game::ao:Fleet$pulumi-nodejs:dynamic/ao:Traffic::traffic";
  const type = "pulumi-nodejs:dynamic/ao:Traffic";
  const network = { kind: "legacy" };
  const green = { processId: "b".repeat(43), sourceHash: "old" };
  const services = { battle: { key: "sender", state: "owned", green } };
  const inputs = { scope: {}, network, router: { processId: "r" }, release: "r1", services };
  const news = {
    ...inputs,
    strategy: StrategySchema.parse({ kind: "blue-green" }),
  } as unknown as TrafficInputs;
  /** As the last completed run left it: all callers are at the declared code. */
  const outputs = {
    ...news,
    phase: "COMPLETED",
    drift: [],
    table: { release: "r1", step: 2, salt: "r1", mode: "steady", at: 1, services: finalOf(news) },
  };
  const other = { urn: urn.replace("::traffic", "::another"), type, outputs };
  const process = {
    urn: "urn:pulumi:dev::game::p::battle",
    type: "pulumi-nodejs:dynamic/ao:Process",
    outputs,
  };
  const recovered = (interrupted: string, of = urn) => {
    const resources = [
      { urn, type, id: "traffic", outputs },
      other,
      process,
      { urn: "urn:pulumi:dev::game::a::b" },
    ];
    const pending = [{ type: interrupted, resource: { urn: of } }];
    const { cleared, traffic } = withoutPending(
      JSON.stringify({ version: 3, deployment: { resources, pending_operations: pending } }),
    );
    const [first, ...others] = JSON.parse(cleared).deployment.resources;
    expect(others).toEqual(resources.slice(1));
    expect(first).toMatchObject({
      urn,
      type,
      id: "traffic",
      outputs: { ...outputs, phase: first.outputs.phase },
    });
    return { traffic, reasons: explainTraffic(first.outputs, news) };
  };

  it("is a change in the next plan although the state has the declared table, so that the run asks the router", () => {
    expect(explainTraffic(outputs as unknown as TrafficOutputs, news)).toEqual([]);
    for (const interrupted of ["updating", "deleting"])
      expect(recovered(interrupted)).toEqual({
        traffic: ["traffic"],
        reasons: [
          "the last rollout ended TRAFFIC_SWITCHING, according to the state: pulumi refresh asks the router",
        ],
      });
  });

  it("is no change if another operation was interrupted", () => {
    expect(recovered("updating", process.urn)).toEqual({ traffic: [], reasons: [] });
    expect(recovered("reading")).toEqual({ traffic: [], reasons: [] });
  });
});

it("an import that fails names a command that works without the file, which is removed", async () => {
  const url = await backend([
    { pid: await deadPid(), hostname: hostname(), timestamp: new Date().toISOString() },
  ]);
  const projectDir = await mkdtemp(join(tmpdir(), "fleet-project-"));
  const pending = [{ type: "creating", resource: { urn: "urn:pulumi:dev::game::t::battle" } }];
  const stack = JSON.stringify({ version: 3, deployment: { pending_operations: pending } });
  const pulumi = join(projectDir, "fake-cli");
  await writeFile(
    pulumi,
    `#!/bin/sh\ncase "$1 $2" in "stack import") echo "no space left"; exit 1;; "stack export") echo '${stack}';; esac\n`,
    { mode: 0o755 },
  );
  const workspace = { projectDir, pulumi, env: { ...process.env, PULUMI_BACKEND_URL: url } };
  const lines: string[] = [];
  await expect(recover(workspace, "game", "dev", (line) => lines.push(line))).rejects.toMatchObject({
    code: "RECOVERY_FAILED",
    problems: [
      {
        got: expect.stringContaining("no space left"),
        remedy: "Run it by hand: npx pulumi refresh --yes --clear-pending-creates --stack dev",
      },
    ],
  });
  expect(lines).toContain("recovery: creating battle was interrupted; this run continues it");
});

describe("a run that is taken over", () => {
  const empty = JSON.stringify({ version: 3, deployment: {} });
  /** Recovers a stack of a backend; the calls of pulumi, and what was said. */
  async function taken(url: string, takesOver: boolean, stack = `echo '${empty}'`) {
    const projectDir = await mkdtemp(join(tmpdir(), "fleet-project-"));
    const [pulumi, calls] = [join(projectDir, "fake-cli"), join(projectDir, "calls")];
    const script = `#!/bin/sh\necho "$1 $2" >> ${calls}\ncase "$1 $2" in "stack export") ${stack};; esac\n`;
    await writeFile(pulumi, script, { mode: 0o755 });
    const workspace = { projectDir, pulumi, env: { ...process.env, PULUMI_BACKEND_URL: url } };
    const lines: string[] = [];
    const { kind } = await recover(workspace, "game", "dev", (line) => lines.push(line), takesOver);
    return {
      kind,
      lines,
      cancels: existsSync(calls) && readFileSync(calls, "utf8").includes("cancel --yes"),
    };
  }
  const lockOf = (host: string, pid: number) =>
    backend([{ pid, hostname: host, timestamp: new Date().toISOString() }]);

  it("loses its lock on a backend that is not a folder, and nothing happens there without being asked", async () => {
    const said = {
      kind: "free",
      lines: ["recovery: removed any lock of the run that is taken over"],
      cancels: true,
    };
    expect(await taken("s3://team", true)).toEqual(said);
    expect(await taken("s3://team", false)).toEqual({ kind: "free", lines: [], cancels: false });
    const none = `echo "error: no stack named 'dev' found"; exit 255`;
    expect(await taken("s3://team", true, none)).toEqual({ kind: "free", lines: [], cancels: false });
  });

  it("loses the lock of another machine in a folder, but never that of a run that is alive here", async () => {
    const elsewhere = await lockOf("elsewhere", 1);
    expect(await taken(elsewhere, false)).toEqual({ kind: "held", lines: [], cancels: false });
    expect(await taken(elsewhere, true)).toMatchObject({ kind: "free", cancels: true });
    expect(await taken(await lockOf(hostname(), process.pid), true)).toMatchObject({
      kind: "held",
      cancels: false,
    });
  });
});

describe("a process", () => {
  it("is identified by its life, its start and its parent", async () => {
    expect(isAlive(process.pid)).toBe(true);
    expect(isAlive(await deadPid())).toBe(false);
    expect(parentOf(process.pid)).toBe(process.ppid);
    const started = startedAt(process.pid) ?? 0;
    expect(Math.abs(Date.now() - process.uptime() * 1000 - started)).toBeLessThan(5_000);
  });
});

describe("what a dead pulumi left running", () => {
  const PROVIDER = "node_modules/@pulumi/pulumi/cmd/dynamic-provider/index.js";
  const WRAPPER = "pulumi-resource-pulumi-nodejs";
  const started: number[] = [];
  afterEach(() => {
    for (const pid of started.splice(0)) kill(pid);
  });

  /** A project whose provider does nothing, started by a shell with the name that Pulumi's has. */
  async function newProject(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), "fleet zombie ü-"));
    await mkdir(dirname(join(dir, PROVIDER)), { recursive: true });
    await mkdir(join(dir, ".fleet/journal"), { recursive: true });
    await writeFile(join(dir, PROVIDER), "setInterval(() => {}, 1000); console.log(process.pid);");
    await writeFile(join(dir, WRAPPER), `"${process.execPath}" "${join(dir, PROVIDER)}" "$@"; exit\n`);
    return dir;
  }

  /** Starts a provider under an engine of that name; returns the pids of the engine and the provider. */
  async function startedBy(name: string, dir: string, address: string) {
    const engine = spawn("sh", ["-c", `sh "${join(dir, WRAPPER)}" ${address} & wait`], {
      cwd: dir,
      argv0: name,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const provider = await new Promise<number>((found) =>
      engine.stdout.once("data", (text) => found(Number(text))),
    );
    const wrapper = parentOf(provider) ?? 0;
    started.push(provider, wrapper, engine.pid ?? 0);
    const end = async () => {
      const ended = new Promise((done) => engine.once("exit", done));
      engine.kill("SIGKILL");
      await ended;
    };
    return { provider, wrapper, end };
  }

  const end = (dir: string) => stopOrphans(dir, "game", "dev");

  it("is ended, with the shell that is its parent, even without a lock", async () => {
    const dir = await newProject();
    const { provider, wrapper, end: killEngine } = await startedBy("/opt/pulumi", dir, "127.0.0.1:1");
    expect(await end(dir)).toEqual([]);
    await killEngine();
    const orphans = await end(dir);
    expect(new Set(orphans)).toEqual(
      new Set([
        { pid: provider, what: "provider" },
        { pid: wrapper, what: "shell of a provider" },
      ]),
    );
    expect([provider, wrapper].map(isAlive)).toEqual([false, false]);
  });

  it("is left alone while another engine answers at its address, or in another project", async () => {
    const dir = await newProject();
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((ready) => server.once("listening", ready));
    const { port } = server.address() as AddressInfo;
    const { provider } = await startedBy("/opt/embedding-program", dir, `127.0.0.1:${port}`);
    expect(await end(dir)).toEqual([]);
    await new Promise((closed) => server.close(closed));
    expect(await end(await newProject())).toEqual([]);
    expect(isAlive(provider)).toBe(true);
    expect((await end(dir)).map(({ pid }) => pid)).toContain(provider);
  });

  it.each([
    ["", true],
    ['{"pid":1,"ho', true],
    [JSON.stringify({ pid: process.pid, host: hostname() }), false],
  ])("leaves a journal's lock %j, which is removed when it is torn: %s", async (text, isTorn) => {
    const dir = await newProject();
    const path = join(dir, ".fleet/journal/game.dev.jsonl.lock");
    await writeFile(path, text);
    expect(await end(dir)).toEqual([]);
    expect(await removeTornLock(dir, "game", "dev")).toBe(isTorn ? path : undefined);
    expect(existsSync(path)).toBe(!isTorn);
    expect(await removeTornLock(dir, "game", "prod")).toBeUndefined();
  });
});

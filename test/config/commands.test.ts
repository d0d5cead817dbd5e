import { readFileSync, statSync, writeFileSync } from "node:fs";
import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { explanationOf, keepExplanation } from "../../components/explanation.ts";
import { planFleet } from "../../components/plan.ts";
import * as config from "../../providers/config-bundle/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { sessionFor } from "../../providers/run/session.ts";
import { hashOf } from "../../src/core/hash.ts";
import { exactJsonIn } from "../../src/core/json.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { releasePath } from "../../src/fleet/releases/document.ts";
import { fileText, readFileText } from "../../src/operations/settings/file.ts";
import { projectFolder, fleet as run } from "../cli/fakes.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { createProcess, type Stack, simulatedStack } from "../providers/fixture.ts";

let stack: Stack;
let members: Record<string, ProcessOutputs>;
let session: FleetSession;
let folder: string;

const wanted = { maxConcurrentRequests: 5, requestTimeout: 1000 };

beforeAll(async () => {
  stack = await simulatedStack();
  const made = await Promise.all(
    ["battle", "shop"].map(async (name) => createProcess(await stack.inputs(name))),
  );
  made.push(await createProcess(await stack.inputs("deaf", { refuseConfig: ["LOGGING_CONFIG"] })));
  members = Object.fromEntries(made.map((one) => [one.name, one]));
  const network = { kind: "legacy" as const, ...stack.net.endpoints };
  session = {
    project: stack.scope.project,
    stack: stack.scope.stack,
    members: made.map(({ name, processId, generation }) => ({
      ...{ name, processId, generation },
      ...{ version: "1.0.0", sourceHash: "", status: "ACTIVE" },
    })),
    session: await sessionFor(stack.scope, network),
    close: async () => {},
  };
  folder = projectFolder();
  for (const data of [{ maxConcurrentRequests: 4 }, wanted]) {
    const targets = [members.battle, members.shop].map((one) => ({
      ...{ name: one?.name, processId: one?.processId, generation: 1 },
    }));
    await config.create({
      ...{ scope: stack.scope, network, name: "limits", configType: "PROCESS_CONFIG" },
      ...{ configData: data, targets, timeoutSeconds: 60 },
    });
  }
}, 60_000);
afterAll(() => stack.close());

const fleet = (...words: string[]) => run(["config", ...words], { fleet: session, cwd: folder });

const heldBy = (name: string, type = "PROCESS_CONFIG") =>
  stack.net.oracle.state(members[name]?.processId ?? "")?.fleet?.configs[type];

/** Changes a setting without the program. */
const byHand = (name: string, configType: string, configData: object, version: number) =>
  ask(
    session.session,
    {
      ...{
        name,
        generation: 1,
        processId: members[name]?.processId ?? "",
        action: "UPDATE_CONFIG",
        epoch: 0,
      },
      data: { configType, configData, version, hash: hashOf(configData) },
    },
    z.looseObject({}),
    session.session.budget(30),
  );

describe("fleet config", () => {
  test("show prints what a member has, since when and from whom", async () => {
    const { code, stdout } = await fleet("show", "battle");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /battle +PROCESS_CONFIG +v2 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ +you +maxConcurrentRequests 5, requestTimeout 1000/,
    );
    const json = (await fleet("show", "--json")).json<{
      members: Record<string, Record<string, { hash: string }>>;
    }>();
    expect(json.members.shop?.PROCESS_CONFIG?.hash).toBe(hashOf(wanted));
    expect(json.members.deaf).toEqual({});
  });

  test("history lists versions newest first, and marks the active one", async () => {
    const { stdout } = await fleet("history", "shop", "--type", "PROCESS_CONFIG");
    const lines = stdout.trim().split("\n").slice(1);
    expect(lines.map((line) => line.replace(/\s+/g, " "))).toEqual([
      expect.stringMatching(
        /^shop PROCESS_CONFIG \*v2 .* you in force maxConcurrentRequests 5, requestTimeout 1000$/,
      ),
      expect.stringMatching(/^shop PROCESS_CONFIG v1 .* you earlier maxConcurrentRequests 4$/),
    ]);
    const json = await fleet("history", "shop", "--type", "PROCESS_CONFIG", "--json");
    expect(json.json<{ versions: { version: number }[] }>().versions.map(({ version }) => version)).toEqual([
      2, 1,
    ]);
  });

  test("diff names changes by hand by field and author, with its own exit code, and compares versions", async () => {
    const release = {
      ...{ deploymentId: "deploy-1", releasedAt: "2026-01-01T00:00:00.000Z", members: {}, scope: {} },
      declaration: Object.fromEntries(
        ["battle", "shop"].map((name) => [
          name,
          {
            ...{
              entry: "x",
              sourceHash: "x",
              version: "1",
              module: "aos",
              dependsOn: [],
              peers: [],
              modules: {},
              bytes: 1,
            },
            config: { PROCESS_CONFIG: wanted },
          },
        ]),
      ),
    };
    await expect(fleet("diff")).resolves.toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NO_RELEASE"),
    });
    const path = releasePath(stack.scope, "current");
    writeFiles({ [path]: JSON.stringify({ ...release, releaseHash: hashOf(release.declaration) }) });
    expect(await fleet("diff")).toMatchObject({
      code: 0,
      stdout: "Every process holds what the release declares; secrets are not compared.\n",
    });
    expect((await fleet("diff", "shop", "--type", "PROCESS_CONFIG")).stdout).toBe(
      "shop holds what the release declares of PROCESS_CONFIG; secrets are not compared.\n",
    );
    await byHand("shop", "PROCESS_CONFIG", { ...wanted, maxConcurrentRequests: 50 }, 3);
    const found = await fleet("diff");
    expect(found.code).toBe(3);
    expect(found.stdout).toMatch(
      /^shop PROCESS_CONFIG: the release → v3, set by you at .*\n {2}maxConcurrentRequests 5 → 50\n$/,
    );
    expect((await fleet("diff", "--json")).json()).toMatchObject({
      differences: [
        { member: "shop", configType: "PROCESS_CONFIG", fields: ["maxConcurrentRequests 5 → 50"] },
      ],
    });
    const versions = await fleet("diff", "shop", "--type", "PROCESS_CONFIG", "--from", "v1", "--to", "2");
    expect(versions.stdout).toContain("shop PROCESS_CONFIG: v1 → v2");
    expect(versions.stdout).toContain("  requestTimeout unset → 1000");
    const unknown = await fleet("diff", "shop", "--type", "PROCESS_CONFIG", "--from", "9");
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("v1, v2, v3") });
    expect(await fleet("diff", "shop", "--from", "1")).toMatchObject({ code: 2 });
  });

  test("rollback sends an earlier version as a new one, after a confirmation", async () => {
    expect(await fleet("rollback", "shop", "--type", "PROCESS_CONFIG")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("NOT_CONFIRMED"),
    });
    const { code, stdout, stderr } = await fleet(
      "rollback",
      "shop",
      "battle",
      "--type",
      "PROCESS_CONFIG",
      "--to",
      "1",
      "--yes",
    );
    expect([code, stderr]).toEqual([0, expect.stringContaining("This is a manual change")]);
    expect(stdout).toContain("shop PROCESS_CONFIG: back to v1\n  maxConcurrentRequests 50 → 4");
    for (const name of ["shop", "battle"])
      expect(heldBy(name)).toMatchObject({ configData: { maxConcurrentRequests: 4 }, version: 4 });
    // The version that was active before.
    const back = await fleet("rollback", "shop", "--type", "PROCESS_CONFIG", "--yes", "--json");
    expect(back.json()).toMatchObject({ sent: [{ member: "shop", version: 5 }] });
    expect(heldBy("shop")).toMatchObject({ configData: { maxConcurrentRequests: 50 }, version: 5 });
  });

  test("export and import restore settings, verified by hash; all or none", async () => {
    const path = join(temporaryFolder("config"), "settings.json");
    expect((await fleet("export", "--file", path)).code).toBe(0);
    expect(await fleet("import", path, "--yes")).toMatchObject({
      stdout: "Every process already holds the settings of the file.\n",
    });
    const before = heldBy("battle")?.configData;
    await byHand("battle", "PROCESS_CONFIG", { maxConcurrentRequests: 99 }, 10);
    const back = await fleet("import", path, "--yes", "--json");
    expect(back.json()).toMatchObject({
      sent: [{ member: "battle", configType: "PROCESS_CONFIG", version: 11 }],
    });
    expect(heldBy("battle")?.configData).toEqual(before);
    // One member refuses: no member keeps the import, of this type or another.
    const file = JSON.parse(readFileSync(path, "utf8"));
    const logging = { configData: { logLevel: "WARN" }, version: 1, hash: hashOf({ logLevel: "WARN" }) };
    const limits = {
      configData: { maxConcurrentRequests: 7 },
      version: 1,
      hash: hashOf({ maxConcurrentRequests: 7 }),
    };
    file.members = {
      battle: { PROCESS_CONFIG: limits, LOGGING_CONFIG: logging },
      deaf: { LOGGING_CONFIG: logging },
    };
    writeFileSync(path, JSON.stringify({ ...file, hash: hashOf(file.members) }));
    const failed = await fleet("import", path, "--yes");
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("CONFIG_PARTIAL") });
    expect([heldBy("battle")?.configData, heldBy("battle", "LOGGING_CONFIG")]).toEqual([before, undefined]);

    file.members.battle.PROCESS_CONFIG.configData.maxConcurrentRequests = 8;
    writeFileSync(path, JSON.stringify({ ...file, hash: hashOf(file.members) }));
    expect((await fleet("import", path, "--yes")).stderr).toContain("members.battle.PROCESS_CONFIG");
    file.members.battle.PROCESS_CONFIG = {
      configData: { maxConcurrentRequests: 0 },
      version: 1,
      hash: hashOf({ maxConcurrentRequests: 0 }),
    };
    writeFileSync(path, JSON.stringify({ ...file, hash: hashOf(file.members) }));
    const bad = await fleet("import", path, "--yes");
    expect(bad.stderr).toContain("members.battle.PROCESS_CONFIG.maxConcurrentRequests");
    expect(bad.stderr).toContain("an integer above 0");
    writeFileSync(path, "{}");
    expect((await fleet("import", path)).stderr).toContain("CONFIG_FILE_INVALID");
  });

  test("export prints the settings with --json too, and names a file that it cannot write", async () => {
    const plain = await fleet("export", "battle");
    const json = await fleet("export", "battle", "--json");
    const withoutTime = (text: string) => ({ ...readFileText(text, "stdout"), exportedAt: "" });
    expect(withoutTime(json.stdout).members.battle).toHaveProperty("PROCESS_CONFIG");
    expect(withoutTime(json.stdout)).toEqual(withoutTime(plain.stdout));
    const at = join(temporaryFolder("export"), "settings.json");
    expect((await fleet("export", "battle", "-f", at)).code).toBe(0);
    expect(statSync(at).mode & 0o777).toBe(0o644 & ~process.umask());
    const missing = join(at, "x.json");
    const refused = await fleet("export", "battle", "-f", missing);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("[CONFIG_FILE_NOT_WRITTEN]") });
    expect(refused.stderr).toContain(missing);
    expect(refused.stderr).not.toContain("This is a bug");
  });

  test("a settings file is unchanged by reading it, also with integers that no double holds", () => {
    const configData = { supply: exactJsonIn("9007199254740993") };
    const entry = { configData, version: 1, hash: hashOf(configData) };
    const members = { battle: { LIMITS: entry } };
    const text = fileText({ project: "game", stack: "dev", exportedAt: "", members });
    expect(text).toContain("9007199254740993");
    expect(JSON.stringify(readFileText(text, "settings.json").members)).toBe(JSON.stringify(members));
  });

  test("explain shows where each setting comes from, defaults included", async () => {
    const at = temporaryFolder("explain");
    writeFiles({ "processes/battle/process.lua": "return {}\n" }, at);
    expect(await fleet("explain")).toMatchObject({ code: 1, stderr: expect.stringContaining("NO_PLAN") });
    const home = process.cwd();
    process.chdir(at);
    const plan = await planFleet(
      {
        network: { kind: "local", dir: "x" },
        config: { LOGGING_CONFIG: { logLevel: "WARN" }, RESOURCE_LIMITS: { maxCpuPercent: 50 } },
        overrides: { battle: { LOGGING_CONFIG: { logLevel: "DEBUG" } } },
        processes: { battle: { config: { PROCESS_CONFIG: { requestTimeout: 5 } } } },
      },
      { home: ".fleet", build: "build" },
      () => undefined,
    ).finally(() => process.chdir(home));
    expect(plan.warnings.map(({ code }) => code)).toEqual(["SETTING_IDLE"]);
    await keepExplanation(
      { home: join(folder, ".fleet"), project: "ao-fleet", stack: "dev" },
      explanationOf(plan, new Date().toISOString()),
    );
    expect((await fleet("explain", "battle", "--json")).json()).toMatchObject({
      success: true,
      stack: "dev",
    });
    const { stdout, stderr } = await fleet("explain", "battle");
    const lines = stdout.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        'battle LOGGING_CONFIG.logLevel "DEBUG" Pulumi.dev.yaml: overrides.battle',
        "battle PROCESS_CONFIG.requestTimeout 5 index.ts: processes.battle.config",
        "battle PROCESS_CONFIG.maxConcurrentRequests 256 default",
        expect.stringMatching(
          /^battle RESOURCE_LIMITS\.maxCpuPercent 50 index\.ts: config of every member \(not enforceable: /,
        ),
      ]),
    );
    expect(stderr).toBe("");
    await utimes(join(folder, "Pulumi.dev.yaml"), new Date(), new Date(Date.now() + 5000));
    expect((await fleet("explain", "battle")).stderr).toContain("To update it: npx pulumi preview");
    expect((await fleet("explain", "battel")).stderr).toContain('"battle"');
    expect(await readFile(join(folder, ".fleet/config/ao-fleet.dev.json"), "utf8")).toContain(
      "overrides.battle",
    );
  });
});

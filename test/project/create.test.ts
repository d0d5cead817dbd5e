/** New projects: the choices, the files, and what bad input gets. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { FleetError, type Problem } from "../../src/core/errors.ts";
import { chosen, type Surroundings } from "../../src/operations/project/choices.ts";
import { createProject } from "../../src/operations/project/create.ts";
import { MANAGERS } from "../../src/operations/project/package-managers.ts";
import { writeProject } from "../../src/operations/project/write.ts";
import { templateNames } from "../../src/toolchain/templates.ts";
import { temporaryFolder } from "../kit/folder.ts";

const around = (more: Partial<Surroundings> = {}): Surroundings => ({
  cwd: "/home/ada/shop",
  entriesOf: () => undefined,
  managers: new Set(["npm", "bun"]),
  runBy: undefined,
  ...more,
});
/** The problems of a call; none if it succeeds. */
async function problemsIn(run: () => unknown): Promise<readonly Problem[]> {
  try {
    await run();
    return [];
  } catch (error) {
    if (error instanceof FleetError) return error.problems;
    throw error;
  }
}
const codesOf = async (run: () => unknown) => (await problemsIn(run)).map(({ code }) => code);

describe("the choices of a new project", () => {
  test("have defaults: the folder's name, the smallest template, npm", () => {
    expect(chosen({}, around())).toEqual({
      folder: "/home/ada/shop",
      name: "shop",
      template: "minimal",
      network: "mainnet",
      packageManager: "npm",
    });
    expect(chosen({}, around({ runBy: "bun" })).packageManager).toBe("bun");
  });

  test("name a packed library by its path from the project, and a version as it is", () => {
    const entriesOf = (path: string) => (path.endsWith(".tgz") ? ("file" as const) : undefined);
    const library = (value: string) =>
      chosen({ folder: "new", library: value }, around({ entriesOf })).library;
    expect(library("../ao-fleet.tgz")).toBe("file:../../ao-fleet.tgz");
    expect(library("0.1.0")).toBe("0.1.0");
  });

  test("are refused with every problem at once", async () => {
    const wanted = {
      name: "A b",
      template: "servce",
      network: "mainet",
      packageManager: "nmp",
      library: "./a.tgz",
    };
    const problems = await problemsIn(() => chosen(wanted, around()));
    expect(problems.map(({ code }) => code)).toEqual([
      "PROJECT_NAME_INVALID",
      "TEMPLATE_UNKNOWN",
      "NETWORK_UNKNOWN",
      "PACKAGE_MANAGER_UNKNOWN",
      "LIBRARY_MISSING",
    ]);
    expect(problems[1]).toMatchObject({
      got: "servce",
      expected: 'perhaps "service"; one of game, minimal, service, token',
      remedy: "Pass --template service.",
    });
  });

  test.each(["Shop", "a/b", "@ada/shop", "node_modules", ".shop", "fs", "a".repeat(101), ""])(
    "refuse the name %j, as npm or pulumi does",
    async (name) => {
      expect(await codesOf(() => chosen({ name }, around()))).toEqual(["PROJECT_NAME_INVALID"]);
    },
  );

  test("refuse the name of the folder, and say which option replaces it", async () => {
    const [problem] = await problemsIn(() => chosen({ folder: "My Shop" }, around()));
    expect(problem).toMatchObject({
      code: "PROJECT_NAME_INVALID",
      got: "My Shop",
      remedy: "Pass --name <name>.",
    });
  });

  test("refuse a package manager that is not installed, and name one that is", async () => {
    const [problem] = await problemsIn(() => chosen({ packageManager: "yarn" }, around()));
    expect(problem).toMatchObject({
      code: "PACKAGE_MANAGER_MISSING",
      got: "no command yarn on the PATH",
      expected: "one of those that are: npm, bun",
      remedy: "Pass --package-manager npm, or install yarn.",
    });
  });

  test.each([
    [["index.ts"], ["FOLDER_NOT_EMPTY"]],
    ["file" as const, ["FOLDER_IS_FILE"]],
    [[".git"], []],
    [[], []],
  ])("take a folder with %j: problems %j", async (entries, codes) => {
    expect(await codesOf(() => chosen({}, around({ entriesOf: () => entries })))).toEqual(codes);
  });
});

describe("a new project", () => {
  const env = { PATH: process.env.PATH };

  test.each(templateNames())("of the template %s has its files and no placeholder", async (template) => {
    const cwd = temporaryFolder("create");
    const made = createProject({ folder: "shop", template, packageManager: "npm" }, cwd, env);
    expect(made.files).toEqual(
      expect.arrayContaining([
        ...[".gitignore", "Pulumi.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml", "README.md"],
        ...["index.ts", "package.json", "program.test.ts", "tsconfig.json"],
      ]),
    );
    expect(made.files.some((file) => /^processes\/.*\.lua$/.test(file))).toBe(true);
    expect(made.next).toEqual(["cd shop", "npm install", "npx fleet stack init dev", "npx fleet deploy"]);
    const text = (file: string) => readFileSync(join(cwd, "shop", file), "utf8");
    for (const file of made.files)
      expect(text(file)).not.toMatch(/\$\{(PROJECT|DESCRIPTION)\}|ao-fleet:network/);
    expect(parse(text("Pulumi.yaml"))).toMatchObject({
      name: "shop",
      config: { localProtocol: { default: "mainnet" } },
      runtime: { name: "nodejs", options: { typescript: false } },
    });
    expect(parse(text("Pulumi.yaml"))).not.toHaveProperty("template");
    for (const stack of ["staging", "prod"])
      expect(parse(text(`Pulumi.${stack}.yaml`))).toEqual({
        config: expect.objectContaining({
          "shop:network": "mainnet",
          "shop:walletPath": `wallets/${stack}.json`,
        }),
      });
    for (const secret of [".fleet/", "wallets/", ".env", "Pulumi.dev.yaml"])
      expect(text(".gitignore").split("\n")).toContain(secret);
  });

  test("is on the network and has what its package manager needs", async () => {
    const files = { npm: [], pnpm: ["pnpm-workspace.yaml"], yarn: [".yarnrc.yml"], bun: [] };
    const bin = temporaryFolder("managers");
    for (const manager of MANAGERS) {
      writeFileSync(join(bin, manager), "#!/bin/sh\necho 1.0.0\n");
      chmodSync(join(bin, manager), 0o755);
    }
    for (const packageManager of MANAGERS) {
      const cwd = temporaryFolder("create");
      const wanted = { name: "shop", network: "legacy", packageManager };
      const made = createProject(wanted, cwd, { PATH: `${bin}:/bin:/usr/bin` });
      expect(made.files.filter((file) => /^(pnpm|\.yarn)/.test(file))).toEqual(files[packageManager]);
      expect(made.next[0]).toBe(`${packageManager} install`);
      const read = (file: string) => parse(readFileSync(join(cwd, file), "utf8"));
      expect(read("Pulumi.yaml").config.localProtocol.default).toBe("legacy");
      expect(read("Pulumi.yaml").runtime.options.packagemanager).toBe(
        packageManager === "npm" ? undefined : packageManager,
      );
      expect(read("Pulumi.prod.yaml").config["shop:network"]).toBe("legacy");
      expect(read("package.json").trustedDependencies).toEqual(
        packageManager === "bun" ? ["node"] : undefined,
      );
    }
  });

  test("is written whole or not at all", async () => {
    const cwd = temporaryFolder("create");
    const files = new Map([
      ["index.ts", "export {};"],
      ["index.ts/impossible", "a file cannot be a folder"],
    ]);
    const [problem] = await problemsIn(() => writeProject(join(cwd, "a", "b"), files));
    expect(problem).toMatchObject({ code: "PROJECT_NOT_WRITTEN", at: join(cwd, "a", "b") });
    expect(readdirSync(cwd)).toEqual([]);
    mkdirSync(join(cwd, "empty"));
    await problemsIn(() => writeProject(join(cwd, "empty"), files));
    expect(readdirSync(join(cwd, "empty"))).toEqual([]);
  });

  test("overwrites nothing that appeared after the check, and takes its own files away", async () => {
    const cwd = temporaryFolder("create");
    writeFileSync(join(cwd, "index.ts"), "mine");
    const files = new Map([
      ["a.ts", ""],
      ["index.ts", "theirs"],
    ]);
    expect(await codesOf(() => writeProject(cwd, files))).toEqual(["PROJECT_NOT_WRITTEN"]);
    expect(readdirSync(cwd)).toEqual(["index.ts"]);
    expect(readFileSync(join(cwd, "index.ts"), "utf8")).toBe("mine");
  });

  test("is refused in a folder with files, which stay as they are", async () => {
    const cwd = temporaryFolder("create");
    writeFileSync(join(cwd, "notes.txt"), "mine");
    expect(await codesOf(() => createProject({ name: "shop" }, cwd, env))).toEqual(["FOLDER_NOT_EMPTY"]);
    expect(readdirSync(cwd)).toEqual(["notes.txt"]);
    expect(existsSync(join(cwd, "Pulumi.yaml"))).toBe(false);
  });
});

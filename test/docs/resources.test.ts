import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Comments } from "../../docs/comments.ts";
import { asValue, rowsOf } from "../../docs/fields.ts";
import { commentFiles, markdown, pages } from "../../docs/generate.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Every schema that the rooms export, by name. */
async function schemas(): Promise<[string, z.ZodType][]> {
  const modules: Record<string, unknown>[] = await Promise.all(
    commentFiles
      .filter((file) => !file.endsWith("resource.ts") && file !== "components/fleet.ts")
      .map((file) => import(join(root, file))),
  );
  return modules
    .flatMap((module) => Object.entries(module))
    .filter((entry): entry is [string, z.ZodType] => entry[1] instanceof z.ZodType);
}

describe("pages of resources", () => {
  test("are up to date with the schemas and their comments (npm run docs)", () => {
    for (const page of pages) expect(read(`docs/reference/resources/${page.file}`)).toBe(markdown(page));
  });

  test("are the only pages in the folder", () => {
    expect(readdirSync(join(root, "docs/reference/resources")).sort()).toEqual(
      pages.map(({ file }) => file).sort(),
    );
  });

  test("describe every resource, and every field of every table", () => {
    const silent = pages.flatMap(({ file, intro, sections }) => [
      ...(intro === "" ? [file] : []),
      ...sections.flatMap(({ title, rows }) =>
        rows.filter(({ text }) => text === "").map(({ path }) => `${file} ${title} ${path}`),
      ),
    ]);
    expect(silent).toEqual([]);
    expect(pages.flatMap(({ sections }) => sections.filter(({ rows }) => rows.length === 0))).toEqual([]);
  });

  test("show each variant of a union with its own comments, where field names are equal", () => {
    const rows = pages.find(({ file }) => file === "strategy.md")?.sections[0]?.rows ?? [];
    const textsOf = (path: string) => rows.filter((row) => row.path === path).map(({ text }) => text);
    expect(textsOf("checks[].name")).toEqual([
      "Name of the probe, for the verdict.",
      "Name of the invariant, for the verdict.",
    ]);
    expect(textsOf("checks[].service")).toEqual([
      "The service whose green revision is probed.",
      "The service whose revisions are asked: the old one before traffic moves, the new one at each step.",
    ]);
    expect(textsOf("checks[].action")).toEqual([
      "Action of the message.",
      "Action of the message; it must not change anything.",
    ]);
    expect(textsOf("checks[].kind")[0]).toBe("Identifies the variant: always `errorRate`.");
  });
});

describe("schemas", () => {
  const comments = new Comments(commentFiles.map((file) => join(root, file)));

  test("describe every field", async () => {
    const found = await schemas();
    expect(found.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        "FleetDeclarationSchema",
        "ProcessInputsSchema",
        "TargetSchema",
        "ScopeSchema",
      ]),
    );
    const silent = found.flatMap(([name, schema]) =>
      rowsOf(schema, comments.fields(name))
        .filter(({ text }) => text === "")
        .map(({ path }) => `${name}.${path}`),
    );
    expect(silent).toEqual([]);
  });

  test("have the default that their comment names", async () => {
    const differing = (await schemas()).flatMap(([name, schema]) =>
      rowsOf(schema, comments.fields(name)).flatMap(({ path, documented, actual }) =>
        documented === undefined || actual === undefined || asValue(documented) === undefined
          ? []
          : JSON.stringify(asValue(documented)) === JSON.stringify(actual)
            ? []
            : [`${name}.${path}: says ${documented}, uses ${JSON.stringify(actual)}`],
      ),
    );
    expect(differing).toEqual([]);
  });
});

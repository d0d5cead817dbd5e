import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageDir } from "../../src/toolchain/paths.ts";

/** The words of the table in CONTRIBUTING's style section that no page uses outside of quoted output and code. */
const AVOIDED = new RegExp(
  `\\b(${[
    ...["mend(ed|s|ing)?", "correct the file", "is not as it must be"],
    ...["a text", "whole numbers?"],
    ...["anew", "beside", "of then", "of now", "for ever", "comes? into use"],
    ...["is told by", "says which", "without a word"],
    ...["ends the preview", "what cannot work"],
    ...["(is|are) (well|good)", "ways? back", "going back"],
  ].join("|")})\\b`,
  "i",
);

const quoted = /```[\s\S]*?```|`[^`]*`/g;

/** CONTRIBUTING's table of words to replace, which has to name them. */
const replacements = /^\| instead of \| write \|\n(\|.*\n)*/m;

/** The same number of lines without text, so that the reported line is right. */
const blank = (text: string): string => "\n".repeat(text.split("\n").length - 1);

/** The lines of these files whose prose has such a word. */
const avoidedIn = (files: string[], prose: (line: string) => string, clean = (text: string) => text) =>
  files.flatMap((file) =>
    clean(readFileSync(join(packageDir, file), "utf8"))
      .split("\n")
      .flatMap((line, index) => {
        const [word] = AVOIDED.exec(prose(line)) ?? [];
        return word === undefined ? [] : [`${file}:${index + 1} ${word}`];
      }),
  );

const whole = (line: string): string => line;

/** The text of strings with several words, without their values; strings of one word are codes and names. */
const sentences = (texts: readonly string[]): string =>
  texts.filter((text) => text.replace(/\$\{[^}]*\}/g, "").includes(" ")).join(" ");

/** The comments and strings of one line of TypeScript, without quoted code in comments. */
const proseOf = (line: string): string =>
  /^\s*(\/\*|\*|\/\/)/.test(line)
    ? line.replace(/`[^`]*`/g, "")
    : sentences(line.match(/"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\/ .*$/g) ?? []);

/** The comment and strings of one line of Lua, without quoted code in comments. */
const luaProseOf = (line: string): string =>
  sentences(
    (line.match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|--.*$/g) ?? []).map((text) =>
      text.startsWith("--") ? text.replace(/`[^`]*`/g, "") : text,
    ),
  );

test("no page has a stray backslash before a quote", () => {
  const pages = globSync(["*.md", "docs/**/*.md"], { cwd: packageDir });
  const strayIn = (page: string) =>
    readFileSync(join(packageDir, page), "utf8")
      .replace(quoted, blank)
      .split("\n")
      .flatMap((line, index) => (/\\['"]/.test(line) ? [`${page}:${index + 1}`] : []));
  expect(pages.flatMap(strayIn)).toEqual([]);
});

test("the table in CONTRIBUTING's style section is the one that the lint leaves out", () => {
  const [table = ""] = replacements.exec(readFileSync(join(packageDir, "CONTRIBUTING.md"), "utf8")) ?? [];
  const words = table
    .split("\n")
    .slice(2)
    .flatMap((row) => row.split("|")[1]?.trim().split(", ") ?? []);
  expect(words.length).toBeGreaterThan(10);
  expect(words.filter((word) => !AVOIDED.test(word))).toEqual([]);
});

describe("no word that the style section replaces is used", () => {
  test("in the written pages", () => {
    const pages = globSync(["*.md", "docs/**/*.md", "src/localnet/README.md"], { cwd: packageDir });
    expect(pages.length).toBeGreaterThan(60);
    expect(pages).toEqual(expect.arrayContaining(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"]));
    const clean = (text: string) => text.replace(replacements, blank).replace(quoted, blank);
    expect(avoidedIn(pages, whole, clean)).toEqual([]);
  });

  test("in the project's settings", () => {
    const files = globSync(["Pulumi*.yaml", "validation.yaml"], { cwd: packageDir });
    expect(files).toEqual(expect.arrayContaining(["Pulumi.yaml", "Pulumi.staging.yaml", "validation.yaml"]));
    expect(avoidedIn(files, whole)).toEqual([]);
  });

  test("in comments and messages of the program, its rooms and the generators of pages", () => {
    const files = globSync(["index.ts", "{components,providers,src,docs}/**/*.{ts,js,mjs}"], {
      cwd: packageDir,
    });
    expect(files.length).toBeGreaterThan(400);
    expect(avoidedIn(files, proseOf)).toEqual([]);
  });

  test("in comments and messages of the library and the processes", () => {
    const files = globSync("{src/runtime,processes}/**/*.lua", { cwd: packageDir });
    expect(files.length).toBeGreaterThan(80);
    expect(avoidedIn(files, luaProseOf)).toEqual([]);
  });

  test("in titles and comments of tests", () => {
    const files = globSync("test/**/*.ts", { cwd: packageDir });
    expect(files.length).toBeGreaterThan(200);
    const isTitle = /^\s*((describe|test|it)\b|\](?: as const)?\)\()/;
    const isComment = /^\s*(\/\*|\*|\/\/)/;
    const prose = (line: string) => (isTitle.test(line) || isComment.test(line) ? proseOf(line) : "");
    expect(avoidedIn(files, prose)).toEqual([]);
  });
});

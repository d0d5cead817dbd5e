import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageDir } from "../../src/toolchain/paths.ts";

/** The words of CONTRIBUTING's style section that no page uses outside of quoted output and code. */
const AVOIDED =
  /\b(anew|of then|of now|for ever|mend(ed|s|ing)?|ends the preview|comes? into use|is told by|beside|what cannot work)\b/i;

const quoted = /```[\s\S]*?```|`[^`]*`/g;

test("the written pages use no word that the style section replaces", () => {
  const pages = globSync(["README.md", "ARCHITECTURE.md", "docs/**/*.md", "src/localnet/README.md"], {
    cwd: packageDir,
  });
  expect(pages.length).toBeGreaterThan(60);
  const found = pages.flatMap((page) =>
    readFileSync(join(packageDir, page), "utf8")
      // Keeps the number of lines, so that the reported line is right.
      .replace(quoted, (text) => "\n".repeat(text.split("\n").length - 1))
      .split("\n")
      .flatMap((line, index) => {
        const [word] = AVOIDED.exec(line) ?? [];
        return word === undefined ? [] : [`${page}:${index + 1} ${word}`];
      }),
  );
  expect(found).toEqual([]);
});

/** The comments and strings of one line of TypeScript, without quoted code in comments and strings of one word, such as codes. */
const proseOf = (line: string): string =>
  /^\s*(\/\*|\*|\/\/)/.test(line)
    ? line.replace(/`[^`]*`/g, "")
    : (line.match(/"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\/ .*$/g) ?? [])
        .filter((text) => text.replace(/\$\{[^}]*\}/g, "").includes(" "))
        .join(" ");

/** The lines of these files whose prose has such a word. */
const avoidedIn = (files: string[], prose: (line: string) => string): string[] =>
  files.flatMap((file) =>
    readFileSync(join(packageDir, file), "utf8")
      .split("\n")
      .flatMap((line, index) => {
        const [word] = AVOIDED.exec(prose(line)) ?? [];
        return word === undefined ? [] : [`${file}:${index + 1} ${word}`];
      }),
  );

test("comments and messages of the program, its rooms and the generators of pages use none either", () => {
  const files = globSync(["index.ts", "{components,providers,src,docs}/**/*.{ts,js,mjs}"], {
    cwd: packageDir,
  });
  expect(files.length).toBeGreaterThan(400);
  expect(avoidedIn(files, proseOf)).toEqual([]);
});

test("titles and comments of tests use none either", () => {
  const files = globSync("test/**/*.ts", { cwd: packageDir });
  expect(files.length).toBeGreaterThan(200);
  const isTitle = /^\s*((describe|test|it)\b|\](?: as const)?\)\()/;
  const isComment = /^\s*(\/\*|\*|\/\/)/;
  const found = avoidedIn(files, (line) => (isTitle.test(line) || isComment.test(line) ? proseOf(line) : ""));
  expect(found).toEqual([]);
});

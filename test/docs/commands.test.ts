import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { documentedProgram } from "../../docs/cli.ts";
import { AOS_IMAGE_FILES } from "../../src/core/aos-images.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const program = await documentedProgram();

test("every `fleet` command line in the documents is accepted by the command", () => {
  const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "templates/*/README.md"], {
    cwd: root,
  });
  const calls = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/npx (?:ao-)?fleet ([^`\n|]+)/g)].map(([, rest]) => ({
      page,
      words: (rest ?? "")
        .replace(/\s+#.*|[;)].*|→.*/, "")
        .trim()
        .split(/\s+/),
    })),
  );
  expect(calls.length).toBeGreaterThan(15);
  const wrong = calls.flatMap(({ page, words }) => {
    const [name = "", child = ""] = words;
    if (name === "…" || name === "--help") return [];
    const command = program.commands.find((each) => each.name() === name);
    if (!command) return [`${page}: fleet ${name}`];
    const inner = command.commands.find((each) => each.name() === child) ?? command;
    const options = inner.options.flatMap(({ short, long }) => [short, long]);
    return words
      .filter((word) => /^--?[a-zA-Z]/.test(word))
      .map((word) => word.split("=")[0])
      .filter((word) => word !== "--help" && !options.includes(word))
      .map((word) => `${page}: fleet ${name} ${word}`);
  });
  expect(wrong).toEqual([]);
});

test("commands that put a stack on a public network name the module by its id: only the embedded one has the alias aos", () => {
  const ids = AOS_IMAGE_FILES.flatMap(({ id }) => id ?? []);
  const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root });
  const blocks = pages.flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/^```sh\n([\s\S]*?)^```/gm)]
      .map(([, block = ""]) => block)
      .filter((block) => /config set network (mainnet|legacy)/.test(block))
      .map((block) => ({ page, module: /config set module (\S+)/.exec(block)?.[1] ?? "" })),
  );
  expect(blocks.length).toBeGreaterThan(1);
  expect(blocks.filter(({ module }) => !ids.includes(module))).toEqual([]);
});

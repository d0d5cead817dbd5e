/** docs/how-to/test.md: every block, in a project as the page describes it, by the real command. */
import { execFile, spawn } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { packageDir } from "../../src/toolchain/paths.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";

const page = readFileSync(join(packageDir, "docs/how-to/test.md"), "utf8");
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind = "", text = ""]) => ({
  kind,
  text,
}));
const command = join(packageDir, "src/cli/fleet.mjs");
let folder = "";

beforeAll(() => {
  folder = temporaryFolder("lua-page");
  const files = blocks.flatMap(({ kind, text }) => {
    const [, file] = /^-- (\S+\.lua)\n/.exec(text) ?? [];
    return kind === "lua" && file !== undefined ? [[file, text] as const] : [];
  });
  writeFiles(Object.fromEntries(files), folder);
  writeFiles(
    {
      "watched/one.test.lua": 'it("passes", function() assert.is_true(true) end)\n',
      "Pulumi.yaml": "name: tried\nruntime: nodejs\nmain: index.ts\n",
      "index.ts": `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "${join(packageDir, "components/index.ts")}";
await Fleet.create("tried", { ...settings(new pulumi.Config()), processes: { counter: {} } });
`,
    },
    folder,
  );
  symlinkSync(join(packageDir, "node_modules"), join(folder, "node_modules"));
});

async function fleet(words: readonly string[]): Promise<{ code: number; stdout: string }> {
  const run = promisify(execFile)(process.execPath, [command, ...words], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1" },
  });
  return run.then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
  );
}

/** What depends on the machine. */
const timeless = (text: string) => text.replace(/in \d+ ms/g, "in 0 ms").replace(/in \d+\.\d s/g, "in 0.0 s");

describe("the page about tests", () => {
  test("has only blocks that are run here", () => {
    const kinds = blocks.map(({ kind, text }) =>
      kind === "lua" ? /^-- \S+\.lua\n/.test(text) && kind : kind,
    );
    expect(new Set(kinds)).toEqual(new Set(["lua", "sh", "text", "json"]));
    expect(JSON.parse(blocks.find(({ kind }) => kind === "json")?.text ?? "")["workspace.library"]).toEqual([
      "node_modules/ao-fleet/dist/lua",
    ]);
  });

  test("shows what its commands print, with their exit codes", async () => {
    const shown = blocks.flatMap(({ kind, text }, at) =>
      kind === "sh"
        ? text
            .trim()
            .split("\n")
            .map((line) => ({
              line,
              output: blocks[at + 1]?.kind === "text" ? blocks[at + 1]?.text : undefined,
            }))
        : [],
    );
    expect(shown).toHaveLength(4);
    for (const { line, output } of shown) {
      const [, words = "", file] = /^npx fleet ([^#>]+?)(?: > (\S+))?(?: +#.*)?$/.exec(line) ?? [];
      // The first command is from before the wrong test was written.
      const isFirst = words === "test";
      const { code, stdout } = await fleet(
        isFirst ? ["test", "processes/counter/counter.test.lua"] : words.split(" "),
      );
      expect([line, code]).toEqual([line, line.includes("exit code 1") ? 1 : 0]);
      if (output !== undefined) expect(timeless(stdout)).toBe(output);
      if (file?.endsWith(".xml"))
        expect(stdout).toMatch(
          /<testsuite name="processes\/counter\/counter.test.lua" timestamp="[^"]+" tests="2" failures="0"/,
        );
    }
  }, 240_000);

  test("--watch runs the tests again after a change, and ends at SIGTERM", async () => {
    const child = spawn(process.execPath, [command, "test", "watched/one.test.lua", "--watch"], {
      cwd: folder,
    });
    let said = "";
    child.stdout.on("data", (text) => {
      said += String(text);
    });
    const until = async (text: string) => {
      while (!said.includes(text)) {
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${said}`);
        await new Promise((done) => setTimeout(done, 20));
      }
    };
    try {
      await until("1 passed, 0 failed");
      writeFileSync(
        join(folder, "watched/one.test.lua"),
        'it("fails now", function() assert.is_true(false) end)\n',
      );
      await until("0 passed, 1 failed");
      expect(said).toContain("watched/one.test.lua:1: expected true, got false");
    } finally {
      child.kill("SIGTERM");
    }
    const code = await new Promise((done) => child.once("exit", done));
    expect(code).toBe(0);
  }, 60_000);
});

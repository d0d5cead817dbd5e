import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { docsDir, docsPages, documentedProgram, termOf } from "../../docs/cli.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { fakeAo, fakeFleet, fleet, projectFolder } from "./fakes.ts";

const run = promisify(execFile);
const program = await documentedProgram();
const { commands } = program;
const all = commands.flatMap((command) =>
  command.commands.length > 0
    ? command.commands.map((child) => ({ words: [command.name(), child.name()], command: child }))
    : [{ words: [command.name()], command }],
);

test.each(all)("fleet $words --help shows every option", async ({ words, command }) => {
  const ran = await fleet([...words, "--help"]);
  expect(ran.code).toBe(0);
  for (const option of command.options) expect(ran.stdout).toContain(option.flags);
  for (const argument of command.registeredArguments) expect(ran.stdout).toContain(termOf(argument));
});

test("fleet --help lists the commands with one line each", async () => {
  const { code, stdout } = await fleet(["--help"]);
  expect(code).toBe(0);
  for (const command of commands) expect(stdout).toContain(`  ${command.name()} `);
});

test("fleet --version prints the package's version", async () => {
  const { version } = JSON.parse(readFileSync(join(packageDir, "package.json"), "utf8")) as {
    version: string;
  };
  expect((await fleet(["--version"])).stdout.trim()).toBe(version);
});

test.each([
  [["deplyo"], "Did you mean deploy?"],
  [["deploy", "--onyl", "x"], "Did you mean --only?"],
  [["deploy", "--timeout", "soon"], "a number of seconds above zero"],
  [["deploy", "--timeout", "0"], "a number of seconds above zero"],
  [["deploy", "--retries", "-1"], "an integer of at least 0"],
  [["call", "battle"], "missing required argument 'action'"],
  [["call", "battle", "Info", "--tag", "novalue"], "name=value"],
  [["logs", "battle", "--limit", "1.5"], "an integer of at least 1"],
  [["env", "more"], "too many arguments"],
])("%j is a usage error with exit code 2 and a hint", async (words, said) => {
  const ran = await fleet(words);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain(said);
  expect(ran.stdout).toBe("");
});

test("an id that begins with a hyphen is an argument, not an option", async () => {
  const at = `-${"a_-".repeat(14)}`;
  const asked: string[] = [];
  const history = {
    latest: async (processId: string) => void asked.push(processId),
    range: async () => [],
  };
  for (const words of [
    ["logs", at],
    ["query", "--limit", "3", at, "--json"],
  ]) {
    const ran = await fleet(words, {
      fleet: fakeFleet(
        fakeAo(() => ({})),
        [],
        "deployment-coordinator",
      ),
      history: history as never,
    });
    expect(ran.stderr).not.toContain("option");
  }
  expect(asked).toEqual([at, at]);
});

test("an error with --json is one document on stdout, and text on stderr", async () => {
  const ran = await fleet(["call", "nobody", "Info", "--json"], {
    fleet: fakeFleet(
      fakeAo(() => ({})),
      [],
    ),
  });
  expect(ran.code).toBe(1);
  expect(ran.json()).toMatchObject({ success: false, error: { code: "UNKNOWN_PROCESS" } });
  expect(ran.stderr).toContain("[UNKNOWN_PROCESS]");
  expect(ran.stderr).not.toContain("    at ");
});

test("a bug keeps its stack trace", async () => {
  const ran = await fleet(["status"]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("This is a bug in fleet");
  expect(ran.stderr).toContain("    at ");
});

test("env prints lines for a shell, with the backend of the nearest project", async () => {
  const folder = projectFolder();
  const { code, stdout } = await fleet(["env", "--cwd", folder], { env: { PATH: "/usr/bin:/bin" } });
  expect(code).toBe(0);
  const shown = await run("sh", ["-c", `${stdout}\nprintf '%s' "$PATH|$PULUMI_SKIP_UPDATE_CHECK"`]);
  expect(shown.stdout).toBe(`${join(packageDir, "node_modules", ".bin")}:/usr/bin:/bin|true`);
  expect((await fleet(["env", "--json", "-C", folder])).json()).toHaveProperty("PATH");
});

test("the pages in docs/reference/cli are up to date with the definitions (npm run docs writes them)", () => {
  const pages = docsPages(program);
  expect(readdirSync(docsDir).sort()).toEqual([...pages.keys()].sort());
  for (const [name, text] of pages) expect(readFileSync(join(docsDir, name), "utf8"), name).toBe(text);
});

test("src/cli/fleet.mjs runs the CLI and prints nothing else", async () => {
  const { stdout, stderr } = await run(process.execPath, [
    join(packageDir, "src", "cli", "fleet.mjs"),
    "--version",
  ]);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(stderr).toBe("");
});

test("a command starts without loading the rooms of other commands", async () => {
  // Into a file: what the thread of the hooks prints may be lost when the process ends.
  const list = join(mkdtempSync(join(tmpdir(), "fleet-loaded-")), "files");
  const hooks = `import { appendFileSync } from "node:fs";
    export async function load(url, context, next) {
      appendFileSync(${JSON.stringify(list)}, url + "\\n");
      return next(url, context);
    }`;
  const start = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hooks))});`;
  // Without the tests' own hooks, which would answer before these.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { stdout } = await run(
    process.execPath,
    ["--import", dataUrl(start), "src/cli/fleet.mjs", "env", "--help"],
    { cwd: packageDir, env },
  );
  expect(stdout).toContain("fleet env");
  // Names inside the package; its location does not matter.
  const files = readFileSync(list, "utf8").replaceAll(pathToFileURL(packageDir).href, "").split("\n");
  const loaded = files.filter((file) => /\/(commands|bundler|localnet|monitor|hono)\//.test(file));
  expect(loaded).toEqual([expect.stringMatching(/commands\/env\.ts$/)]);
});

function dataUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

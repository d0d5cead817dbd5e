/** The code in a stack's state, which Pulumi runs at a refresh: `fleet doctor --stack` knows its own, of every version, and names the rest. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import ts from "typescript";
import { beforeAll, expect, test } from "vitest";
import { sha256 } from "../../src/core/hash.ts";
import { checkState } from "../../src/operations/state-code/check-state.ts";
import { codeInState } from "../../src/operations/state-code/state-code.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { temporaryFolder } from "../kit/folder.ts";

const NOUNS = {
  ConfigBundle: "config-bundle",
  LocalNetwork: "local-network",
  Process: "process",
  Release: "release",
  Traffic: "traffic",
  Wiring: "wiring",
};

/** Each kind's provider as Pulumi writes it into a state, from the source and from the compiled package. */
const texts = new Map<string, string>();
const compiled = new Map<string, string>();

beforeAll(async () => {
  const folder = temporaryFolder("providers");
  const source = join(packageDir, "providers", "lazy-provider.ts");
  // As `npm pack` compiles it.
  const { config } = ts.readConfigFile(join(packageDir, "tsconfig.package.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, packageDir);
  const program = ts.createProgram([source], { ...options, outDir: folder, declaration: false });
  program.emit(program.getSourceFile(source));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const built = join(folder, "providers", "lazy-provider.js");
  for (const [file, into] of [[source, texts] as const, [built, compiled] as const])
    for (const [kind, text] of Object.entries(await serialized(file))) into.set(kind, text);
});

/** In a process of its own, because the test runner changes the functions' code. */
async function serialized(file: string): Promise<Record<string, string>> {
  const script = `
    import { runtime } from "@pulumi/pulumi";
    import { lazyProvider } from ${JSON.stringify(pathToFileURL(file).href)};
    const texts = {};
    for (const [kind, noun] of Object.entries(${JSON.stringify(NOUNS)})) {
      const provider = lazyProvider(noun);
      texts[kind] = (await runtime.serializeFunction(() => provider)).text;
    }
    process.stdout.write(JSON.stringify(texts));`;
  const node = ["--no-warnings", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, node, { cwd: packageDir });
  return JSON.parse(stdout);
}

const textOf = (kind: string): string => texts.get(kind) ?? "";
const urnOf = (kind: string, name: string) =>
  `urn:pulumi:prod::game::ao:Fleet$pulumi-nodejs:dynamic/ao:${kind}::${name}`;
const resource = (kind: string, provider: unknown, more: object = {}) => ({
  urn: urnOf(kind, "battle"),
  type: `pulumi-nodejs:dynamic/ao:${kind}`,
  inputs: { __provider: provider },
  outputs: { __provider: provider },
  ...more,
});
const state = (resources: unknown[], pending: unknown[] = []) => ({
  version: 3,
  deployment: { resources, pending_operations: pending },
});
const problemsIn = (...resources: unknown[]) => codeInState(state(resources))?.problems;

test("what the repository, the package and version 0.1.0 write is known, for each kind", () => {
  const stack = { urn: "urn:pulumi:prod::game::pulumi:pulumi:Stack::game-prod", type: "pulumi:pulumi:Stack" };
  const provider = { urn: "urn:…", type: "pulumi:providers:pulumi-nodejs", inputs: {}, outputs: {} };
  const all = Object.keys(NOUNS).map((kind) => resource(kind, textOf(kind)));
  expect(codeInState(state([stack, provider, ...all]))).toEqual({ checked: 6, problems: [] });

  // The package is compiled, so its text differs.
  const ofPackage = [...compiled].map(([kind, text]) => resource(kind, text));
  expect(ofPackage).toHaveLength(6);
  expect(problemsIn(...ofPackage)).toEqual([]);
  expect(compiled.get("Traffic")).not.toBe(textOf("Traffic"));

  // Version 0.1.0 named the function differently, which is not in the text.
  const old = textOf("Wiring").replaceAll("\n", "\r\n");
  expect(problemsIn(resource("Wiring", old))).toEqual([]);
});

test.each([
  ["one call more", (text: string) => text.replace("await load()", "await evil(), await load()")],
  ["another module", (text: string) => text.replace("ao-fleet/providers", "evil/providers")],
  [
    "another kind's name, which is a path",
    (text: string) => text.replace('noun: "process"', 'noun: "../../evil"'),
  ],
  ["the text of another kind", () => textOf("Traffic")],
  [
    "a comment that hides a line",
    (text: string) => text.replace("return async () =>", "//\nreturn async () =>"),
  ],
  ["no function at all", () => "exports.handler = () => process.exit()"],
])("a provider with %s is named with its resource", (_, change) => {
  const text = change(textOf("Process"));
  expect(problemsIn(resource("Process", text))).toEqual([
    {
      code: "STATE_CODE_UNKNOWN",
      urn: urnOf("Process", "battle"),
      detail: `its provider's text has sha256 ${sha256(text)}: no version of ao-fleet wrote it`,
      sha256: sha256(text),
    },
  ]);
});

test("it is found wherever Pulumi reads it: inputs, outputs, secrets, operations that were pending, other packages, plugins", () => {
  const [good, bad] = [textOf("Process"), "exports.handler = evil"];
  expect(problemsIn(resource("Process", good, { outputs: { __provider: bad } }))).toHaveLength(1);
  expect(problemsIn(resource("Process", good, { inputs: { __provider: bad } }))).toHaveLength(1);
  expect(problemsIn(resource("Process", { ciphertext: "v1:abc" }))).toMatchObject([
    { detail: "its provider is not plain text" },
  ]);
  expect(
    codeInState(state([], [{ resource: resource("Process", bad), type: "creating" }]))?.problems,
  ).toHaveLength(1);
  const other = { ...resource("Process", good), type: "pulumi-nodejs:dynamic:Resource" };
  expect(problemsIn(other)).toMatchObject([{ detail: expect.stringContaining("another package") }]);
  expect(codeInState(state([other]), [sha256(good)])?.problems).toEqual([]);
  const plugin = { urn: "urn:plugin", type: "pulumi:providers:aws" };
  expect(problemsIn({ ...plugin, inputs: { version: "7.0.0" } })).toEqual([]);
  for (const inputs of [
    { pluginDownloadURL: "https://evil" },
    { __internal: { pluginDownloadURL: "https://evil" } },
  ])
    expect(problemsIn({ ...plugin, inputs })).toEqual([
      {
        code: "STATE_PLUGIN_URL",
        urn: "urn:plugin",
        detail: "pulumi would download its program from https://evil",
      },
    ]);
  const value = '{"remote":{"url":"registry.opentofu.org/evil/x"}}';
  const parameterization = Buffer.from(value).toString("base64");
  expect(
    problemsIn({ ...plugin, inputs: { __internal: { name: "terraform-provider", parameterization } } }),
  ).toEqual([
    {
      code: "STATE_PLUGIN_URL",
      urn: "urn:plugin",
      detail: `pulumi would run the provider terraform-provider with parameters that name another program to download: ${value}`,
    },
  ]);
  expect(codeInState({ version: 3 })).toBeUndefined();
});

test("the command exports the state, and reports each resource with a code and what to do", async () => {
  const asked: (readonly string[])[] = [];
  const host = (stdout: string, code = 0) => ({
    async pulumi(_: unknown, args: readonly string[]) {
      asked.push(args);
      return { code, stdout, output: stdout };
    },
  });
  const workspace = { projectDir: "/p", env: {}, pulumi: "pulumi" };
  const good = JSON.stringify(state([resource("Process", textOf("Process"))]));
  const bad = JSON.stringify(state([resource("Process", "evil"), resource("Release", textOf("Release"))]));
  expect(await checkState(host(good), workspace, "prod", [])).toEqual([
    { name: "state code", ok: true, detail: "1 resources of prod, all with code of ao-fleet" },
  ]);
  expect(asked).toEqual([["stack", "export", "--stack", "prod"]]);
  expect(await checkState(host(bad), workspace, "prod", [])).toEqual([
    {
      name: "state code",
      ok: false,
      code: "STATE_CODE_UNKNOWN",
      detail: expect.stringContaining(urnOf("Process", "battle")),
      remedy: expect.stringContaining(`fleet doctor --stack prod --trust ${sha256("evil")}`),
    },
  ]);
  expect(await checkState(host(bad), workspace, "prod", [sha256("evil")])).toMatchObject([{ ok: true }]);
  for (const unreadable of [host("no stack", 255), host("{}"), host("no JSON")])
    expect(await checkState(unreadable, workspace, "prod", [])).toMatchObject([
      { ok: false, code: "STATE_UNREADABLE" },
    ]);
});

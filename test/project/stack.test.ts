/** `fleet stack init`: what a stack gets, what stays as it is, and what bad input gets. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { initStackOf } from "../../src/operations/project/stack.ts";
import { launcherVersion } from "../../src/toolchain/install.ts";
import { cliDir, passphraseFile } from "../../src/toolchain/paths.ts";
import { makeJwk } from "../ao/wallets.ts";
import { problemsOf } from "../kit/failure.ts";
import { fakeCli, type Sandbox, sandbox } from "../toolchain/sandbox.ts";

let box: Sandbox;
/** Stacks in the backend. */
let stacks: string[];

beforeEach(() => {
  box = sandbox();
  stacks = [];
  writeFileSync(box.file("Pulumi.yaml"), "name: shop\nruntime: nodejs\nbackend:\n  url: file://./.fleet\n");
  fakeCli(cliDir(launcherVersion(), box.env), launcherVersion());
  vi.stubEnv("PULUMI_HOME", box.env.PULUMI_HOME);
  return () => vi.unstubAllEnvs();
});

/** What `pulumi stack init` leaves: the salt of a passphrase, unless the backend has its own encryption. */
const ENCRYPTS = 'echo "encryptionsalt: v1:abc" >> "Pulumi.$3.yaml"; echo "$@" > called';

function host(body = ENCRYPTS, env: Record<string, string> = {}) {
  const pulumi = box.file("pulumi-here");
  writeFileSync(pulumi, `#!/bin/sh\n${body}\n`);
  chmodSync(pulumi, 0o755);
  return {
    env: { ...box.env, ...env },
    workspace: async (projectDir: string) => ({ projectDir, env: box.env, pulumi }),
    pulumi: async () => ({ code: 0, stdout: JSON.stringify(stacks.map((name) => ({ name }))), output: "" }),
  };
}

const options = (like?: string) => ({ log: box.log, ...(like === undefined ? {} : { like }) });
const text = (file: string) => readFileSync(box.file(file), "utf8");
const mode = (file: string) => (statSync(box.file(file)).mode & 0o777).toString(8);

async function walletAt(file: string): Promise<void> {
  mkdirSync(box.file("wallets"), { recursive: true, mode: 0o700 });
  writeFileSync(box.file(file), JSON.stringify(await makeJwk()), { mode: 0o600 });
}

describe("a stack that is created", () => {
  test("gets settings, a passphrase and a wallet, which git ignores and nobody else can read", async () => {
    const report = await initStackOf(host(), box.dir, "staging", options());
    expect(report).toEqual({
      stack: "staging",
      project: "shop",
      created: true,
      settings: "Pulumi.staging.yaml",
      secrets: [
        { kind: "passphrase", file: ".fleet/staging-passphrase", state: "created" },
        {
          kind: "wallet",
          file: "wallets/staging.json",
          state: "created",
          address: expect.stringMatching(/^[\w-]{43}$/),
        },
      ],
    });
    expect(parse(text("Pulumi.staging.yaml")).config).toMatchObject({
      "shop:network": "mainnet",
      "shop:walletPath": "wallets/staging.json",
    });
    for (const folder of [".fleet", "wallets"]) {
      expect([folder, mode(folder)]).toEqual([folder, "700"]);
      expect(text(`${folder}/.gitignore`)).toBe("*\n");
    }
    for (const file of [".fleet/staging-passphrase", "wallets/staging.json"]) expect(mode(file)).toBe("600");
    const { d } = JSON.parse(text("wallets/staging.json"));
    for (const secret of [d, text(".fleet/staging-passphrase")])
      expect(box.lines.join("\n") + JSON.stringify(report)).not.toContain(secret);
    // Only dev becomes the stack of a bare pulumi.
    expect(text("called")).toContain("stack init staging --no-select");
    expect(existsSync(passphraseFile(box.dir))).toBe(false);
  }, 120_000);

  test("of another name gets the settings and the wallet that are asked for", async () => {
    await walletAt("wallets/eu.json");
    const { secrets } = await initStackOf(host(), box.dir, "eu", options("prod"));
    expect(parse(text("Pulumi.eu.yaml")).config).toMatchObject({
      "shop:walletPath": "wallets/eu.json",
      "shop:protect": "true",
    });
    expect(secrets[1]).toMatchObject({ file: "wallets/eu.json", state: "present" });
  });

  test("keeps settings that are there, also a wallet elsewhere", async () => {
    await walletAt("wallets/mine.json");
    const own = "config:\n  shop:network: legacy\n  shop:walletPath: wallets/mine.json\n";
    writeFileSync(box.file("Pulumi.prod.yaml"), own);
    const { secrets } = await initStackOf(host(), box.dir, "prod", options());
    expect(text("Pulumi.prod.yaml")).toBe(`${own}encryptionsalt: v1:abc\n`);
    expect(secrets[1]).toMatchObject({ file: "wallets/mine.json", state: "present" });
  });

  test("uses a passphrase of the environment", async () => {
    await walletAt("wallets/prod.json");
    const given = host(ENCRYPTS, { PULUMI_CONFIG_PASSPHRASE: "of the vault" });
    const { secrets } = await initStackOf(given, box.dir, "prod", options());
    expect(secrets[0]).toEqual({ kind: "passphrase", state: "elsewhere" });
    expect(existsSync(passphraseFile(box.dir, "prod"))).toBe(false);
  });

  test("whose backend encrypts has no passphrase", async () => {
    await walletAt("wallets/prod.json");
    const { secrets } = await initStackOf(host("exit 0"), box.dir, "prod", options());
    expect(secrets.map(({ kind }) => kind)).toEqual(["wallet"]);
    expect(existsSync(passphraseFile(box.dir, "prod"))).toBe(false);
  });
});

describe("a stack that is there", () => {
  test("stays as it is, and what is missing on this machine is named", async () => {
    stacks = ["organization/shop/prod"];
    writeFileSync(
      box.file("Pulumi.prod.yaml"),
      "encryptionsalt: v1:abc\nconfig:\n  shop:walletPath: wallets/prod.json\n",
    );
    const report = await initStackOf(host("exit 1"), box.dir, "prod", options());
    expect(report).toMatchObject({
      created: false,
      secrets: [
        { kind: "passphrase", state: "missing" },
        { kind: "wallet", file: "wallets/prod.json", state: "missing" },
      ],
    });
    expect(existsSync(box.file("wallets"))).toBe(false);
  });
});

describe("bad input", () => {
  test("a folder without a project is left empty", async () => {
    const { dir } = sandbox();
    const [problem] = await problemsOf(initStackOf(host(), dir, "staging", options()));
    expect(problem).toMatchObject({
      code: "PROJECT_UNREADABLE",
      remedy: expect.stringContaining("npx ao-fleet init"),
    });
    expect(existsSync(`${dir}/.fleet`)).toBe(false);
  });

  test.each([
    ["a b", undefined, "STACK_NAME_INVALID"],
    ["../staging", undefined, "STACK_NAME_INVALID"],
    ["eu", "pord", "STACK_KIND_UNKNOWN"],
  ])("the stack %j like %j is refused before anything is written", async (stack, like, code) => {
    const problems = await problemsOf(initStackOf(host(), box.dir, stack, options(like)));
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    expect(existsSync(box.file(".fleet"))).toBe(false);
  });

  test("a stack of somebody else's passphrase gets no new one", async () => {
    writeFileSync(box.file("Pulumi.prod.yaml"), "encryptionsalt: v1:abc\n");
    const [problem] = await problemsOf(initStackOf(host(), box.dir, "prod", options()));
    expect(problem).toMatchObject({ code: "PASSPHRASE_MISSING", at: passphraseFile(box.dir, "prod") });
    expect(existsSync(passphraseFile(box.dir, "prod"))).toBe(false);
  });

  test("a backend that refuses the stack is quoted, and the next run continues with the same secrets", async () => {
    await walletAt("wallets/prod.json");
    const [problem] = await problemsOf(
      initStackOf(host("echo no permission; exit 1"), box.dir, "prod", options()),
    );
    expect(problem).toMatchObject({ code: "STACK_NOT_MADE", got: "no permission" });
    const passphrase = text(".fleet/prod-passphrase");
    expect((await initStackOf(host(), box.dir, "prod", options())).created).toBe(true);
    expect(text(".fleet/prod-passphrase")).toBe(passphrase);
  });
});

import { execFileSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { backendFolder } from "../../src/toolchain/backend.ts";
import { doctor } from "../../src/toolchain/doctor.ts";
import { environment, exportLines } from "../../src/toolchain/env.ts";
import { launcherVersion } from "../../src/toolchain/install.ts";
import { cliDir, type Env, packageDir, passphraseFile, walletFile } from "../../src/toolchain/paths.ts";
import { readProject } from "../../src/toolchain/project.ts";
import { ensureSecrets } from "../../src/toolchain/secrets.ts";
import { setUp } from "../../src/toolchain/setup.ts";
import { problemsOf } from "../kit/failure.ts";
import { fakeCli, type Sandbox, sandbox } from "./sandbox.ts";

let box: Sandbox;
beforeEach(() => {
  box = sandbox();
  yaml("name: tried\nruntime: nodejs\nbackend:\n  url: file://./.fleet\n");
});

const yaml = (text: string) => writeFileSync(box.file("Pulumi.yaml"), text);
const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);

describe("the project", () => {
  test.each([
    ["file://./.fleet", ".fleet"],
    ["file://.", "."],
    ["file:///var/state", "/var/state"],
  ])("%s is made absolute", (url, folder) => {
    yaml(`name: tried\nbackend: { url: "${url}" }\n`);
    const dir = folder.startsWith("/") ? folder : join(box.dir, folder);
    expect(readProject(box.dir)).toEqual({ name: "tried", backendUrl: `file://${dir}`, backendDir: dir });
  });

  test.each([
    ["file://~", ""],
    ["file://~/state", "state"],
  ])("%s is the account's home folder, left to pulumi", (url, folder) => {
    yaml(`name: tried\nbackend: { url: "${url}" }\n`);
    const backendDir = join(userInfo().homedir, folder);
    expect(readProject(box.dir)).toEqual({ name: "tried", backendUrl: url, backendDir });
  });

  test.each([
    ["file://./my%20state", "my state", "my state"],
    ["file://50%25", "50%", "50%25"],
    ["file://state?no_tmp_dir=true", "state", "state?no_tmp_dir=true"],
  ])("%s names the folder that pulumi opens", (url, folder, absolute) => {
    yaml(`name: tried\nbackend: { url: "${url}" }\n`);
    const backendDir = join(box.dir, folder);
    expect(readProject(box.dir)).toEqual({
      name: "tried",
      backendUrl: `file://${box.dir}/${absolute}`,
      backendDir,
    });
    expect(backendFolder(`file://${box.dir}/${absolute}`, "/")).toBe(backendDir);
  });

  test.each(["s3://bucket", "https://api.pulumi.com"])("%s is left unchanged", (url) => {
    yaml(`name: tried\nbackend: { url: "${url}" }\n`);
    expect(readProject(box.dir)).toEqual({ name: "tried", backendUrl: url, backendDir: undefined });
  });

  test("a missing or invalid Pulumi.yaml is named", () => {
    yaml("backend: { url: 5 }\n");
    expect(() => readProject(box.dir)).toThrow(/PROJECT_UNREADABLE[\s\S]*name[\s\S]*backend\.url/);
    rmSync(box.file("Pulumi.yaml"));
    expect(() => readProject(box.dir)).toThrow("There is no Pulumi.yaml in this folder.");
  });

  const TAB = "name: tried\nbackend:\n\turl: file://./.fleet\n";

  test("a Pulumi.yaml that is not YAML is named with its line, also by the doctor", async () => {
    yaml(TAB);
    const at = `${box.file("Pulumi.yaml")}:3:1`;
    const problem = { code: "PROJECT_UNREADABLE", what: "Cannot read Pulumi.yaml.", at };
    expect(await problemsOf((async () => readProject(box.dir))())).toMatchObject([
      { ...problem, got: expect.stringMatching(/^Tabs are not allowed as indentation at line 3/) },
    ]);
    expect(await problemsOf(setUp(box.dir, box.log))).toMatchObject([problem]);
    const findings = await doctor(box.dir, box.env);
    expect(findings.find(({ name }) => name === "backend")).toMatchObject({
      ok: false,
      detail: `Cannot read Pulumi.yaml. (${at})`,
      remedy: expect.stringContaining("Fix the file."),
    });
  });

  test("a Pulumi.dev.yaml with a merge conflict is named with its line", async () => {
    writeFileSync(
      box.file("Pulumi.dev.yaml"),
      "config:\n<<<<<<< HEAD\n  tried:a: 1\n=======\n  tried:a: 2\n",
    );
    expect(await problemsOf(ensureSecrets(box.dir, box.log))).toMatchObject([
      { code: "PROJECT_UNREADABLE", at: expect.stringMatching(/Pulumi\.dev\.yaml:\d+:\d+$/) },
    ]);
  });
});

describe("the environment", () => {
  test("has the project's commands first, once, and an absolute backend", () => {
    const bin = join(packageDir, "node_modules", ".bin");
    const first = environment(box.dir, { PATH: `/usr/bin:${bin}:/bin` });
    expect(first).toEqual({
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PATH: `${bin}:/usr/bin:/bin`,
      PULUMI_BACKEND_URL: `file://${box.dir}/.fleet`,
      FLEET_ENV: JSON.stringify({ set: { PULUMI_BACKEND_URL: `file://${box.dir}/.fleet` }, path: [] }),
    });
    expect(environment(box.dir, first).PATH).toBe(first.PATH);
  });

  test("names the passphrase if there is one, and never overrides the user's", async () => {
    mkdirSync(box.file(".fleet"));
    writeFileSync(passphraseFile(box.dir), "secret");
    const name = "PULUMI_CONFIG_PASSPHRASE_FILE";
    expect(environment(box.dir, {})[name]).toBe(passphraseFile(box.dir));
    expect(environment(box.dir, { PULUMI_CONFIG_PASSPHRASE: "" })).not.toHaveProperty(name);
    expect(environment(box.dir, { [name]: "/theirs" })).not.toHaveProperty(name);
    expect(environment(box.dir, { PULUMI_BACKEND_URL: "s3://theirs" })).not.toHaveProperty(
      "PULUMI_BACKEND_URL",
    );
    expect(exportLines(environment(box.dir, {}))).not.toContain("secret");
  });

  test("never gives another stack the dev stack's passphrase", () => {
    mkdirSync(box.file(".fleet"));
    writeFileSync(passphraseFile(box.dir), "of dev");
    const name = "PULUMI_CONFIG_PASSPHRASE_FILE";
    expect(environment(box.dir, {}, "prod")).not.toHaveProperty(name);
    // In a shell prepared for dev by `fleet env`.
    const shell = { [name]: passphraseFile(box.dir) };
    expect(exportLines(environment(box.dir, shell, "prod"))).toContain(`unset ${name}\n`);
    writeFileSync(passphraseFile(box.dir, "prod"), "of prod");
    for (const env of [{}, shell])
      expect(environment(box.dir, env, "prod")[name]).toBe(passphraseFile(box.dir, "prod"));
    expect(environment(box.dir, { [name]: "/theirs" }, "prod")).not.toHaveProperty(name);
  });

  describe("in a shell prepared for another project", () => {
    const [backend, file] = ["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE"] as const;
    /** A project in a folder of its own, with passphrases for its stacks. */
    const project = (
      name: string,
      stacks: readonly string[],
      url: string | undefined = "file://./.fleet",
    ) => {
      const dir = box.file(name);
      mkdirSync(join(dir, ".fleet"), { recursive: true });
      writeFileSync(
        join(dir, "Pulumi.yaml"),
        `name: ${name}\nruntime: nodejs\n${url ? `backend: { url: "${url}" }\n` : ""}`,
      );
      for (const stack of stacks) writeFileSync(passphraseFile(dir, stack), "secret");
      return dir;
    };
    /** The shell's variables after it evaluated the lines. */
    const evaluated = (env: Env, dir: string, stack?: string): Env => {
      const lines = exportLines(environment(dir, env, stack));
      const node = `'${process.execPath}' -e 'process.stdout.write(JSON.stringify(process.env))'`;
      const shell = { PATH: "/usr/bin:/bin", ...env };
      return JSON.parse(execFileSync("/bin/sh", ["-c", `${lines}${node}`], { env: shell, encoding: "utf8" }));
    };

    test("replaces its backend, its passphrase file and its commands", () => {
      const [p, ab] = [project("p", ["dev", "prod"]), project("ab", ["dev"])];
      const first = evaluated({}, p);
      expect(first).toMatchObject({ [backend]: `file://${p}/.fleet`, [file]: passphraseFile(p) });
      const second = evaluated(first, ab);
      expect(second).toMatchObject({ [backend]: `file://${ab}/.fleet`, [file]: passphraseFile(ab) });
      expect(evaluated(second, p)).toMatchObject(first);
      expect(evaluated(evaluated(first, p, "prod"), p)[file]).toBe(passphraseFile(p));
    });

    test("unsets what the next project has no value for", () => {
      const first = evaluated({}, project("p", ["dev"]));
      const second = evaluated(first, project("bare", [], ""));
      expect(second).not.toHaveProperty(backend);
      expect(second).not.toHaveProperty(file);
    });

    test("keeps what the user set, before or afterwards", () => {
      const [p, ab] = [project("p", ["dev"]), project("ab", ["dev"])];
      const theirs = { [backend]: "s3://theirs", [file]: "/theirs" };
      expect(evaluated(evaluated(theirs, p), ab)).toMatchObject(theirs);
      expect(evaluated({ ...evaluated({}, p), ...theirs }, ab)).toMatchObject(theirs);
    });

    test("does not let PATH grow, and removes none of the user's entries", () => {
      const [p, ab] = [project("p", []), project("ab", [])];
      const bin = join(packageDir, "node_modules", ".bin");
      const other = "/elsewhere/node_modules/.bin";
      const path = (env: Env) => env.PATH?.split(":");
      // As another project's `fleet env` leaves it: its package is in another folder.
      const left = (added: readonly string[]) => ({
        PATH: `${other}:/usr/bin:/bin`,
        FLEET_ENV: JSON.stringify({ set: {}, path: added }),
      });
      expect(path(evaluated(left([other]), p))).toEqual([bin, "/usr/bin", "/bin"]);
      expect(path(evaluated(left([]), p))).toEqual([bin, other, "/usr/bin", "/bin"]);
      let shell: Env = { PATH: "/usr/bin:/bin" };
      for (const dir of [p, ab, p, ab]) shell = evaluated(shell, dir);
      expect(path(shell)).toEqual([bin, "/usr/bin", "/bin"]);
      expect(JSON.parse(shell.FLEET_ENV ?? "")).toMatchObject({ path: [bin] });
    });
  });

  test("survives a shell, quotes included", () => {
    expect(exportLines({ A: "it's $HOME", B: "" })).toBe("export A='it'\\''s $HOME'\nexport B=''\n");
  });
});

describe("secrets", () => {
  test("are created once, readable only by their owner, and never printed", async () => {
    await ensureSecrets(box.dir, box.log);
    const [passphrase, wallet] = [passphraseFile(box.dir), walletFile(box.dir)];
    expect([mode(box.file(".fleet")), mode(passphrase), mode(wallet)]).toEqual(["700", "600", "600"]);
    const before = [readFileSync(passphrase, "utf8"), readFileSync(wallet, "utf8")];
    expect(before[0]).toMatch(/^[\w-]{43}$/);
    const jwk = JSON.parse(before[1] ?? "") as Record<string, string>;
    const key = createPrivateKey({ key: jwk, format: "jwk" });
    expect(key.asymmetricKeyDetails).toMatchObject({ modulusLength: 4096, publicExponent: 65537n });
    for (const secret of [before[0] ?? "", jwk.d ?? "", jwk.n ?? ""]) {
      expect(box.lines.join("\n")).not.toContain(secret);
    }
    // Opened by hand: repaired and reported. The content stays.
    chmodSync(wallet, 0o644);
    await ensureSecrets(box.dir, box.log);
    expect(mode(wallet)).toBe("600");
    expect(box.lines.at(-1)).toMatch(/was readable by others \(644\)/);
    expect([readFileSync(passphrase, "utf8"), readFileSync(wallet, "utf8")]).toEqual(before);
    expect(readdirSync(box.file(".fleet")).sort()).toEqual(["dev-passphrase", "dev-wallet.json"]);
  });

  test("that are lost are not replaced: a passphrase under a stack that needs it", async () => {
    writeFileSync(box.file("Pulumi.dev.yaml"), "encryptionsalt: v1:abc\n");
    await expect(ensureSecrets(box.dir, box.log)).rejects.toThrow("DEV_PASSPHRASE_LOST");
    expect(readdirSync(box.file(".fleet"))).toEqual([]);
  });
});

describe("the set-up", () => {
  test("creates the dev stack's settings, the backend's folder and the secrets once, and then touches nothing", async () => {
    // A key takes seconds to generate, and one test above does it.
    mkdirSync(box.file(".fleet"), { mode: 0o700 });
    writeFileSync(walletFile(box.dir), "{}", { mode: 0o600 });
    const version = launcherVersion();
    fakeCli(cliDir(version, box.env), version);
    vi.stubEnv("PULUMI_HOME", box.env.PULUMI_HOME);
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await setUp(box.dir, box.log)).toBe("present");
    expect(readdirSync(box.file(".fleet")).sort()).toEqual([
      ".gitignore",
      "dev-passphrase",
      "dev-wallet.json",
    ]);
    expect(readFileSync(box.file(".fleet/.gitignore"), "utf8")).toBe("*\n");
    // This project's settings, whatever its name.
    const settings = readFileSync(box.file("Pulumi.dev.yaml"), "utf8");
    expect(settings).toContain("tried:network: local");
    expect(settings).not.toContain("ao-fleet:");
    // From now on the user's own.
    writeFileSync(box.file("Pulumi.dev.yaml"), "config: {}\n");
    const linesBefore = box.lines.length;
    expect(await setUp(box.dir, box.log)).toBe("present");
    expect(readFileSync(box.file("Pulumi.dev.yaml"), "utf8")).toBe("config: {}\n");
    expect(box.lines).toHaveLength(linesBefore);
  });
});

describe("the doctor", () => {
  test("lists everything that is missing on an empty machine, and what to do", async () => {
    const findings = await doctor(box.dir, box.env);
    const byName = new Map(findings.map((finding) => [finding.name, finding]));
    expect(byName.get("node")).toMatchObject({ ok: true, version: expect.stringMatching(/^v22\./) });
    for (const name of ["pulumi CLI", "backend", "dev passphrase", "dev wallet"]) {
      expect(byName.get(name), name).toMatchObject({
        ok: false,
        remedy: expect.stringContaining("npx fleet setup"),
      });
    }
    expect(byName.get("go")).toMatchObject({ ok: false, detail: "on the PATH: not found" });
    expect(byName.get("pip")).toMatchObject({ ok: false, detail: "none found" });
  });

  test("speaks of the project that it is run in, and of the secrets of its other stacks", async () => {
    mkdirSync(box.file("node_modules/ao-fleet"), { recursive: true });
    writeFileSync(box.file("node_modules/ao-fleet/package.json"), "{}");
    writeFileSync(box.file("Pulumi.staging.yaml"), "config:\n  tried:walletPath: wallets/staging.json\n");
    mkdirSync(box.file("wallets"));
    writeFileSync(box.file("wallets/staging.json"), "{}", { mode: 0o644 });
    const findings = await doctor(box.dir, box.env);
    expect(findings).toContainEqual({ name: "project", ok: true, detail: `tried in ${box.dir}` });
    expect(findings).toContainEqual({
      name: "staging passphrase",
      ok: true,
      detail: "not on this machine; npx fleet stack init staging needs .fleet/staging-passphrase",
    });
    expect(findings.find(({ name }) => name === "staging wallet")).toMatchObject({
      ok: false,
      detail: `${box.file("wallets/staging.json")} has mode 644`,
    });
    rmSync(box.file("node_modules"), { recursive: true });
    expect((await doctor(box.dir, box.env)).find(({ name }) => name === "project")).toMatchObject({
      ok: false,
      remedy: expect.stringContaining("npm install ao-fleet"),
    });
  });

  test("outside of a project misses the project, and nothing else of one", async () => {
    rmSync(box.file("Pulumi.yaml"));
    const findings = await doctor(box.dir, box.env);
    expect(findings.map(({ name }) => name)).toEqual([
      "node",
      "packages",
      "pulumi CLI",
      "go",
      "pip",
      "project",
    ]);
    expect(findings.at(-1)).toMatchObject({
      ok: false,
      detail: `There is no Pulumi.yaml in this folder. (${box.file("Pulumi.yaml")})`,
      remedy: expect.stringContaining("npx ao-fleet init"),
    });
  });

  test("finds a secret that others can read", async () => {
    mkdirSync(box.file(".fleet"));
    writeFileSync(walletFile(box.dir), "{}", { mode: 0o600 });
    writeFileSync(passphraseFile(box.dir), "secret", { mode: 0o600 });
    chmodSync(passphraseFile(box.dir), 0o640);
    const findings = await doctor(box.dir, box.env);
    expect(findings.find(({ name }) => name === "dev passphrase")).toEqual({
      name: "dev passphrase",
      ok: false,
      detail: `${passphraseFile(box.dir)} has mode 640`,
      remedy: `Run \`chmod 600 ${passphraseFile(box.dir)}\`.`,
    });
    expect(findings.find(({ name }) => name === "dev wallet")).toMatchObject({ ok: true });
  });
});

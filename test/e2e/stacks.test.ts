import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";

const repository = resolve(".");
let dir: string;

/** The content of a clone: git's files and installed packages. */
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "fleet-fresh-"));
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: repository,
    encoding: "utf8",
  });
  for (const file of files
    .split("\0")
    .filter((name) => name !== "" && !/^(test|docs|examples|bench)\//.test(name))) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    cpSync(join(repository, file), join(dir, file));
  }
  symlinkSync(join(repository, "node_modules"), join(dir, "node_modules"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A line in a new user's shell, with nothing of this project in its environment. */
function shell(line: string): string {
  const { HOME = "", PULUMI_HOME = `${HOME}/.pulumi` } = process.env;
  const PATH = (process.env.PATH ?? "").split(":").filter((entry) => !entry.includes("node_modules"));
  const env = { HOME, PULUMI_HOME, PATH: [join(dir, "node_modules/.bin"), ...PATH].join(":") };
  return execFileSync("bash", ["-c", `set -e; ${line}`], { cwd: dir, env, encoding: "utf8", stdio: "pipe" });
}

it("a bare pulumi creates each stack of a fresh clone, each with its own passphrase", () => {
  shell("PULUMI_CONFIG_PASSPHRASE=of-staging pulumi stack init staging --non-interactive");
  // As after npm start: dev's secrets exist, and its variables are in the shell.
  writeFileSync(join(dir, ".fleet/dev-passphrase"), "of-dev", { mode: 0o600 });
  writeFileSync(join(dir, ".fleet/prod-passphrase"), "of-prod", { mode: 0o600 });
  const fleet = "node src/cli/fleet.mjs";
  shell(
    `eval "$(${fleet} env)"; eval "$(${fleet} env --stack prod)"; pulumi stack init prod --non-interactive; pulumi config set --secret --stack prod token abc`,
  );
  for (const stack of ["staging", "prod"])
    expect(parse(readFileSync(join(dir, `Pulumi.${stack}.yaml`), "utf8"))).toMatchObject({
      encryptionsalt: expect.any(String),
      config: { "ao-fleet:network": "mainnet", "ao-fleet:walletPath": `wallets/${stack}.json` },
    });
  const read = (passphrase: string) =>
    shell(`PULUMI_CONFIG_PASSPHRASE=${passphrase} pulumi config get --stack prod token --non-interactive`);
  expect(read("of-prod").trim()).toBe("abc");
  expect(() => read("of-dev")).toThrow(/incorrect passphrase/);
  // A command for another stack uses that stack's passphrase, in a shell that was prepared for dev.
  const plan = shell(
    `eval "$(${fleet} env)"; pulumi config set --stack prod network local; ${fleet} deploy --stack prod --dry-run 2>&1 || true`,
  );
  expect(plan).not.toMatch(/incorrect passphrase/);
  expect(plan).toContain("wallets/prod.json");
}, 120_000);

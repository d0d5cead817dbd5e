import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rotate } from "../../src/cli/log.ts";
import { knownSecrets } from "../../src/core/known-secrets.ts";
import { REDACTED, redact, redactText } from "../../src/core/redact.ts";
import { environmentSecrets } from "../../src/operations/support/bundle.ts";
import { filesOf } from "../../src/operations/support/collect.ts";
import { redactFile } from "../../src/operations/support/redact.ts";
import { fleet, projectFolder } from "../cli/fakes.ts";
import { actingIn } from "../kit/acting.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { type Simulated, simulatedFleet } from "../validate/fleet.ts";

const canary = (name: string) => `canary-${name}-${"x".repeat(90)}`;
const JWK = { kty: "RSA", n: canary("n"), e: "AQAB", d: canary("d"), p: canary("p"), q: canary("q") };

describe("redaction", () => {
  test("removes known secrets, private names, keys and tokens, wherever they are", () => {
    const secrets = knownSecrets([{ name: "the passphrase", value: "only a test" }]);
    expect(redactText("say only a test please", secrets)).toBe(`say ${REDACTED} please`);
    expect(redactText(`a ghp_${"a".repeat(36)} b`)).toBe(`a ${REDACTED} b`);
    const pem = `-----BEGIN ${"PRIVATE"} KEY-----\nabc\n-----END ${"PRIVATE"} KEY-----`;
    expect(redactText(`x${pem}y`)).not.toContain("abc");
    expect(redact({ a: [{ apiKey: "k", n: 1 }], wallet: JWK, text: "only a test" }, secrets)).toEqual({
      a: [{ apiKey: REDACTED, n: 1 }],
      wallet: { ...JWK, d: REDACTED, p: REDACTED, q: REDACTED },
      text: REDACTED,
    });
    expect(redact({ token: null, secret: "" })).toEqual({ token: null, secret: "" });
  });

  test("works by name in YAML, and on a cut JSON as on plain text", () => {
    const yaml = "config:\n  game:apiToken: abc\n  game:network: local\nencryptionsalt: v1:abc\n";
    expect(redactFile("Pulumi.dev.yaml", yaml, knownSecrets([]))).toBe(
      `config:\n  game:apiToken: ${REDACTED}\n  game:network: local\nencryptionsalt: ${REDACTED}\n`,
    );
    expect(redactFile("half.json", '{"password": "abc",', knownSecrets([]))).toBe(`{"password": ${REDACTED}`);
  });
});

test("of the commands of a wallet, a bundle has the program without its arguments", () => {
  const none = knownSecrets([]);
  const list = `\n    command:\n      - ./sg.sh\n      - --with\n      - hunter22 # hunter23\n    timeoutSeconds: 5\n`;
  const kept = `\n    command:\n      - ./sg.sh\n      - "${REDACTED}"\n      - "${REDACTED}"\n    timeoutSeconds: 5\n`;
  for (const key of ["game:signer", "game:walletFrom"])
    expect(redactFile("Pulumi.dev.yaml", `# mine\nconfig:\n  ${key}:${list}`, none)).toBe(
      `# mine\nconfig:\n  ${key}:${kept}`,
    );
  const json = JSON.stringify({ command: ["./sg.sh", "hunter22"], timeoutSeconds: 5 });
  const shut = JSON.stringify({ command: ["./sg.sh", REDACTED], timeoutSeconds: 5 });
  expect(redactFile("Pulumi.dev.yaml", `config:\n  game:signer: '${json}'\n`, none)).toBe(
    `config:\n  game:signer: '${shut}'\n`,
  );
  expect(
    JSON.parse(redactFile("m.json", `{"config":{"game:signer":${json},"command":["a","b"]}}`, none)),
  ).toEqual({ config: { "game:signer": JSON.parse(shut), command: ["a", "b"] } });
  const others = [
    `config:\n  game:signer: {command: ./sg.sh hunter22}\n`,
    `config:\n  game:signer:\n    default:\n      command: [./sg.sh, hunter22]\n`,
    `config:\n  game:signer: &one\n    command: [./sg.sh, hunter22]\n  game:other: 1\n  game:walletFrom: *one\n`,
    `config:\n  game:signer:${list}  broken: [\n`,
  ];
  for (const yaml of others) {
    const clean = redactFile("Pulumi.dev.yaml", yaml, none);
    expect(clean).not.toContain("hunter2");
    expect(clean).toContain("config:\n  game:signer:");
  }
});

test("of a log over 16 MB, nothing of a key is left whose beginning was not read", async () => {
  const folder = temporaryFolder("long-log");
  mkdirSync(join(folder, "build", "logs"), { recursive: true });
  const half = `${"MIIkeykeykey".repeat(5)}\n`.repeat(20);
  const after = "a line of the log\n".repeat(940_000);
  const rest = 16 * 1024 * 1024 - half.length - `-----END ${"PRIVATE"} KEY-----\n`.length;
  const log = `-----BEGIN ${"PRIVATE"} KEY-----\n${half}${half}-----END ${"PRIVATE"} KEY-----\n${after.slice(-rest)}`;
  writeFileSync(join(folder, "build", "logs", "long.txt"), log);
  writeFileSync(join(folder, "build", "logs", "one-line.txt"), "x".repeat(17 * 1024 * 1024));
  const [long, oneLine] = await filesOf(folder);
  expect(long?.text).not.toContain("MIIkey");
  expect(long?.text).toHaveLength(rest + 1);
  expect(oneLine).toEqual({ name: join("logs", "one-line.txt"), text: "" });
}, 60_000);

describe("fleet support-bundle", () => {
  let here: Simulated;
  beforeAll(async () => {
    here = await simulatedFleet();
    const { home, scope } = here.stack;
    writeFileSync(join(home, "wallet.json"), JSON.stringify(JWK), { mode: 0o600 });
    writeFileSync(join(home, `Pulumi.${scope.stack}.yaml`), "config:\n  game:walletPath: wallet.json\n");
    mkdirSync(join(home, "build/logs"), { recursive: true });
    writeFileSync(
      join(home, "build/logs/deploy_output.txt"),
      `a log with ${JWK.d} in it, and \u001b[2J\u202e\n`,
    );
    writeFileSync(join(home, "build/deployment-manifest.json"), JSON.stringify({ wallet: JWK, stack: "s" }));
  }, 60_000);
  afterAll(() => here.close());

  function unpacked(file: string): string {
    const folder = temporaryFolder("unpacked");
    execFileSync("tar", ["-xzf", file, "-C", folder, "--strip-components=1"]);
    return folder;
  }

  test("contains what helps, for every process, and no secret", async () => {
    const ran = await here.run("support-bundle", "--json");
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("secrets were redacted")]);
    const { file, files } = ran.json<{ file: string; files: string[] }>();
    expect(files).toEqual(
      expect.arrayContaining([
        ...["about.json", "doctor.json", "journal.json", "project/Pulumi.yaml"],
        ...["build/deployment-manifest.json", "logs/deploy_output.txt", "processes/shop.json"],
      ]),
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const folder = unpacked(file);
    const shop = JSON.parse(readFileSync(join(folder, "processes/shop.json"), "utf8"));
    expect(shop).toMatchObject({
      name: "shop",
      Info: { status: "ACTIVE" },
      HEALTH_CHECK: { healthStatus: "HEALTHY" },
    });
    expect(shop.messages.map(({ action }: { action: string }) => action)).toContain("WIRE_PEERS");
    const all = execFileSync(
      "cat",
      files.map((name) => join(folder, name)),
      { encoding: "utf8" },
    );
    for (const member of ["d", "p", "q"] as const) expect(all).not.toContain(JWK[member]);
    expect(actingIn(all, "\n")).toEqual([]);
    expect(all).toContain(REDACTED);
  });

  test("is a new file with mode 600 in place of an old file or of a link, and links are not read", async () => {
    const { home } = here.stack;
    const mine = join(home, "mine.txt");
    writeFileSync(mine, "not an archive", { mode: 0o644 });
    const old = join(home, "old.tgz");
    writeFileSync(old, "old", { mode: 0o644 });
    const link = join(home, "link.tgz");
    symlinkSync(mine, link);
    // A link of this name would take any file of this machine into the archive.
    symlinkSync(mine, join(home, "build/logs/linked.log"));
    for (const path of [old, link]) {
      const ran = await here.run("support-bundle", "--offline", "--output", path, "--json");
      expect(ran.json()).toMatchObject({ success: true, file: path });
      const stats = lstatSync(path);
      expect([stats.isSymbolicLink(), stats.mode & 0o777]).toEqual([false, 0o600]);
      expect(ran.json<{ files: string[] }>().files).not.toContain("logs/linked.log");
      expect(readFileSync(path).subarray(0, 2)).toEqual(Buffer.of(0x1f, 0x8b));
    }
    expect(readFileSync(mine, "utf8")).toBe("not an archive");
    expect(readdirSync(home).filter((name) => name.startsWith("old.tgz."))).toEqual([]);
  });

  test("redacts private values of the environment", () => {
    const env = {
      ...{ NPM_TOKEN: "npm-value-1234", SLACK_WEBHOOK_URL: "https://hooks.example/T/x", HOME: "/home/ann" },
      ...{
        PWD: "/home/ann/game",
        SSH_AUTH_SOCK: "/tmp/agent",
        PULUMI_CONFIG_PASSPHRASE_FILE: "/etc/p",
        EMPTY_KEY: "",
      },
    };
    expect(environmentSecrets(env).map(({ value }) => value)).toEqual([
      "npm-value-1234",
      "https://hooks.example/T/x",
    ]);
  });

  test("contacts no process with --offline", async () => {
    const sent = here.stack.net.oracle.counts().messages;
    const ran = await here.run("support-bundle", "--offline", "--output", "help.tgz", "--json");
    expect(ran.json<{ files: string[] }>().files.some((name) => name.startsWith("processes/"))).toBe(false);
    expect(here.stack.net.oracle.counts().messages).toBe(sent);
    expect(statSync(join(here.stack.home, "help.tgz")).size).toBeGreaterThan(100);
  });
});

describe("the log of commands", () => {
  const lines = (folder: string) =>
    readFileSync(join(folder, "build/logs/fleet.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test("has one JSON object a line: start, messages, errors with their code, end with the exit code", async () => {
    const folder = projectFolder();
    mkdirSync(join(folder, ".fleet"));
    await fleet(["validate", "--types", "nonsense", "--quiet"], { cwd: folder });
    const log = lines(folder);
    expect(log.map(({ msg }) => msg)).toEqual([
      "started",
      expect.stringContaining("Unknown validation type: "),
      expect.stringContaining("[TYPE_UNKNOWN]"),
      "finished",
    ]);
    expect(log[1]).toMatchObject({ level: 50, command: "validate", code: "TYPE_UNKNOWN" });
    expect(log.at(-1)).toMatchObject({
      exitCode: 2,
      ms: expect.any(Number),
      time: expect.stringMatching(/Z$/),
    });
  });

  test("is off on request, and in a folder that was never set up", async () => {
    const folder = projectFolder();
    await fleet(["validate", "--types", "nonsense"], { cwd: folder });
    mkdirSync(join(folder, ".fleet"));
    await fleet(["validate", "--types", "nonsense"], { cwd: folder, env: { FLEET_LOG_LEVEL: "silent" } });
    expect(() => lines(folder)).toThrow("ENOENT");
  });

  test("is rotated when it is long, and the given number of old files is kept", () => {
    const path = join(temporaryFolder("log"), "fleet.jsonl");
    for (const text of ["first", "second", "third"]) {
      writeFileSync(path, text.repeat(10));
      rotate(path, 20, 2);
    }
    expect(readFileSync(`${path}.1`, "utf8")).toMatch(/^third/);
    expect(readFileSync(`${path}.2`, "utf8")).toMatch(/^second/);
    expect(() => statSync(`${path}.3`)).toThrow();
    writeFileSync(path, "short");
    rotate(path, 20, 2);
    expect(readFileSync(path, "utf8")).toBe("short");
  });
});

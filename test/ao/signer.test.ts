import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DataItem } from "@dha-team/arbundles";
import { beforeAll, describe, expect, test } from "vitest";
import { preFlight } from "../../components/pre-flight.ts";
import { loadWallet, type WalletSource } from "../../src/ao/wallet.ts";
import { walletSource } from "../../src/fleet/session/wallet.ts";
import { failureOf, problemsOf } from "../kit/failure.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { signingProgram } from "./signing-program.ts";
import { makeJwk } from "./wallets.ts";

const folder = temporaryFolder("signer");
let jwk: Record<string, string>;
let command: string[];

beforeAll(async () => {
  jwk = await makeJwk();
  command = await signingProgram(folder, jwk);
});

/** A program of a few lines in JavaScript, as the words of a command. */
function program(text: string): string[] {
  const path = join(folder, `${Math.random()}.cjs`);
  writeFileSync(path, text);
  return [process.execPath, path];
}
/** The signer, but with another answer to one of its two calls. */
const except = (call: "public-key" | "sign", text: string): string[] => {
  const [, path = "", pem = ""] = command;
  return program(
    `if (process.argv.at(-1) === ${JSON.stringify(call)}) { ${text} } else {\n` +
      `process.argv.splice(2, 0, ${JSON.stringify(pem)});\nrequire(${JSON.stringify(path)}); }`,
  );
};
const settings = (values: Record<string, unknown>, env: Record<string, string> = {}): WalletSource =>
  walletSource({ get: (key) => (key in values ? JSON.stringify(values[key]) : undefined) }, { env, folder });
const local = { kind: "local", dir: ".fleet/localnet" } as const;
const previewOf = (signer: unknown) =>
  problemsOf(preFlight({ get: (key) => (key === "signer" ? JSON.stringify(signer) : undefined) }, local, {}));

describe("a signer", () => {
  test("has the address of its key and signs items that networks accept", async () => {
    const wallet = await loadWallet(settings({ signer: { command } }));
    const { address } = await loadWallet({ jwk });
    expect(wallet.address).toBe(address);
    const { id, raw } = await wallet.sign({ data: "1 + 1", tags: [{ name: "Action", value: "Eval" }] });
    expect(await DataItem.verify(Buffer.from(raw))).toBe(true);
    const item = new DataItem(Buffer.from(raw));
    expect([item.id, item.rawData.toString()]).toEqual([id, "1 + 1"]);
    expect(item.rawOwner.toString("base64url")).toBe(jwk.n);
    expect(await loadWallet(settings({ signer: { command, address } }))).toMatchObject({ address });
  });

  test("is started without a shell, in the project's folder, without the stack's passphrase", async () => {
    const seen = join(folder, "seen.json");
    const words = except(
      "public-key",
      `require("node:fs").writeFileSync(${JSON.stringify(seen)}, JSON.stringify([process.argv.slice(2), process.cwd(), process.env])); process.exit(3);`,
    );
    const env = {
      PULUMI_CONFIG_PASSPHRASE: "hunter22",
      PULUMI_ACCESS_TOKEN: "hunter23",
      PULUMI_CONFIG_PASSPHRASE_FILE: "/game/.fleet/hunter24",
      FLEET_ENV: JSON.stringify({
        set: { PULUMI_CONFIG_PASSPHRASE_FILE: "/game/.fleet/hunter24" },
        path: [],
      }),
      KMS_REGION: "north",
    };
    await expect(
      loadWallet(settings({ signer: { command: [...words, "$(touch x); *"] } }, env)),
    ).rejects.toThrow("exit code 3");
    const [args, cwd, given] = JSON.parse(readFileSync(seen, "utf8"));
    expect([args, cwd]).toEqual([["$(touch x); *", "public-key"], folder]);
    expect(given).toMatchObject({ KMS_REGION: "north" });
    expect(JSON.stringify(given)).not.toContain("hunter2");
  });

  test.each<[string, () => unknown, string, string]>([
    ["is missing", () => ({ command: ["no-such-signer"] }), "WALLET_COMMAND_MISSING", "ENOENT"],
    ["is no executable file", () => ({ command: ["./plain.txt"] }), "WALLET_COMMAND_MISSING", "EACCES"],
    ["fails", () => ({ command: program("process.exit(4)") }), "WALLET_COMMAND_FAILED", "exit code 4"],
    [
      "prints without end",
      () => ({ command: program("setInterval(() => process.stdout.write('x'.repeat(9999)))") }),
      "WALLET_COMMAND_FAILED",
      "more than 65536 bytes",
    ],
    [
      "prints no key",
      () => ({ command: program("console.log('hello')") }),
      "SIGNER_KEY_INVALID",
      "BEGIN PUBLIC",
    ],
    [
      "prints the private key",
      () => ({
        command: except(
          "public-key",
          `console.log(require("node:fs").readFileSync(${JSON.stringify(command[2])}, "utf8"))`,
        ),
      }),
      "SIGNER_KEY_INVALID",
      "BEGIN PUBLIC KEY",
    ],
    [
      "has a short key",
      () => ({
        command: program(
          `console.log(require("node:crypto").generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" }))`,
        ),
      }),
      "SIGNER_KEY_INVALID",
      "1024 bits",
    ],
    [
      "has an elliptic key",
      () => ({
        command: program(
          `console.log(require("node:crypto").generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }))`,
        ),
      }),
      "SIGNER_KEY_INVALID",
      "ed25519",
    ],
    [
      "has another key than the setting says",
      () => ({ command, address: "x".repeat(43) }),
      "SIGNER_KEY_OTHER",
      "x".repeat(43),
    ],
    [
      "prints a signature with a newline",
      () => ({ command: except("sign", "process.stdout.write('s'.repeat(512) + String.fromCharCode(10))") }),
      "SIGNATURE_INVALID",
      "513 bytes",
    ],
    [
      "prints a signature of something else",
      () => ({ command: except("sign", "process.stdout.write(Buffer.alloc(512, 7))") }),
      "SIGNATURE_INVALID",
      "another key",
    ],
    ["is no list", () => ({ command: "kms sign" }), "WALLET_SETTING_INVALID", "signer.command"],
    [
      "has a wrong field and none that is needed",
      () => ({ comand: [] }),
      "WALLET_SETTING_INVALID",
      "signer.command",
    ],
    ["is empty", () => ({ command: [] }), "WALLET_SETTING_INVALID", "signer.command"],
  ])("that %s fails the preview", async (_, signer, code, text) => {
    writeFileSync(join(folder, "plain.txt"), "");
    chmodSync(join(folder, "plain.txt"), 0o600);
    const given = signer() as { command: string[] };
    if (given.command?.[0] === "./plain.txt") given.command = [join(folder, "plain.txt")];
    const found = await previewOf(given);
    expect(found).toMatchObject([{ code }]);
    expect(JSON.stringify(found)).toContain(text);
    expect(JSON.stringify(found)).not.toMatch(/PRIVATE KEY|MII/);
  });

  test("that does not answer is stopped after its time limit, with what it started, and fails the preview", async () => {
    const mark = join(folder, "late");
    const child = `setTimeout(() => require("node:fs").writeFileSync(${JSON.stringify(mark)}, ""), 2500); setInterval(() => {}, 1000);`;
    const words = except(
      "sign",
      `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], { stdio: "inherit" }); setInterval(() => {}, 1000);`,
    );
    const [problem] = await previewOf({ command: words, timeoutSeconds: 1 });
    expect(problem).toMatchObject({ code: "WALLET_COMMAND_TIMEOUT", got: "no result after 1 s" });
    await sleep(2500);
    expect(existsSync(mark)).toBe(false);
  });

  test("says that its failures are this machine's, so that they are no verdict on a process", async () => {
    const wallet = await loadWallet(settings({ signer: { command: except("sign", "process.exit(5)") } }));
    const error = await failureOf(wallet.sign({ data: "", tags: [] }));
    expect(error).toMatchObject({ code: "WALLET_COMMAND_FAILED", isLocal: true });
  });
});

describe("walletFrom", () => {
  test("names a file, an environment variable or a command that prints the key", async () => {
    writeFileSync(join(folder, "key.json"), JSON.stringify(jwk), { mode: 0o600 });
    const { address } = await loadWallet({ jwk });
    const print = [process.execPath, "-e", "process.stdout.write(process.env.KEYCHAIN)"];
    const env = { AO_WALLET: JSON.stringify(jwk), KEYCHAIN: JSON.stringify(jwk) };
    for (const walletFrom of [{ file: "key.json" }, { environment: "AO_WALLET" }, { command: print }])
      expect(await loadWallet(settings({ walletFrom }, env))).toMatchObject({ address });
  });

  test.each<[string, unknown, string, string]>([
    ["a variable that is not set", { environment: "NONE" }, "WALLET_MISSING", "NONE"],
    ["a variable without a key", { environment: "JUNK" }, "WALLET_INVALID", "The environment variable JUNK"],
    ["a command that prints junk", { command: ["echo", "no"] }, "WALLET_INVALID", "What echo prints"],
    ["a command that fails", { command: ["false"] }, "WALLET_COMMAND_FAILED", "exit code 1"],
    ["two sources", { file: "a", environment: "B" }, "WALLET_SETTING_INVALID", "walletFrom"],
    ["a name that no variable has", { environment: "A-B" }, "WALLET_SETTING_INVALID", "walletFrom"],
  ])("refuses %s", async (_, walletFrom, code, text) => {
    const load = async () =>
      loadWallet(settings({ walletFrom }, { JUNK: "secret-junk", PATH: process.env.PATH ?? "" }));
    const [problem] = await problemsOf(load());
    expect(problem?.code).toBe(code);
    expect(JSON.stringify(problem)).toContain(text);
    expect(JSON.stringify(problem)).not.toContain("secret-junk");
  });

  test("and signer are refused together with each other or with another wallet", () => {
    const [signer, walletFrom] = [{ command: ["a"] }, { file: "b" }];
    for (const values of [
      { signer, walletFrom },
      { signer, walletPath: "c" },
      { walletFrom, wallet: {} },
    ])
      expect(() => settings(values)).toThrow("WALLET_AMBIGUOUS");
  });
});

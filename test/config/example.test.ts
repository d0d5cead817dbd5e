import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { check } from "../../providers/config-bundle/lifecycle.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { boot } from "../processes/aos.ts";

const root = resolve(import.meta.dirname, "../..");
const example = join(root, "examples/configuration");

/** The key by which Pulumi marks special values; a secret, here. */
const SECRET = "4dabf18193072939515e22adb298388d";

test("the page on configuration shows the example", () => {
  const page = readFileSync(join(root, "docs/how-to/configure.md"), "utf8");
  expect(page).toContain(`\`\`\`ts\n${readFileSync(join(example, "index.ts"), "utf8")}\`\`\``);
});

test("the example declares a bundle for each type and member, with its secret hidden and its custom type as rules", async () => {
  const dir = temporaryFolder("example");
  cpSync(example, dir, { recursive: true });
  for (const name of ["shop", "deployment-coordinator"])
    writeFiles({ [`processes/${name}/process.lua`]: "return {}\n" }, dir);
  const { publicKey } = generateKeyPairSync("x25519");
  const sealTo = publicKey.export({ type: "spki", format: "pem" }).toString();
  const own = {
    ...{ network: "local", localDir: ".fleet/localnet", module: "aos", version: "1.0.0", protect: "false" },
    ...{
      healthTimeoutSeconds: "300",
      healthIntervalSeconds: "10",
      healthRetries: "3",
      timeoutSeconds: "600",
    },
    ...{
      sealTo,
      webhookToken: "canary-1",
      overrides: JSON.stringify({ "*": { LOGGING_CONFIG: { logLevel: "DEBUG" } } }),
    },
  };
  const node = join(root, "node_modules/.bin/node");
  const env = { ...process.env, CONFIG: JSON.stringify(own) };
  const child = join(import.meta.dirname, "example-child.ts");
  const { stdout } = await promisify(execFile)(node, [child], { cwd: dir, env });
  const made: { type: string; name: string; inputs: Record<string, unknown> }[] = JSON.parse(stdout);
  const bundles = made.filter(({ type }) => type.endsWith("ao:ConfigBundle"));
  expect(bundles.map(({ name }) => name).sort()).toEqual(
    [
      ...["deployment-coordinator", "shop", "hall"].map((name) => `${name}-logging-config`),
      ...[
        "environment-vars",
        "feature-flags",
        "matchmaking",
        "process-config",
        "rate-limits",
        "services",
      ].map((type) => `hall-${type}`),
    ].sort(),
  );
  const inputsOf = (name: string) => bundles.find((one) => one.name === name)?.inputs;
  expect(inputsOf("shop-logging-config")?.configData).toEqual({ logLevel: "DEBUG" });
  expect(inputsOf("hall-matchmaking")).toMatchObject({
    configData: { rounds: 3, mode: "fast" },
    rule: { type: "object", fields: { rounds: { type: "integer", min: 1, max: 9, required: true } } },
  });
  const vars = inputsOf("hall-environment-vars");
  const secretData = vars?.secretData as Record<string, unknown>;
  expect(vars?.configData).toEqual({});
  // Pulumi's mark of encrypted values.
  expect(secretData).toMatchObject({ [SECRET]: expect.any(String), value: { WEBHOOK_TOKEN: "canary-1" } });
  Object.assign(vars ?? {}, { secretData: secretData.value });
  for (const { inputs } of bundles) expect((await check({}, inputs)).failures).toEqual([]);
  const wirings = made.filter(({ type }) => type.endsWith("ao:Wiring")).map(({ inputs }) => inputs);
  expect(wirings.find(({ target }) => (target as { name: string }).name === "hall")).toMatchObject({
    peers: { shop: "shop".padEnd(43, "_") },
    deployers: { "deployment-coordinator": "deployment-coordinator".padEnd(43, "_") },
  });
  const files = [".fleet/config/configured.dev.json", "build/hall-process.lua"].map((path) =>
    readFileSync(join(dir, path), "utf8"),
  );
  expect(files.join()).not.toContain("canary-1");
}, 60_000);

test("its program uses the settings", async () => {
  const hall = await boot("hall", {
    source: readFileSync(join(example, "processes/hall/process.lua"), "utf8"),
  });
  const set = (configType: string, configData: object, more: object = {}) =>
    hall.send({ Action: "UPDATE_CONFIG", Epoch: "1", Data: { configType, configData, version: 1, ...more } });
  const join_ = async () => (await hall.send({ From: "somebody", Action: "JOIN" })).reply?.data;
  expect((await join_())?.error?.code).toBe("CLOSED");
  await set("FEATURE_FLAGS", { ranked: true });
  const rule = { type: "object", fields: { rounds: { type: "integer", min: 1, max: 9, required: true } } };
  expect((await set("MATCHMAKING", { rounds: 10 }, { rule })).reply?.data.error?.code).toBe("INVALID_CONFIG");
  await set("MATCHMAKING", { rounds: 3 }, { rule });
  expect(await join_()).toMatchObject({ waiting: 1, rounds: 3 });
}, 60_000);

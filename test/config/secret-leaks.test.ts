import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { open } from "../../src/fleet/config/seal.ts";
import { newProject, type Project, type Ran } from "../e2e/project.ts";
import { type Simnet, startSimnet } from "../simnet/index.ts";

/** Strings that may occur nowhere except, encrypted, in the stack's settings and state. */
const CANARIES = [
  "canary-program-5d1",
  "canary-stack-9e2",
  "canary-later-c44",
  "canary-misplaced-f07",
] as const;
const [IN_PROGRAM, IN_STACK, LATER, MISPLACED] = CANARIES;

const key = generateKeyPairSync("x25519");
const sealTo = key.publicKey.export({ type: "spki", format: "pem" }).toString();
const privateKey = key.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

let net: Simnet;
let project: Project;
const printed: string[] = [];

const luaOf = (name: string) => {
  const text = `fleet.process{ name = "${name}", processType = "${name.toUpperCase().replaceAll("-", "_")}", version = "1.0.0", capabilities = {} }\n`;
  return `local s = [==[\n${text}]==]\n${text}return s\n`;
};

beforeAll(async () => {
  net = await startSimnet();
  project = await newProject("canary", {
    "index.ts": `import * as pulumi from "@pulumi/pulumi";
import { Fleet } from "ao-fleet";

const config = new pulumi.Config();
const fleet = await Fleet.create("canary", {
  network: ${JSON.stringify({ kind: "legacy", ...net.endpoints })},
  module: "${net.module}",
  health: { timeoutSeconds: 30, intervalSeconds: 0.1, retries: 1 },
  ledger: "deployment-coordinator",
  sealTo: ${JSON.stringify(sealTo)},
  secretOverrides: config.getSecretObject<Record<string, Record<string, Record<string, string>>>>("secrets"),
  config: { LOGGING_CONFIG: { logLevel: "WARN" }, ENVIRONMENT_VARS: { OPEN: config.get("open") ?? "yes" } },
  allowed: ["deployment-coordinator"],
  processes: {
    "deployment-coordinator": {},
    battle: { secrets: { ENVIRONMENT_VARS: { API_KEY: config.requireSecret("apiKey") } } },
  },
});
export const processes = fleet.processes;
`,
    "Pulumi.dev.yaml": "config:\n  canary:walletPath: .fleet/dev-wallet.json\n",
    "processes/battle/process.lua": luaOf("battle"),
    "processes/deployment-coordinator/process.lua": luaOf("deployment-coordinator"),
  });
}, 120_000);

afterAll(async () => {
  await project?.close();
  await net?.close();
});

async function pulumi(...args: string[]): Promise<Ran> {
  const ran = await project.pulumi(args);
  printed.push(ran.text);
  return ran;
}

/** Everything that is stored: files of the project, and every message that was sent to a process. */
function kept(): [string, string][] {
  const files = (readdirSync(project.dir, { recursive: true }) as string[]).filter(
    (path) => !path.startsWith("node_modules") && statSync(join(project.dir, path)).isFile(),
  );
  const messages = ["battle", "deployment-coordinator"].flatMap((name) =>
    net.oracle.byDeploymentKey(`canary/dev/${name}`).flatMap(({ id }) => net.oracle.messages(id)),
  );
  return [
    ...files.map((path): [string, string] => [path, readFileSync(join(project.dir, path), "latin1")]),
    ...messages.map((message, index): [string, string] => [`message ${index}`, JSON.stringify(message)]),
    ...printed.map((text, index): [string, string] => [`output ${index}`, text]),
  ];
}

const leaks = () =>
  kept().flatMap(([where, text]) =>
    CANARIES.filter((canary) => text.includes(canary)).map((one) => `${one} in ${where}`),
  );

const held = () => {
  const [battle] = net.oracle.byDeploymentKey("canary/dev/battle");
  return net.oracle.state(battle?.id ?? "")?.fleet;
};

test("a secret reaches the process sealed, and is in no state, log, plan, manifest, journal or message", async () => {
  const set = (...args: string[]) => project.pulumi(["config", "set", "--secret", ...args]);
  await set("apiKey", IN_PROGRAM);
  await set("--path", "secrets.battle.ENVIRONMENT_VARS.TOKEN", IN_STACK);
  const preview = await pulumi("preview");
  expect(preview.text).toContain('battle-environment-vars: ENVIRONMENT_VARS: OPEN "yes", API_KEY (sealed)');
  const up = await pulumi("up", "--yes", "--skip-preview");
  expect(up.code, up.text).toBe(0);

  const vars = held()?.configs.ENVIRONMENT_VARS?.configData as Record<string, string>;
  expect(Object.keys(vars).sort()).toEqual(["API_KEY", "OPEN", "TOKEN"]);
  const opened = [vars.API_KEY, vars.TOKEN].map((sealed = "") => open(sealed, privateKey));
  expect(await Promise.all(opened)).toEqual([IN_PROGRAM, IN_STACK]);
  // The ledger is allowed to distribute settings there.
  expect(held()?.allowed).toEqual(
    net.oracle.byDeploymentKey("canary/dev/deployment-coordinator").map(({ id }) => id),
  );

  await set("apiKey", LATER);
  const changed = await pulumi("preview");
  // Only that bundle and the release change; what stays the same is not sealed again.
  expect(changed.text).toContain("~ 2 to update");
  expect(changed.text).toContain("API_KEY (sealed) → (sealed, another value) on battle");
  expect(leaks()).toEqual([]);
  // Readable there with the passphrase.
  const state = await project.pulumi(["stack", "export", "--show-secrets"]);
  expect(state.text).toContain(IN_PROGRAM);
}, 240_000);

test("a secret that an error of a provider has is in no event and no log", async () => {
  const secret = "canary-error-7b3";
  await project.pulumi(["config", "set", "--secret", "--path", "reason.text", secret]);
  const program = project.text("processes/battle/process.lua");
  // Its load fails with the secret in the message, as an address with a key in it would.
  const script = `--[[sim: ${JSON.stringify({ evalError: `no answer from ${secret} at dev` })}]]`;
  project.write("processes/battle/process.lua", program.replaceAll("capabilities = {} }", `$& ${script}`));
  const events = join(project.dir, "events.jsonl");
  const up = await project.pulumi(["up", "--yes", "--skip-preview"], { FLEET_EVENTS: events });
  project.write("processes/battle/process.lua", program);
  expect(up.code).not.toBe(0);
  const logs = join(project.dir, "build/logs");
  const written = readdirSync(logs).map((name) => readFileSync(join(logs, name), "utf8"));
  for (const text of [up.text, readFileSync(events, "utf8"), written.join("\n")]) {
    expect(text).toContain("no answer from [secret] at dev");
    expect(text).not.toContain(secret);
  }
}, 120_000);

test("a secret where it would be readable is refused with the reason, and not printed", async () => {
  await project.pulumi(["config", "set", "--secret", "open", MISPLACED]);
  project.edit(
    "index.ts",
    'config.get("open") ?? "yes"',
    'config.requireSecret("open") as unknown as string',
  );
  const refused = await pulumi("preview");
  expect(refused.code).not.toBe(0);
  expect(refused.text).toContain("config.ENVIRONMENT_VARS.OPEN is a secret, but its value would be public.");
  expect(refused.text).toContain("An AO process has no private memory");
  expect(leaks()).toEqual([]);
}, 120_000);

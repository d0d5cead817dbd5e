import { generateKeyPairSync } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { planFleet } from "../../components/plan.ts";
import { planPinned } from "../../components/plan-pinned.ts";
import { SecretValue } from "../../components/secret-value.ts";
import { hashOf } from "../../src/core/hash.ts";
import { releasePath } from "../../src/fleet/releases/document.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

const folders = { home: ".fleet", build: "build" };
const where = { home: ".fleet", project: "game", stack: "dev" };
const pin = { release: "deploy-1", only: [] };
const stack = { project: "game", stack: "dev", config: { get: () => undefined } };
const sealTo = generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "pem" }).toString();

const program = (token: SecretValue | undefined) => ({
  network: { kind: "local", dir: ".fleet/localnet" },
  sealTo,
  allowed: ["shop"],
  configTypes: { MATCHMAKING: z.strictObject({ rounds: z.int() }) },
  processes: {
    shop: {},
    battle: {
      config: {
        MATCHMAKING: { rounds: 3 },
        SERVICES: { till: { member: "shop" } },
        LOGGING_CONFIG: { logLevel: "WARN" },
      },
      ...(token ? { secrets: { ENVIRONMENT_VARS: { TOKEN: token } } } : {}),
    },
  },
});

beforeAll(async () => {
  enterFolder("pinned");
  for (const name of ["shop", "battle"]) writeFiles({ [`processes/${name}/process.lua`]: "return {}\n" });
  const plan = await planFleet(program(new SecretValue("canary-then")), folders, () => undefined);
  const declaration = Object.fromEntries(plan.levels.flat().map(({ name, declared }) => [name, declared]));
  const release = {
    deploymentId: "deploy-1",
    releasedAt: "2026-01-01T00:00:00.000Z",
    members: {},
    scope: {},
  };
  const document = JSON.stringify({ ...release, declaration, releaseHash: hashOf(declaration) });
  for (const id of ["deploy-1", "current"]) writeFiles({ [releasePath(where, id)]: document });
  // A secret is recorded by name, without its value.
  expect(JSON.stringify(declaration)).not.toContain("canary");
});

test("a rollback restores a release's settings, rules, services and allowed senders, with the current secrets", async () => {
  const plan = await planPinned(program(new SecretValue("canary-now")), folders, pin, stack);
  const battle = plan.levels.flat().find(({ name }) => name === "battle");
  expect(battle?.declared).toMatchObject({
    config: { MATCHMAKING: { rounds: 3 }, LOGGING_CONFIG: { logLevel: "WARN" }, ENVIRONMENT_VARS: {} },
    rules: { MATCHMAKING: { type: "object" } },
    secrets: { ENVIRONMENT_VARS: ["TOKEN"] },
    ...{ sealTo, peers: ["shop"], allowed: ["shop"] },
  });
  expect(battle?.secrets?.ENVIRONMENT_VARS?.TOKEN?.reveal()).toBe("canary-now");
});

test("a secret that the release needs and the stack no longer has is reported, with what to do", async () => {
  await expect(planPinned(program(undefined), folders, pin, stack)).rejects.toMatchObject({
    problems: [
      {
        code: "SECRET_MISSING",
        what: "battle needs the secret ENVIRONMENT_VARS.TOKEN, which has no value in this stack.",
        remedy: "npx pulumi config set --secret --path secrets.battle.ENVIRONMENT_VARS.TOKEN <value>",
      },
    ],
  });
});

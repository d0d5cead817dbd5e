import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { configurationOf } from "../../components/configuration.ts";
import { FleetDeclarationSchema } from "../../components/declaration.ts";
import { type FleetConfigParts, settingsInDeclaration } from "../../components/layers.ts";
import { problemsOf } from "../../components/problems.ts";
import { SecretValue } from "../../components/secret-value.ts";
import { formatProblem } from "../../src/core/errors.ts";

const CANARY = "canary-7f3a";
const sealTo = generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "pem" }).toString();

const of = (parts: Partial<FleetConfigParts>) =>
  configurationOf({ processes: { battle: {}, shop: {} }, ...parts });
const codes = (parts: Partial<FleetConfigParts>) =>
  of(parts).problems.map(({ code, at, expected }) => `${code} ${at} ${expected?.split(";")[0]}`);

describe("the layers of settings", () => {
  test("override single settings in this order: the fleet's, the member's, the stack's for all, the stack's for the member, the secret", () => {
    const { members, problems } = of({
      config: { PROCESS_CONFIG: { maxConcurrentRequests: 1, requestTimeout: 1, enableMetrics: false } },
      processes: {
        battle: {
          config: { PROCESS_CONFIG: { requestTimeout: 2 }, ENVIRONMENT_VARS: { MODE: "a", KEY: "plain" } },
          secrets: { ENVIRONMENT_VARS: { KEY: new SecretValue(CANARY) } },
        },
        shop: {},
      },
      overrides: {
        "*": { PROCESS_CONFIG: { enableMetrics: true }, ENVIRONMENT_VARS: { MODE: "b" } },
        battle: { ENVIRONMENT_VARS: { MODE: "c" } },
      },
      sealTo,
    });
    expect(problems).toEqual([]);
    expect(members.battle?.data).toEqual({
      PROCESS_CONFIG: { maxConcurrentRequests: 1, requestTimeout: 2, enableMetrics: true },
      ENVIRONMENT_VARS: { MODE: "c" },
    });
    expect(members.battle?.secrets.ENVIRONMENT_VARS?.KEY?.reveal()).toBe(CANARY);
    const stack = (member: string) => ({ layer: "stack", kind: "config", member });
    expect(members.battle?.origins).toEqual({
      PROCESS_CONFIG: {
        maxConcurrentRequests: { layer: "fleet", kind: "config" },
        requestTimeout: { layer: "member", kind: "config", member: "battle" },
        enableMetrics: stack("*"),
      },
      ENVIRONMENT_VARS: {
        MODE: stack("battle"),
        KEY: { layer: "member", kind: "secrets", member: "battle" },
      },
    });
    expect(members.shop?.data.ENVIRONMENT_VARS).toEqual({ MODE: "b" });
  });

  test("make a member a peer when a service names it, and report an unknown one with the nearest", () => {
    const services = (member: string) => ({ config: { SERVICES: { till: { member } } } });
    expect(of(services("shop")).members.battle?.named).toEqual(["shop"]);
    expect(codes(services("shpo"))[0]).toBe('UNKNOWN_MEMBER config.SERVICES.till.member perhaps "shop"');
  });
});

describe("a problem with a setting", () => {
  test("is reported with all others, each where it was written", () => {
    expect(
      codes({
        config: { LOGGING_CONFIG: { logLevel: "LOUD" }, PROCES_CONFIG: { maxConcurrentRequests: 1 } },
        processes: {
          battle: { config: { PROCESS_CONFIG: { maxConcurentRequests: 1, requestTimeout: 0 } } },
          shop: { secrets: { ENVIRONMENT_VARS: { KEY: new SecretValue(CANARY) } } },
        },
        overrides: { battel: {}, shop: { RATE_LIMITS: { BUY: { capacity: 1 } } } },
        sealTo,
      }),
    ).toEqual([
      'UNKNOWN_PROCESS overrides.battel perhaps "battle"',
      "BAD_VALUE config.LOGGING_CONFIG.logLevel one of DEBUG INFO WARN ERROR FATAL",
      'UNKNOWN_CONFIG_TYPE config.PROCES_CONFIG perhaps "PROCESS_CONFIG"',
      'UNKNOWN_KEY processes.battle.config.PROCESS_CONFIG.maxConcurentRequests perhaps "maxConcurrentRequests"',
      "BAD_VALUE processes.battle.config.PROCESS_CONFIG.requestTimeout a number above 0 and at most 86400000, for example 30000",
      "BAD_VALUE config.LOGGING_CONFIG.logLevel one of DEBUG INFO WARN ERROR FATAL",
      'UNKNOWN_CONFIG_TYPE config.PROCES_CONFIG perhaps "PROCESS_CONFIG"',
      "BAD_VALUE overrides.shop.RATE_LIMITS.BUY.perSecond a number from 0.0001 to 100000, for example 1",
    ]);
  });

  test("names the stack's config as the only place of a value that it sets, a secret too", () => {
    const secret = { PROCESS_CONFIG: { requestTimeout: new SecretValue("5") } };
    const { problems } = of({
      config: { LOGGING_CONFIG: { logLevel: "LOUD" } },
      overrides: { shop: { LOGGING_CONFIG: { logLevel: "LOUD" } } },
      secretOverrides: { shop: secret },
      sealTo,
    });
    expect(problems.map(({ at, remedy }) => `${at}: ${remedy}`)).toEqual([
      "config.LOGGING_CONFIG.logLevel: Change the value in index.ts, or in the stack's config if it is set there.",
      "overrides.shop.LOGGING_CONFIG.logLevel: Change the value in the stack's config: pulumi config set --path.",
      "secretOverrides.shop.PROCESS_CONFIG.requestTimeout: Change the value in the stack's config: pulumi config set --secret --path.",
    ]);
  });

  test("is a warning with the reason if nothing on AO can enforce the setting", () => {
    const { idle } = of({ config: { RESOURCE_LIMITS: { maxMemoryMB: 10, maxCpuPercent: 50 } } });
    expect(idle.battle).toMatchObject([
      {
        code: "SETTING_IDLE",
        at: "config.RESOURCE_LIMITS.maxCpuPercent",
        what: expect.stringContaining("AO neither measures nor limits this"),
      },
    ]);
  });
});

describe("a custom type", () => {
  const configTypes = {
    MATCHMAKING: z
      .strictObject({ rounds: z.int().min(1).max(9), mode: z.enum(["fast", "slow"]).optional() })
      .refine(({ rounds, mode }) => mode !== "fast" || rounds < 4, {
        error: "fast has at most 3 rounds",
        path: ["mode"],
      }),
  };
  const config = (data: Record<string, unknown>) => ({ config: { MATCHMAKING: data }, configTypes });

  test("is checked by its schema, and sent as a rule", () => {
    expect(of(config({ rounds: 3, mode: "fast" })).problems).toEqual([]);
    expect(of(config({ rounds: 3 })).members.shop?.rules).toMatchObject({
      MATCHMAKING: {
        type: "object",
        fields: { rounds: { type: "integer", min: 1, max: 9, required: true } },
      },
    });
    expect(of({ configTypes }).members.shop?.rules).toEqual({});
    expect(codes(config({ rounds: 3, mod: "slow" }))[0]).toBe(
      'UNKNOWN_KEY config.MATCHMAKING.mod perhaps "mode"',
    );
    // A check that only the plan can make.
    expect(codes(config({ rounds: 5, mode: "fast" }))[0]).toBe(
      "BAD_VALUE config.MATCHMAKING.mode fast has at most 3 rounds",
    );
    expect(codes(config({}))[0]).toMatch(
      /^BAD_VALUE processes\.battle\.config\.MATCHMAKING\.rounds an integer/,
    );
  });

  test("is refused if a process cannot check it, its name is taken, or it is not an object", () => {
    expect(
      codes({
        configTypes: {
          A: z.strictObject({ url: z.url() }),
          LOGGING_CONFIG: z.strictObject({}),
          B: z.string(),
        },
      }).map((line) => line.split(" ").slice(0, 2).join(" ")),
    ).toEqual([
      "CONFIG_CHECK_UNSUPPORTED configTypes.A.url",
      "CONFIG_TYPE_TAKEN configTypes.LOGGING_CONFIG",
      "CONFIG_TYPE_INVALID configTypes.B",
    ]);
  });
});

describe("secrets", () => {
  const secrets = { ENVIRONMENT_VARS: { KEY: new SecretValue(CANARY) } };

  test("without a public key are refused with the reason", () => {
    const [problem] = of({ secrets }).problems;
    expect(problem).toMatchObject({ code: "SEAL_KEY_INVALID", at: "sealTo" });
    expect(problem?.expected).toContain("an AO process has no private memory");
  });

  test("with an unsuitable key are refused, with what the key is and what it should be", () => {
    const own = generateKeyPairSync("x25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const small = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
    const ed = generateKeyPairSync("ed25519").publicKey;
    const found = [
      own,
      small.export({ type: "spki", format: "pem" }),
      ed.export({ type: "spki", format: "pem" }),
      "?",
    ]
      .map((key) => of({ secrets, sealTo: String(key) }).problems[0])
      .map((problem) => [problem?.got, problem?.expected]);
    expect(found).toEqual([
      ["a private key", "the public key: a private key must not be in a declaration"],
      ["an RSA key of fewer than 2048 bits", "at least 2048 bits"],
      ["a key of type ed25519", "RSA or X25519"],
      ["an unreadable key", "a public key as PEM or JWK, RSA (from 2048 bits) or X25519"],
    ]);
  });

  test("are checked by their type's rules", () => {
    expect(
      codes({ secrets: { PROCESS_CONFIG: { requestTimeout: new SecretValue("5") } }, sealTo })[0],
    ).toMatch(/^BAD_VALUE secrets\.PROCESS_CONFIG\.requestTimeout a number/);
  });

  test("are not revealed in print, in JSON, or in an error about them", () => {
    const raw = {
      network: { kind: "local", dir: "x" },
      secrets: { ENVIRONMENT_VARS: { KEY: CANARY } },
      secretOverrides: { battle: { ENVIRONMENT_VARS: { KEY: new SecretValue(CANARY), other: CANARY } } },
      sealTo: { d: CANARY },
      processes: { battle: { secrets }, shop: { secrets: { ENVIRONMENT_VARS: CANARY } } },
    };
    const parsed = FleetDeclarationSchema.safeParse(raw);
    expect(parsed.success).toBe(false);
    const configuration = configurationOf(settingsInDeclaration(raw));
    const found = parsed.error ? problemsOf(parsed.error, raw, FleetDeclarationSchema) : [];
    expect(found.map(({ at }) => at).sort()).toEqual([
      "processes.shop.secrets.ENVIRONMENT_VARS",
      "sealTo",
      "secretOverrides.battle.ENVIRONMENT_VARS.other",
      "secrets.ENVIRONMENT_VARS.KEY",
    ]);
    const text = [...found, ...configuration.problems].map(formatProblem).join("\n");
    expect(text).not.toContain(CANARY);
    const texts = [
      JSON.stringify(configuration),
      inspect(configuration, { depth: 9 }),
      `${secrets.ENVIRONMENT_VARS.KEY}`,
    ];
    for (const shown of texts) expect(shown).not.toContain(CANARY);
  });
});

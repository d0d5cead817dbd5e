import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { parse, stringify } from "yaml";
import { FleetDeclarationSchema } from "../../components/declaration.ts";
import { checkWorkingFolder } from "../../components/project-file.ts";
import { runError } from "../../components/run-error.ts";
import { type StackValues, settingProblems } from "../../components/setting-problems.ts";
import { SETTINGS, type Setting } from "../../components/setting-table.ts";
import { healthCron, serviceConfig, settings } from "../../components/settings.ts";
import { capacityOf, NETWORK_DEFAULTS, type NetworkRef, NetworkRefSchema } from "../../src/ao/network.ts";
import { AOS_IMAGE_FILES } from "../../src/core/aos-images.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";
import { keepSecrets } from "../../src/fleet/session/secrets.ts";
import {
  localFolderOf,
  networkOf,
  readStackConfig,
  withAbsoluteFolder,
} from "../../src/operations/workspace/stack-config.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { sandbox } from "../toolchain/sandbox.ts";

const table: Readonly<Record<string, Setting>> = SETTINGS;

function stack(values: Record<string, string>): pulumi.Config {
  pulumi.runtime.setAllConfig(values);
  return new pulumi.Config("two");
}
afterEach(() => {
  pulumi.runtime.setAllConfig({});
  vi.unstubAllEnvs();
});

const problems = (values: Record<string, string>, declared: string[] = []) =>
  settingProblems({ project: "two", stack: "dev", values, secret: [], declared } satisfies StackValues);

describe("defaults", () => {
  test("apply without any config", () => {
    const config = stack({});
    expect(settings(config)).toEqual({
      network: { kind: "local", dir: ".fleet/localnet" },
      module: "aos",
      version: "1.0.0",
      health: { timeoutSeconds: 300, intervalSeconds: 10, retries: 3 },
      timeoutSeconds: 600,
      protect: false,
      retainOnDelete: false,
      cronDriver: "network",
      strategy: { kind: "parallel" },
    });
    expect(serviceConfig(config).PROCESS_CONFIG).toEqual({
      maxConcurrentRequests: 100,
      requestTimeout: 30_000,
      enableMetrics: true,
    });
  });

  test("include no cron; a stack may choose one for the admin process", () => {
    expect(healthCron(stack({}))).toEqual({});
    expect(healthCron(stack({ "two:healthCronSeconds": "30" }))).toEqual({
      "Cron-Interval": "30-seconds",
      "Cron-Tag-Action": "PERIODIC_HEALTH_CHECK",
    });
    const dev = parse(readFileSync(join(packageDir, "src", "toolchain", "dev-stack.yaml"), "utf8")) as {
      config: Record<string, unknown>;
    };
    expect(dev.config["ao-fleet:healthCronSeconds"]).toBe(30);
  });

  test("of a dev stack fit both protocols of the embedded network: its node has a cron only if the monitor drives it", () => {
    const dev = parse(readFileSync(join(packageDir, "src", "toolchain", "dev-stack.yaml"), "utf8")) as {
      config: Record<string, unknown>;
    };
    const values = Object.entries(dev.config).map(([key, value]) => [
      key.replace("ao-fleet:", "two:"),
      String(value),
    ]);
    const tagsWith = (more: Record<string, string>) =>
      healthCron(stack({ ...(Object.fromEntries(values) as Record<string, string>), ...more }));
    const cron = { "Cron-Interval": "30-seconds", "Cron-Tag-Action": "PERIODIC_HEALTH_CHECK" };
    expect(tagsWith({ "two:localProtocol": "legacy" })).toEqual(cron);
    expect(tagsWith({ "two:localProtocol": "mainnet" })).toEqual({});
    expect(tagsWith({ "two:localProtocol": "mainnet", "two:cronDriver": "monitor" })).toEqual(cron);
    // Of a real node, the preview says that the cron would never tick.
    expect(tagsWith({ "two:localProtocol": "mainnet", "two:network": "mainnet" })).toEqual(cron);
  });

  test("are overridden by the stack's values", () => {
    const config = stack({
      "two:network": "legacy",
      "two:cuUrl": "https://cu.example.org",
      "two:graphqlUrl": "https://index.example.org/graphql",
      "two:protect": "true",
      "two:retainOnDelete": "true",
      "two:healthRetries": "0",
      "two:strategy": '{"kind":"rolling","maxParallel":2}',
    });
    expect(settings(config)).toMatchObject({
      network: {
        ...{ kind: "legacy", cuUrl: "https://cu.example.org", muUrl: SETTINGS.muUrl.default },
        graphqlUrl: "https://index.example.org/graphql",
      },
      health: { retries: 0 },
      protect: true,
      retainOnDelete: true,
      strategy: { kind: "rolling", maxParallel: 2 },
    });
  });

  test.each([
    [
      "staging",
      {
        ...{ protect: false, retainOnDelete: false },
        strategy: { kind: "blue-green", steps: [{ weightBp: 0 }, { weightBp: 10_000 }], intervalSeconds: 60 },
      },
    ],
    [
      "prod",
      {
        ...{ protect: true, retainOnDelete: true },
        strategy: {
          ...{ kind: "blue-green", intervalSeconds: 300, windowSeconds: 86_400 },
          steps: [{ weightBp: 0, gate: "manual" }, { weightBp: 10_000 }],
        },
      },
    ],
  ])("are replaced in this repository's %s stack, which is ready for mainnet", (name, expected) => {
    const file = join(packageDir, `Pulumi.${name}.yaml`);
    const { config } = parse(readFileSync(file, "utf8")) as { config: Record<string, string> };
    const values = Object.entries(config).map(([key, value]) => [key.replace("ao-fleet:", "two:"), value]);
    const found = settings(stack(Object.fromEntries(values)));
    const { nodeUrl, gatewayUrl } = NETWORK_DEFAULTS;
    expect(found).toMatchObject({
      ...expected,
      module: AOS_IMAGE_FILES.find(({ file }) => file === "aos2_0_3.wasm")?.id,
    });
    expect(found.network).toEqual({ kind: "mainnet", nodeUrl, gatewayUrl, maxMessageBytes: 10_000_000 });
    expect(StrategySchema.parse(found.strategy)).toMatchObject(expected.strategy);
    expect(config["ao-fleet:walletPath"]).toBe(`wallets/${name}.json`);
  });

  test("are those of a declaration that leaves them out", () => {
    const preset = (...keys: (keyof typeof SETTINGS)[]) =>
      Object.fromEntries(keys.map((key) => [key, table[key]?.default]));
    expect(NetworkRefSchema.parse({ kind: "legacy" })).toEqual({
      kind: "legacy",
      ...preset("gatewayUrl", "muUrl", "cuUrl", "scheduler", "authority"),
    });
    expect(NetworkRefSchema.parse({ kind: "mainnet" })).toEqual({
      kind: "mainnet",
      ...preset("gatewayUrl", "nodeUrl"),
    });
    const network: NetworkRef = { kind: "local", dir: ".fleet/localnet" };
    expect(capacityOf(network).maxMessageBytes).toBe(SETTINGS.maxMessageBytes.default);
    expect(FleetDeclarationSchema.parse({ network, processes: {} })).toMatchObject({
      ...preset("module", "version", "timeoutSeconds", "protect", "retainOnDelete"),
      health: {
        timeoutSeconds: SETTINGS.healthTimeoutSeconds.default,
        intervalSeconds: SETTINGS.healthIntervalSeconds.default,
        retries: SETTINGS.healthRetries.default,
      },
    });
  });

  test("match this repository's Pulumi.yaml, types and descriptions too", () => {
    const { config } = parse(readFileSync(join(packageDir, "Pulumi.yaml"), "utf8"));
    const withDefault = Object.entries(table).filter(([, setting]) => setting.default !== undefined);
    expect(config).toEqual(Object.fromEntries(withDefault));
  });

  test("are listed in docs/how-to/configure.md, with the descriptions", () => {
    const page = readFileSync(join(packageDir, "docs/how-to/configure.md"), "utf8");
    const rows = Object.entries(table)
      .filter(([, { internal }]) => internal !== true)
      .map(([key, { type, default: preset, description }]) => {
        const shown = preset === undefined ? "–" : preset === "" ? "none" : `\`${preset}\``;
        return `| \`${key}\` | ${type} | ${shown} | ${description} |`;
      });
    expect(page.match(/^\| `\w+` \| (string|integer|boolean|object) \|.*$/gm)).toEqual(rows);
  });

  test("also apply to fleet's commands", () => {
    const box = sandbox();
    writeFileSync(box.file("Pulumi.yaml"), "name: two\nruntime: nodejs\n");
    const config = readStackConfig(box.dir, "dev");
    for (const [key, setting] of Object.entries(table)) {
      const expected = setting.default === undefined ? undefined : String(setting.default);
      expect(config.get(key), key).toBe(expected);
    }
  });
});

describe("the network of a stack's settings", () => {
  const legacy = { network: "legacy" };
  const units = {
    ...legacy,
    ...{ gatewayUrl: "https://g.example.org", graphqlUrl: "https://i.example.org/graphql" },
    ...{ muUrl: "https://mu.example.org", cuUrl: "https://cu.example.org", suUrl: "https://su.example.org" },
    ...{ scheduler: "s".repeat(43), authority: "a".repeat(43), uploadUrl: "https://up.example.org" },
    maxMessageBytes: "50000",
  };

  /** The network as `pulumi up` declares it, and as fleet's commands open it. */
  function bothOf(values: Record<string, string>) {
    const box = sandbox();
    const all = Object.fromEntries(Object.entries(values).map(([key, value]) => [`two:${key}`, value]));
    writeFileSync(box.file("Pulumi.yaml"), "name: two\nruntime: nodejs\n");
    writeFileSync(box.file("Pulumi.dev.yaml"), stringify({ config: all }));
    const declared = NetworkRefSchema.safeParse(settings(stack(all)).network);
    const place = (network: NetworkRef) => withAbsoluteFolder(box.dir, network);
    return {
      up: () => place(declared.data ?? raise(declared.error)),
      fleet: () => networkOf(readStackConfig(box.dir, "dev"), box.dir),
      dir: box.dir,
    };
  }
  const raise = (error: unknown): never => {
    throw error;
  };

  test.each<[string, Record<string, string>]>([
    ["no setting", {}],
    ["every unit", units],
    ["the default units", legacy],
    ["empty units that are optional", { ...units, graphqlUrl: "", suUrl: "", uploadUrl: "" }],
    ["the default node", { network: "mainnet" }],
    [
      "a node with a scheduler of its own",
      { ...units, network: "mainnet", nodeUrl: "https://n.example.org" },
    ],
    ["the embedded network's node", { localProtocol: "mainnet" }],
    ["a folder", { localDir: "here/net" }],
    ["an absolute folder", { localDir: "/srv/net" }],
  ])("is the same for the program and for fleet: %s", (_what, values) => {
    const { up, fleet } = bothOf(values);
    expect(fleet()).toEqual(up());
  });

  test("does not give a node the addresses of the legacy network, unless the stack sets them", () => {
    const declared = (values: Record<string, string>) => bothOf({ network: "mainnet", ...values }).up();
    const plain = declared({});
    expect(plain).toMatchObject({ kind: "mainnet", nodeUrl: SETTINGS.nodeUrl.default });
    for (const key of ["scheduler", "authority", "muUrl", "cuUrl"]) expect(plain).not.toHaveProperty(key);
    expect(declared({ scheduler: "s".repeat(43) })).toHaveProperty("scheduler", "s".repeat(43));
  });

  test.each<[string, Record<string, string>]>([
    ["a node that is not a URL", { network: "mainnet", nodeUrl: "push.example.org" }],
    ["no node", { network: "mainnet", nodeUrl: "" }],
    ["no folder", { localDir: "" }],
    ["no messenger unit", { ...legacy, muUrl: "" }],
    ["no scheduler", { ...legacy, scheduler: "" }],
    ["an index that is not a URL", { ...legacy, graphqlUrl: "i.example.org" }],
  ])("is refused by both: %s", (_what, values) => {
    const { up, fleet } = bothOf(values);
    expect(up).toThrow();
    expect(fleet).toThrow("NETWORK_INVALID");
  });

  test("keeps its embedded folder while the stack is on another network; an empty one is refused", () => {
    const box = sandbox();
    const configOf = (localDir: string) => {
      writeFileSync(box.file("Pulumi.yaml"), "name: two\nruntime: nodejs\n");
      writeFileSync(
        box.file("Pulumi.dev.yaml"),
        stringify({ config: { "two:network": "legacy", "two:localDir": localDir } }),
      );
      return readStackConfig(box.dir, "dev");
    };
    expect(localFolderOf(configOf("/srv/net"), box.dir)).toBe("/srv/net");
    expect(() => localFolderOf(configOf(""), box.dir)).toThrow("NETWORK_INVALID");
  });

  test("is refused by both if its kind is unknown, and the error names every kind of the schema", () => {
    const { up, fleet } = bothOf({ network: "moon" });
    expect(up).toThrow();
    const kinds = NetworkRefSchema.options.map(({ shape }) => shape.kind.value);
    expect(fleet).toThrow(new RegExp(`network: ${kinds.join(" or ")}, `));
  });
});

describe("the project's folder", () => {
  test("is where the program must run", () => {
    const box = sandbox();
    expect(() => checkWorkingFolder(box.dir)).not.toThrow();
    writeFileSync(box.file("Pulumi.yaml"), "name: two\nruntime: nodejs\nmain: infra/index.ts\n");
    expect(() => checkWorkingFolder(box.dir)).not.toThrow();
    expect(() => checkWorkingFolder(box.file("infra"))).toThrow(
      /PROGRAM_ELSEWHERE[\s\S]*Pulumi\.yaml[\s\S]*infra/,
    );
  });
});

describe("mistakes in settings", () => {
  test("are reported all at once, whichever part of the settings is read", () => {
    const config = stack({
      "two:healthRetries": "many",
      "two:protect": "yes",
      "two:requestTimeoutMs": "1.5",
      "two:overrides": "[]",
      "two:netwrok": "local",
      "ao-fleet:muUrl": "https://mu.example.org",
    });
    for (const read of [settings, serviceConfig]) {
      let message = "";
      try {
        read(config);
      } catch (error) {
        expect(pulumi.RunError.isInstance(error)).toBe(true);
        message = String(error);
      }
      for (const key of [
        "healthRetries",
        "protect",
        "requestTimeoutMs",
        "overrides",
        "netwrok",
        "two:muUrl",
      ]) {
        expect(message).toContain(key);
      }
      expect(message).toContain('perhaps "network"');
      expect(message.match(/\[SETTING_\w+\]/g)).toHaveLength(6);
    }
  });

  test("reach fleet deploy as data", () => {
    const events = sandbox().file("events.jsonl");
    vi.stubEnv("FLEET_EVENTS", events);
    expect(() => settings(stack({ "two:healthRetries": "many" }))).toThrow("SETTING_INVALID");
    expect(JSON.parse(readFileSync(events, "utf8"))).toMatchObject({
      problems: [{ code: "SETTING_INVALID" }],
    });
  });

  test("reach fleet deploy without the value of a secret", () => {
    const events = sandbox().file("events.jsonl");
    vi.stubEnv("FLEET_EVENTS", events);
    vi.stubEnv("PULUMI_CONFIG_SECRET_KEYS", '["two:cuUrl"]');
    pulumi.runtime.setAllConfig({ "two:cuUrl": "http://x/canary-5d1", "two:open": "shown" });
    onTestFinished(() => keepSecrets({ rawConfig: {} }));
    const what = "The compute unit at http://x/canary-5d1 is shown.";
    runError([{ code: "UNIT_DOWN", what, remedy: "Look." }]);
    expect(JSON.parse(readFileSync(events, "utf8"))).toMatchObject({
      problems: [{ code: "UNIT_DOWN", what: "The compute unit at [secret] is shown.", remedy: "Look." }],
    });
  });

  test.each([
    ["netwrok", "network"],
    ["newtork", "network"],
    ["Network", "network"],
    ["walletpath", "walletPath"],
    ["walletPaht", "walletPath"],
    ["modul", "module"],
    ["healthTimeoutSecond", "healthTimeoutSeconds"],
    ["healthTimeout", "healthTimeoutSeconds"],
    ["stratgy", "strategy"],
  ])("%s is reported with %s as the nearest", (key, near) => {
    expect(problems({ [`two:${key}`]: "x" })).toMatchObject([
      { code: "SETTING_UNKNOWN", got: `two:${key}`, expected: `perhaps "${near}"`, at: "Pulumi.dev.yaml" },
    ]);
    expect(problems({ [`two:${key}`]: "x" }, [key])).toEqual([]);
    expect(problems({ [`two:${key}`]: "x" }, [`two:${key}`])).toEqual([]);
  });

  test.each(["session", "tone", "webhookToken", "region", "domain", "url", "authorities2", "modes", "max"])(
    "%s belongs to the program",
    (key) => {
      expect(problems({ [`two:${key}`]: "x" })).toEqual([]);
    },
  );

  test("in other namespaces are ignored, except settings under the package's name", () => {
    expect(problems({ "aws:network": "x", "pulumi:tags": "{}", "ao-fleet:unknown": "x" })).toEqual([]);
    expect(problems({ "ao-fleet:network": "legacy" })).toMatchObject([
      { code: "SETTING_ELSEWHERE", expected: "two:network" },
    ]);
  });

  test("include a strategy that starts with { and is not JSON, at its own path", () => {
    const value = '{"kind":"rolling","maxParallel":2,}';
    expect(problems({ "two:strategy": value })).toEqual([
      {
        code: "SETTING_INVALID",
        what: 'The setting "strategy" starts with "{" but is not valid JSON.',
        at: "Pulumi.dev.yaml: strategy",
        got: JSON.stringify(value),
        expected: expect.stringContaining('{"kind":"rolling","maxParallel":2}'),
        remedy: expect.stringContaining("pulumi config set strategy"),
      },
    ]);
    expect(() => settings(stack({ "two:strategy": value }))).toThrow(
      /not valid JSON[\s\S]*at: {7}Pulumi\.\w+\.yaml: strategy/,
    );
    expect(problems({ "two:strategy": ' {"kind":"rolling"}' })).toEqual([]);
    expect(problems({ "two:strategy": "sequentiall" })).toEqual([]);
  });

  test("in a secret are reported without its value", () => {
    const values = { "two:healthRetries": "hunter2" };
    const [problem] = settingProblems({
      project: "two",
      stack: "dev",
      values,
      secret: ["two:healthRetries"],
      declared: [],
    });
    expect(JSON.stringify(problem)).not.toContain("hunter2");
  });
});

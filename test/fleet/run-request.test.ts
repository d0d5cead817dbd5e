import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, test } from "vitest";
import { settings } from "../../components/settings.ts";
import { FleetError } from "../../src/core/errors.ts";
import {
  RUN_VARIABLES,
  type RunRequest,
  readRunRequest,
  runVariables,
} from "../../src/fleet/session/run-request.ts";
import { packageDir } from "../../src/toolchain/paths.ts";

function problemsOf(env: Record<string, string>) {
  try {
    readRunRequest(env);
  } catch (error) {
    if (error instanceof FleetError) return error.problems;
    throw error;
  }
  throw new Error("it was read");
}

const WHOLE: Required<RunRequest> = {
  only: ["battle", "shop"],
  replace: ["battle"],
  takeOver: true,
  withoutBackup: false,
  timeoutSeconds: 600,
  wallet: "/keys/wallet.json",
  operator: "night shift",
  deploymentId: "deploy-1",
  events: "/logs/events.jsonl",
  adopt: "/fleet/adoption.json",
  pin: { release: "deploy-0", only: [], restore: { id: "r1", states: { battle: "a".repeat(64) } } },
  manualEpoch: 7,
};

describe("a run's request", () => {
  test("is passed on whole", () => {
    const variables = runVariables(WHOLE);
    expect(Object.keys(variables).sort()).toEqual(
      Object.values(RUN_VARIABLES)
        .map(({ name }) => name)
        .sort(),
    );
    expect(readRunRequest(variables)).toEqual(WHOLE);
  });

  test("omits unset values, so that the stack's settings and the caller's variables apply", () => {
    expect(runVariables({})).toEqual({});
    expect(runVariables({ takeOver: true, operator: undefined })).toEqual({ FLEET_TAKE_OVER: "1" });
    expect(readRunRequest({ PATH: "/bin" })).toEqual({});
  });

  test.each<[Record<string, string>, RunRequest]>([
    [{ FLEET_REPLACE: "battle, shop  admin," }, { replace: ["battle", "shop", "admin"] }],
    [{ FLEET_ONLY: "" }, { only: [] }],
    [{ FLEET_WITHOUT_BACKUP: "true" }, { withoutBackup: true }],
    [{ FLEET_WITHOUT_BACKUP: "" }, { withoutBackup: false }],
    [{ FLEET_TAKE_OVER: "0" }, { takeOver: false }],
    [{ FLEET_TIMEOUT: " 0.5 " }, { timeoutSeconds: 0.5 }],
    [{ FLEET_PIN: "" }, { pin: null }],
    [{ FLEET_OPERATOR: ` ${"n".repeat(70)} ` }, { operator: "n".repeat(64) }],
    [{ FLEET_TIMEOUT: "", FLEET_WALLET: "", FLEET_DEPLOYMENT_ID: "", FLEET_MANUAL_EPOCH: "" }, {}],
  ])("reads %j", (env, request) => {
    expect(JSON.parse(JSON.stringify(readRunRequest(env)))).toEqual(request);
  });

  test.each([
    ["FLEET_TIMEOUT", "10m"],
    ["FLEET_TIMEOUT", "-1"],
    ["FLEET_TIMEOUT", "Infinity"],
    ["FLEET_TAKE_OVER", "yes"],
    ["FLEET_WITHOUT_BACKUP", "on"],
    ["FLEET_MANUAL_EPOCH", "1.5"],
    ["FLEET_MANUAL_EPOCH", "seven"],
  ])("reports %s=%s as an error instead of using the default", (name, value) => {
    expect(problemsOf({ [name]: value })).toMatchObject([
      {
        code: "RUN_VARIABLE_INVALID",
        at: name,
        got: JSON.stringify(value),
        remedy: expect.stringContaining(name),
      },
    ]);
  });

  test.each(["{", "{}", '{"release":""}'])("reports FLEET_PIN=%s as an invalid pin", (value) => {
    expect(problemsOf({ FLEET_PIN: value })).toMatchObject([{ code: "PIN_INVALID", at: "FLEET_PIN" }]);
  });

  test("reports every invalid variable at once", () => {
    const env = { FLEET_TIMEOUT: "soon", FLEET_TAKE_OVER: "maybe", FLEET_REPLACE: "battle" };
    expect(problemsOf(env).map(({ at }) => at)).toEqual(["FLEET_TAKE_OVER", "FLEET_TIMEOUT"]);
  });
});

describe("the program", () => {
  const before = process.env.FLEET_TIMEOUT;
  afterEach(() => {
    if (before === undefined) delete process.env.FLEET_TIMEOUT;
    else process.env.FLEET_TIMEOUT = before;
    pulumi.runtime.setAllConfig({});
  });

  test("fails the preview on an invalid variable", () => {
    process.env.FLEET_TIMEOUT = "10m";
    expect(() => settings(new pulumi.Config("two"))).toThrow(/FLEET_TIMEOUT[\s\S]*RUN_VARIABLE_INVALID/);
  });
});

test("docs/how-to/configure.md lists the variables for people", () => {
  const page = readFileSync(join(packageDir, "docs/how-to/configure.md"), "utf8");
  const rows = Object.values(RUN_VARIABLES)
    .filter(({ internal }) => internal !== true)
    .map(({ name, description }) => `| \`${name}\` | ${description} |`);
  expect(page.match(/^\| `FLEET_\w+` \| .*$/gm)).toEqual(rows);
});

test("no other file reads a run's variable from the environment", () => {
  const names = Object.values(RUN_VARIABLES).map(({ name }) => name);
  const read = new RegExp(`env(\\.|\\["|\\['|\\?\\.)(${names.join("|")})\\b`);
  const files = ["components", "providers", "src"].flatMap((room) =>
    readdirSync(join(packageDir, room), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(room, file)),
  );
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((file) => read.test(readFileSync(join(packageDir, file), "utf8")))).toEqual([]);
});

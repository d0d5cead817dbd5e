/** The Lua side has the same names and numbers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { POLICY } from "../../src/monitor/book.ts";
import { LIMITS } from "../../src/monitor/limits.ts";
import { TYPES } from "../../src/monitor/types.ts";
import { packageDir } from "../../src/toolchain/paths.ts";

const lua = (path: string) => readFileSync(join(packageDir, path), "utf8");

test("the limits are those of verdict.lua and of the ledger's rules", () => {
  const [, table = ""] = /DEFAULTS = \{([^}]*)\}/.exec(lua("src/runtime/monitor/verdict.lua")) ?? [];
  const defaults = [...table.matchAll(/(\w+) = ([\d.]+)/g)].map(([, name = "", value]) => [
    name,
    Number(value),
  ]);
  expect(defaults.length).toBeGreaterThan(10);
  // Repeats within a round are the clock's here: the next round is the next try.
  const shared = defaults.filter(([name]) => name !== "retries" && name !== "retryDelayMs");
  expect(LIMITS).toMatchObject(Object.fromEntries(shared));
  const rules = lua("processes/deployment-coordinator/rules.lua");
  const [sample, rates, errors] = [
    /local SAMPLE = (\d+)/.exec(rules)?.[1],
    /= ([\d.]+), ([\d.]+), (\d+), ([\d.]+)\n/.exec(rules)?.slice(1),
    /ERROR_SAMPLE = ([\d.]+), (\d+)/.exec(rules)?.slice(1),
  ];
  expect([sample, rates, errors].flat().map(Number)).toEqual([
    LIMITS.deploymentSample,
    LIMITS.failureRate,
    LIMITS.rollbackRate,
    LIMITS.deploymentSeconds,
    LIMITS.errorRate,
    LIMITS.errorRate,
    LIMITS.coordinatorSample,
  ]);
});

test("the ledger knows the same types of alerts with the same levels, and the same times", () => {
  const text = lua("src/runtime/monitor/alerts.lua");
  const [, table = ""] = /alerts\.TYPES = \{([^}]*)\}/.exec(text) ?? [];
  const types = Object.fromEntries(
    [...table.matchAll(/(\w+) = "(\w+)"/g)].map(([, type, level]) => [type, level]),
  );
  expect(types).toEqual(TYPES);
  const product = (name: string) =>
    (new RegExp(`alerts\\.${name} = ([\\d* ]+)`).exec(text)?.[1] ?? "")
      .split("*")
      .map(Number)
      .reduce((a, b) => a * b);
  expect(POLICY).toEqual({
    cooldownMs: product("COOLDOWN"),
    escalationMs: product("ESCALATION"),
    retentionMs: product("RETENTION"),
  });
});

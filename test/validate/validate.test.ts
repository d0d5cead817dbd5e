import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ValidationReport } from "../../src/operations/validate/report.ts";
import { type Simulated, simulatedFleet } from "./fleet.ts";
import { fitsSchema } from "./schema.ts";

let good: Simulated;
let bad: Simulated;

beforeAll(async () => {
  good = await simulatedFleet();
  bad = await simulatedFleet({
    battle: { health: ["HEALTHY", "UNHEALTHY"], reason: "the book is torn", deaf: ["shop"] },
    shop: { silent: ["GET_STATISTICS"] },
  });
}, 120_000);
afterAll(async () => {
  await good.close();
  await bad.close();
});

/** Generous, because other tests may keep the machine busy. */
const patient = ["--max-response", "60000"];
const read = (at: Simulated, path: string): string => readFileSync(join(at.stack.home, path), "utf8");
const report = (at: Simulated): ValidationReport => JSON.parse(read(at, "build/validation-report.json"));

describe("a healthy fleet", () => {
  test("passes everything, and the report contains the measurements", async () => {
    const load = ["--performance-duration", "2", "--rate", "10", "--max-average", "60000"];
    load.push(...patient);
    const ran = await good.run("validate", ...load, "--json");
    const seen = report(good);
    const failed = seen.findings.filter(({ status }) => status === "FAIL");
    expect(failed).toEqual([]);
    expect(ran.code).toBe(0);
    expect(ran.json()).toEqual(seen);
    expect(fitsSchema(seen)).toEqual([]);
    expect(seen.results).toMatchObject({
      battle_health_startup: "PASS",
      battle_health_readiness: "PASS",
      battle_health_liveness: "PASS",
      battle_health_performance: "PASS",
      battle_health_slots: "PASS",
      battle_health_version: "PASS",
      battle_health_capabilities: "PASS",
      battle_integration_peer_shop: "PASS",
      shop_integration_peer_battle: "PASS",
      battle_performance_success: "PASS",
      battle_performance_average: "PASS",
      battle_security_strangers: "PASS",
      battle_security_epochs: "PASS",
      battle_security_replay: "PASS",
      battle_security_floods: "PASS",
      battle_security_floods_records: "PASS",
      battle_security_floods_places: "PASS",
      battle_security_injection: "PASS",
      "deployment-coordinator_security_strangers": "PASS",
      fleet_security_secrets: "PASS",
      battle_configuration_PROCESS_CONFIG: "PASS",
      battle_configuration_source: "PASS",
      battle_configuration_peers: "PASS",
      fleet_performance_regression: "SKIP",
    });
    expect(seen.performanceMetrics.battle).toMatchObject({ failed: 0, successRate: 100 });
    expect(seen.performanceMetrics.battle?.requests).toBeGreaterThan(5);
    expect(seen.integrationStatus["battle → shop"]).toMatchObject({ status: "PASS" });
    expect(read(good, "build/validation-report.xml")).toMatch(/<testsuite [^>]*name="security"/);
    expect(read(good, "build/logs/health_output.txt")).toContain("health check passed: startup");
    expect(read(good, "build/logs/register_output.txt")).toContain("integration test passed: peer_shop");
  }, 120_000);

  test("is measured again at its next release and compared with this one", async () => {
    const folder = join(good.stack.home, `.fleet/validation/game.${good.stack.scope.stack}`);
    const kept = JSON.parse(readFileSync(join(folder, "deploy-1.json"), "utf8"));
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "deploy-0.json"),
      JSON.stringify({
        ...kept,
        ...{ deploymentId: "deploy-0", measuredAt: "2020-01-01T00:00:00.000Z" },
        processes: { battle: { averageMs: 1e6, p95Ms: 1e6 }, shop: { averageMs: 0.01, p95Ms: 0.01 } },
      }),
    );
    const words = ["--types", "performance", "--performance-duration", "1", "--rate", "10"];
    words.push("--max-average", "60000");
    const remove = good.stack.net.faults.add({ on: ["cu.result"], fault: { kind: "delay", ms: () => 120 } });
    const ran = await good.run("validate", ...words, "--json");
    remove();
    expect(ran.code).toBe(1);
    expect(report(good).results).toMatchObject({
      battle_performance_regression: "PASS",
      shop_performance_regression: "FAIL",
    });
    expect(ran.json<ValidationReport>().findings).toContainEqual(
      expect.objectContaining({
        test: "performance_regression",
        detail: expect.stringMatching(/^p95 0.01 → \d.* measured at release deploy-0$/),
      }),
    );
  });

  test("is tested by one type and one member only, on request", async () => {
    const ran = await good.run("validate", "--types", "health", "--process", "shop", ...patient);
    expect(ran.code).toBe(0);
    const { results, validationTypes } = report(good);
    expect(validationTypes).toEqual(["health"]);
    expect(Object.keys(results).every((key) => key.startsWith("shop_health_"))).toBe(true);
    expect(ran.stdout).toMatch(/\d+ passed, 0 failed, 0 skipped/);
  });

  test("fails on drift made by hand, and names it", async () => {
    const epoch = String(await good.fleet.session.deployment.epoch());
    const config = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 6 }, version: 2 };
    await good.tell("battle", "UPDATE_CONFIG", config, { Epoch: epoch });
    await good.tell("shop", "WIRE_PEERS", { peers: {}, hash: "" }, { Epoch: epoch });
    const ran = await good.run("validate", "--types", "configuration");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/FAIL {2}battle +configuration_PROCESS_CONFIG .*instead of .*: drift/);
    expect(ran.stdout).toContain("it does not know battle: drift");
  });

  test("fails on a secret in a manifest, names its place and does not print it", async () => {
    const key = `-----BEGIN ${"PRIVATE"} KEY-----\nabc`;
    writeFileSync(join(good.stack.home, "build/deployment-manifest.json"), JSON.stringify({ key }));
    const ran = await good.run("validate", "--types", "security", "--process", "shop");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("build/deployment-manifest.json contains a private key (PEM)");
    expect(ran.stdout + read(good, "build/validation-report.json")).not.toContain("BEGIN");
  });

  test("exits with its own code when the time is up, and writes a report", async () => {
    const remove = good.stack.net.behaviours.computeDown();
    const ran = await good.run("validate", "--types", "health,configuration", "--timeout", "1");
    remove();
    expect(ran.code).toBe(124);
    expect(report(good)).toMatchObject({ timedOut: true, success: false });
  });

  test("rejects an unknown type as a usage error", async () => {
    const ran = await good.run("validate", "--types", "helth");
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("TYPE_UNKNOWN");
  });
});

describe("an unhealthy fleet", () => {
  test("fails with the reasons, in report, logs and JUnit", async () => {
    const words = ["--types", "health,integration,performance", "--performance-duration", "1", "--rate", "6"];
    const ran = await bad.run("validate", ...words, "--retry-delay", "0.1");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("battle failed: retry in 0.1 s (3 of 3)");
    const seen = report(bad);
    expect(fitsSchema(seen)).toEqual([]);
    expect(seen.results).toMatchObject({
      battle_health_startup: "FAIL",
      shop_health_startup: "PASS",
      battle_integration_peer_shop: "FAIL",
      shop_integration_peer_battle: "PASS",
      shop_performance_success: "FAIL",
    });
    expect(seen.performanceMetrics.shop).toMatchObject({ succeeded: 0, errorRate: 1 });
    expect(seen.performanceMetrics.shop?.failures).toEqual({
      NO_REPLY: seen.performanceMetrics.shop?.requests,
    });
    expect(read(bad, "build/logs/health_output.txt")).toMatch(
      /battle +health check failed: .*the book is torn/,
    );
    expect(read(bad, "build/logs/register_output.txt")).toMatch(
      /battle +integration test failed: peer_shop: shop did not answer/,
    );
    expect(read(bad, "build/validation-report.xml")).toContain(
      '<failure message="shop did not answer [TIMEOUT]"',
    );
  }, 60_000);

  test("passes when the failure was temporary: only the failing member is tested again", async () => {
    const once = await simulatedFleet({
      battle: { health: ["HEALTHY", "UNHEALTHY", "UNHEALTHY", "HEALTHY"] },
    });
    try {
      const ran = await once.run("validate", "--types", "health", "--retry-delay", "0.1", ...patient);
      expect([ran.code, ran.stderr]).toEqual([
        0,
        expect.stringContaining("battle failed: retry in 0.1 s (1 of 3)"),
      ]);
      expect(ran.stderr).not.toContain("(2 of 3)");
      expect(report(once).results).toMatchObject({
        battle_health_startup: "PASS",
        fleet_health_shares: "PASS",
      });
    } finally {
      await once.close();
    }
  }, 60_000);
});

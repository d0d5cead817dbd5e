import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { newProject, type Project, type Ran } from "../e2e/project.ts";
import { rollingFleet } from "../e2e/rollouts.ts";
import { fleet } from "./fleet.ts";

let project: Project;
const here = dirname(fileURLToPath(import.meta.url));
const t0 = performance.now();
const t = (w: string) => process.stderr.write(`${((performance.now() - t0) / 1000).toFixed(1)} ${w}\n`);
const QUICK = {
  kind: "blue-green",
  intervalSeconds: 0,
  checks: [{ kind: "health" }],
  probes: 3,
  windowSeconds: 3600,
};
const strategy = (s: unknown) => project.pulumi(["config", "set", "strategy", JSON.stringify(s)]);
const up = (...more: string[]): Promise<Ran> => project.pulumi(["up", "--yes", "--skip-preview", ...more]);

beforeAll(async () => {
  project = await newProject("rolling", rollingFleet());
});
afterAll(() => project.close());

it("baseline", async () => {
  await strategy(QUICK);
  t("set");
  let ran = await up();
  t("first");
  process.stderr.write(ran.text);
  const first = project.json<{ deploymentId: string }>(
    ".fleet/releases/rolling.dev/current.json",
  ).deploymentId;
  project.edit("processes/battle/process.lua", 'edition = "first"', 'edition = "second"');
  ran = await up();
  t("second");
  process.stderr.write(ran.text);
  const calls = join(project.dir, "calls.jsonl");
  ran = await fleet(project, ["rollback", "--to", first, "--emergency"], {
    NODE_OPTIONS: `--import=${join(here, "calls.mjs")}`,
    FLEET_CALLS: calls,
  });
  t("back");
  process.stderr.write(ran.text);
  process.stderr.write(readFileSync(calls, "utf8"));
  ran = await up("--expect-no-changes");
  t("idle");
  process.stderr.write(ran.text);
  expect(ran.code).toBe(0);
}, 300_000);

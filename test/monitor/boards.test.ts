import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { BOARD_EXPRESSIONS } from "../../docs/grafana-board.ts";
import { monitoringFiles } from "../../docs/monitoring.ts";
import { PROM_RULES } from "../../docs/prometheus-rules.ts";
import { metricsOf } from "../../src/monitor/metrics.ts";
import { SettingsSchema } from "../../src/monitor/settings.ts";
import { TYPE_NAMES } from "../../src/monitor/types.ts";
import { packageDir } from "../../src/toolchain/paths.ts";

const docs = join(packageDir, "docs");
const reference = join(docs, "reference");
const { registry } = metricsOf({ project: "", stack: "", network: "" });

/** PromQL's own grammar applied to an expression: the metrics in it, and whether it is valid. */
function read(expr: string): { metrics: string[]; valid: boolean } {
  const text = expr.replaceAll("$__rate_interval", "5m");
  const metrics: string[] = [];
  let valid = true;
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError) valid = false;
      if (node.name === "Identifier" && node.node.parent?.name === "VectorSelector")
        metrics.push(text.slice(node.from, node.to));
    },
  });
  return { metrics, valid };
}

test.each([...PROM_RULES.map(({ expr }) => expr), ...BOARD_EXPRESSIONS])(
  "%s is PromQL over existing metrics",
  async (expr) => {
    const { metrics, valid } = read(expr);
    expect(valid).toBe(true);
    const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
    for (const metric of metrics) expect(names).toContain(metric.replace(/_(bucket|sum|count)$/, ""));
    expect(metrics.length).toBeGreaterThan(0);
  },
);

test("the check rejects invalid expressions", () => {
  expect(read("sum(rate(aofleet_x[5m])").valid).toBe(false);
  expect(read("a_b{x=1}").valid).toBe(false);
});

test("the files in docs/reference are up to date with the code (npm run docs writes them)", async () => {
  for (const [name, text] of await monitoringFiles())
    expect(readFileSync(join(reference, name), "utf8"), name).toBe(text);
});

test("Prometheus can load the rules file", () => {
  const file = join(reference, "monitoring", "prometheus-rules.yml");
  const { groups } = parse(readFileSync(file, "utf8")) as { groups: { rules: Record<string, unknown>[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(PROM_RULES.length);
  for (const rule of rules) {
    expect(Object.keys(rule)).toEqual(["alert", "expr", "for", "labels", "annotations"]);
    expect(rule.for).toMatch(/^\d+[sm]$/);
  }
  const promtool = (process.env.PATH ?? "")
    .split(delimiter)
    .map((dir) => join(dir, "promtool"))
    .find(existsSync);
  if (promtool)
    expect(execFileSync(promtool, ["check", "rules", file], { encoding: "utf8" })).toContain("SUCCESS");
});

test("the board's panels do not overlap and fit its width", async () => {
  const board = JSON.parse(readFileSync(join(reference, "monitoring", "grafana-fleet.json"), "utf8")) as {
    panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
  };
  const taken = new Set<string>();
  for (const {
    gridPos: { x, y, w, h },
  } of board.panels) {
    expect(x + w).toBeLessThanOrEqual(24);
    for (let i = x; i < x + w; i += 1)
      for (let j = y; j < y + h; j += 1) {
        expect(taken.has(`${i}/${j}`)).toBe(false);
        taken.add(`${i}/${j}`);
      }
  }
});

test("docs/how-to/alerts.md names every type with its level, and its example is valid", () => {
  const page = readFileSync(join(docs, "how-to/alerts.md"), "utf8");
  for (const type of TYPE_NAMES) expect(page).toContain(`| \`${type}\` |`);
  const [, example = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  expect(SettingsSchema.parse(parse(example)).receivers.length).toBeGreaterThan(2);
});

/** `node docs/monitoring.ts`: writes docs/reference/monitoring/* and the table of docs/reference/metrics.md from the code; a test compares them. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { grafanaBoard } from "../src/monitor/boards/grafana.ts";
import { rulesYaml } from "../src/monitor/boards/rules.ts";
import { metricsOf } from "../src/monitor/metrics.ts";
import { WebhookSchema } from "../src/monitor/notify/webhook.ts";
import { ReportSchema } from "../src/monitor/report.ts";
import { SettingsSchema } from "../src/monitor/settings.ts";

const reference = join(dirname(fileURLToPath(import.meta.url)), "reference");
const BEGIN = "<!-- made by node docs/monitoring.ts -->";
const END = "<!-- end -->";

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Every file by its path in docs/reference/. */
export async function monitoringFiles(): Promise<Map<string, string>> {
  const page = readFileSync(join(reference, "metrics.md"), "utf8");
  const [before = "", rest = ""] = page.split(BEGIN);
  const after = rest.split(END)[1] ?? "";
  return new Map([
    ["monitoring/grafana-fleet.json", json(grafanaBoard())],
    ["monitoring/prometheus-rules.yml", rulesYaml()],
    ["monitoring/report.schema.json", json(z.toJSONSchema(ReportSchema))],
    ["monitoring/settings.schema.json", json(z.toJSONSchema(SettingsSchema, { io: "input" }))],
    ["monitoring/webhook.schema.json", json(z.toJSONSchema(WebhookSchema))],
    ["metrics.md", `${before}${BEGIN}\n${await table()}\n${END}${after}`],
  ]);
}

async function table(): Promise<string> {
  const { registry } = metricsOf({ project: "", stack: "", network: "" });
  const metrics = await registry.getMetricsAsJSON();
  const labels = (name: string): string => {
    // prom-client declares the labels on each kind of metric, not on what the registry returns.
    const metric = registry.getSingleMetric(name);
    const names = metric !== undefined && "labelNames" in metric ? metric.labelNames : [];
    return (Array.isArray(names) ? names : []).map((label) => `\`${label}\``).join(", ");
  };
  const rows = metrics.map(
    ({ name, type, help }) => `| \`${name}\` | ${String(type)} | ${labels(name)} | ${help} |`,
  );
  return ["", "| metric | kind | labels | what it is |", "|---|---|---|---|", ...rows, ""].join("\n");
}

if (import.meta.main) {
  mkdirSync(join(reference, "monitoring"), { recursive: true });
  for (const [name, text] of await monitoringFiles()) writeFileSync(join(reference, name), text);
}

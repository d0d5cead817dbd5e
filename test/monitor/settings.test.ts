import { expect, test } from "vitest";
import { LIMITS } from "../../src/monitor/limits.ts";
import { readSettings } from "../../src/monitor/settings.ts";

test("without a file all defaults apply", () => {
  expect(readSettings(undefined, "monitoring.yaml", {})).toMatchObject({
    limits: LIMITS,
    alerts: { cooldownMinutes: 5, escalationMinutes: 15, retentionHours: 72, off: [], ledger: false },
    receivers: [],
    retention: { readingsHours: 168 },
  });
  expect(readSettings("# nothing\n", "monitoring.yaml", {}).limits).toEqual(LIMITS);
});

test("values from the file apply, and receivers get their addresses from the environment", () => {
  const text = `
limits: { responseMs: 800 }
alerts: { off: [PROCESS_DRIFT], levels: { PROCESS_DEGRADED: INFO } }
receivers:
  - { name: ops, kind: slack, urlEnv: SLACK_URL, minLevel: ERROR }
  - { name: pager, kind: pagerduty, routingKeyEnv: PD_KEY }
`;
  const settings = readSettings(text, "m.yaml", { SLACK_URL: "https://x", PD_KEY: "k" });
  expect(settings.limits.responseMs).toBe(800);
  expect(settings.receivers).toMatchObject([
    { name: "ops", minLevel: "ERROR", resolved: true },
    { name: "pager", minLevel: "WARNING" },
  ]);
});

test.each([
  ["limit: {}", 'Unrecognized key: "limit"'],
  ["limits: { errorRate: 5 }", "limits.errorRate"],
  ["alerts: { off: [PROCESS_SLEEPY] }", "alerts.off.0"],
  ["receivers: [{ name: a, kind: slack }]", "has no address"],
  ["receivers: [{ name: a, kind: slack, url: 'https://x', urlEnv: Y }]", "has two addresses"],
  ["receivers: [{ name: a, kind: slack, urlEnv: NOT_SET }]", "environment variable NOT_SET"],
  ["receivers: [{ name: a, kind: slack, url: 'file:///x' }]", "receivers.0.url"],
  [
    "receivers: [{ name: a, kind: webhook, url: 'http://x' }, { name: a, kind: slack, url: 'http://x' }]",
    "Two receivers have the name a",
  ],
  ["a: [", "not valid YAML"],
])("%s is refused with its place", (text, said) => {
  expect(() => readSettings(text, "m.yaml", { Y: "https://y" })).toThrow(said);
});

test("all problems are reported at once, without any secret", () => {
  const text =
    "limits: { errorRate: 5 }\nreceivers: [{ name: a, kind: slack, url: 'https://hooks.example/SECRET', colour: red }]";
  expect(() => readSettings(text, "m.yaml", {})).toThrow(/errorRate[\s\S]*receivers/);
  try {
    readSettings(text, "m.yaml", {});
  } catch (error) {
    expect(String(error)).not.toContain("SECRET");
  }
});

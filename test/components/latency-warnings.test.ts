import { describe, expect, test } from "vitest";
import { FleetDeclarationSchema } from "../../components/declaration.ts";
import { latencyFindings } from "../../components/latency-warnings.ts";

const ORDER = ["router", "calc", "quote"];
const fleet = (strategy: object, quote: object = {}) =>
  FleetDeclarationSchema.parse({
    network: { kind: "local", dir: "x" },
    router: "router",
    strategy: { kind: "blue-green", intervalSeconds: 300, ...strategy },
    processes: {
      router: { strategy: { kind: "sequential" } },
      calc: { state: "none" },
      quote: { state: "none", ...quote },
    },
  });
const got = (strategy: object) => latencyFindings(fleet(strategy), ORDER).map((finding) => finding.got);

describe("a latency check is reported with the callers that it needs", () => {
  test("at its own place, with the step that needs the most of them", () => {
    const checks = [{ kind: "health" }, { kind: "errorRate" }, { kind: "latency" }];
    const findings = latencyFindings(fleet({ trafficStrategy: "CANARY", checks }), ORDER);
    expect(findings).toMatchObject([
      {
        code: "LATENCY_NEEDS_CALLERS",
        at: "strategy.checks[2]",
        got: "minSamples: 30; at 5 % that takes about 600 requests of callers to each of calc, quote within 900 s",
      },
    ]);
  });

  test.each([
    ["all at once", { checks: [{ kind: "latency", minSamples: 5 }] }, /at 100 % that takes about 5 requests/],
    [
      "nearly all: the rest of blue's answers are too few",
      { checks: [{ kind: "latency" }], steps: [{ weightBp: 9900 }, { weightBp: 10_000 }] },
      /at 99 % that takes about 3,000 requests/,
    ],
    [
      "nearly all, with its own bound",
      { checks: [{ kind: "latency", maxMs: 9 }], steps: [{ weightBp: 9900 }, { weightBp: 10_000 }] },
      /at 99 % that takes about 31 requests/,
    ],
    [
      "a step without traffic for green",
      { checks: [{ kind: "latency" }], steps: [{ weightBp: 0 }, { weightBp: 10_000 }] },
      /at 0 % one of the revisions of calc, quote gets no requests/,
    ],
    [
      "copies",
      { checks: [{ kind: "latency" }], steps: [{ weightBp: 0, mirror: true }, { weightBp: 10_000 }] },
      /that takes about 30 requests/,
    ],
  ])("for %s", (_what, strategy, text) => {
    expect(got(strategy)).toEqual([expect.stringMatching(text)]);
  });

  test("not at all without such a check, or if every service that moves accepts it", () => {
    expect(got({})).toEqual([]);
    const silence = { LATENCY_NEEDS_CALLERS: "2,000 requests a minute" };
    const checks = [{ kind: "latency" }];
    const [finding] = latencyFindings(fleet({ checks }, { silence }), ORDER);
    expect(finding?.got).toContain("to each of calc within");
    const declared = fleet({ checks }, { silence });
    const calc = { ...declared.processes.calc, silence } as (typeof declared.processes)[string];
    const accepted = { ...declared, processes: { ...declared.processes, calc } };
    expect(latencyFindings(accepted, ORDER)).toEqual([]);
  });
});

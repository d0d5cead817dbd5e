import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bootLoads } from "../../providers/process/boot.ts";
import { explainModules } from "../../providers/process/explain-changes.ts";
import { committedLoad } from "../../providers/process/load.ts";
import type { ProcessInputs } from "../../providers/process/schema.ts";
import { assumeUnchanged, checkInputs, UNKNOWN } from "../../providers/run/inputs.ts";
import { changeText } from "../../providers/wiring/drift.ts";
import { peerChanges } from "../../providers/wiring/table.ts";
import type { Ao, Evaluation } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { composeProgram, readLoadOutcome } from "../../src/fleet/code/program.ts";
import { explainData } from "../../src/fleet/config/setting-text.ts";
import { judge } from "../../src/fleet/health/probe.ts";
import type { Session } from "../../src/fleet/session/session.ts";

describe("a program", () => {
  const commit = { process: "battle", release: "r", sourceHash: "h", version: "1.0.0", epoch: 3 };
  it("puts the guard before the bundle and the commit last", () => {
    const { text, offsetLines } = composeProgram("BUNDLE", commit);
    const lines = text.split("\n");
    expect(lines[offsetLines]).toBe("BUNDLE");
    expect(lines.at(-1)).toMatch(
      /^local Fleet = .* return Fleet\.commit\(\{ .*epoch = 3, before = __g \}\)$/,
    );
  });
  it("does not let a field end its own literal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (version) => {
        const last =
          composeProgram("", { ...commit, version })
            .text.split("\n")
            .at(-1) ?? "";
        const literal = /version = "((?:[^"\\]|\\\d{3}|\\.)*)", epoch/.exec(last);
        expect(literal).not.toBeNull();
      }),
    );
  });
});

describe("the outcome of a load", () => {
  it.each([
    ['{"fleet":"committed","sourceHash":"abc","epoch":1}', { kind: "committed", sourceHash: "abc" }],
    ['a print\n{"fleet":"committed","sourceHash":"abc"}', { kind: "committed", sourceHash: "abc" }],
    [
      '{"fleet":"refused","code":"STALE_EPOCH","epoch":7}',
      { kind: "refused", code: "STALE_EPOCH", epoch: 7 },
    ],
    ["<html>404</html>", { kind: "unclear" }],
    ["", { kind: "unclear" }],
    ['{"fleet":"committed"}', { kind: "unclear" }],
    ['{"success":true}', { kind: "unclear" }],
  ])("%s", (output, outcome) => expect(readLoadOutcome(output)).toEqual(outcome));
});

it("the boot of a spawn that a unit lost is the load, however late the spawn is sent again", async () => {
  let isThere = false;
  const ao: Pick<Ao, "awaitReady" | "evaluation"> = {
    async awaitReady() {
      isThere = true;
    },
    async evaluation({ messageId }, { total }): Promise<Evaluation> {
      // Without the process, the budget ends before there is a result.
      if (!isThere) throw new Error(`gave up after ${total} ms`);
      return { messageId, output: '{"fleet":"committed","sourceHash":"h"}', messages: [], spawns: [] };
    },
  };
  const place = { name: "battle", processId: "p", generation: 1 };
  const loads = bootLoads(place, { onBoot: true } as ProcessInputs);
  const load = await committedLoad({ ao } as Session, place, "h", loads, budgetOf(5));
  expect(load?.evalId).toBe("p");
});

describe("a verdict", () => {
  const expected = { version: "1.0.0", sourceHash: "a".repeat(64) };
  const policy = { timeoutSeconds: 1, intervalSeconds: 1, retries: 0, maxResponseMs: 100 };
  const verdict = {
    healthStatus: "HEALTHY" as const,
    checks: [],
    nonce: "n",
    epoch: 0,
    responseMs: 10,
    ...expected,
  };
  it("is healthy only at the expected version and code", () => {
    expect(judge(verdict, expected, policy).status).toBe("HEALTHY");
    expect(judge({ ...verdict, version: "0.9.0" }, expected, policy).status).toBe("UNHEALTHY");
    expect(judge({ ...verdict, sourceHash: "b".repeat(64) }, expected, policy).status).toBe("UNHEALTHY");
  });
  it("never treats UNHEALTHY as HEALTHY, and a slow process is degraded", () => {
    expect(judge({ ...verdict, healthStatus: "UNHEALTHY" }, expected, policy).status).toBe("UNHEALTHY");
    expect(judge({ ...verdict, responseMs: 101 }, expected, policy)).toEqual({
      status: "DEGRADED",
      reasons: ["performance: answered in 101 ms, allowed: at most 100 ms"],
    });
  });
});

describe("words", () => {
  it("count modules", () => {
    expect(explainModules({ a: "1", b: "1" }, { a: "2", c: "1" })).toBe(
      "1 module changed (a), 1 module added (c), 1 module removed (b)",
    );
  });
  it("show settings by field", () => {
    expect(explainData({ a: 1, b: true }, { a: 2, c: "x" })).toEqual([
      "a 1 → 2",
      "b true → unset",
      'c unset → "x"',
    ]);
  });
  it("show peers by name", () => {
    expect(peerChanges({ a: "1", b: "1" }, { a: "2", c: "1" }).map(changeText)).toEqual([
      "peer a has another process id",
      "peer b leaves",
      "peer c joins",
    ]);
  });
});

describe("unknown values in a preview", () => {
  it("count as unchanged, and stay unknown if there was no value before", () => {
    const olds = { target: { processId: "p", name: "battle" }, peers: { a: "1" } };
    expect(assumeUnchanged(olds, { target: { processId: UNKNOWN, name: "battle" }, peers: UNKNOWN })).toEqual(
      olds,
    );
    expect(assumeUnchanged({}, { target: UNKNOWN })).toEqual({ target: undefined });
  });
  it("are no problem of the inputs, nor is anything in them", () => {
    const schema = z
      .object({ name: z.string().min(3), targets: z.any() })
      .superRefine((_, context) =>
        context.addIssue({ code: "custom", message: "no target", path: ["targets", "battle"] }),
      );
    const problems = (name: string, targets: unknown) =>
      checkInputs(schema, { name, targets }).failures.map(({ property }) => property);
    expect(problems("shop", UNKNOWN)).toEqual([]);
    expect(problems("shop", {})).toEqual(["targets.battle"]);
    expect(problems("x", UNKNOWN)).toEqual(["name"]);
  });
});

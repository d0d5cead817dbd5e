import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { Wait } from "../../src/ao/retry.ts";
import { nextNotice, WaitBoard } from "../../src/fleet/session/wait-board.ts";
import { Progress } from "../../src/operations/deploy/progress.ts";
import { createProcess, type Stack, simulatedStack } from "./fixture.ts";

const problem = (code: string, what: string) => ({ code, what, remedy: "Wait." });
const DOWN = problem("UNIT_DOWN", "The scheduler unit at http://su cannot be reached.");
const wait = (waited: number, more: Partial<Wait> = {}): Wait => ({
  what: "sending the spawn of the process P",
  waited,
  left: 600_000 - waited,
  last: DOWN,
  ...more,
});

/** The lines that a board prints for these waits. */
function printed(waits: readonly (Wait & { at?: number })[]): string[] {
  const lines: string[] = [];
  let now = 0;
  const board = new WaitBoard(
    (line) => void lines.push(line),
    () => now,
  );
  for (const { at, ...each } of waits) {
    now = at ?? each.waited;
    board.observe(each);
  }
  return lines;
}

describe("a run's report about waiting", () => {
  test("comes after 5 s, then at growing intervals: unit, reason, work, time so far and limit", () => {
    const every = Array.from({ length: 600 }, (_, n) => wait(n * 1000));
    const lines = printed(every);
    expect(lines[0]).toBe(
      "The scheduler unit at http://su cannot be reached. [UNIT_DOWN]: sending the spawn of the process P, 5 s of at most 600 s",
    );
    expect(lines.map((line) => /, (\d+) s of/.exec(line)?.[1])).toEqual([
      "5",
      "15",
      "30",
      "60",
      "120",
      "240",
      "480",
    ]);
    expect([0, 5000, 14_999, 15_000, 100_000].map(nextNotice)).toEqual([
      5000, 15_000, 15_000, 30_000, 120_000,
    ]);
  });

  test("is one line for all that wait for the same unit, and another for another reason", () => {
    const others = Array.from({ length: 20 }, (_, n) => wait(4000, { what: `work ${n}` }));
    const lines = printed([
      ...others,
      wait(5000),
      ...others.map((each) => ({ ...each, waited: 5000, at: 5001 })),
      wait(5500, { last: problem("UNIT_DOWN", "The gateway at http://g cannot be reached.") }),
    ]);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/; 20 more wait for the same$/);
    expect(lines[1]).toContain("The gateway at http://g");
  });

  test("comes once for all processes that are not ready", () => {
    const slow = (n: number) =>
      wait(5000, { last: problem("NOT_EVALUATED", `The message ${n} has no result yet.`) });
    expect(printed([slow(1), slow(2), slow(3)])).toHaveLength(1);
  });

  test("covers the first attempt too, and starts over after it", () => {
    const { last: _, ...unheard } = wait(6000);
    expect(printed([unheard])).toEqual([
      "no answer yet: sending the spawn of the process P, 6 s of at most 600 s",
    ]);
    expect(printed([wait(5000), { ...wait(4000), at: 90_000 }, { ...wait(5000), at: 91_000 }])).toHaveLength(
      2,
    );
    expect(printed([wait(4999)])).toEqual([]);
  });

  test("is about the network, and is not a row of the run's tree", () => {
    const progress = new Progress();
    const step = {
      at: "",
      deploymentId: "d",
      name: "units",
      phase: "delayed" as const,
      detail: "The scheduler unit …",
    };
    progress.step(step, 0);
    expect(progress.rows()).toEqual([]);
  });
});

describe("a create whose messenger unit is down", () => {
  let stack: Stack;
  afterEach(() => stack.close());

  test("reports the unit it waits for, and continues once it is back", async () => {
    stack = await simulatedStack();
    stack.net.faults.add({ on: ["mu.spawn", "mu.post"], fault: { kind: "reset" } });
    const made = createProcess(await stack.inputs("battle", {}, { timeoutSeconds: 60 }));
    const log = () => readFile(join(stack.scope.build, "logs", "deploy_output.txt"), "utf8").catch(() => "");
    await expect
      .poll(log, { timeout: 30_000, interval: 100 })
      .toMatch(
        /units +delayed The messenger unit at http:\S+ cannot be reached\. \[UNIT_DOWN\]: sending the spawn of the process \S+, \d+(\.\d+)? s of at most \d+ s/,
      );
    stack.net.faults.clear();
    expect((await made).health.status).toBe("HEALTHY");
  }, 90_000);
});

import { getEventListeners } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { interruptsBySignal } from "../../src/cli/interrupts.ts";
import { startClock } from "../../src/operations/deploy/clock.ts";
import { interrupt, relay } from "../../src/operations/deploy/engine.ts";
import { deploy } from "../../src/operations/deploy/run.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { fakeAo, fakeFleet, fleet, projectFolder } from "./fakes.ts";

afterEach(() => void vi.useRealTimers());

test("a pulumi that ignores both interrupts is killed when its command gives up", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  const asked: string[] = [];
  const engine = {
    run: ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => asked.push("interrupt"));
      queueMicrotask(() => vi.advanceTimersByTime(60_000));
      return new Promise<never>(() => {});
    },
    kill: () => void asked.push("kill"),
  };
  const projectDir = temporaryFolder("hopeless");
  const request = { projectDir, only: [], retries: 0, parallel: 1, refresh: false };
  const watcher = { engine() {}, step() {}, note() {}, close() {} };
  const clock = startClock(
    30,
    () => {},
    () => () => {},
    { soft: 20, hard: 10 },
  );
  const outcome = await deploy(
    engine,
    request,
    clock,
    () => watcher,
    async () => {},
  );
  clock.stop();
  expect(outcome.status).toBe("timeout");
  expect(asked).toEqual(["interrupt", "interrupt", "kill"]);
});

test("an interrupt that reaches pulumi by itself is not repeated; any other interrupts it each time", () => {
  let ask: (reachesPulumi: boolean) => void = () => {};
  let asked = 0;
  const ends: string[] = [];
  const clock = startClock(
    undefined,
    (why) => ends.push(why),
    (onInterrupt) => {
      ask = onInterrupt;
      return () => ends.push("forgotten");
    },
  );
  clock.signal.addEventListener("abort", () => {
    asked += 1;
  });
  ask(true);
  expect([clock.ended, asked]).toEqual(["interrupted", 0]);
  ask(false);
  ask(false);
  expect(asked).toBe(2);
  clock.stop();
  expect(ends).toEqual(["interrupted", "forgotten"]);
});

test.each([
  [true, "SIGINT", true],
  [true, "SIGTERM", false],
  [false, "SIGINT", false],
  [false, "SIGTERM", false],
] as const)("with a terminal %s, %s reaches pulumi by itself: %s", (isTerminal, signal, reaches) => {
  const own = process.listeners(signal);
  const seen: boolean[] = [];
  const forget = interruptsBySignal(isTerminal)((reachesPulumi) => seen.push(reachesPulumi));
  const [listener] = process.listeners(signal).filter((one) => !own.includes(one));
  listener?.(signal);
  expect(seen).toEqual([reaches]);
  forget();
  expect(process.listeners(signal)).toEqual(own);
});

test("a pulumi that has not started yet gets the interrupts, as many as requested, once it runs", () => {
  const controller = new AbortController();
  const { relayed, begun, end } = relay(controller.signal);
  let interrupts = 0;
  relayed.addEventListener("abort", () => {
    interrupts += 1;
  });
  interrupt(controller);
  expect([interrupts, relayed.aborted]).toEqual([0, false]);
  begun();
  begun();
  expect(interrupts).toBe(1);
  interrupt(controller);
  expect(interrupts).toBe(2);
  end();
  interrupt(controller);
  expect([interrupts, getEventListeners(controller.signal, "abort")]).toEqual([2, []]);
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "the dashboard ends by %s and listens for no signal afterwards",
  async (signal) => {
    const counts = () => [process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")];
    const before = counts();
    const own = process.listeners(signal);
    const ran = fleet(["dashboard"], {
      cwd: projectFolder(),
      fleet: fakeFleet(
        fakeAo(() => ({})),
        [],
      ),
    });
    const end = await vi.waitUntil(() => process.listeners(signal).find((one) => !own.includes(one)), 20_000);
    end(signal);
    expect((await ran).code).toBe(0);
    expect(counts()).toEqual(before);
  },
);

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startClock } from "../../cli/deploy/clock.ts";
import { deploy } from "../../cli/deploy/run.ts";

test("a pulumi that obeys neither interrupt is killed when its command gives up", async () => {
  const asked: string[] = [];
  const engine = {
    run: ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => asked.push("interrupt"));
      return new Promise<never>(() => {});
    },
    kill: () => void asked.push("kill"),
  };
  const projectDir = mkdtempSync(join(tmpdir(), "fleet-hopeless-"));
  const request = { projectDir, only: [], retries: 0, parallel: 1, refresh: false };
  const watcher = { engine() {}, step() {}, note() {}, close() {} };
  const clock = startClock(0.05, () => {}, { soft: 0.05, hard: 0.05 });
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

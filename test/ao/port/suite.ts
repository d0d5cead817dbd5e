import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalUnits, type ResolvedNetwork, resolveNetwork } from "../../../src/ao/network.ts";
import { Bench, budget, type Subject } from "./bench.ts";
import { PROMISES } from "./promises.ts";

/** The contract of the port, tested through the adapter that `connect` selects for a network. */
export function portContract(name: string, start: () => Promise<Subject>): void {
  describe(`the port to a network: ${name}`, () => {
    let bench: Bench;
    beforeAll(async () => {
      bench = new Bench(await start());
    }, 60_000);
    afterAll(() => bench?.close(), 60_000);

    for (const [title, { kept, observe }] of Object.entries(PROMISES)) {
      test(title, async () => {
        expect(await observe(bench)).toEqual(kept);
      }, 60_000);
    }

    test("says whether the network drives crons", async () => {
      const { ao } = await bench.main;
      const driven = await ao.monitor({ processId: await bench.shared(), on: true }, budget());
      expect(driven).toBe(bench.subject.drivesCrons);
    }, 60_000);
  });
}

/** One of the two faces of a network that serves both. */
export function faceOf(
  units: LocalUnits,
  protocol: ResolvedNetwork["protocol"],
  rest: { module: string; close(): Promise<void> },
): Promise<Subject> {
  return resolveNetwork({ kind: "local", dir: "network", protocol }, async () => units).then((network) => ({
    ...rest,
    network,
    drivesCrons: protocol === "legacy",
  }));
}

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LocalProtocol, type LocalUnits, resolveNetwork } from "../../../src/ao/network.ts";
import { problemsOf } from "../../kit/failure.ts";
import { Bench, budget, type Subject } from "./bench.ts";
import { NOBODY, PROMISES } from "./promises.ts";

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

    test("serves what a process publishes, if the network serves state; then it is no message", async () => {
      const { ao } = await bench.main;
      expect(ao.published !== undefined).toBe(bench.subject.servesState);
      if (!bench.subject.servesState) return;
      const processId = await bench.shared();
      const shown = '{ release = "r1", count = 3, open = true, deep = { er = "x" } }';
      const sent = await bench.run(
        processId,
        `Send({ device = "patch@1.0", shown = ${shown} })\nreturn "published"`,
      );
      expect(sent.messages).toEqual([]);
      const slot = Number(await ao.latest(processId, budget()));
      const read = (...path: string[]) => ao.published?.({ processId, path }, budget());
      expect([
        await read("shown", "release"),
        await read("shown", "count"),
        await read("shown", "open"),
      ]).toEqual(["r1", "3", "true"]);
      expect(await read("shown", "deep")).toEqual({ er: "x" });
      expect(await read("shown")).toEqual({ release: "r1", count: 3, open: true, deep: { er: "x" } });
      expect(await ao.published?.({ processId, path: ["shown", "release"], slot }, budget())).toBe("r1");
      for (const nothing of [
        { processId, path: ["unknown"] },
        { processId, path: ["shown"], slot: slot - 1 },
        { processId, path: ["shown"], slot: slot + 9 },
        { processId: NOBODY, path: ["shown"] },
      ])
        expect(await ao.published?.(nothing, budget())).toBeUndefined();
    }, 60_000);

    test("says of a process that nobody spawned that it does not exist, if the network has all of its own", async () => {
      const { ao } = await bench.main;
      const { isWhole } = bench.subject;
      expect(await ao.exists(NOBODY, budget())).toBe(!isWhole);
      if (!isWhole) return;
      const of = { processId: NOBODY };
      const calls = {
        send: () => ao.send({ ...of, intent: bench.intent(), tags: { Action: "Info" } }, budget()),
        evaluation: () => ao.evaluation({ ...of, messageId: NOBODY.replace("nobody", "answer") }, budget()),
        dryrun: () => ao.dryrun({ ...of, tags: { Action: "Info" } }, budget()),
        results: () => ao.results(of, budget()),
        range: () => ao.range({ ...of, from: 0, to: 9 }, budget()),
        monitor: () => ao.monitor({ ...of, on: true }, budget()),
      };
      for (const [name, call] of Object.entries(calls))
        expect([name, (await problemsOf(call())).map(({ code }) => code)]).toEqual([name, ["PROCESS_GONE"]]);
    }, 60_000);

    test("says whether the network drives crons", async () => {
      const { ao } = await bench.main;
      const driven = await ao.monitor({ processId: await bench.shared(), on: true }, budget());
      expect(driven).toBe(bench.subject.drivesCrons);
    }, 60_000);
  });
}

/** One of the faces of a network that serves the protocols of the embedded one. */
export function faceOf(
  units: LocalUnits,
  protocol: LocalProtocol,
  rest: { module: string; close(): Promise<void> },
): Promise<Subject> {
  return resolveNetwork({ kind: "local", dir: "network", protocol }, async () => units).then((network) => ({
    ...rest,
    network,
    drivesCrons: protocol === "legacy",
    servesState: protocol === "mainnet",
    isWhole: true,
  }));
}

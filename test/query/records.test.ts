/** What a load is, and what an error is, is the same in `fleet query` and `fleet logs`. Pure. */
import { expect, test } from "vitest";
import type { Scheduled } from "../../src/ao/port.ts";
import { composeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { Entry, History } from "../../src/fleet/history.ts";
import { isError, isErrorMessage, withSources } from "../../src/operations/trace/log-entries.ts";
import { findRecords } from "../../src/operations/trace/records.ts";

const message = (slot: number, action: string, data: string): Scheduled => ({
  ...{ slot, messageId: `m${slot}`, timestamp: 0, from: "sender", action, tags: { Action: action }, data },
});
const COMMIT = `\nlocal Fleet = x return Fleet.commit({ sourceHash = "${"ab".repeat(32)}", epoch = 1 })`;
const COMMITTED = {
  process: 'say "hi"',
  release: "r",
  sourceHash: "cd".repeat(32),
  version: "1.0.0",
  epoch: 1,
};
const withoutLibrary = (more: { repeats?: boolean } = {}) =>
  composeWithoutLibrary("print(1)", { ...COMMITTED, ...more }).text;
const SENT = { target: "sender", data: "" };

/** The history of a process with these messages; each result sent these tags to the sender. */
function historyWith(messages: readonly Scheduled[], tags: Readonly<Record<string, string>> = {}): History {
  return {
    latest: async () => messages.at(-1)?.slot,
    range: async (_process, from, to) => messages.filter(({ slot }) => slot >= from && slot <= to),
    result: async (_process, messageId) => ({
      ...{
        messageId,
        output: "",
        spawns: [],
        messages: Object.keys(tags).length === 0 ? [] : [{ ...SENT, tags }],
      },
    }),
  };
}
const bounds = { limit: 10, reach: 10 };

test.each([
  ["a small load", `print(1)${COMMIT}`, ""],
  ["a load without the library", withoutLibrary(), ""],
  ["one that the network may evaluate again", withoutLibrary({ repeats: true }), ""],
  ["a large Eval that loads nothing", "-- needle".padEnd(25_000, "x"), "-- needle".padEnd(25_000, "x")],
])("the data of %s", async (_what, program, data) => {
  const { records } = await findRecords(historyWith([message(1, "Eval", program)]), "p", {}, bounds);
  expect(records.map((each) => each.data)).toEqual([data]);
  const [entry] = withSources([message(1, "Eval", program)], "");
  expect(entry?.isLoad).toBe(data === "");
  if (program.includes(COMMITTED.sourceHash)) expect(entry?.source).toBe(COMMITTED.sourceHash);
});

test("a large Eval that loads nothing is found by its data", async () => {
  const large = message(1, "Eval", "-- needle".padEnd(25_000, "x"));
  const { records } = await findRecords(historyWith([large]), "p", { contains: "needle" }, bounds);
  expect(records).toHaveLength(1);
});

test.each([
  [{ Action: "Error" }, true],
  [{ Action: "Error-Response" }, true],
  [{ Action: "Info-Response", Status: "error" }, true],
  [{ Action: "Info-Response" }, false],
])("the answer %j is an error everywhere: %s", async (tags, bad) => {
  const asked = message(1, "Info", "");
  const history = historyWith([asked], tags);
  const entry: Entry = { ...asked, result: await history.result("p", "m1", 1) } as Entry;
  expect(isError(entry)).toBe(bad);
  expect(isErrorMessage({ tags })).toBe(bad);
  const { records } = await findRecords(history, "p", { status: "error" }, bounds);
  expect(records.map(({ direction }) => direction)).toEqual(bad ? ["received", "sent"] : []);
});

/** What a load is, and what an error is, is the same in `fleet query` and `fleet logs`. Pure. */
import { expect, test } from "vitest";
import type { Scheduled } from "../../src/ao/port.ts";
import { composeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { Entry, History } from "../../src/fleet/history.ts";
import type { Member } from "../../src/fleet/members/member.ts";
import { entryLines, hopLines, recordLine } from "../../src/operations/trace/lines.ts";
import {
  isError,
  isErrorMessage,
  type LogEntry,
  withSources,
} from "../../src/operations/trace/log-entries.ts";
import { findRecords, type MessageRecord } from "../../src/operations/trace/records.ts";
import { type Hop, traceOf } from "../../src/operations/trace/trace.ts";

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
const EVALUATED = { messageId: "m1", spawns: [], messages: [] };
const REFUSED = { ...EVALUATED, output: "Assignment is not trusted by this process!" };
const LOADED = {
  ...EVALUATED,
  output: JSON.stringify({
    fleet: "committed",
    sourceHash: "ab".repeat(32),
    epoch: 1,
    handlers: [],
    actions: [],
  }),
};
const MEMBER = { name: "p", processId: "p", generation: 1, version: "", sourceHash: "" } as Member;
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

test("an Eval that was only assigned, and was sent to another process, is shown as that and loads nothing", async () => {
  const program = `print(1)${COMMIT}`;
  const assigned = { ...message(1, "Eval", program), sentTo: "other-process" };
  const [entry] = withSources([{ ...assigned, result: REFUSED }], "");
  expect(entry).toMatchObject({ isLoad: false });
  expect(entry?.source).toBeUndefined();
  const known = { members: [] };
  const lines = entryLines(entry as LogEntry, known, undefined, false);
  expect(lines[0]).toContain("Eval from sender, assigned: was sent to other-proce…, not to this process");
  expect(lines.join("\n")).not.toContain("    code ");
  const { records } = await findRecords(historyWith([assigned]), "p", {}, bounds);
  expect(records[0]).toMatchObject({ direction: "received", sentTo: "other-process" });
  expect(recordLine(records[0] as MessageRecord, known)).toContain(
    "was sent to other-pr, not to this process",
  );
  const hops = await traceOf(historyWith([assigned]), [MEMBER], "m1", 10);
  expect(hops[0]).toMatchObject({ sentTo: "other-process" });
  expect(hopLines(hops[0] as Hop, undefined)[0]).toContain("assigned: was sent to other-process");
  // A process that allows the assignment runs it.
  const [ran] = withSources([{ ...assigned, result: LOADED }], "");
  expect(ran).toMatchObject({ isLoad: true, source: COMMITTED.sourceHash.replaceAll("cd", "ab") });
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

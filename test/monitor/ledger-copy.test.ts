import { expect, onTestFinished, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import type { KeptAlert } from "../../src/fleet/protocol/alerts.ts";
import type { Alert } from "../../src/monitor/alert-book.ts";
import { LEDGER_COPY } from "../../src/monitor/round.ts";
import { openStore } from "../../src/monitor/store.ts";
import { LedgerCopy } from "../../src/operations/observe/ledger-copy.ts";
import { type Behaviour, fakeAo, fakeFleet, member } from "../cli/fakes.ts";

const alert = (source: string, state: Alert["state"] = "OPEN"): Alert => ({
  ...{ alertId: `alert-${source}`, type: "PROCESS_OFFLINE", source, message: "3 checks", level: "CRITICAL" },
  ...{ state, count: 1, raisedAt: 0, lastAt: 0, escalatedAt: 0 },
});
const kept = (source: string, state = "OPEN"): KeptAlert => ({ ...alert(source), state });
const refuses =
  (code: string): Behaviour =>
  () => ({ reply: { success: false, error: { code, message: "no" } } });

/** A store in which alerts of these sources wait for the ledger, and a ledger that does this with a message. */
function copyOf(sources: readonly string[], behaviour: Behaviour | "silent") {
  const store = openStore(":memory:");
  onTestFinished(() => store.close());
  const alerts = sources.map((source) => alert(source));
  store.saveBook({ seq: 1, alerts, silences: [] });
  store.addUnsent(
    LEDGER_COPY,
    alerts.map((each) => ({ kind: "raised", alert: each })),
    0,
  );
  const ao = fakeAo(behaviour === "silent" ? () => ({}) : behaviour);
  if (behaviour === "silent") {
    ao.evaluation = () =>
      Promise.reject(new FleetError({ code: "EVALUATION_TIMEOUT", what: "It is late.", remedy: "Wait." }));
  }
  const ledger = member("ledger");
  const copy = new LedgerCopy(fakeFleet(ao, [ledger]).session, store);
  const notes: string[] = [];
  return {
    store,
    notes,
    async update(there: readonly KeptAlert[] | undefined) {
      await copy.update(ledger, [ledger], there, (text) => notes.push(text));
      return ao.sent.splice(0).map(({ data }) => (JSON.parse(data) as { source: string }).source);
    },
    waiting: () => store.unsent(LEDGER_COPY).map(({ change }) => change.alert.source),
  };
}

test("a ledger that does not answer is sent one alert a round", async () => {
  const { update, waiting, notes } = copyOf(["a", "b", "c"], "silent");
  expect(await update([])).toEqual(["a"]);
  expect(waiting()).toEqual(["a", "b", "c"]);
  expect(notes).toEqual(["ledger did not record PROCESS_OFFLINE a [EVALUATION_TIMEOUT]"]);
});

test("an alert that the ledger took after its time limit is not raised there again", async () => {
  const { update, waiting } = copyOf(["a", "b"], "silent");
  expect(await update([])).toEqual(["a"]);
  expect(await update([kept("a")])).toEqual(["b"]);
  expect(waiting()).toEqual(["b"]);
  expect(await update([kept("a"), kept("b", "ACKNOWLEDGED")])).toEqual([]);
  expect(waiting()).toEqual([]);
});

test("an alert is raised again next to one that was resolved", async () => {
  const { update, waiting } = copyOf(["a"], () => ({ reply: { success: true } }));
  expect(await update([kept("a", "RESOLVED")])).toEqual(["a"]);
  expect(waiting()).toEqual([]);
});

test("a ledger whose alerts could not be read is sent none, and that is noted", async () => {
  const { update, waiting, notes } = copyOf(["a", "b"], () => ({ reply: { success: true } }));
  expect(await update(undefined)).toEqual([]);
  expect(waiting()).toEqual(["a", "b"]);
  expect(notes).toEqual(["ledger was not sent 2 alerts: its own could not be read"]);
  expect(await update([])).toEqual(["a", "b"]);
});

test("an alert that the ledger cannot take is sent once, and does not stop the others", async () => {
  const { update, waiting, notes } = copyOf(["a", "b"], refuses("INVALID_DATA"));
  expect(await update([])).toEqual(["a", "b"]);
  expect(waiting()).toEqual([]);
  expect(notes).toHaveLength(2);
});

test.each(["BUSY", "FORBIDDEN"])("a ledger that answers %s is sent one alert a round", async (code) => {
  const { update, waiting } = copyOf(["a", "b"], refuses(code));
  expect(await update([])).toEqual(["a"]);
  expect(waiting()).toEqual(["a", "b"]);
});

test("a ledger that does not answer is sent one change a round", async () => {
  const { store, update } = copyOf([], "silent");
  store.saveBook({ seq: 1, alerts: [alert("a", "RESOLVED"), alert("b", "RESOLVED")], silences: [] });
  expect(await update([kept("a"), kept("b")])).toEqual(["a"]);
});

/** Alerts that wait for the fleet's ledger (`alerts.ledger`) until it has recorded them, also after a restart of the monitor. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Alert, Change } from "../../src/monitor/alert-book.ts";
import { LEDGER_COPY } from "../../src/monitor/round.ts";
import { openStore } from "../../src/monitor/store.ts";
import { LedgerCopy } from "../../src/operations/observe/ledger-copy.ts";
import { fakeAo, fakeFleet, member } from "../cli/fakes.ts";
import { temporaryFolder } from "../kit/folder.ts";

const change = (kind: Change["kind"], more: Partial<Alert> = {}): Change => ({
  kind,
  alert: {
    ...{
      alertId: "alert-1",
      type: "PROCESS_OFFLINE",
      source: "shop",
      message: "3 checks",
      level: "CRITICAL",
    },
    ...{ state: kind === "resolved" ? "RESOLVED" : "OPEN", count: 1, raisedAt: 0, lastAt: 0, escalatedAt: 0 },
    ...more,
  },
});

/** A ledger that can be busy, and monitors of its fleet one after the other, with the same store on disk. */
function watched() {
  const path = join(temporaryFolder("ledger-copy"), "monitor.sqlite");
  const ledger = { isBusy: false };
  const ao = fakeAo(() => ({
    reply: ledger.isBusy ? { success: false, error: { code: "BUSY", message: "later" } } : { success: true },
  }));
  const members = [member("ledger"), member("shop")];
  const { session } = fakeFleet(ao, members, "ledger");
  return {
    ledger,
    /** A round of a monitor that has just started: what changed in it, and what the ledger is sent of that and of earlier rounds. */
    async round(...changes: Change[]) {
      const store = openStore(path);
      onTestFinished(() => store.close());
      store.addUnsent(LEDGER_COPY, changes, 0);
      const notes: string[] = [];
      await new LedgerCopy(session, store).update(member("ledger"), members, [], (text) => notes.push(text));
      const sent = ao.sent.splice(0).map(({ tags, data }) => `${tags.Action} ${JSON.parse(data).source}`);
      return { sent, notes, waiting: store.unsent(LEDGER_COPY).length };
    },
  };
}

test("an alert that the ledger has not recorded is raised by the next monitor, once, without those that it has", async () => {
  const { ledger, round } = watched();
  expect(await round(change("raised", { source: "bank" }))).toMatchObject({ sent: ["RAISE_ALERT bank"] });
  ledger.isBusy = true;
  expect(await round(change("raised"))).toEqual({
    sent: ["RAISE_ALERT shop"],
    notes: ["ledger did not record PROCESS_OFFLINE shop [BUSY]"],
    waiting: 1,
  });
  ledger.isBusy = false;
  // What happened meanwhile does not raise it a second time.
  expect(await round(change("escalated"))).toEqual({ sent: ["RAISE_ALERT shop"], notes: [], waiting: 0 });
  expect(await round()).toEqual({ sent: [], notes: [], waiting: 0 });
});

test("an alert that was resolved before the ledger recorded it, or that only the ledger raises, is not raised there", async () => {
  const { ledger, round } = watched();
  ledger.isBusy = true;
  await round(change("raised"));
  ledger.isBusy = false;
  const own = change("raised", { type: "ROLLBACK_EXECUTED", source: "ledger" });
  expect(await round(change("resolved"), own)).toEqual({ sent: [], notes: [], waiting: 0 });
});

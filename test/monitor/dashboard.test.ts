import { expect, test } from "vitest";
import { ScopeSchema } from "../../src/fleet/session/scope.ts";
import { apply, EMPTY_BOOK } from "../../src/monitor/alert-book.ts";
import { openStore } from "../../src/monitor/store.ts";
import { storePath } from "../../src/operations/observe/files.ts";
import { acknowledgeMonitored, isMonitored, monitoredAlerts } from "../../src/operations/view/monitored.ts";
import { temporaryFolder } from "../kit/folder.ts";

test("the dashboard shows the monitor's alerts, newest first, and acknowledges them", () => {
  const home = temporaryFolder("monitored");
  const scope = ScopeSchema.parse({ project: "game", stack: "dev", home, build: home });
  expect(monitoredAlerts(scope)).toEqual([]);
  const store = openStore(storePath(scope));
  const judgement = { type: "PROCESS_OFFLINE" as const, source: "shop", holds: true, message: "3 checks" };
  const first = apply(EMPTY_BOOK, [judgement], 0).book;
  store.saveBook(apply(first, [{ ...judgement, source: "bank" }], 1000).book);
  expect(monitoredAlerts(scope).map(({ id, source, state }) => [id, source, state])).toEqual([
    ["monitor:alert-2", "bank", "OPEN"],
    ["monitor:alert-1", "shop", "OPEN"],
  ]);
  expect([isMonitored("monitor:alert-1"), isMonitored("ledger/alert-1")]).toEqual([true, false]);
  acknowledgeMonitored(scope, "monitor:alert-1");
  expect(store.book().alerts.map(({ state }) => state)).toEqual(["ACKNOWLEDGED", "OPEN"]);
  expect(() => acknowledgeMonitored(scope, "monitor:alert-9")).toThrow("UNKNOWN_ALERT");
  store.close();
});

import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import type { AlertView } from "../../dashboard/view.ts";
import type { Scope } from "../../fleet/session/scope.ts";
import { acknowledge } from "../../monitor/alert-book.ts";
import { type MonitorStore, openStore } from "../../monitor/store.ts";
import { storePath } from "../observe/files.ts";

/** Prefix of the ids of the monitor's alerts; no member can have this name. */
const PREFIX = "monitor:";

/** The alerts of `fleet monitor`, newest first; empty if it never ran. */
export function monitoredAlerts(scope: Scope): AlertView[] {
  const alerts = withStore(scope, (store) => store.book().alerts) ?? [];
  return alerts
    .map(({ alertId, type, level, source, message, state, count, raisedAt }) => ({
      ...{ type, level, source, message, state, count },
      id: `${PREFIX}${alertId}`,
      raisedAt: new Date(raisedAt).toISOString(),
    }))
    .reverse();
}

/** Whether an id is from `monitoredAlerts`. */
export const isMonitored = (id: string): boolean => id.startsWith(PREFIX);

/** Acknowledges an alert of the monitor. @throws FleetError UNKNOWN_ALERT */
export function acknowledgeMonitored(scope: Scope, id: string): void {
  withStore(scope, (store) =>
    store.atomically(() =>
      store.saveBook(acknowledge(store.book(), id.slice(PREFIX.length), userInfo().username, Date.now())),
    ),
  );
}

function withStore<T>(scope: Scope, work: (store: MonitorStore) => T): T | undefined {
  const path = storePath(scope);
  if (!existsSync(path)) return undefined;
  const store = openStore(path);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

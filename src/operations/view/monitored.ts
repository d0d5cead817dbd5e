import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import type { AlertView } from "../../dashboard/view.ts";
import type { Scope } from "../../fleet/session/scope.ts";
import { acknowledge } from "../../monitor/alert-book.ts";
import type { MonitorStore } from "../../monitor/store.ts";
import { withStore } from "../observe/alert-book.ts";
import { storePath } from "../observe/files.ts";

/** Prefix of the ids of the monitor's alerts; no member can have this name. */
const PREFIX = "monitor:";

/** The alerts of `fleet monitor`, newest first; empty if it never ran. */
export function monitoredAlerts(scope: Scope): AlertView[] {
  const alerts = withExisting(scope, (store) => store.book().alerts) ?? [];
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
  withExisting(scope, (store) =>
    store.atomically(() =>
      store.saveBook(acknowledge(store.book(), id.slice(PREFIX.length), userInfo().username, Date.now())),
    ),
  );
}

/** Undefined if the monitor never ran. */
function withExisting<T>(scope: Scope, work: (store: MonitorStore) => T): T | undefined {
  const path = storePath(scope);
  return existsSync(path) ? withStore(path, work) : undefined;
}

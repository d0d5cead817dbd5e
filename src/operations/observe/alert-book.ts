import { existsSync } from "node:fs";
import { join } from "node:path";
import { FleetError } from "../../core/errors.ts";
import type { Book } from "../../monitor/alert-book.ts";
import { type MonitorStore, openStore } from "../../monitor/store.ts";
import { TYPE_NAMES } from "../../monitor/types.ts";
import type { OperationContext } from "../context.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import { storePath } from "./files.ts";

/** Opens a stack's store of the monitor, by its path, for `work`. */
export function withStore<T>(path: string, work: (store: MonitorStore) => T): T {
  const store = openStore(path);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** Opens the store of the selected stack's monitor for `work`. @throws FleetError MONITOR_NEVER_RAN */
async function withMonitored<T>(context: OperationContext, work: (store: MonitorStore) => T): Promise<T> {
  const stack = await context.stack();
  const { project } = readStackConfig(context.projectDir, stack);
  const path = storePath({ home: join(context.projectDir, ".fleet"), project, stack });
  if (!existsSync(path)) throw neverRan(stack, path);
  return withStore(path, (store) => {
    // Earlier versions created an empty store when alerts were listed.
    if (store.rounds() === 0 && store.book().seq === 0) throw neverRan(stack, path);
    return work(store);
  });
}

const neverRan = (stack: string, path: string): FleetError =>
  new FleetError({
    code: "MONITOR_NEVER_RAN",
    what: `No round of fleet monitor has ended for the stack ${stack} on this machine, so nothing is known about alerts.`,
    got: `no rounds in ${path}`,
    expected: "a stack that fleet monitor watches on this machine",
    remedy: `Start it: npx fleet monitor --stack ${stack}. Or name another stack with --stack.`,
  });

/** The alerts of a stack, and when the last round of its monitor ended. @throws FleetError MONITOR_NEVER_RAN */
export const readAlerts = (
  context: OperationContext,
): Promise<{ readonly book: Book; readonly lastRound: number | undefined }> =>
  withMonitored(context, (store) => ({ book: store.book(), lastRound: store.lastRound() }));

/** Changes the alerts of a stack in one transaction. @throws FleetError MONITOR_NEVER_RAN */
export const updateAlerts = (context: OperationContext, how: (book: Book) => Book): Promise<Book> =>
  withMonitored(context, (store) =>
    store.atomically(() => {
      const book = how(store.book());
      store.saveBook(book);
      return book;
    }),
  );

/** The type of alert with this name, in any case. @throws FleetError UNKNOWN_TYPE */
export function alertTypeNamed(text: string): (typeof TYPE_NAMES)[number] {
  const type = TYPE_NAMES.find((name) => name === text.toUpperCase());
  if (type) return type;
  throw new FleetError({
    code: "UNKNOWN_TYPE",
    what: `Unknown alert type "${text}".`,
    got: text,
    expected: `one of ${TYPE_NAMES.join(", ")}`,
    remedy: "npx fleet alerts rules lists the types.",
  });
}

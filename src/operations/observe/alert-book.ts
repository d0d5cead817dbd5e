import { join } from "node:path";
import type { Book } from "../../monitor/alert-book.ts";
import { type MonitorStore, openStore } from "../../monitor/store.ts";
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

async function pathOf(context: OperationContext): Promise<string> {
  const stack = await context.stack();
  const { project } = readStackConfig(context.projectDir, stack);
  return storePath({ home: join(context.projectDir, ".fleet"), project, stack });
}

/** Reads the alerts of a stack. */
export const readAlerts = async (context: OperationContext): Promise<Book> =>
  withStore(await pathOf(context), (store) => store.book());

/** Changes the alerts of a stack in one transaction. */
export const updateAlerts = async (context: OperationContext, how: (book: Book) => Book): Promise<Book> =>
  withStore(await pathOf(context), (store) =>
    store.atomically(() => {
      const book = how(store.book());
      store.saveBook(book);
      return book;
    }),
  );

import { join } from "node:path";
import type { Book } from "../../monitor/alert-book.ts";
import { openStore } from "../../monitor/store.ts";
import type { OperationContext } from "../context.ts";
import { readStackConfig } from "../workspace/stack-config.ts";
import { storePath } from "./files.ts";

/** Opens the monitor's store of a stack for `work`. */
async function withStore<T>(
  context: OperationContext,
  work: (store: ReturnType<typeof openStore>) => T,
): Promise<T> {
  const stack = await context.stack();
  const { project } = readStackConfig(context.projectDir, stack);
  const store = openStore(storePath({ home: join(context.projectDir, ".fleet"), project, stack }));
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** Reads the alerts of a stack. */
export const readAlerts = (context: OperationContext): Promise<Book> =>
  withStore(context, (store) => store.book());

/** Changes the alerts of a stack in one transaction. */
export const updateAlerts = (context: OperationContext, how: (book: Book) => Book): Promise<Book> =>
  withStore(context, (store) =>
    store.atomically(() => {
      const book = how(store.book());
      store.saveBook(book);
      return book;
    }),
  );

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** Prepared statements, records as JSON, and transactions, on one connection to SQLite. */
export function sqlOf(database: DatabaseSync) {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const run = (sql: string, ...values: SQLInputValue[]) => prepare(sql).run(...values);
  const row = (sql: string, ...values: SQLInputValue[]) => prepare(sql).get(...values);
  const rows = (sql: string, ...values: SQLInputValue[]) => prepare(sql).all(...values);
  const record = <T>(found: Record<string, unknown> | undefined): T | undefined =>
    found === undefined ? undefined : (JSON.parse(String(found.record)) as T);
  const records = <T>(found: Record<string, unknown>[]): T[] =>
    found.map((each) => JSON.parse(String(each.record)) as T);

  let depth = 0;
  /** Runs `work` in a transaction, or in the one that is open. */
  function atomically<T>(work: () => T): T {
    if (depth > 0) return work();
    database.exec("BEGIN IMMEDIATE");
    depth++;
    try {
      const result = work();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    } finally {
      depth--;
    }
  }

  return { database, atomically, run, row, rows, record, records };
}
export type Sql = ReturnType<typeof sqlOf>;

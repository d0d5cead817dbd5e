import type { SQLInputValue } from "node:sqlite";
import { type Sql, sqlOf } from "../../core/sql.ts";
import type { Assignment, Effect, EvaluationRecord, ItemRecord, ProcessRecord } from "../types.ts";
import { openDatabase } from "./database.ts";
import { itemFilter } from "./item-query.ts";
import { memoriesOf } from "./memories.ts";
import type { AssignmentRange, EvaluationPoint, EvaluationQuery, ItemQuery, Store } from "./store.ts";

/**
 * A store in one SQLite file, or in memory if the path is `:memory:`. With the write-ahead log, every finished transaction
 * survives a kill. The file is locked while it is open, so a folder has one daemon.
 */
export function sqliteStore(path: string): Store {
  const database = openDatabase(path);
  const sql = sqlOf(database);
  return {
    atomically: sql.atomically,
    close: () => database.close(),
    ...metaOf(sql),
    ...itemsOf(sql),
    ...processesOf(sql),
    ...assignmentsOf(sql),
    ...evaluationsOf(sql),
    ...effectsOf(sql),
  };
}

const metaOf = ({ row, run }: Sql): Pick<Store, "meta" | "setMeta"> => ({
  meta: (key) => row("SELECT value FROM meta WHERE key = ?", key)?.value as string | undefined,
  setMeta: (key, value) => void run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value),
});

function selectItems(
  { database }: Sql,
  query: ItemQuery,
  columns: string,
  tail: string,
  values: SQLInputValue[] = [],
) {
  const filter = itemFilter(query);
  return database
    .prepare(`SELECT ${columns} FROM items ${filter.where} ${tail}`)
    .all(...filter.values, ...values);
}

const itemsOf = (sql: Sql): Pick<Store, "addItem" | "item" | "data" | "findItems" | "countItems"> => {
  const { atomically, run, row, record } = sql;
  return {
    addItem: (item, raw) =>
      atomically(() => {
        const { changes, lastInsertRowid } = run(
          "INSERT OR IGNORE INTO items (id, owner, recipient, height, timestamp, record) VALUES (?, ?, ?, ?, ?, ?)",
          ...[item.id, item.owner, item.target, item.height, item.timestamp, JSON.stringify(item)],
        );
        if (changes === 0) return false;
        for (const { name, value } of item.tags) {
          run(
            "INSERT OR IGNORE INTO item_tags (name, value, seq) VALUES (?, ?, ?)",
            name,
            value,
            lastInsertRowid,
          );
        }
        run("INSERT INTO item_bytes (seq, raw) VALUES (?, ?)", lastInsertRowid, raw);
        return true;
      }),
    item: (id) => record<ItemRecord>(row("SELECT record FROM items WHERE id = ?", id)),
    data(id) {
      const found = row("SELECT record, raw FROM items JOIN item_bytes USING (seq) WHERE id = ?", id);
      const item = record<ItemRecord>(found);
      return item && (found as { raw: Uint8Array }).raw.subarray(item.dataOffset);
    },
    findItems(query) {
      const order = query.ascending ? "ASC" : "DESC";
      const found = selectItems(sql, query, "seq, record", `ORDER BY seq ${order} LIMIT ?`, [
        query.limit + 1,
      ]);
      const items = found.slice(0, query.limit).map((each) => ({
        ...(JSON.parse(String(each.record)) as ItemRecord),
        cursor: String(each.seq),
      }));
      return { items, hasMore: found.length > query.limit };
    },
    countItems: ({ after: _, ...query }) =>
      Number(selectItems(sql, query, "count(*) AS count", "")[0]?.count ?? 0),
  };
};

const processesOf = ({
  run,
  row,
  rows,
  record,
}: Sql): Pick<Store, "addProcess" | "process" | "processIds" | "setMonitored" | "monitored"> => ({
  addProcess: (process) =>
    void run("INSERT INTO processes (id, record) VALUES (?, ?)", process.id, JSON.stringify(process)),
  process: (id) => record<ProcessRecord>(row("SELECT record FROM processes WHERE id = ?", id)),
  processIds: () => rows("SELECT id FROM processes ORDER BY rowid").map((each) => String(each.id)),
  setMonitored: (process, monitored) =>
    void run("UPDATE processes SET monitored = ? WHERE id = ?", monitored ? 1 : 0, process),
  monitored: () => rows("SELECT id FROM processes WHERE monitored = 1").map((each) => String(each.id)),
});

const assignmentsOf = ({
  run,
  row,
  rows,
  record,
  records,
}: Sql): Pick<
  Store,
  "append" | "lastAssignment" | "assignment" | "placed" | "hasDeepHash" | "assignments"
> => ({
  append(assignment) {
    const { process, nonce, id, message, timestamp, deepHash } = assignment;
    run(
      "INSERT INTO assignments (process, nonce, id, message, timestamp, deep_hash, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[process, nonce, id, message, timestamp, deepHash, JSON.stringify(assignment)],
    );
  },
  lastAssignment: (process) =>
    record<Assignment>(
      row("SELECT record FROM assignments WHERE process = ? ORDER BY nonce DESC LIMIT 1", process),
    ),
  assignment: (process, message) =>
    record<Assignment>(
      row(
        "SELECT record FROM assignments WHERE process = ? AND message = ? ORDER BY nonce LIMIT 1",
        process,
        message,
      ),
    ),
  placed: (id) =>
    record<Assignment>(
      row(
        "SELECT record FROM assignments WHERE (message = ? OR id = ?) AND nonce > 0 ORDER BY timestamp, rowid LIMIT 1",
        ...[id, id],
      ),
    ),
  hasDeepHash: (process, hash) =>
    row("SELECT 1 AS found FROM assignments WHERE process = ? AND deep_hash = ?", process, hash) !==
    undefined,
  assignments: (process, range: AssignmentRange) =>
    records<Assignment>(
      rows(
        `SELECT record FROM assignments WHERE process = ? AND timestamp > ? AND timestamp <= ? AND nonce >= ? AND nonce <= ?
         ORDER BY nonce LIMIT ?`,
        ...[process, range.from ?? -1, range.to ?? Number.MAX_SAFE_INTEGER],
        ...[range.fromNonce ?? 0, range.toNonce ?? Number.MAX_SAFE_INTEGER, range.limit],
      ),
    ),
});

/** The position of a cursor in the results of a process. */
function positionOf({ row }: Sql, process: string, point: EvaluationPoint, after: boolean): number {
  const found =
    point.ordinate === undefined
      ? row(
          `SELECT ${after ? "max" : "min"}(seq) AS seq FROM evaluations WHERE process = ? AND timestamp ${after ? "<=" : ">="} ?`,
          process,
          point.timestamp,
        )
      : row(
          "SELECT max(seq) AS seq FROM evaluations WHERE process = ? AND ordinate = ? AND cron IS ? AND timestamp <= ?",
          process,
          point.ordinate,
          point.cron ?? null,
          point.timestamp,
        );
  return typeof found?.seq === "number" ? found.seq : after ? 0 : Number.MAX_SAFE_INTEGER;
}

const evaluationsOf = (
  sql: Sql,
): Pick<
  Store,
  "saveEvaluation" | "evaluation" | "evaluationAt" | "lastEvaluated" | "evaluations" | "memory"
> => {
  const { atomically, run, row, rows, record, records } = sql;
  const memories = memoriesOf(sql);
  return {
    saveEvaluation: (evaluation, memory, effects) =>
      atomically(() => {
        const { process, ordinate, cron, message, timestamp, result } = evaluation;
        run(
          "INSERT INTO evaluations (process, ordinate, cron, message, timestamp, failed, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
          ...[process, ordinate, cron, message, timestamp],
          ...[result.Error === undefined ? 0 : 1, JSON.stringify(evaluation)],
        );
        if (memory) memories.save(process, memory);
        for (const effect of effects) run("INSERT INTO effects (record) VALUES (?)", JSON.stringify(effect));
      }),
    evaluation: (process, message) =>
      record<EvaluationRecord>(
        row(
          "SELECT record FROM evaluations WHERE process = ? AND message = ? ORDER BY seq LIMIT 1",
          process,
          message,
        ),
      ),
    evaluationAt: (process, nonce) =>
      record<EvaluationRecord>(
        row(
          "SELECT record FROM evaluations WHERE process = ? AND ordinate = ? AND cron IS NULL",
          process,
          nonce,
        ),
      ),
    lastEvaluated: (process) =>
      Number(
        row("SELECT max(ordinate) AS nonce FROM evaluations WHERE process = ? AND cron IS NULL", process)
          ?.nonce ?? -1,
      ),
    evaluations(process, { from, to, descending, limit }: EvaluationQuery) {
      // "after" follows the reading direction: if descending, it means earlier.
      const [start, end] = descending ? [to, from] : [from, to];
      const low = start ? positionOf(sql, process, start, !descending) - (descending ? 1 : 0) : 0;
      const high = end
        ? positionOf(sql, process, end, !descending) - (descending ? 1 : 0)
        : Number.MAX_SAFE_INTEGER;
      return records<EvaluationRecord>(
        rows(
          `SELECT record FROM evaluations WHERE process = ? AND seq > ? AND seq <= ?
           ORDER BY seq ${descending ? "DESC" : "ASC"} LIMIT ?`,
          ...[process, low, high, limit],
        ),
      );
    },
    memory: memories.memory,
  };
};

const effectsOf = ({ rows, run }: Sql): Pick<Store, "effects" | "removeEffect"> => ({
  effects: (limit) =>
    rows("SELECT id, record FROM effects ORDER BY id LIMIT ?", limit).map((each) => ({
      ...(JSON.parse(String(each.record)) as Effect),
      id: Number(each.id),
    })),
  removeEffect: (id) => void run("DELETE FROM effects WHERE id = ?", id),
});

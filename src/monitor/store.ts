import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sqlOf } from "../core/sql.ts";
import type { Alert, Book, Change, Silence } from "./alert-book.ts";
import type { Counters, Reading, State } from "./reading.ts";
import type { Watched } from "./watch.ts";

/** One process in one round, as stored. */
export interface StoredReading {
  readonly at: number;
  readonly name: string;
  readonly state: State | "UNKNOWN";
  readonly responseMs?: number;
  readonly slot?: number;
  /** Since the previous round. */
  readonly delta?: Counters;
}

/** An entry of the ledger, with any content. */
interface LedgerEntry {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
}

/** A change that a receiver has not accepted yet. */
export interface Unsent {
  readonly n: number;
  readonly change: Change;
}

/** The monitor's data of one stack, in one SQLite file that several commands can open. */
export interface MonitorStore {
  /** Runs `work` in a transaction; other commands wait meanwhile. */
  atomically<T>(work: () => T): T;
  watched(): Watched[];
  /** Stores the current data of each process, and one row each for the statistics. */
  keep(at: number, watched: readonly Watched[]): void;
  /** Rows of the statistics since a time, oldest first. */
  since(at: number): StoredReading[];
  book(): Book;
  saveBook(book: Book): void;
  /** Stores changes that a receiver is to be sent, until it has accepted them. */
  addUnsent(receiver: string, changes: readonly Change[], at: number): void;
  /** What a receiver has not accepted yet, oldest first. */
  unsent(receiver: string): Unsent[];
  removeUnsent(unsent: readonly Unsent[]): void;
  /** Deletes changes from before a time. */
  forgetUnsent(before: number): void;
  entries<T extends LedgerEntry>(): T[];
  /** Sequence number of the newest entry; 0 if there is none. */
  lastSeq(ledgerId: string): number;
  addEntries(ledgerId: string, entries: readonly LedgerEntry[]): void;
  /** Total number of rounds. */
  rounds(): number;
  /** When the last round ended; undefined if none did, or if only an earlier version's rounds did and their rows are deleted. */
  lastRound(): number | undefined;
  /** Deletes rows before a time. */
  forget(before: number): number;
  close(): void;
}

const VERSION = 1;
const TABLES = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS watched (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS readings (at INTEGER NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (at, name)) STRICT;
CREATE TABLE IF NOT EXISTS alerts (id TEXT PRIMARY KEY, n INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS unsent (n INTEGER PRIMARY KEY, receiver TEXT NOT NULL, at INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;
`;

/** Opens or creates the store; `:memory:` for none on disk. Every finished round survives a kill of the process. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the list of the operations on the store, each of them short.
export function openStore(path: string): MonitorStore {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path, { timeout: 10_000 });
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  db.exec(TABLES);
  const { atomically, run, row, rows, records } = sqlOf(db);
  const meta = (key: string) => row("SELECT value FROM meta WHERE key = ?", key)?.value as string | undefined;
  const setMeta = (key: string, value: string) =>
    run("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", key, value);
  if (meta("version") !== String(VERSION)) {
    // Data of another version is not readable, and all of it can be collected again.
    db.exec(
      "DELETE FROM watched; DELETE FROM readings; DELETE FROM entries; DELETE FROM alerts; DELETE FROM unsent;",
    );
    setMeta("version", String(VERSION));
  }
  const store: MonitorStore = {
    atomically,
    watched: () => records<Watched>(rows("SELECT record FROM watched ORDER BY name")),
    keep(at, watched) {
      db.exec("DELETE FROM watched");
      for (const each of watched) {
        run("INSERT INTO watched VALUES (?, ?)", each.name, JSON.stringify(each));
        const kept = JSON.stringify(keptOf(at, each));
        run("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", at, each.name, kept);
      }
      setMeta("rounds", String(store.rounds() + 1));
      setMeta("lastRound", String(at));
    },
    since: (at) =>
      records<StoredReading>(rows("SELECT record FROM readings WHERE at >= ? ORDER BY at, name", at)),
    book: () => ({
      seq: Number(meta("seq") ?? 0),
      alerts: records<Alert>(rows("SELECT record FROM alerts ORDER BY n")),
      silences: JSON.parse(meta("silences") ?? "[]") as Silence[],
    }),
    saveBook({ seq, alerts, silences }) {
      setMeta("seq", String(seq));
      setMeta("silences", JSON.stringify(silences));
      db.exec("DELETE FROM alerts");
      for (const [n, alert] of alerts.entries())
        run("INSERT INTO alerts VALUES (?, ?, ?)", alert.alertId, n, JSON.stringify(alert));
    },
    addUnsent(receiver, changes, at) {
      for (const change of changes)
        run(
          "INSERT INTO unsent (receiver, at, record) VALUES (?, ?, ?)",
          receiver,
          at,
          JSON.stringify(change),
        );
    },
    unsent: (receiver) =>
      rows("SELECT n, record FROM unsent WHERE receiver = ? ORDER BY n", receiver).map(({ n, record }) => ({
        n: Number(n),
        change: JSON.parse(String(record)) as Change,
      })),
    removeUnsent(unsent) {
      atomically(() => {
        for (const { n } of unsent) run("DELETE FROM unsent WHERE n = ?", n);
      });
    },
    forgetUnsent: (before) => void run("DELETE FROM unsent WHERE at < ?", before),
    entries: <T extends LedgerEntry>() => records<T>(rows("SELECT record FROM entries ORDER BY seq")),
    lastSeq(ledgerId) {
      if (meta("ledger") !== ledgerId) return 0;
      return Number(row("SELECT max(seq) AS seq FROM entries")?.seq ?? 0);
    },
    addEntries(ledgerId, entries) {
      // A new ledger starts a new sequence.
      if (meta("ledger") !== ledgerId) {
        db.exec("DELETE FROM entries");
        setMeta("ledger", ledgerId);
      }
      for (const entry of entries)
        run("INSERT OR IGNORE INTO entries VALUES (?, ?)", entry.seq, JSON.stringify(entry));
    },
    rounds: () => Number(meta("rounds") ?? 0),
    lastRound() {
      // Earlier versions only kept the time in the rows.
      const at = meta("lastRound") ?? row("SELECT max(at) AS at FROM readings")?.at;
      return at === undefined || at === null ? undefined : Number(at);
    },
    forget: (before) => Number(run("DELETE FROM readings WHERE at < ?", before).changes),
    close: () => db.close(),
  };
  return store;
}

function keptOf(at: number, { name, state, lastAnswerAt, reading, delta }: Watched): StoredReading {
  const { responseMs, slot }: Reading = reading;
  return {
    at,
    name,
    // A round in which it could not be read does not affect its availability.
    state: reading.outcome === "unknown" ? "UNKNOWN" : state,
    ...(lastAnswerAt !== at || responseMs === undefined ? {} : { responseMs }),
    ...(slot === undefined ? {} : { slot }),
    ...(delta === undefined ? {} : { delta }),
  };
}

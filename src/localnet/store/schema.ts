/** Version of the tables; a store of another version is refused. */
export const STORE_VERSION = "2";
/** Its memories are whole, and are read. An older program must not open the store afterwards: it would not find a memory in blocks. */
export const EARLIER_VERSION = "1";

export const TABLES = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS items (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  recipient TEXT NOT NULL,
  height INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS items_owner ON items (owner, seq);
CREATE INDEX IF NOT EXISTS items_recipient ON items (recipient, seq);
CREATE TABLE IF NOT EXISTS item_tags (
  name TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (name, value, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS item_bytes (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL);

CREATE TABLE IF NOT EXISTS processes (id TEXT PRIMARY KEY, record TEXT NOT NULL, monitored INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS assignments (
  process TEXT NOT NULL, nonce INTEGER NOT NULL, id TEXT NOT NULL, message TEXT NOT NULL,
  timestamp INTEGER NOT NULL, deep_hash TEXT, record TEXT NOT NULL, PRIMARY KEY (process, nonce)
);
-- Earlier versions had a unique index; a HyperBEAM node takes an item as often as it is posted.
DROP INDEX IF EXISTS assignments_message;
CREATE INDEX IF NOT EXISTS assignments_of_item ON assignments (process, message, nonce);
CREATE INDEX IF NOT EXISTS assignments_of_message ON assignments (message);
CREATE INDEX IF NOT EXISTS assignments_id ON assignments (id);
CREATE INDEX IF NOT EXISTS assignments_deep_hash ON assignments (process, deep_hash) WHERE deep_hash IS NOT NULL;

CREATE TABLE IF NOT EXISTS evaluations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  process TEXT NOT NULL, ordinate INTEGER NOT NULL, cron TEXT, message TEXT, timestamp INTEGER NOT NULL,
  failed INTEGER NOT NULL, record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS evaluations_order ON evaluations (process, ordinate);
CREATE INDEX IF NOT EXISTS evaluations_message ON evaluations (process, message);
-- Whole memories; stores of earlier versions have them, and a process moves to blocks with its next evaluation.
CREATE TABLE IF NOT EXISTS memories (process TEXT PRIMARY KEY, memory BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS memory_blocks (
  process TEXT NOT NULL, block INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (process, block)
);
CREATE TABLE IF NOT EXISTS effects (id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
`;

import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { crashPoint } from "../../core/crash.ts";
import type { SignedItem } from "../wallet.ts";
import { type Appender, type Blobs, blobsIn, openAppender, withFileErrorsExplained } from "./disk.ts";
import { Intents } from "./intents.ts";
import { acquireLock, type FileLock, type LockOptions } from "./lock.ts";
import { parseJournal, readIfThere } from "./parse.ts";
import { type Body, encodeRecord, type Intent, isOpenIntent, type JournalRecord } from "./records.ts";

/**
 * The record of everything that was signed: one append-only file per stack. A signed item is on disk before it is sent, so
 * after a crash the same bytes are sent again and the network sees one message.
 */
export interface Journal {
  readonly path: string;
  /** True if this call created the file: earlier runs are unknown, so look on the network before a spawn. */
  readonly isNew: boolean;
  /** What was dropped from the end of the file because it was incomplete; look on the network then, too. */
  readonly dropped: string | undefined;

  /** The intent of this key that is neither settled nor voided. */
  signed(key: string): Intent | undefined;
  /**
   * The open intent of the key, or a new one made by `sign`. Returns when it is on disk. Calls with the same key run one after
   * another. A message whose content or signer changed is voided and signed again; a spawn is kept unless the signer changed.
   */
  record(
    input: Pick<Intent, "key" | "kind" | "target" | "signer" | "content" | "floor">,
    sign: () => Promise<SignedItem>,
  ): Promise<{ readonly intent: Intent; readonly item: SignedItem; readonly resent: boolean }>;
  /** Records that it is posted now: see `Intent.posted`. No error if nothing is open. */
  posting(key: string): Promise<void>;
  /** Records that a unit accepted it, with its assignment if it has one; a newer assignment replaces an earlier one. */
  sent(key: string, assignment?: string): Promise<void>;
  /** Records that its effect was read back: the same key then means a new effect. No error if nothing is open. */
  settle(key: string): Promise<void>;
  /** Abandons it: it is never sent again. No error if nothing is open. */
  void(key: string, reason: string): Promise<void>;

  /** All intents that are neither settled nor voided, oldest first. */
  open(): readonly Intent[];
  /** All known intents, oldest first: the newest 10,000 closed messages, and all spawns and uploads. */
  history(): readonly Intent[];
  /** The intent with this data item id. */
  byId(id: string): Intent | undefined;
  /** The signed bytes of an open intent. */
  item(intent: Intent): Promise<SignedItem>;

  /**
   * Checks that this run still has the journal: to be called as the last thing before each post, because a run that was suspended may
   * continue when another one has posted the same bytes.
   *
   * @throws FleetError `JOURNAL_LOST`; `JOURNAL_UNWRITABLE` if its lock cannot be read
   */
  assertHeld(): void;
  /** Rewrites the file without the bodies of closed intents. Happens automatically when a journal is opened and half of it is closed. */
  compact(): Promise<void>;
  /** Releases the file once the last user in this process has closed it. */
  close(): Promise<void>;
}

/** Items up to this many bytes are stored in the journal's line itself. */
const INLINE_LIMIT = 16_384;
/** A file smaller than this is not worth rewriting. */
const COMPACT_ABOVE = 1_000_000;

const shared = new Map<string, { journal: Promise<SharedJournal>; users: number }>();

/**
 * Opens or creates the journal (and its folder). All users in one process share it; another process waits.
 *
 * @throws FleetError `JOURNAL_LOCKED` (transient), `JOURNAL_UNWRITABLE`, `JOURNAL_DAMAGED` (a record before the last is damaged)
 */
export async function openJournal(path: string, options: LockOptions = {}): Promise<Journal> {
  await withFileErrorsExplained(path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
  const real = join(await realpath(dirname(path)), basename(path));
  let entry = shared.get(real);
  if (!entry) {
    entry = { journal: SharedJournal.open(real, options), users: 0 };
    shared.set(real, entry);
    entry.journal.catch(() => shared.delete(real));
  }
  const used = entry;
  used.users += 1;
  const journal = await used.journal;
  let closed = false;
  return journal.handle(async () => {
    if (closed) return;
    closed = true;
    used.users -= 1;
    if (used.users > 0) return;
    shared.delete(real);
    await journal.end();
  });
}

/**
 * Reads a journal without locking it: for reports, also while a deployment runs. A torn last record is ignored.
 *
 * @returns all known intents, oldest first; empty if there is no journal
 * @throws FleetError `JOURNAL_DAMAGED`
 */
export async function readJournal(path: string): Promise<readonly Intent[]> {
  const intents = new Intents();
  const text = await readIfThere(path);
  for (const record of parseJournal(path, text ?? Buffer.alloc(0)).records) intents.apply(record);
  return intents.list();
}

class SharedJournal {
  readonly path: string;
  readonly isNew: boolean;
  readonly dropped: string | undefined;
  private readonly lock: FileLock;
  private readonly appender: Appender;
  private readonly blobs: Blobs;
  private readonly intents: Intents;
  /** The last call for each key: the next one waits for it. */
  private readonly turns = new Map<string, Promise<unknown>>();

  private constructor(path: string, parts: Pick<SharedJournal, "isNew" | "dropped">, disk: DiskParts) {
    this.path = path;
    this.isNew = parts.isNew;
    this.dropped = parts.dropped;
    this.lock = disk.lock;
    this.appender = disk.appender;
    this.blobs = disk.blobs;
    this.intents = disk.intents;
  }

  static async open(path: string, options: LockOptions): Promise<SharedJournal> {
    const lock = await withFileErrorsExplained(path, () => acquireLock(`${path}.lock`, options));
    let appender: DiskParts["appender"] | undefined;
    try {
      const text = await readIfThere(path);
      const { records, size, dropped } = parseJournal(path, text ?? Buffer.alloc(0));
      const intents = new Intents();
      for (const record of records) intents.apply(record);
      const blobs = blobsIn(`${path}.blobs`);
      appender = await openAppender(path, size, () => lock.assertHeld());
      const journal = new SharedJournal(
        path,
        { isNew: text === undefined, dropped },
        { lock, appender, blobs, intents },
      );
      await blobs.sweep(intents.openBlobs());
      if (size > COMPACT_ABOVE && intents.closedBytes > size / 2) await journal.compact();
      return journal;
    } catch (error) {
      await appender?.close().catch(() => {});
      await lock.release();
      throw error;
    }
  }

  handle(close: () => Promise<void>): Journal {
    return {
      path: this.path,
      isNew: this.isNew,
      dropped: this.dropped,
      signed: (key) => this.intents.openOf(key),
      record: (input, sign) => this.inTurn(input.key, () => this.record(input, sign)),
      posting: (key) => this.inTurn(key, () => this.posting(key)),
      sent: (key, assignment) =>
        this.inTurn(key, () => this.move(key, "sent", assignment === undefined ? {} : { assignment })),
      settle: (key) => this.inTurn(key, () => this.move(key, "settled")),
      void: (key, reason) => this.inTurn(key, () => this.move(key, "voided", { reason })),
      open: () => this.intents.list().filter(isOpenIntent),
      history: () => this.intents.list(),
      byId: (id) => this.intents.byId(id),
      item: (intent) => this.item(intent),
      assertHeld: () => this.lock.assertHeld(),
      compact: () => this.compact(),
      close,
    };
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.turns.values());
    try {
      await this.appender.close();
    } finally {
      await this.lock.release();
    }
  }

  private inTurn<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.turns.get(key) ?? Promise.resolve()).then(task);
    const quiet = result
      .catch(() => {})
      .then(() => {
        if (this.turns.get(key) === quiet) this.turns.delete(key);
      });
    this.turns.set(key, quiet);
    return result;
  }

  private async record(...[input, sign]: Parameters<Journal["record"]>): ReturnType<Journal["record"]> {
    const earlier = this.intents.openOf(input.key);
    if (earlier) {
      const sameContent = earlier.kind === "spawn" || earlier.content === input.content;
      if (sameContent && earlier.signer === input.signer) {
        return { intent: earlier, item: await this.item(earlier), resent: true };
      }
      await this.move(input.key, "voided", { reason: sameContent ? "another signer" : "other content" });
    }
    crashPoint("ao.before-sign");
    const item = await sign();
    crashPoint("ao.after-sign");
    const inline = item.raw.length <= INLINE_LIMIT;
    const { key, kind, ...rest } = input;
    await this.write({
      kind: "signed",
      key,
      n: this.intents.lastOf(key) + 1,
      what: kind,
      id: item.id,
      ...rest,
      at: Date.now(),
      ...(inline
        ? { raw: Buffer.from(item.raw).toString("base64") }
        : { blob: await this.blobs.put(item.raw) }),
    });
    crashPoint("ao.after-journal");
    const intent = this.intents.openOf(key);
    if (!intent) throw new Error(`the journal lost ${key} while writing it`);
    return { intent, item, resent: false };
  }

  private async posting(key: string): Promise<void> {
    const intent = this.intents.openOf(key);
    if (intent) await this.write({ kind: "posted", key, n: intent.n, at: Date.now() });
  }

  private async move(
    key: string,
    kind: "sent" | "settled" | "voided",
    more: Pick<Intent, "reason" | "assignment"> = {},
  ): Promise<void> {
    const intent = this.intents.openOf(key);
    if (!intent) return;
    const isNewAssignment = more.assignment !== undefined && more.assignment !== intent.assignment;
    if (intent.state === kind && !isNewAssignment) return;
    const body = this.intents.bodyOf(intent.id);
    await this.write({ kind, key, n: intent.n, at: Date.now(), ...more });
    if (kind !== "sent" && body && "blob" in body) await this.blobs.drop(body.blob);
  }

  private async write(record: JournalRecord): Promise<void> {
    // Applied before the next file operation, because a compaction that follows must include it.
    await this.appender.append(encodeRecord(record), () => this.intents.apply(record));
  }

  private async item(intent: Intent): Promise<SignedItem> {
    const body: Body | undefined = this.intents.bodyOf(intent.id);
    if (!body || "gone" in body) throw new Error(`the bytes of ${intent.id} are gone: it is ${intent.state}`);
    const raw =
      "raw" in body ? new Uint8Array(Buffer.from(body.raw, "base64")) : await this.blobs.get(body.blob);
    return { id: intent.id, raw };
  }

  private async compact(): Promise<void> {
    await this.appender.replace(() => this.intents.compacted().map(encodeRecord).join(""));
  }
}

interface DiskParts {
  readonly lock: FileLock;
  readonly appender: Appender;
  readonly blobs: Blobs;
  readonly intents: Intents;
}

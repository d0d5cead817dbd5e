import type { Body, Intent, JournalRecord } from "./records.ts";

/** When the journal is rewritten, the oldest closed messages beyond this number are dropped. */
const CLOSED_KEPT = 10_000;

/** The state that results from a journal's records. Does not access files. */
export class Intents {
  private readonly all = new Map<string, { intent: Intent; body: Body }>();
  private readonly current = new Map<string, string>();
  private readonly counts = new Map<string, number>();
  /** Approximate bytes of the file that are bodies of closed intents. */
  closedBytes = 0;

  apply(record: JournalRecord): void {
    if (record.kind === "signed") {
      const { kind: _, what, raw, blob, floor, posted, ...rest } = record;
      const body: Body = raw !== undefined ? { raw } : blob !== undefined ? { blob } : { gone: true };
      this.all.set(record.id, {
        intent: {
          ...rest,
          ...(floor === undefined ? {} : { floor }),
          ...(posted === undefined ? {} : { posted }),
          ...{ kind: what, state: "signed" },
        },
        body,
      });
      this.current.set(record.key, record.id);
      this.counts.set(record.key, record.n);
      return;
    }
    const id = this.current.get(record.key);
    const entry = id === undefined ? undefined : this.all.get(id);
    if (!entry || entry.intent.n !== record.n) return;
    if (record.kind === "posted") {
      entry.intent = { ...entry.intent, posted: record.at };
      return;
    }
    const { reason, assignment } = record;
    entry.intent = {
      ...entry.intent,
      state: record.kind,
      ...(reason === undefined ? {} : { reason }),
      ...(assignment === undefined ? {} : { assignment }),
    };
    if (record.kind === "sent") return;
    this.closedBytes += "raw" in entry.body ? entry.body.raw.length : 0;
    entry.body = { gone: true };
    this.current.delete(record.key);
  }

  openOf(key: string): Intent | undefined {
    const id = this.current.get(key);
    return id === undefined ? undefined : this.all.get(id)?.intent;
  }

  /** The highest `n` of the key; 0 if it is new. */
  lastOf(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  byId(id: string): Intent | undefined {
    return this.all.get(id)?.intent;
  }

  bodyOf(id: string): Body | undefined {
    return this.all.get(id)?.body;
  }

  list(): Intent[] {
    return [...this.all.values()].map(({ intent }) => intent);
  }

  openBlobs(): Set<string> {
    const names = new Set<string>();
    for (const { body } of this.all.values()) if ("blob" in body) names.add(body.blob);
    return names;
  }

  /** Records that reproduce this state, without the bodies of closed intents. */
  compacted(): JournalRecord[] {
    const entries = [...this.all.values()];
    let surplus =
      entries.filter(({ intent, body }) => intent.kind === "message" && "gone" in body).length - CLOSED_KEPT;
    this.closedBytes = 0;
    return entries.flatMap(({ intent, body }) => {
      if (intent.kind === "message" && "gone" in body && surplus > 0) {
        surplus -= 1;
        this.all.delete(intent.id);
        // As if the file were read again. A key that was used since then keeps its number.
        if (this.counts.get(intent.key) === intent.n) this.counts.delete(intent.key);
        return [];
      }
      const { kind, state, reason, assignment, ...rest } = intent;
      const signed: JournalRecord = { ...rest, kind: "signed", what: kind, ...("gone" in body ? {} : body) };
      if (state === "signed") return [signed];
      const { key, n, at } = intent;
      const more = {
        ...(reason === undefined ? {} : { reason }),
        ...(assignment === undefined ? {} : { assignment }),
      };
      return [signed, { kind: state, key, n, at, ...more }];
    });
  }
}

import { FleetError } from "../core/errors.ts";
import { type AlertType, type Judgement, LEVELS, type Level, TYPES } from "./types.ts";

type AlertState = "OPEN" | "ACKNOWLEDGED" | "RESOLVED";

/** An alert, with the names of the ledger's ALERT_MANAGEMENT. Times are in milliseconds since 1970. */
export interface Alert {
  readonly alertId: string;
  readonly type: AlertType;
  readonly source: string;
  readonly message: string;
  readonly level: Level;
  readonly state: AlertState;
  /** Number of rounds in which it held. */
  readonly count: number;
  readonly raisedAt: number;
  /** The latest round in which it held. */
  readonly lastAt: number;
  /** When it was raised or last escalated. */
  readonly escalatedAt: number;
  /** When receivers were last notified. */
  readonly notifiedAt?: number;
  readonly acknowledgedAt?: number;
  readonly acknowledgedBy?: string;
  readonly resolvedAt?: number;
  readonly resolvedBy?: string;
}

/** Suppresses notifications of a type (of one source) until a time. */
export interface Silence {
  readonly type: AlertType;
  readonly source?: string;
  readonly until: number;
}

export interface Book {
  readonly seq: number;
  readonly alerts: readonly Alert[];
  readonly silences: readonly Silence[];
}

/** A book without alerts. Exported for tests. */
export const EMPTY_BOOK: Book = { seq: 0, alerts: [], silences: [] };

/** The lifecycle of alerts. In milliseconds. */
export interface Policy {
  /** Minimum time between two notifications of one type and source. */
  readonly cooldownMs: number;
  /** An alert that is not acknowledged escalates by one level each time this has passed. */
  readonly escalationMs: number;
  /** How long an alert is kept after it last held. */
  readonly retentionMs: number;
}

/** The defaults; `src/runtime/monitor/defaults.lua` is generated from them. */
export const POLICY: Policy = {
  cooldownMs: 5 * 60_000,
  escalationMs: 15 * 60_000,
  retentionMs: 72 * 3_600_000,
};

/** Maximum number of alerts that are kept. */
export const MAX_ALERTS = 500;

/** A change that receivers are notified of. */
export interface Change {
  readonly kind: "raised" | "escalated" | "resolved";
  readonly alert: Alert;
}

/** The key that identifies an alert. */
export const keyOf = ({ type, source }: { readonly type: string; readonly source: string }): string =>
  `${type}/${source}`;

export const isOpen = ({ state }: Alert): boolean => state !== "RESOLVED";

/**
 * Applies one round's judgements: an alert that holds is raised or counted, one that does not is resolved, one that is not
 * acknowledged escalates, and an old one is dropped. If an alert returns within the cooldown, the earlier one is reopened without a
 * notification.
 */
export function apply(
  book: Book,
  judgements: readonly Judgement[],
  now: number,
  policy: Policy = POLICY,
): { book: Book; changes: Change[] } {
  let { seq } = book;
  let alerts = [...book.alerts];
  const changes: Change[] = [];
  const put = (alert: Alert) => {
    alerts = alerts.map((each) => (each.alertId === alert.alertId ? alert : each));
  };
  const notify = (kind: Change["kind"], alert: Alert) => {
    const notified = { ...alert, notifiedAt: now };
    put(notified);
    changes.push({ kind, alert: notified });
  };
  const silences = book.silences.filter(({ until }) => until > now);
  for (const judgement of judgements) {
    const known = alerts.findLast((each) => keyOf(each) === keyOf(judgement));
    if (!judgement.holds) {
      if (known && isOpen(known)) resolved(known);
      continue;
    }
    if (isSilenced(silences, judgement, now)) continue;
    const { message } = judgement;
    if (known && isOpen(known)) {
      const continued = { ...known, count: known.count + 1, lastAt: now, message };
      // It was reopened without a notification and still holds.
      const due = wasReopenedSilently(known) && now - (known.notifiedAt ?? 0) >= policy.cooldownMs;
      if (due) notify("raised", continued);
      else put(continued);
    } else if (known && now - (known.notifiedAt ?? known.raisedAt) < policy.cooldownMs) {
      const { resolvedAt: _at, resolvedBy: _by, ...rest } = known;
      put({ ...rest, state: "OPEN", count: known.count + 1, lastAt: now, escalatedAt: now, message });
    } else {
      seq += 1;
      const alert = newAlert(seq, judgement, now);
      alerts.push(alert);
      notify("raised", alert);
    }
  }
  for (const alert of alerts) {
    const risen = isSilenced(silences, alert, now) ? undefined : escalated(alert, now, policy);
    if (risen) notify("escalated", risen);
  }
  alerts = alerts.filter(({ lastAt, state }) => state === "OPEN" || now - lastAt < policy.retentionMs);
  return { book: { seq, alerts: bounded(alerts), silences }, changes };

  function resolved(alert: Alert) {
    const over: Alert = { ...alert, state: "RESOLVED", resolvedAt: now };
    // If its return was not notified, neither is its end: a flapping alert is notified once per cooldown.
    if (wasReopenedSilently(alert) || isSilenced(silences, alert, now)) put(over);
    else notify("resolved", over);
  }
}

/**
 * At most `MAX_ALERTS`: a full book loses a resolved alert first, then the mildest ones, of the type that has most of these. The names of
 * players are sources too, so strangers can cause any number of alerts of one type, which remove no other. The ledger does the same.
 */
function bounded(alerts: readonly Alert[]): readonly Alert[] {
  const kept = [...alerts];
  const rank = (alert: Alert) => (isOpen(alert) ? 1 + LEVELS.indexOf(alert.level) : 0);
  while (kept.length > MAX_ALERTS) {
    const least = Math.min(...kept.map(rank));
    const weakest = kept.filter((alert) => rank(alert) === least);
    const counts = new Map<AlertType, number>();
    for (const { type } of weakest) counts.set(type, (counts.get(type) ?? 0) + 1);
    const most = Math.max(...counts.values());
    kept.splice(
      kept.findIndex((alert) => rank(alert) === least && counts.get(alert.type) === most),
      1,
    );
  }
  return kept;
}

function newAlert(seq: number, judgement: Judgement, now: number): Alert {
  return {
    alertId: `alert-${seq}`,
    type: judgement.type,
    source: judgement.source,
    message: judgement.message,
    level: judgement.level ?? TYPES[judgement.type],
    state: "OPEN",
    count: 1,
    raisedAt: now,
    lastAt: now,
    escalatedAt: now,
  };
}

/** Whether it was reopened without a notification. */
const wasReopenedSilently = ({ notifiedAt, escalatedAt }: Alert): boolean =>
  notifiedAt !== undefined && escalatedAt > notifiedAt;

function escalated(alert: Alert, now: number, { escalationMs }: Policy): Alert | undefined {
  if (alert.state !== "OPEN") return undefined;
  let { level, escalatedAt } = alert;
  while (level !== "CRITICAL" && now - escalatedAt >= escalationMs) {
    level = LEVELS[LEVELS.indexOf(level) + 1] ?? "CRITICAL";
    escalatedAt += escalationMs;
  }
  return level === alert.level ? undefined : { ...alert, level, escalatedAt };
}

function isSilenced(
  silences: readonly Silence[],
  { type, source }: Pick<Alert, "type" | "source">,
  now: number,
): boolean {
  return silences.some(
    (each) => each.type === type && (each.source === undefined || each.source === source) && each.until > now,
  );
}

/** Acknowledges an alert: it no longer escalates. @throws FleetError UNKNOWN_ALERT */
export function acknowledge(book: Book, alertId: string, by: string, now: number): Book {
  return change(book, alertId, (alert) =>
    alert.state === "OPEN"
      ? { ...alert, state: "ACKNOWLEDGED", acknowledgedAt: now, acknowledgedBy: by }
      : alert,
  );
}

/** Resolves an alert manually. @throws FleetError UNKNOWN_ALERT */
export function resolve(book: Book, alertId: string, by: string, now: number): Book {
  return change(book, alertId, (alert) =>
    isOpen(alert) ? { ...alert, state: "RESOLVED", resolvedAt: now, resolvedBy: by } : alert,
  );
}

function change(book: Book, alertId: string, how: (alert: Alert) => Alert): Book {
  if (!book.alerts.some((alert) => alert.alertId === alertId)) {
    const open = book.alerts.filter(isOpen).map((alert) => alert.alertId);
    throw new FleetError({
      code: "UNKNOWN_ALERT",
      what: `Alert ${alertId} does not exist.`,
      got: alertId,
      expected: open.length > 0 ? `one of ${open.slice(-20).join(", ")}` : "an open alert; there is none",
      remedy: "Run npx fleet alerts list.",
    });
  }
  return { ...book, alerts: book.alerts.map((alert) => (alert.alertId === alertId ? how(alert) : alert)) };
}

/** Silences a type, or a type of one source, until a time; replaces an earlier silence of the same. */
export function silence(book: Book, wanted: Silence): Book {
  return { ...book, silences: [...others(book, wanted), wanted] };
}

/** Ends a silence of exactly this type and source. @throws FleetError UNKNOWN_SILENCE */
export function unsilence(book: Book, wanted: Pick<Silence, "type" | "source">): Book {
  const silences = others(book, wanted);
  if (silences.length === book.silences.length) {
    const known = book.silences.map(silenceText);
    throw new FleetError({
      code: "UNKNOWN_SILENCE",
      what: `${silenceText(wanted)} is not silenced.`,
      got: silenceText(wanted),
      expected: known.length > 0 ? `one of ${known.join(", ")}` : "a silence; there is none",
      remedy: "Name the type and the source as in the silence: npx fleet alerts list shows both.",
    });
  }
  return { ...book, silences };
}

/** `PROCESS_OFFLINE --source shop`, as the commands take it. */
const silenceText = ({ type, source }: Pick<Silence, "type" | "source">): string =>
  source === undefined ? type : `${type} --source ${source}`;

const others = ({ silences }: Book, { type, source }: Pick<Silence, "type" | "source">): Silence[] =>
  silences.filter((each) => each.type !== type || each.source !== source);

/** Number of unresolved alerts by level. */
export function openByLevel(alerts: readonly Alert[]): Record<Level, number> {
  const of = (level: Level) => alerts.filter((alert) => isOpen(alert) && alert.level === level).length;
  return { INFO: of("INFO"), WARNING: of("WARNING"), ERROR: of("ERROR"), CRITICAL: of("CRITICAL") };
}

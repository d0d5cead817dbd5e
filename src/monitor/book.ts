import { FleetError } from "../core/errors.ts";
import { type AlertType, type Judgement, LEVELS, type Level, TYPES } from "./types.ts";

type AlertState = "OPEN" | "ACKNOWLEDGED" | "RESOLVED";

/** An alert; names as the ledger's ALERT_MANAGEMENT has them. Times in milliseconds since 1970. */
export interface Alert {
  readonly alertId: string;
  readonly type: AlertType;
  readonly source: string;
  readonly message: string;
  readonly level: Level;
  readonly state: AlertState;
  /** Rounds in which it held. */
  readonly count: number;
  readonly raisedAt: number;
  /** The latest round in which it held. */
  readonly lastAt: number;
  /** When its level last rose, or it was raised. */
  readonly escalatedAt: number;
  /** When somebody was last told of it. */
  readonly notifiedAt?: number;
  readonly acknowledgedAt?: number;
  readonly acknowledgedBy?: string;
  readonly resolvedAt?: number;
  readonly resolvedBy?: string;
}

/** Nobody is told of a type (of one source) until then. */
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

export const EMPTY_BOOK: Book = { seq: 0, alerts: [], silences: [] };

/** How alerts live. Milliseconds. */
export interface Policy {
  /** Nobody is told twice of one type and source within it. */
  readonly cooldownMs: number;
  /** What nobody acknowledged rises one level each time. */
  readonly escalationMs: number;
  /** How long an alert is kept after it last held. */
  readonly retentionMs: number;
}

/** The defaults; `src/runtime/monitor/defaults.lua` is made of them. */
export const POLICY: Policy = {
  cooldownMs: 5 * 60_000,
  escalationMs: 15 * 60_000,
  retentionMs: 72 * 3_600_000,
};

/** Most alerts that are kept. */
export const MOST_ALERTS = 500;

/** What somebody is to be told. */
export interface Change {
  readonly kind: "raised" | "escalated" | "resolved";
  readonly alert: Alert;
}

/** The key under which an alert is one and the same. */
export const keyOf = ({ type, source }: { readonly type: string; readonly source: string }): string =>
  `${type}/${source}`;

export const isOpen = ({ state }: Alert): boolean => state !== "RESOLVED";

/**
 * One round's judgements: what holds is raised or counted, what does not is resolved, what nobody acknowledged escalates, what
 * is old is forgotten. One that comes back within the cooldown is the earlier one, opened again without telling anybody.
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
  const tell = (kind: Change["kind"], alert: Alert) => {
    const told = { ...alert, notifiedAt: now };
    put(told);
    changes.push({ kind, alert: told });
  };
  const silences = book.silences.filter(({ until }) => until > now);
  for (const judgement of judgements) {
    const known = alerts.findLast((each) => keyOf(each) === keyOf(judgement));
    if (!judgement.holds) {
      if (known && isOpen(known)) tellResolved(known);
      continue;
    }
    if (isSilenced(silences, judgement, now)) continue;
    const { message } = judgement;
    if (known && isOpen(known)) {
      const goesOn = { ...known, count: known.count + 1, lastAt: now, message };
      // It came back untold, and stays.
      const due = untold(known) && now - (known.notifiedAt ?? 0) >= policy.cooldownMs;
      if (due) tell("raised", goesOn);
      else put(goesOn);
    } else if (known && now - (known.notifiedAt ?? known.raisedAt) < policy.cooldownMs) {
      const { resolvedAt: _at, resolvedBy: _by, ...rest } = known;
      put({ ...rest, state: "OPEN", count: known.count + 1, lastAt: now, escalatedAt: now, message });
    } else {
      seq += 1;
      const alert = newAlert(seq, judgement, now);
      alerts.push(alert);
      tell("raised", alert);
    }
  }
  for (const alert of alerts) {
    const risen = isSilenced(silences, alert, now) ? undefined : escalated(alert, now, policy);
    if (risen) tell("escalated", risen);
  }
  alerts = alerts.filter(({ lastAt, state }) => state === "OPEN" || now - lastAt < policy.retentionMs);
  return { book: { seq, alerts: alerts.slice(-MOST_ALERTS), silences }, changes };

  function tellResolved(alert: Alert) {
    const over: Alert = { ...alert, state: "RESOLVED", resolvedAt: now };
    // When its coming back was not told, its going is not either: what flaps is told once in a cooldown.
    if (untold(alert) || isSilenced(silences, alert, now)) put(over);
    else tell("resolved", over);
  }
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

/** Whether it was opened again and nobody was told. */
const untold = ({ notifiedAt, escalatedAt }: Alert): boolean =>
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

/** Somebody knows of it: it does not escalate any more. @throws FleetError UNKNOWN_ALERT */
export function acknowledge(book: Book, alertId: string, by: string, now: number): Book {
  return change(book, alertId, (alert) =>
    alert.state === "OPEN"
      ? { ...alert, state: "ACKNOWLEDGED", acknowledgedAt: now, acknowledgedBy: by }
      : alert,
  );
}

/** It is over, by somebody's word. @throws FleetError UNKNOWN_ALERT */
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
      what: `There is no alert ${alertId}.`,
      got: alertId,
      expected: open.length > 0 ? `one of ${open.slice(-20).join(", ")}` : "an alert; none is open",
      remedy: "npx fleet alerts list",
    });
  }
  return { ...book, alerts: book.alerts.map((alert) => (alert.alertId === alertId ? how(alert) : alert)) };
}

/** Silences a type, or one of a source, until a time; an earlier silence of the same is replaced. */
export function silence(book: Book, wanted: Silence): Book {
  return { ...book, silences: [...others(book, wanted), wanted] };
}

export function unsilence(book: Book, wanted: Pick<Silence, "type" | "source">): Book {
  return { ...book, silences: others(book, wanted) };
}

const others = ({ silences }: Book, { type, source }: Pick<Silence, "type" | "source">): Silence[] =>
  silences.filter((each) => each.type !== type || each.source !== source);

/** How many alerts are not resolved, by level. */
export function openByLevel(alerts: readonly Alert[]): Record<Level, number> {
  const of = (level: Level) => alerts.filter((alert) => isOpen(alert) && alert.level === level).length;
  return { INFO: of("INFO"), WARNING: of("WARNING"), ERROR: of("ERROR"), CRITICAL: of("CRITICAL") };
}

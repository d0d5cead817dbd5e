import { FleetError } from "../../core/errors.ts";
import type { Member } from "../../fleet/members/member.ts";
import { dryAlerts, type KeptAlert } from "../../fleet/protocol/alerts.ts";
import { dryLedgerPage, type LedgerEntry } from "../../fleet/protocol/ledger.ts";
import { isOpen, keyOf } from "../../monitor/alert-book.ts";
import type { LedgerView } from "../../monitor/round.ts";
import type { MonitorStore } from "../../monitor/store.ts";
import { type AlertType, type Judgement, LEVELS, TYPE_NAMES } from "../../monitor/types.ts";
import { runsOf } from "../rollback/ledger.ts";
import { type ReadContext, withinRateLimit } from "./observe.ts";

/** Reads of the compute unit per round for the ledger; more if it has many new entries. */
export const LEDGER_READS = 2;

/** Alert types that only the ledger can raise; the monitor judges all others from its own readings. */
const TAKEN_OVER: readonly AlertType[] = [
  "CONFIG_DISTRIBUTION_FAILED",
  "ROLLBACK_EXECUTED",
  "ROLLBACK_FAILED",
  "SECURITY_ALERT",
];

/** Whether the ledger raises and resolves this alert. Refusals of a member are judged from the member's counters instead. Pure. */
export const isRaisedByLedger = (
  { type, source }: { readonly type: AlertType; readonly source: string },
  members: readonly Member[],
): boolean =>
  TAKEN_OVER.includes(type) && !(type === "SECURITY_ALERT" && members.some(({ name }) => name === source));

/** The ledger in one round, with its own alerts if they could be read. */
interface ObservedLedger extends LedgerView {
  readonly alerts: readonly KeptAlert[] | undefined;
}

/** Reads the ledger and adds its new entries to the store. A part that cannot be read becomes a note. */
export async function observeLedger(
  context: ReadContext,
  ledger: Member,
  members: readonly Member[],
  store: MonitorStore,
  note: (text: string) => void,
): Promise<ObservedLedger> {
  const attempt = async <T>(what: string, work: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      if (error.code !== "UNKNOWN_ACTION") note(`${ledger.name}: ${what} could not be read [${error.code}]`);
      return otherwise;
    }
  };
  await attempt("its entries", () => readEntries(context, ledger, store), undefined);
  const alerts = await attempt(
    "its alerts",
    () => withinRateLimit(context, (seconds) => dryAlerts(context.fleet, ledger, seconds)),
    undefined,
  );
  const judgements = alerts ? takenOver(alerts, members, store) : [];
  return { name: ledger.name, runs: runsOf(store.entries<LedgerEntry>()), judgements, alerts };
}

async function readEntries(context: ReadContext, ledger: Member, store: MonitorStore): Promise<void> {
  for (;;) {
    const since = store.lastSeq(ledger.processId);
    const page = await withinRateLimit(context, (seconds) =>
      dryLedgerPage(context.fleet, ledger, seconds, since),
    );
    const fresh = page.entries.filter(({ seq }) => seq > since);
    if (fresh.length > 0) store.addEntries(ledger.processId, fresh);
    if (fresh.length === 0 || page.next >= page.length) return;
  }
}

/** The monitor's judgements from the ledger's own alerts. Pure. */
function takenOver(
  alerts: readonly KeptAlert[],
  members: readonly Member[],
  store: MonitorStore,
): Judgement[] {
  const latest = new Map<string, Judgement>();
  // An alert that the ledger no longer lists is resolved.
  for (const alert of store.book().alerts) {
    const { type, source } = alert;
    if (isOpen(alert) && isRaisedByLedger(alert, members))
      latest.set(keyOf(alert), { type, source, holds: false, message: "" });
  }
  for (const { source, message, state, ...alert } of alerts) {
    const type = TYPE_NAMES.find((name) => name === alert.type);
    if (!type || !isRaisedByLedger({ type, source }, members)) continue;
    const level = LEVELS.find((name) => name === alert.level);
    latest.set(keyOf({ type, source }), {
      ...{ type, source, message },
      ...(level === undefined ? {} : { level }),
      // An alert that was acknowledged there does not hold here.
      holds: state === "OPEN",
    });
  }
  return [...latest.values()];
}

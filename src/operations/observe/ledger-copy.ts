import { amount } from "../../core/amount.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { Member } from "../../fleet/members/member.ts";
import { changeAlerts, type KeptAlert, raiseAlert } from "../../fleet/protocol/alerts.ts";
import type { Session } from "../../fleet/session/session.ts";
import { type Alert, keyOf } from "../../monitor/alert-book.ts";
import { LEDGER_COPY } from "../../monitor/round.ts";
import type { MonitorStore, Unsent } from "../../monitor/store.ts";
import { isRaisedByLedger } from "./ledger.ts";

/**
 * Copies the monitor's alerts to the fleet's ledger (`alerts.ledger`): each is raised there by one signed message, and acknowledged and
 * resolved when it is here, so that an alert that was handled does not escalate there.
 */
export class LedgerCopy {
  readonly #session: Session;
  readonly #store: MonitorStore;

  constructor(session: Session, store: MonitorStore) {
    [this.#session, this.#store] = [session, store];
  }

  /**
   * Updates the ledger's alerts to match the monitor's. A message that was not answered may arrive later, so an alert is raised again only if
   * the ledger, as read since, does not have it. The first failure ends the round's messages: the next ones would wait for as long.
   *
   * @param members members whose refusals the monitor judges itself
   * @param there the ledger's alerts as read in this round; undefined if they could not be read
   */
  async update(
    ledger: Member,
    members: readonly Member[],
    there: readonly KeptAlert[] | undefined,
    note: (text: string) => void,
  ): Promise<void> {
    const waiting = this.#store.unsent(LEDGER_COPY);
    const raised = raisedIn(waiting, members);
    this.#store.removeUnsent(waiting.filter((each) => !raised.includes(each)));
    if (there === undefined) {
      if (raised.length > 0)
        note(`${ledger.name} was not sent ${amount(raised.length, "alert")}: its own could not be read`);
      return;
    }
    const open = new Map(
      there.filter(({ state }) => state !== "RESOLVED").map((alert) => [keyOf(alert), alert.state]),
    );
    const due = raised.filter(({ change }) => !open.has(keyOf(change.alert)));
    this.#store.removeUnsent(raised.filter((each) => !due.includes(each)));
    const failure = async (alert: Alert, sending: Promise<void>): Promise<string | undefined> => {
      try {
        await sending;
        return undefined;
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        note(`${ledger.name} did not record ${alert.type} ${alert.source} [${error.code}]`);
        return error.code;
      }
    };
    for (const each of due) {
      const { alert } = each.change;
      const code = await failure(alert, raiseAlert(this.#session, ledger, alert, budgetOf(30)));
      // A ledger of an earlier library, which does not know the type, refuses it each time.
      if (code !== undefined && code !== "INVALID_DATA") return;
      this.#store.removeUnsent([each]);
    }
    // The newest alert of a type and source comes last and wins.
    const here = new Map(this.#store.book().alerts.map((alert) => [keyOf(alert), alert]));
    for (const [key, alert] of here) {
      const operation = isRaisedByLedger(alert, members) ? undefined : wanted(alert.state, open.get(key));
      if (!operation) continue;
      const change = { operation, type: alert.type, source: alert.source };
      if (await failure(alert, changeAlerts(this.#session, ledger, change, budgetOf(30)))) return;
    }
  }
}

/** Of changes that wait, those that raised an alert which the ledger does not raise itself and which was not resolved since. Pure. */
function raisedIn(waiting: readonly Unsent[], members: readonly Member[]): Unsent[] {
  const due = new Map<string, Unsent>();
  for (const each of waiting) {
    const { kind, alert } = each.change;
    if (isRaisedByLedger(alert, members)) continue;
    if (kind === "raised") due.set(keyOf(alert), each);
    if (kind === "resolved") due.delete(keyOf(alert));
  }
  return [...due.values()];
}

/** The operation that brings an alert of the ledger to the monitor's state. Pure. */
function wanted(here: Alert["state"], there: string | undefined): "acknowledge" | "resolve" | undefined {
  if (there === undefined) return undefined;
  if (here === "RESOLVED") return "resolve";
  return here === "ACKNOWLEDGED" && there === "OPEN" ? "acknowledge" : undefined;
}

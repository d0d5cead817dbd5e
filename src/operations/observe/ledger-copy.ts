import { randomUUID } from "node:crypto";
import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { Member } from "../../fleet/members/member.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import type { Session } from "../../fleet/session/session.ts";
import { type Alert, type Change, keyOf } from "../../monitor/book.ts";
import type { MonitorStore } from "../../monitor/store.ts";
import { isLedgers, type LedgerAlert } from "./ledger.ts";

const AnswerSchema = z.looseObject({ success: z.literal(true) });

/**
 * Alerts of the monitor in the fleet's ledger (`alerts.ledger`): raised there by one signed message each, acknowledged and resolved
 * when they are here, so that nothing escalates there that somebody knows of.
 */
export class LedgerCopy {
  readonly #session: Session;
  readonly #store: MonitorStore;
  /** Raised here, and not taken there yet. */
  readonly #due = new Map<string, Alert>();

  constructor(session: Session, store: MonitorStore) {
    [this.#session, this.#store] = [session, store];
  }

  /**
   * Brings the ledger to what is known here.
   *
   * @param members those whose refusals the monitor judges itself
   * @param there its alerts as they were read in this round; undefined where they could not be
   */
  async update(
    ledger: Member,
    members: readonly Member[],
    there: readonly LedgerAlert[] | undefined,
    changes: readonly Change[],
    note: (text: string) => void,
  ): Promise<void> {
    for (const { kind, alert } of changes) {
      if (isLedgers(alert, members)) continue;
      if (kind === "raised") this.#due.set(keyOf(alert), alert);
      if (kind === "resolved") this.#due.delete(keyOf(alert));
    }
    const send = async (alert: Alert, action: string, data: object) => {
      try {
        const tags = { "Correlation-Id": randomUUID() };
        await ask(this.#session, { ...ledger, action, data, tags }, AnswerSchema, budgetOf(30));
        return true;
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        note(`${ledger.name} was not told of ${alert.type} ${alert.source} [${error.code}]`);
        return false;
      }
    };
    for (const [key, alert] of this.#due) {
      const { type, source, message, level } = alert;
      if (await send(alert, "RAISE_ALERT", { type, source, message, level })) this.#due.delete(key);
    }
    const open = new Map(
      there?.filter(({ state }) => state !== "RESOLVED").map((alert) => [keyOf(alert), alert.state]),
    );
    // The newest of a type and source comes last.
    const here = new Map(this.#store.book().alerts.map((alert) => [keyOf(alert), alert]));
    for (const [key, alert] of here) {
      const operation = isLedgers(alert, members) ? undefined : wanted(alert.state, open.get(key));
      const { type, source } = alert;
      if (operation) await send(alert, "ALERT_MANAGEMENT", { operation, type, source });
    }
  }
}

/** What the ledger is to be told of an alert that is open there in a state. Pure. */
function wanted(here: Alert["state"], there: string | undefined): "acknowledge" | "resolve" | undefined {
  if (there === undefined) return undefined;
  if (here === "RESOLVED") return "resolve";
  return here === "ACKNOWLEDGED" && there === "OPEN" ? "acknowledge" : undefined;
}

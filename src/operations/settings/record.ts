import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import { ledgerOf } from "../rollback/ledger.ts";
import type { Sent } from "./send.ts";

/** Seconds for the ledger: the settings are in force whether it records them or not. */
const TIMEOUT_SECONDS = 60;
/** The most changes in one message. */
const MAX_CHANGES = 200;

/**
 * Records settings that were sent by hand in the ledger: an entry `CONFIG_CHANGED` for each process and type. Does nothing without a
 * ledger; a refusal is noted.
 */
export async function recordChanges(
  fleet: FleetSession,
  sent: readonly Sent[],
  reason: string,
  note: (line: string) => void,
): Promise<void> {
  const ledger = ledgerOf(fleet);
  if (!ledger) return;
  const changes = sent.map(({ member, configType, version, hash }) => {
    const processId = fleet.members.find(({ name }) => name === member)?.processId ?? member;
    return { processId, configType, version, hash };
  });
  try {
    for (let from = 0; from < changes.length; from += MAX_CHANGES) {
      const data = { reason, changes: changes.slice(from, from + MAX_CHANGES) };
      const request = { ...ledger, action: "CONFIG_CHANGED", data };
      await ask(fleet.session, request, z.looseObject({ recorded: z.number() }), budgetOf(TIMEOUT_SECONDS));
    }
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    note(`the ledger did not record the change: ${error.problems[0].what}`);
  }
}

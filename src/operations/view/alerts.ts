import { budgetOf } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import type { AlertView } from "../../dashboard/view.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { changeAlerts, dryAlerts } from "../../fleet/protocol/alerts.ts";

/** The alerts of a member, newest first. Each id starts with the member's name. */
export async function alertsOf(fleet: FleetSession, member: Member): Promise<AlertView[]> {
  const alerts = await dryAlerts(fleet, member, 20).catch(tolerate([], "UNKNOWN_ACTION"));
  return alerts
    .map(({ alertId, raisedAt, ...alert }) => ({
      ...alert,
      id: `${member.name}/${alertId}`,
      raisedAt: new Date(raisedAt).toISOString(),
    }))
    .reverse();
}

/**
 * Acknowledges an alert, signed by the stack's wallet.
 *
 * @param id an id from `alertsOf`
 * @throws FleetError with the member's refusal
 */
export async function acknowledge(fleet: FleetSession, id: string): Promise<void> {
  const [name = "", alertId = ""] = id.split("/");
  const member = pickMember(fleet, name);
  await changeAlerts(fleet.session, member, { operation: "acknowledge", alertId }, budgetOf(60));
}

import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import type { AlertView } from "../../dashboard/view.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known.ts";
import type { Member } from "../../fleet/members/member.ts";
import { call } from "../../fleet/protocol/call.ts";
import { dryAsk } from "../../fleet/protocol/dry.ts";
import { luaList } from "../../fleet/protocol/lua.ts";

const ListSchema = z.looseObject({
  alerts: luaList(
    z.looseObject({
      alertId: z.string(),
      type: z.string(),
      level: z.string(),
      source: z.string(),
      message: z.string(),
      state: z.string(),
      count: z.number(),
      raisedAt: z.number(),
    }),
  ),
});

/** The alerts of a member, newest first. Each id starts with the member's name. */
export async function alertsOf(fleet: FleetSession, member: Member): Promise<AlertView[]> {
  const request = { member, action: "ALERT_MANAGEMENT", data: { operation: "list" }, seconds: 20 };
  const { alerts } = await dryAsk(fleet, request, ListSchema).catch((error: unknown) => {
    if (error instanceof FleetError && error.code === "UNKNOWN_ACTION") return { alerts: [] };
    throw error;
  });
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
  await order(fleet, member, "ALERT_MANAGEMENT", { operation: "acknowledge", alertId });
}

const RefusalSchema = z.looseObject({
  error: z.looseObject({ code: z.string(), message: z.string(), remedy: z.string().default("") }),
});

/** Sends a signed message that must succeed. @throws FleetError with the process' refusal */
export async function order(
  fleet: FleetSession,
  member: Member,
  action: string,
  data: unknown,
): Promise<void> {
  const reply = await call(fleet, {
    member,
    action,
    data: JSON.stringify(data),
    tags: {},
    seconds: 60,
    wait: true,
  });
  if (reply.tags.Status === "ok") return;
  const refusal = RefusalSchema.safeParse(safeJson(reply.data)).data?.error;
  throw new FleetError({
    code: refusal?.code ?? "BAD_REPLY",
    what: refusal
      ? `${member.name} refused ${action}: ${refusal.message}`
      : `${member.name} did not confirm ${action}.`,
    got: reply.error ?? reply.data.slice(0, 300),
    expected: "a reply with Status ok",
    remedy: refusal?.remedy || `npx fleet logs ${member.name}`,
  });
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { jsonIn } from "../../src/core/json.ts";
import { startOf } from "../../src/core/unicode.ts";
import { faultOf } from "../../src/delivery/faults.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { askPlain } from "../../src/fleet/protocol/ask.ts";
import { refusalIn } from "../../src/fleet/protocol/reply.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { Wanted } from "./plan.ts";

/**
 * Sends a declared message and returns the reply: a JSON object unchanged, anything else as `data`.
 *
 * @throws FleetError SERVICE_FAULT for a reply that marks a fault, NO_REPLY, PROCESS_ERROR
 */
export async function askService(
  session: Session,
  { services }: Pick<Wanted, "services">,
  service: string,
  place: ProcessRef,
  {
    action,
    data,
  }: { readonly action: string; readonly data?: Readonly<Record<string, unknown>> | undefined },
  budget: Budget,
): Promise<Readonly<Record<string, unknown>>> {
  const reply = await askPlain(session, { ...place, action, data }, budget);
  const value = jsonIn(reply.data);
  if (faultOf(reply, services[service]?.faultWhen) !== undefined) {
    const words = refusalIn(reply.data)?.message ?? reply.tags.Error ?? startOf(reply.data, 200);
    throw new FleetError({
      code: "SERVICE_FAULT",
      what: `${place.name} refused ${action}: ${words}`,
      remedy: `npx fleet logs ${service}`,
    });
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : { data: value ?? reply.data };
}

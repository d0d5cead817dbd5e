/** Finds out what happened to a message that a process forwarded. */
import type { OutMessage } from "../../ao/port.ts";
import { FleetError } from "../../core/errors.ts";
import { luaErrorIn } from "../code/lua-error.ts";
import { luaExplainer } from "../code/lua-errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import { type History, historyOf, resultIdOf } from "../history.ts";

/** Number of slots per process that are searched for messages pushed for a message. */
const REACH = 200;

/**
 * The first fault in a process that received something for a message: its name, slot and Lua error. A handler that raises an error
 * sends nothing, so the requester runs into the time limit, and only the evaluation shows the reason.
 *
 * @param sent the messages that the message's own evaluation sent
 * @returns undefined if there is none, or the message order cannot be read
 */
export async function faultInForwarded(
  fleet: FleetSession,
  messageId: string,
  sent: readonly OutMessage[],
  seconds: number,
): Promise<string | undefined> {
  try {
    const history = historyOf(fleet, seconds);
    for (const processId of new Set(sent.map(({ target }) => target))) {
      if (processId === fleet.session.ao.address) continue;
      const fault = await faultAt(fleet, history, processId, messageId);
      if (fault !== undefined) return fault;
    }
    return undefined;
  } catch (error) {
    if (error instanceof FleetError) return undefined;
    throw error;
  }
}

async function faultAt(
  fleet: FleetSession,
  history: History,
  processId: string,
  messageId: string,
): Promise<string | undefined> {
  const member = fleet.members.find((each) => each.processId === processId);
  const latest = await history.latest(processId);
  if (latest === undefined) return undefined;
  const messages = await history.range(processId, Math.max(0, latest - REACH + 1), latest);
  for (const scheduled of messages.filter(({ tags }) => tags["Pushed-For"] === messageId)) {
    const result = await history.result(processId, resultIdOf(scheduled), scheduled.slot);
    const error = result && luaErrorIn(result);
    if (error === undefined) continue;
    const explained = await luaExplainer(fleet.session.scope.home)(error, member?.sourceHash);
    return `${scheduled.action} failed in ${member?.name ?? processId} at slot ${scheduled.slot}: ${explained}`;
  }
  return undefined;
}

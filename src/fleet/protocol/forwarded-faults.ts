/** Finds out what happened to a message that a process forwarded. */
import type { OutMessage, Scheduled } from "../../ao/port.ts";
import { sentForIn } from "../../ao/replies.ts";
import { FleetError } from "../../core/errors.ts";
import { luaErrorIn } from "../code/lua-error.ts";
import { luaExplainer } from "../code/lua-errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import { type History, historyOf, resultIdOf } from "../history.ts";

/**
 * Whether a message to another process was sent because of ours: by its chain, or because the library of the process that got ours says so. A tag
 * `Pushed-For` alone proves nothing, because anybody can write it.
 */
function isCausedBy({ from, tags, pushedFor }: Scheduled, asked: string, messageId: string): boolean {
  if (pushedFor !== undefined) return pushedFor === messageId;
  return from === asked && sentForIn(tags)?.messageId === messageId;
}

/** Number of slots per process that are searched for messages pushed for a message. */
const REACH = 200;

/**
 * The first fault in a process that received something for a message: its name, slot and Lua error. A handler that raises an error
 * sends nothing, so the requester runs into the time limit, and only the evaluation shows the reason.
 *
 * @param asked the process that got the message
 * @param sent the messages that the message's own evaluation sent
 * @returns undefined if there is none, or the message order cannot be read
 */
export async function faultInForwarded(
  fleet: FleetSession,
  asked: string,
  messageId: string,
  sent: readonly OutMessage[],
  seconds: number,
): Promise<string | undefined> {
  try {
    const history = historyOf(fleet, seconds);
    for (const processId of new Set(sent.map(({ target }) => target))) {
      if (processId === fleet.session.ao.address) continue;
      const fault = await faultAt(fleet, history, processId, { asked, messageId });
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
  { asked, messageId }: { readonly asked: string; readonly messageId: string },
): Promise<string | undefined> {
  const member = fleet.members.find((each) => each.processId === processId);
  const latest = await history.latest(processId);
  if (latest === undefined) return undefined;
  const messages = await history.range(processId, Math.max(0, latest - REACH + 1), latest);
  for (const scheduled of messages.filter((each) => isCausedBy(each, asked, messageId))) {
    const result = await history.result(processId, resultIdOf(scheduled), scheduled.slot);
    const error = result && luaErrorIn(result);
    if (error === undefined) continue;
    const explained = await luaExplainer(fleet.session.scope.home)(error, member?.sourceHash);
    return `${scheduled.action} failed in ${member?.name ?? processId} at slot ${scheduled.slot}: ${explained}`;
  }
  return undefined;
}

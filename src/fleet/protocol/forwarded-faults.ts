/** Finds out what happened to a message that a process forwarded. */
import type { OutMessage, Scheduled } from "../../ao/port.ts";
import { type SentRequest, saysSentFor } from "../../ao/replies.ts";
import { FleetError } from "../../core/errors.ts";
import { luaErrorIn } from "../code/lua-error.ts";
import { luaExplainer } from "../code/lua-errors.ts";
import type { FleetSession } from "../fleet-session.ts";
import { type History, historyOf, resultIdOf } from "../history.ts";

/**
 * Whether a message to another process was sent because of ours: by the process that got ours or another member, if its chain or the library of the
 * process says so. The chain alone does not tell: whoever gets a message because of ours can send others in its chain, and anybody can write
 * the tag `Pushed-For`.
 */
function isCausedBy(
  { from, tags, pushedFor }: Scheduled,
  cause: Cause,
  members: ReadonlySet<string>,
): boolean {
  const isOwn = from === cause.processId;
  const said = isOwn ? saysSentFor(tags, cause.asked) : undefined;
  if (said !== undefined) return said;
  return pushedFor === cause.asked.messageId && (isOwn || members.has(from));
}

interface Cause {
  /** The process that got our message. */
  readonly processId: string;
  readonly asked: SentRequest;
}

/** Number of slots per process that are searched for messages pushed for a message. */
const REACH = 200;

/**
 * The first fault in a process that received something for a message: its name, slot and Lua error. A handler that raises an error
 * sends nothing, so the requester runs into the time limit, and only the evaluation shows the reason.
 *
 * @param processId the process that got the message
 * @param sent the messages that the message's own evaluation sent
 * @returns undefined if there is none, or the message order cannot be read
 */
export async function faultInForwarded(
  fleet: FleetSession,
  processId: string,
  asked: SentRequest,
  sent: readonly OutMessage[],
  seconds: number,
): Promise<string | undefined> {
  try {
    const history = historyOf(fleet, seconds);
    for (const target of new Set(sent.map((message) => message.target))) {
      if (target === fleet.session.ao.address) continue;
      const fault = await faultAt(fleet, history, target, { processId, asked });
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
  cause: Cause,
): Promise<string | undefined> {
  const member = fleet.members.find((each) => each.processId === processId);
  const latest = await history.latest(processId);
  if (latest === undefined) return undefined;
  const messages = await history.range(processId, Math.max(0, latest - REACH + 1), latest);
  const members = new Set(fleet.members.map((each) => each.processId));
  for (const scheduled of messages.filter((each) => isCausedBy(each, cause, members))) {
    const result = await history.result(processId, resultIdOf(scheduled), scheduled.slot);
    const error = result && luaErrorIn(result);
    if (error === undefined) continue;
    const explained = await luaExplainer(fleet.session.scope.home)(error, member?.sourceHash);
    return `${scheduled.action} failed in ${member?.name ?? processId} at slot ${scheduled.slot}: ${explained}`;
  }
  return undefined;
}

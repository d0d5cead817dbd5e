import { FleetError } from "../../core/errors.ts";
import { FLEET_REQUEST } from "../../core/fleet-actions.ts";
import { exactJsonIn } from "../../core/json.ts";
import { startOf } from "../../core/unicode.ts";
import { faultOf } from "../../delivery/faults.ts";
import { luaErrorIn } from "../../fleet/code/lua-error.ts";
import { faultIn, luaExplainer } from "../../fleet/code/lua-errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { call } from "../../fleet/protocol/call.ts";
import { infoIn } from "../../fleet/protocol/info.ts";
import type { Reply } from "../../fleet/protocol/reply.ts";
import type { OperationContext } from "../context.ts";
import { withLibrary } from "../members-named.ts";

/** The epoch of a process, which its control actions require. @throws FleetError NO_EPOCH, LIB_REQUIRED */
export async function presentEpoch(fleet: FleetSession, member: Member, seconds: number): Promise<string> {
  withLibrary(member);
  const reply = await call(fleet, {
    member,
    action: "Info",
    data: "",
    // The program may have an Info handler of its own, without an epoch.
    tags: FLEET_REQUEST,
    seconds,
    wait: true,
  });
  const epoch = infoIn(exactJsonIn(reply.data), "epoch")?.epoch;
  if (epoch !== undefined) return String(epoch);
  throw new FleetError({
    code: "NO_EPOCH",
    what: `${member.name} does not report its epoch.`,
    got: startOf(reply.data, 200) || reply.error || reply.output || "nothing",
    expected: "a reply to Info with an epoch",
    remedy: "Check that it runs the fleet's code: npx fleet status",
  });
}

/** Number of newest slots to search for a message that was just evaluated. */
const NEWEST = 100;

/** The slot of a message that was just evaluated; undefined if it cannot be read. */
export async function slotOf(
  { host }: Pick<OperationContext, "host">,
  fleet: FleetSession,
  processId: string,
  messageId: string,
): Promise<number | undefined> {
  try {
    const history = await host.history(fleet, 10);
    const latest = await history.latest(processId);
    if (latest === undefined) return undefined;
    const newest = await history.range(processId, Math.max(0, latest - NEWEST), latest);
    return newest.find((one) => one.messageId === messageId)?.slot;
  } catch (error) {
    // The message was evaluated; only its slot is unknown.
    if (error instanceof FleetError) return undefined;
    throw error;
  }
}

/** What a reply says. */
interface CallResult {
  /** False if the reply marks an error. */
  readonly success: boolean;
  /** The reply, or the output of an Eval, as a string. */
  readonly text: string;
  /** The same; parsed if it is a JSON object or list. */
  readonly data: unknown;
  /** The Lua fault in the reply, with its place in the source. */
  readonly explained?: string;
}

/** Reads a reply. @throws FleetError PROCESS_ERROR if the evaluation failed */
export async function resultOf(
  { session }: FleetSession,
  member: Member,
  action: string,
  reply: Reply,
): Promise<CallResult> {
  const { error, output } = reply;
  const raised = luaErrorIn({ ...(error === undefined ? {} : { error }), output, messages: [] });
  // The code of an Eval is not part of the bundle.
  const source = action === "Eval" ? undefined : member.sourceHash;
  const explain = luaExplainer(session.scope.home);
  if (raised !== undefined) {
    throw new FleetError({
      code: "PROCESS_ERROR",
      // Whether what it changed before the error stays depends on the device: nothing is claimed about it.
      what: `${member.name} failed: ${await explain(raised, source)}`,
      remedy: `Fix its code; npx fleet logs ${member.name} --errors shows more.`,
    });
  }
  const text = reply.data === "" ? output : reply.data;
  const fault = faultIn(reply.data);
  return {
    success: faultOf(reply) === undefined,
    text,
    data: structureOf(reply.data) ?? text,
    ...(fault === undefined ? {} : { explained: await explain(fault, source) }),
  };
}

/** Parses a JSON object or list. Anything else stays a string: `500` does not become a number, nor `null` nothing. */
function structureOf(text: string): object | undefined {
  const value = exactJsonIn(text);
  // `parseJson` also returns an object for a number that needs all its digits.
  return /^\s*[[{]/.test(text) && typeof value === "object" && value !== null ? value : undefined;
}

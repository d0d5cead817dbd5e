import type { Budget } from "../../src/core/budget.ts";
import { FleetError, type Problem, throwAll } from "../../src/core/errors.ts";
import { retireWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { isLostError } from "../../src/fleet/members/gone.ts";
import { incarnationsIn, isRetired, onNetwork } from "../../src/fleet/members/members.ts";
import { retireOrAbandon } from "../../src/fleet/members/rival.ts";
import type { LedgerAt, Registry } from "../../src/fleet/protocol/registry.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** A member that is about to be registered. */
interface Fresh extends ProcessRef {
  /** False for a program without the library. */
  readonly lib?: false | undefined;
}

/**
 * Gives the processes up that this machine spawned for members of which the ledger has registered another first process: two operators
 * spawned them at the same moment, and the one whose run reached the ledger first takes precedence. Only a first generation that this
 * machine spawned itself can be one of two; an adopted process never is.
 *
 * @throws FleetError MEMBER_TAKEN with every such member, after their processes were retired
 */
export async function yieldTakenMembers(
  session: Session,
  known: Registry,
  { epoch }: Pick<LedgerAt, "epoch">,
  fresh: readonly Fresh[],
  budget: Budget,
): Promise<void> {
  const problems: Problem[] = [];
  for (const own of fresh) {
    const rival = await registeredRival(session, known, own, budget);
    if (rival === undefined) continue;
    const { name, processId } = own;
    let failure: FleetError | undefined;
    if (own.lib === false) await retireWithoutLibrary(session, own, budget);
    else failure = await retireOrAbandon(session, name, own, epoch);
    problems.push({
      code: "MEMBER_TAKEN",
      what: `Another operator spawned ${name} at the same moment, and the ledger already has that process.`,
      got: `process ${processId}`,
      expected: `process ${rival}, which is registered`,
      remedy: `${givenUpText(own, failure)} Run pulumi up --refresh to take over the registered one.`,
    });
  }
  throwAll(problems);
}

/** What became of a process that this run gave up. @param failure why it is not retired. Pure. */
export function givenUpText({ name, processId, lib }: Fresh, failure: FleetError | undefined): string {
  if (lib === false)
    return `This run gave up ${name} ${processId}, which keeps answering: it has no library that could refuse requests.`;
  if (failure === undefined) return `${name} ${processId} was retired.`;
  return `${name} ${processId} is not retired (${failure.code === "NO_REPLY" ? "it did not answer" : failure.code}).`;
}

async function registeredRival(
  session: Session,
  known: Registry,
  { name, processId, generation }: Fresh,
  budget: Budget,
): Promise<string | undefined> {
  const own = incarnationsIn(session, name);
  const isFirst = generation === 1 && own.some((one) => one.processId === processId && one.generation === 1);
  if (!isFirst || known[processId] !== undefined) return undefined;
  if (!Object.values(known).some(({ metadata }) => metadata?.name === name)) return undefined;
  const others = (await onNetwork(session, name, budget)).filter(
    (one) => one.generation === 1 && known[one.processId]?.metadata?.name === name,
  );
  for (const other of others) if (await lives(session, name, other, budget)) return other.processId;
  return undefined;
}

async function lives(
  session: Session,
  name: string,
  one: Omit<ProcessRef, "name">,
  budget: Budget,
): Promise<boolean> {
  try {
    return !(await isRetired(session, name, one, budget));
  } catch (error) {
    if (isLostError(error) || (error instanceof FleetError && error.code === "GONE")) return false;
    throw error;
  }
}

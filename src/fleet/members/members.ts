import type { Intent } from "../../ao/journal/index.ts";
import type { Budget } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import { info } from "../protocol/info.ts";
import { parseKeyOf } from "../session/member-key.ts";
import { deploymentKey, type Scope } from "../session/scope.ts";
import type { Session } from "../session/session.ts";
import { adoption } from "./adoption.ts";

/** One AO process that a member of the fleet has or had. */
export interface Incarnation {
  readonly processId: string;
  /** 1 + the highest generation of this member when it was spawned. */
  readonly generation: number;
  /** Whether it is retired and answers `GONE`; never adopted again. */
  readonly retired: boolean;
  /** Whether its spawn was signed without proof that a unit accepted it: then it must be sent again before it is used. */
  readonly unsent: boolean;
}

/**
 * The member's newest process: from the journal, which contains every spawn of this machine. If the journal has no active
 * one, or may have lost its end, also from the network, by `Deployment-Key` and our ownership, because another machine may have
 * spawned it. The index lags, but a fleet from another machine is older than the lag. In a run of `fleet adopt` it is the
 * confirmed one.
 */
export async function newestIncarnation(
  session: Session,
  name: string,
  budget: Budget,
): Promise<Incarnation | undefined> {
  const known = await existing(session, incarnationsIn(session, name), budget);
  const newest = known.at(-1);
  const chosen = (await adoption(session))?.members[name];
  if (chosen && !known.some(({ processId, retired }) => retired && processId === chosen.processId))
    return {
      processId: chosen.processId,
      generation: chosen.generation,
      retired: false,
      unsent: false,
    };
  const whole = !session.journal.isNew && session.journal.dropped === undefined;
  if (newest && !newest.retired && whole) return newest;
  const dead = new Set(known.filter(({ retired }) => retired).map(({ processId }) => processId));
  const found = (await onNetwork(session, name, budget)).filter(({ processId }) => !dead.has(processId));
  const best = found.at(-1);
  if (!best) return newest;
  if (newest && (newest.generation > best.generation || newest.processId === best.processId)) return newest;
  // Of two that were spawned at the same time, the lower id takes precedence for all operators.
  if (newest && !newest.retired && newest.generation === best.generation && newest.processId < best.processId)
    return newest;
  return (await liveAmong(session, name, found, best.generation, budget)) ?? { ...best, retired: true };
}

/** The process of one generation that is not retired: of two operators' first deployments, one has given its own up. */
export async function liveAmong(
  session: Session,
  name: string,
  found: readonly Incarnation[],
  generation: number,
  budget: Budget,
): Promise<Incarnation | undefined> {
  for (const one of found.filter((each) => each.generation === generation).reverse()) {
    if (!(await isRetired(session, name, one, budget))) return one;
  }
  return undefined;
}

/** The journal outlives an embedded network that was reset: what does not exist there any more is as good as retired. */
const existing = (session: Session, known: readonly Incarnation[], budget: Budget): Promise<Incarnation[]> =>
  Promise.all(
    known.map(async (one) =>
      one.retired || one.unsent || (await session.ao.exists(one.processId, budget))
        ? one
        : { ...one, retired: true },
    ),
  );

/** The member's processes in the journal, oldest first, without abandoned spawns. */
export const incarnationsIn = (session: Session, name: string): Incarnation[] =>
  incarnationsOf(session.journal.history(), session.scope, name);

/** The same from a journal's entries. Pure. */
export function incarnationsOf(entries: Iterable<Intent>, scope: Scope, name: string): Incarnation[] {
  const made = new Map<number, Incarnation>();
  const retired = new Set<number>();
  for (const { key, kind, state, id } of entries) {
    const parsed = parseKeyOf(scope, key);
    if (parsed?.name !== name) continue;
    const { generation, step } = parsed;
    if (kind === "spawn" && state !== "voided")
      made.set(generation, { processId: id, generation, retired: false, unsent: state === "signed" });
    if (step === "RETIRE" && state === "settled") retired.add(generation);
  }
  return [...made.values()]
    .map((one) => ({ ...one, retired: retired.has(one.generation) }))
    .sort((a, b) => a.generation - b.generation);
}

/** Our processes on the network, from the index: the newest last; with equal generations, the lowest id last. */
export async function onNetwork(session: Session, name: string, budget: Budget): Promise<Incarnation[]> {
  const found = await session.ao.find(
    {
      owners: [session.ao.address],
      tags: { Type: "Process", "Deployment-Key": deploymentKey(session.scope, name) },
    },
    budget,
  );
  return found
    .map(({ id, tags }) => ({
      processId: id,
      generation: Number(tags.Generation),
      retired: false,
      unsent: false,
    }))
    .filter(({ generation }) => Number.isInteger(generation) && generation > 0)
    .sort((a, b) => a.generation - b.generation || (a.processId < b.processId ? 1 : -1));
}

/** For `catch`: only the library reports that a process is retired; other programs may answer anything. */
const notRetired = tolerate(false, "NO_REPLY", "BAD_REPLY", "UNKNOWN_ACTION", "PROCESS_ERROR");

/** Whether a process is retired, by its own answer; one that was never loaded is not. */
export const isRetired = (
  session: Session,
  name: string,
  one: Pick<Incarnation, "processId" | "generation">,
  budget: Budget,
): Promise<boolean> =>
  info(session, { name, ...one }, budget).then(({ status }) => status === "RETIRED", notRetired);

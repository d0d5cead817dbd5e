import type { Intent } from "../../ao/journal/index.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { info } from "../protocol/info.ts";
import { deploymentKey, type Scope } from "../session/scope.ts";
import type { Session } from "../session/session.ts";
import { adoption } from "./adoption.ts";

/** One AO process that a member of the fleet has or had. */
export interface Incarnation {
  readonly processId: string;
  /** 1 + the highest ever seen for this member when it was made. */
  readonly generation: number;
  /** It was told to answer `GONE`; never adopted again. */
  readonly retired: boolean;
  /** The bytes were signed but nothing proves that a unit took them: they must be sent again before it is used. */
  readonly unsent: boolean;
}

export const memberKey = (scope: Scope, name: string, generation: number, step: string): string =>
  `${deploymentKey(scope, name)}/g${generation}/${step}`;

/**
 * The member's newest process: from the journal, which knows every spawn of this machine. Where the journal has no living
 * one, or may have lost its end, also from the network, by `Deployment-Key` and our ownership: another machine may have made
 * it. The index lags, but a fleet that another machine made is older than the lag. In a run of `fleet adopt` it is the one that
 * was agreed to.
 */
export async function newestIncarnation(
  session: Session,
  name: string,
  budget: Budget,
): Promise<Incarnation | undefined> {
  const known = incarnationsIn(session, name);
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
  // Of two that were made at the same time the lower id counts, for everybody.
  if (newest && !newest.retired && newest.generation === best.generation && newest.processId < best.processId)
    return newest;
  return { ...best, retired: await isRetired(session, name, best, budget) };
}

/** What the journal knows of a member, oldest first; a spawn that was given up is not among them. */
export const incarnationsIn = (session: Session, name: string): Incarnation[] =>
  incarnationsOf(session.journal.history(), session.scope, name);

/** The same of a journal's entries. Pure. */
export function incarnationsOf(entries: Iterable<Intent>, scope: Scope, name: string): Incarnation[] {
  const prefix = `${deploymentKey(scope, name)}/g`;
  const made = new Map<number, Incarnation>();
  const retired = new Set<number>();
  for (const { key, kind, state, id } of entries) {
    if (!key.startsWith(prefix)) continue;
    const [generation, step] = key.slice(prefix.length).split("/");
    const number = Number(generation);
    if (kind === "spawn" && state !== "voided")
      made.set(number, { processId: id, generation: number, retired: false, unsent: state === "signed" });
    if (step === "RETIRE" && state === "settled") retired.add(number);
  }
  return [...made.values()]
    .map((one) => ({ ...one, retired: retired.has(one.generation) }))
    .sort((a, b) => a.generation - b.generation);
}

/** Ours on the network, as the index shows them: the newest last, of equals the lowest id last. */
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

const NOT_SAID = ["NO_REPLY", "BAD_REPLY", "UNKNOWN_ACTION", "PROCESS_ERROR"];

/** Asks the process itself; one that was never loaded is not retired. */
export async function isRetired(
  session: Session,
  name: string,
  one: Pick<Incarnation, "processId" | "generation">,
  budget: Budget,
): Promise<boolean> {
  try {
    return (await info(session, { name, ...one }, budget)).status === "RETIRED";
  } catch (error) {
    // A plain program may answer what it likes: only the library says that it is retired.
    if (error instanceof FleetError && NOT_SAID.includes(error.code)) return false;
    throw error;
  }
}

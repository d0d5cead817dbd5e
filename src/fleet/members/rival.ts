import { FleetError } from "../../core/errors.ts";
import { registry } from "../protocol/registry.ts";
import { retire } from "../protocol/state.ts";
import { memberKey, parseKeyOf } from "../session/member-key.ts";
import { deploymentKey } from "../session/scope.ts";
import type { Session } from "../session/session.ts";
import { isLostError } from "./gone.ts";
import { type Incarnation, incarnationsIn, onNetwork } from "./members.ts";

/** A ledger of the same generation that another operator created and that takes precedence, because it has the lower id. */
export async function rivalOf(
  session: Session,
  ledger: Pick<Incarnation, "processId" | "generation">,
): Promise<Incarnation | undefined> {
  const all = await onNetwork(session, session.scope.ledger ?? "", session.budget(60));
  return all
    .filter(({ generation, processId }) => generation === ledger.generation && processId < ledger.processId)
    .at(-1);
}

/**
 * Checks whether another operator created a ledger of the same generation. If that one has the lower id, everything that this
 * machine created for the stack, and that the other has not taken over, is retired, so that the next run takes over the other's.
 *
 * @returns the error to stop with, or undefined if this ledger takes precedence
 */
export async function yieldToRival(
  session: Session,
  ledger: Pick<Incarnation, "processId" | "generation">,
  epoch: number,
): Promise<FleetError | undefined> {
  const name = session.scope.ledger;
  if (name === undefined) return undefined;
  const winner = await rivalOf(session, ledger);
  if (!winner) return undefined;
  const taken = await registeredWith(session, name, winner);
  const made = [
    ...membersIn(session).flatMap((member) =>
      incarnationsIn(session, member).map((one) => ({ ...one, name: member })),
    ),
    // The journal may be lost, or may know nothing of a process that an earlier run abandoned.
    ...(await registeredWith(session, name, ledger)),
    { ...ledger, name, retired: false },
  ];
  // A process that is alone of its name there was taken over by the other operator, and is part of that fleet now.
  const given = made.filter(({ processId, name: member }) => {
    const ids = taken.filter((one) => one.name === member).map((one) => one.processId);
    return processId === ledger.processId || ids.length !== 1 || ids[0] !== processId;
  });
  const once = new Map(given.map((one) => [one.processId, one]));
  const left: Left[] = [];
  for (const { name: member, ...one } of once.values()) {
    const failure = one.retired ? undefined : await retireOrAbandon(session, member, one, epoch);
    if (failure) left.push({ name: member, processId: one.processId, failure });
  }
  return new FleetError({
    code: "LEDGER_TAKEN",
    what: `Another operator deployed ${deploymentKey(session.scope, name)} for the first time at the same moment, and that deployment takes precedence.`,
    got: `ledger ${ledger.processId}`,
    expected: `ledger ${winner.processId}, the lower id of the two`,
    remedy: `${describeRetired(left)} Run pulumi up --refresh to take over the other operator's processes.`,
  });
}

/** A process that was given up and is not retired. */
interface Left {
  readonly name: string;
  readonly processId: string;
  readonly failure: FleetError;
}

/** Whether the processes that a run gave up are retired, and which are not. Pure. */
function describeRetired(left: readonly Left[]): string {
  if (left.length === 0) return "The processes of this run were retired.";
  const named = left.map(
    ({ name, processId, failure }) =>
      `${name} ${processId} (${failure.code === "NO_REPLY" ? "it did not answer" : failure.code})`,
  );
  return `Not retired: ${named.join(", ")}; every other process of this run is.`;
}

/** Codes of a ledger whose code is not loaded, or that is retired. Any other failure says nothing about what it has registered. */
const WITHOUT_CODE = ["NO_REPLY", "UNKNOWN_ACTION", "PROCESS_ERROR", "GONE"];

/** The members that a ledger has registered; none if it does not answer, as before its code is loaded. */
async function registeredWith(
  session: Session,
  name: string,
  { processId, generation }: Pick<Incarnation, "processId" | "generation">,
): Promise<(Incarnation & { name: string })[]> {
  const budget = session.budget(30);
  const found = await registry(session, { name, processId, generation }, budget).catch((error: unknown) => {
    if (isLostError(error) || (error instanceof FleetError && WITHOUT_CODE.includes(error.code))) return {};
    throw error;
  });
  const names = Object.entries(found).flatMap(([id, { metadata }]) =>
    metadata?.name === undefined ? [] : [{ id, member: metadata.name }],
  );
  const all = await Promise.all(
    names.map(async ({ id, member }) =>
      (await onNetwork(session, member, budget))
        .filter((one) => one.processId === id)
        .map((one) => ({ ...one, name: member })),
    ),
  );
  return all.flat();
}

/**
 * Retires a process; one that was never loaded cannot answer and is only abandoned.
 *
 * @returns why it is not retired; undefined if it is
 */
export async function retireOrAbandon(
  session: Session,
  name: string,
  one: Pick<Incarnation, "processId" | "generation">,
  epoch: number,
): Promise<FleetError | undefined> {
  const { processId, generation } = one;
  const isDone = incarnationsIn(session, name).some(
    (known) => known.processId === processId && known.retired,
  );
  if (isDone) return undefined;
  const spawn = memberKey(session.scope, name, generation, "spawn");
  try {
    await retire(session, { name, generation, processId }, epoch, session.budget(30));
    return undefined;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.code === "NO_REPLY")
      await session.journal.void(spawn, "another operator's process takes precedence");
    return error;
  }
}

function membersIn(session: Session): string[] {
  const names = session.journal.history().flatMap(({ kind, key }) => {
    const name = kind === "spawn" ? parseKeyOf(session.scope, key)?.name : undefined;
    return name === undefined ? [] : [name];
  });
  return [...new Set(names)];
}

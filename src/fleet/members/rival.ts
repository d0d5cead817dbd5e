import { FleetError } from "../../core/errors.ts";
import { retire } from "../protocol/state.ts";
import { deploymentKey } from "../session/scope.ts";
import type { Session } from "../session/session.ts";
import { type Incarnation, incarnationsIn, memberKey, onNetwork } from "./members.ts";

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
 * machine created for the stack is retired, so that the next run takes over the other's.
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
  for (const member of membersIn(session)) {
    for (const one of incarnationsIn(session, member)) {
      if (!one.retired) await retireOrAbandon(session, member, one, epoch);
    }
  }
  return new FleetError({
    code: "LEDGER_TAKEN",
    what: `Another operator deployed ${deploymentKey(session.scope, name)} for the first time at the same moment, and that deployment takes precedence.`,
    got: `ledger ${ledger.processId}`,
    expected: `ledger ${winner.processId}, the lower id of the two`,
    remedy:
      "The processes of this run were retired. Run pulumi up --refresh to take over the other operator's processes.",
  });
}

/** Retires a process; one that was never loaded cannot answer and is only abandoned. The next run retries failures. */
export async function retireOrAbandon(
  session: Session,
  name: string,
  one: Pick<Incarnation, "processId" | "generation">,
  epoch: number,
): Promise<void> {
  const { processId, generation } = one;
  const isDone = incarnationsIn(session, name).some(
    (known) => known.processId === processId && known.retired,
  );
  if (isDone) return;
  const spawn = memberKey(session.scope, name, generation, "spawn");
  try {
    await retire(session, { name, generation, processId }, epoch, session.budget(30));
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    if (error.code === "NO_REPLY")
      await session.journal.void(spawn, "another operator's process takes precedence");
  }
}

function membersIn(session: Session): string[] {
  const prefix = deploymentKey(session.scope, "");
  const names = session.journal
    .history()
    .filter(({ kind, key }) => kind === "spawn" && key.startsWith(prefix))
    .map(({ key }) => key.slice(prefix.length).split("/")[0] ?? "");
  return [...new Set(names)];
}

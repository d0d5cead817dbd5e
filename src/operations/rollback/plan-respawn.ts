import { budgetOf } from "../../core/budget.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { lastSnapshot } from "../../fleet/snapshot/find.ts";
import { takeSnapshot } from "../../fleet/snapshot/take.ts";
import { infoOf } from "./info.ts";
import { countLostMessages } from "./lost-messages.ts";
import type { MemberPlan } from "./member-plan.ts";
import { plannedState } from "./planned-state.ts";

/**
 * Plans a new process for a member that no longer runs. It imports the last state of its earlier process if that has the shape that the
 * release works on, otherwise the last snapshot taken under that code.
 */
export async function planRespawn(
  fleet: FleetSession,
  history: () => Promise<History>,
  name: string,
  to: NonNullable<MemberPlan["to"]>,
  then: ReleaseDocument["members"][string] | undefined,
): Promise<MemberPlan> {
  if (!then) return { name, kind: "new", to };
  const { processId, generation, stateVersion } = then;
  const place = { name, processId, generation };
  const unread: string[] = [];
  const notRead = (error: unknown): undefined => {
    if (!(error instanceof FleetError)) throw error;
    unread.push(`the present state of ${processId.slice(0, 8)}: ${error.problems[0].what} [${error.code}]`);
  };
  // A retired process still exports its state.
  const info = await infoOf(fleet, place).catch(notRead);
  if (info && (stateVersion === undefined || info.stateVersion === stateVersion)) {
    const occasion = {
      reason: "restore" as const,
      sourceHash: info.sourceHash,
      deploymentId: `anew-${processId.slice(0, 12)}`,
    };
    const snapshot = await takeSnapshot(fleet.session, place, occasion, budgetOf(60)).catch(notRead);
    if (snapshot) return { name, kind: "new", to, snapshot };
  }
  const found = await lastSnapshot(fleet.session, place, to.sourceHash, budgetOf(60));
  const { snapshot } = found;
  const lost = await countLostMessages(await history(), snapshot ?? { processId, slot: 0 }).catch(
    tolerate(undefined),
  );
  return {
    name,
    kind: "new",
    to,
    ...plannedState({ ...found, unread: [...unread, ...found.unread] }),
    ...(lost === undefined ? {} : { lost }),
  };
}

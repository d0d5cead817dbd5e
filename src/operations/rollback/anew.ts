import { budgetOf } from "../../core/budget.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { History } from "../../fleet/history.ts";
import type { ReleaseDocument } from "../../fleet/releases/document.ts";
import { lastSnapshot } from "../../fleet/snapshot/find.ts";
import { takeSnapshot } from "../../fleet/snapshot/take.ts";
import { infoOf, nothingOf } from "./info.ts";
import { lostSince } from "./lost.ts";
import type { MemberWay } from "./member-way.ts";

/**
 * A member that runs no more is made anew, with the state that its process of then ended with, where that has the shape that the
 * release works on; else with the last one that was kept under that code.
 */
export async function anew(
  fleet: FleetSession,
  history: () => Promise<History>,
  name: string,
  to: NonNullable<MemberWay["to"]>,
  then: ReleaseDocument["members"][string] | undefined,
): Promise<MemberWay> {
  if (!then) return { name, kind: "new", to };
  const { processId, generation, stateVersion } = then;
  const place = { name, processId, generation };
  // A retired process still exports.
  const info = await infoOf(fleet, place).catch(nothingOf);
  if (info && (stateVersion === undefined || info.stateVersion === stateVersion)) {
    const occasion = {
      reason: "restore" as const,
      sourceHash: info.sourceHash,
      deploymentId: `anew-${processId.slice(0, 12)}`,
    };
    const snapshot = await takeSnapshot(fleet.session, place, occasion, budgetOf(60)).catch(nothingOf);
    if (snapshot) return { name, kind: "new", to, snapshot };
  }
  const snapshot = await lastSnapshot(fleet.session, place, to.sourceHash, budgetOf(60));
  const lost = await lostSince(await history(), snapshot ?? { processId, slot: 0 }).catch(nothingOf);
  return {
    name,
    kind: "new",
    to,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(lost === undefined ? {} : { lost }),
  };
}

import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { retireWithoutLibrary, runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { incarnationsIn } from "../../src/fleet/members/members.ts";
import { isRuinedError } from "../../src/fleet/members/ruined.ts";
import { retire as retireByMessage } from "../../src/fleet/protocol/state.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { stopCron } from "./cron.ts";
import type { ProcessInputs } from "./schema.ts";
import { assertOwned } from "./wrong-wallet.ts";

/**
 * Retires a process: AO processes are permanent, so a retired one answers `GONE` from then on. Idempotent.
 *
 * @returns false if the network has no such process, as after `fleet localnet reset`: there is nothing to retire
 */
export async function retire(
  session: Session,
  place: ProcessRef,
  { tags, lib }: Pick<ProcessInputs, "tags" | "lib">,
  budget: Budget,
): Promise<boolean> {
  const { name, processId } = place;
  // A run that died after retiring the process left it in the state.
  const isDone = incarnationsIn(session, name).some((one) => one.processId === processId && one.retired);
  if (isDone) return true;
  if (!(await session.ao.exists(processId, budget))) return false;
  await stopCron(session, place, tags, budget);
  if (runsWithoutLibrary({ lib })) {
    await retireWithoutLibrary(session, place, budget);
    return true;
  }
  try {
    const epoch = await session.deployment.epoch();
    await retireByMessage(session, place, epoch, budget);
  } catch (error) {
    if (error instanceof FleetError && error.code === "FORBIDDEN")
      await assertOwned(session, place, budget, error);
    // NO_REPLY: no code was ever loaded, so there are no handlers to retire. The process is found again if the member returns.
    // A ruined process does not answer any more.
    if (!(error instanceof FleetError && error.code === "NO_REPLY") && !isRuinedError(error)) throw error;
  }
  return true;
}

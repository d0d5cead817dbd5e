import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { retireWithoutLibrary, runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { ProcessRef } from "../../src/fleet/health/verdict.ts";
import { incarnationsIn } from "../../src/fleet/members/members.ts";
import { isRuinedError } from "../../src/fleet/members/ruined.ts";
import { retire as retireByMessage } from "../../src/fleet/protocol/state.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { stopCron } from "./cron.ts";
import type { ProcessInputs } from "./schema.ts";
import { assertOwned } from "./wrong-wallet.ts";

/**
 * What became of a process that is to be retired: it answers `GONE` from now on; the network has no such process, as after `fleet localnet
 * reset`; it has no library, so nothing in it can answer `GONE`; it did not answer; it can never answer again.
 */
type Retirement = "retired" | "gone" | "plain" | "unanswered" | "ruined";

/** Retires a process: AO processes are permanent, so a retired one answers `GONE` from then on. Idempotent. */
export async function retire(
  session: Session,
  place: ProcessRef,
  { tags, lib }: Pick<ProcessInputs, "tags" | "lib">,
  budget: Budget,
): Promise<Retirement> {
  const { name, processId } = place;
  const isPlain = runsWithoutLibrary({ lib });
  // A run that died after retiring the process left it in the state.
  const isDone = incarnationsIn(session, name).some((one) => one.processId === processId && one.retired);
  if (isDone) return isPlain ? "plain" : "retired";
  if (!(await session.ao.exists(processId, budget))) return "gone";
  await stopCron(session, place, tags, budget);
  if (isPlain) {
    await retireWithoutLibrary(session, place, budget);
    return "plain";
  }
  try {
    const epoch = await session.deployment.epoch();
    await retireByMessage(session, place, epoch, budget);
    return "retired";
  } catch (error) {
    if (error instanceof FleetError && error.code === "FORBIDDEN")
      await assertOwned(session, place, budget, error);
    if (isRuinedError(error)) return "ruined";
    // Mostly no code was ever loaded, so there are no handlers to retire. The process is found again if the member returns.
    if (error instanceof FleetError && error.code === "NO_REPLY") return "unanswered";
    throw error;
  }
}

const WHY: Readonly<Record<Exclude<Retirement, "retired">, string>> = {
  gone: "it does not exist any more",
  plain: "without the library, it keeps answering",
  unanswered: "it did not answer",
  ruined: "it is ruined",
};

/** Reports what became of a process: `retired` only if it is. */
export const reportRetirement = (
  session: Session,
  name: string,
  retirement: Retirement,
  what: string,
  started: number,
): Promise<void> =>
  retirement === "retired"
    ? reportStep(session, name, "retired", what, started)
    : reportStep(session, name, "forgotten", `${what}: ${WHY[retirement]}`, started);

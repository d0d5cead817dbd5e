import type { Budget } from "../../core/budget.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { Answer, Unit } from "./http.ts";

/**
 * Asks the root of a unit, and checks that it is of the expected kind.
 *
 * @throws FleetError UNIT_NOT_AO; transient errors while it does not answer
 */
export function checkUnit(
  unit: Unit,
  isIt: (answer: Answer) => boolean,
  budget: Budget,
  backoff: Backoff,
): Promise<void> {
  return retrying(
    `reaching the ${unit.name}`,
    budget,
    async () => {
      const answer = await unit.ask({ url: `${unit.url}/`, headers: { accept: "*/*" } }, budget);
      if (answer.status >= 500) throw unitRefused(unit.name, unit.url, answer.status, answer.excerpt);
      if (isIt(answer)) return;
      // The address is a setting: after three wrong answers in a row it is the wrong server.
      throw new UnitError(
        unitNotAo(unit.name, unit.url, `${answer.status} ${answer.excerpt}`).problems[0],
        "doubtful",
      );
    },
    backoff,
  );
}

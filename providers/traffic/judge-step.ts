import { FleetError } from "../../src/core/errors.ts";
import { judge, stepsOf, type Verdict, verdictOf } from "../../src/delivery/index.ts";
import type { TrafficState } from "../../src/delivery/wire.ts";
import type { Measure } from "./measure.ts";
import type { Wanted } from "./plan.ts";

/**
 * The verdict on a step. A failed measurement is one as well.
 *
 * @param inconclusive verdicts before, in a row, that were inconclusive
 */
export async function judgeStep(
  { strategy }: Pick<Wanted, "strategy">,
  measure: Measure,
  state: TrafficState,
  inconclusive: number,
): Promise<Verdict> {
  try {
    // The number of times that the whole rollout may be judged.
    const looks = stepsOf(strategy).length * strategy.maxInconclusive;
    const isLast = inconclusive + 1 >= strategy.maxInconclusive;
    return judge(strategy.checks, await measure.now(state), { looks, isLast });
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return verdictOf([{ check: "measuring", outcome: "error", text: error.problems[0].what }]);
  }
}

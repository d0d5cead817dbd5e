import { FleetError } from "../../src/core/errors.ts";
import { reportFailure } from "../../src/fleet/session/progress.ts";

/**
 * Runs a call that is no step: a read, a diff or a delete. The problems of an error are reported as data before it is rethrown, because
 * Pulumi passes on only its text.
 *
 * @param name as in `StepEvent`
 */
export async function reporting<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FleetError) reportFailure(error.problems, name);
    throw error;
  }
}

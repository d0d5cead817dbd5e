import { FleetError, type Problem } from "../../src/core/errors.ts";

/** The error of work that must fail. */
export function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error("expected a failure");
    },
    (reason: unknown) => reason,
  );
}

/** The problems of work that must be refused. */
export async function problemsOf(work: Promise<unknown>): Promise<readonly Problem[]> {
  const error = await failureOf(work);
  if (error instanceof FleetError) return error.problems;
  throw error;
}

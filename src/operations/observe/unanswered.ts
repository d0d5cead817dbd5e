import { z } from "zod";
import { FleetError } from "../../core/errors.ts";

/** What a look at a process that brought no verdict says about it. */
interface Unanswered {
  /**
   * `OFFLINE`: it was asked and did not answer. `UNHEALTHY`: its answer is none, or a refusal. `RETIRED`: it is. `UNKNOWN`:
   * a unit was slow, down or failed, so the process was not heard at all.
   */
  readonly state: "OFFLINE" | "UNHEALTHY" | "RETIRED" | "UNKNOWN";
  /** The stable code of the reason: `NO_REPLY`, `UNIT_SLOW`, … */
  readonly code: string;
  /** One sentence without the code. */
  readonly what: string;
}

/** By the error's code and whether it can pass. Pure. @throws the error when it is a bug */
export function unansweredBy(error: unknown): Unanswered {
  if (error instanceof SyntaxError || error instanceof z.ZodError)
    return { state: "UNHEALTHY", code: "BAD_REPLY", what: "its answer is not as it should be" };
  if (!(error instanceof FleetError)) throw error;
  const { code } = error;
  const { what } = error.problems[0];
  if (code === "GONE") return { state: "RETIRED", code, what };
  if (code === "NO_REPLY") return { state: "OFFLINE", code, what };
  return { state: error.transient ? "UNKNOWN" : "UNHEALTHY", code, what };
}

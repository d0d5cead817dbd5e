import { z } from "zod";
import { FleetError } from "../../core/errors.ts";

/** What a failed check says about a process. */
interface Unanswered {
  /**
   * `OFFLINE`: it was asked and did not answer, or does not exist any more. `UNHEALTHY`: its answer is invalid, or a refusal. `RETIRED`: it is retired. `UNKNOWN`: a
   * unit was slow or down or failed, or is another one, so the process could not answer.
   */
  readonly state: "OFFLINE" | "UNHEALTHY" | "RETIRED" | "UNKNOWN";
  /** The stable code of the reason: `NO_REPLY`, `UNIT_SLOW`, … */
  readonly code: string;
  /** One sentence without the code. */
  readonly what: string;
}

/** Classifies an error by its code and whether it is transient. Pure. @throws the error itself if it is a bug */
export function classifyFailedRead(error: unknown): Unanswered {
  if (error instanceof SyntaxError || error instanceof z.ZodError)
    return { state: "UNHEALTHY", code: "BAD_REPLY", what: "it gave an invalid answer" };
  if (!(error instanceof FleetError)) throw error;
  const { code } = error;
  const { what } = error.problems[0];
  if (code === "GONE") return { state: "RETIRED", code, what };
  if (code === "NO_REPLY" || code === "PROCESS_GONE") return { state: "OFFLINE", code, what };
  return { state: error.transient || error.isLocal ? "UNKNOWN" : "UNHEALTHY", code, what };
}

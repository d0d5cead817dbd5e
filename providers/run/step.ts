import type { NetworkRef } from "../../src/ao/network.ts";
import { FleetError } from "../../src/core/errors.ts";
import { isWaitingCode } from "../../src/delivery/phase.ts";
import { type StepEvent, writeStep } from "../../src/fleet/session/progress.ts";
import { eventsFile, type RunRequest, readRunRequest } from "../../src/fleet/session/run-request.ts";
import type { Scope } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { PartialFailure } from "./partial-failure.ts";
import { sessionFor } from "./session.ts";

/** The stack, network and subject of a step. */
interface StepPlace {
  readonly scope: Scope;
  readonly network: NetworkRef;
  /** Name of the member or resource, as in `StepEvent`. */
  readonly name: string;
}

/**
 * Runs one create or update in this run's session. An error is reported as an event before it is rethrown, with its problems and whether it is
 * transient, so that the caller of the run knows whether a retry can help.
 */
export async function step<T>(
  { scope, network, name }: StepPlace,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let session: Session | undefined;
  let request: RunRequest = {};
  try {
    request = readRunRequest();
    session = await sessionFor(scope, network);
    return await work(session);
  } catch (error) {
    const deploymentId = session?.deployment.id ?? request.deploymentId ?? "deploy-unbegun";
    const event = { at: new Date().toISOString(), deploymentId, name, ...failure(error) };
    await writeStep(scope, event, eventsFile());
    throw error;
  }
}

/** The event of an error: the step failed, or a rollout waits for a person. Pure. */
function failure(error: unknown): Pick<StepEvent, "phase" | "detail" | "code" | "transient" | "problems"> {
  const cause = error instanceof PartialFailure ? error.cause : error;
  if (cause instanceof FleetError) {
    const { code, transient, problems } = cause;
    return {
      phase: isWaitingCode(code) ? "waiting" : "failed",
      detail: problems[0].what,
      code,
      transient,
      problems,
    };
  }
  const [detail = ""] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
  return { phase: "failed", detail, transient: false };
}

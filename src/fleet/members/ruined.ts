import { FleetError } from "../../core/errors.ts";
import type { RunRequest } from "../session/run-request.ts";

/**
 * Whether a member may get a new process in a run when its own is ruined: somebody agreed that the state of the old one is lost. A
 * process that works is never replaced.
 */
export const mayReplace = ({ replace = [] }: RunRequest, name: string): boolean => replace.includes(name);

/** Whether an error says that nothing can ever be evaluated in a process again. */
export const saysRuined = (error: unknown): error is FleetError =>
  error instanceof FleetError && error.code === "PROCESS_RUINED";

/** What gives a ruined member a process again. Pure. */
export const wayOn = (name: string): string =>
  `Its state is lost unless a backup has it. To give it a new process: npx fleet deploy --replace ${name} (or FLEET_REPLACE=${name} pulumi up)`;

/** What can be done about a ruined member; any other error as it is. */
export function withWayOn(name: string, error: FleetError): FleetError;
export function withWayOn(name: string, error: unknown): unknown;
export function withWayOn(name: string, error: unknown): unknown {
  if (!saysRuined(error) || error.problems[0].at !== undefined) return error;
  const [problem] = error.problems;
  return new FleetError(
    {
      ...problem,
      what: `${name} is ruined. ${problem.what}`,
      at: `processes.${name}`,
      remedy: `${wayOn(name)}. Its id changes, its peers are rewired, and the ledger keeps the old id as RUINED.`,
    },
    { cause: error.cause },
  );
}

import { FleetError } from "../../core/errors.ts";
import type { RunRequest } from "../session/run-request.ts";

/**
 * Whether a ruined member may get a new process in a run, because the operator accepted the loss of its state. A working process
 * is never replaced.
 */
export const mayReplace = ({ replace = [] }: RunRequest, name: string): boolean => replace.includes(name);

/** Whether an error means that a process can never evaluate anything again. */
export const isRuinedError = (error: unknown): error is FleetError =>
  error instanceof FleetError && error.code === "PROCESS_RUINED";

/** How to give a ruined member a new process. Pure. */
export const replaceRemedy = (name: string): string =>
  `Its state is lost unless a backup contains it. To give it a new process: npx fleet deploy --replace ${name} (or FLEET_REPLACE=${name} pulumi up)`;

/** Adds the remedy to the error of a ruined member; returns any other error unchanged. */
export function withReplaceRemedy(name: string, error: FleetError): FleetError;
export function withReplaceRemedy(name: string, error: unknown): unknown;
export function withReplaceRemedy(name: string, error: unknown): unknown {
  if (!isRuinedError(error) || error.problems[0].at !== undefined) return error;
  const [problem] = error.problems;
  return new FleetError(
    {
      ...problem,
      what: `${name} is ruined. ${problem.what}`,
      at: `processes.${name}`,
      remedy: `${replaceRemedy(name)}. Its id changes, its peers are rewired, and the ledger keeps the old id as RUINED.`,
    },
    { cause: error.cause },
  );
}

import { GONE_REMEDY } from "../../ao/errors.ts";
import { FleetError, MEMBER } from "../../core/errors.ts";
import type { RunRequest } from "../session/run-request.ts";

/**
 * Whether a ruined member may get a new process in a run, because the operator accepted the loss of its state. A working process
 * is never replaced.
 */
export const mayReplace = ({ replace = [] }: RunRequest, name: string): boolean => replace.includes(name);

/** Whether an error means that a process can never evaluate anything again. */
export const isRuinedError = (error: unknown): error is FleetError =>
  error instanceof FleetError && error.code === "PROCESS_RUINED";

/**
 * Whether an error means that a node computes nothing more of a process, and that it is not known why: a message ended the process, or the
 * node fails. Nothing is replaced because of it.
 */
export const isStuckError = (error: unknown): error is FleetError =>
  error instanceof FleetError && error.code === "PROCESS_STUCK";

/** How to find out why a member is stuck, and to give it a new process if a message ended it. Pure. */
export const stuckRemedy = (name: string): string =>
  `If it lasts: npx fleet deploy --replace ${name} (or FLEET_REPLACE=${name} pulumi up) has the node compute a new process meanwhile, and replaces this one only if that succeeds; its state is lost then unless a backup contains it`;

/** How to give a ruined member a new process. Pure. */
export const replaceRemedy = (name: string): string =>
  `Its state is lost unless a backup contains it. To give it a new process: npx fleet deploy --replace ${name} (or FLEET_REPLACE=${name} pulumi up)`;

/** Why a member does not work, and what to do. @param code `PROCESS_RUINED`, `PROCESS_STUCK` or `PROCESS_GONE`. Pure. */
export const stoppedText = (
  { name, of }: { readonly name: string; readonly of?: string | undefined },
  code: string,
): string =>
  code === "PROCESS_GONE"
    ? `its network has no such process [${code}]. ${GONE_REMEDY}`
    : code === "PROCESS_RUINED"
      ? `ruined: it can never evaluate a message again [${code}]. ${replaceRemedy(of ?? name)}`
      : `stuck: its node computes no further slot, and why is not known [${code}]. ${stuckRemedy(of ?? name)}`;

/** Names the member in the error of one that is ruined or stuck, and adds the remedy; returns any other error unchanged. */
export function withReplaceRemedy(name: string, error: FleetError): FleetError;
export function withReplaceRemedy(name: string, error: unknown): unknown;
export function withReplaceRemedy(name: string, error: unknown): unknown {
  if (!isRuinedError(error)) return isStuckError(error) ? named(name, error) : error;
  const [problem] = error.problems;
  if (problem.at !== undefined) return error;
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

/** The error of a stuck member, which names it. */
function named(name: string, error: FleetError): FleetError {
  const [problem] = error.problems;
  if (problem.at !== undefined) return error;
  const { what, remedy = "" } = problem;
  const about = { what: `${name} is stuck. ${what}`, at: `processes.${name}` };
  return new FleetError(
    { ...problem, ...about, remedy: remedy.replaceAll(MEMBER, name) },
    { cause: error.cause, transient: true },
  );
}

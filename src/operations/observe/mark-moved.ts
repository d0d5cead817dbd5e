import { tolerate } from "../../core/errors.ts";
import { continueCommand } from "../../fleet/move-record.ts";
import type { Scope } from "../../fleet/session/scope.ts";
import { movedTo, openMoves } from "../move/moved-setting.ts";
import { DRAINING_REMEDY } from "./status.ts";
import type { StatusRow } from "./status-row.ts";

/** The fleet of the rows. */
interface MarkedFleet {
  readonly projectDir: string;
  readonly scope: Scope;
}

/**
 * Rows of processes that refuse requests, with the reason that the settings of the stack name: a move of the fleet that has not ended, or one
 * that has. A deployment is refused then, so it completes nothing. Other rows stay the same.
 */
export async function markMoved(
  rows: readonly StatusRow[],
  { projectDir, scope }: MarkedFleet,
): Promise<readonly StatusRow[]> {
  if (!rows.some(({ reasons }) => reasons.includes(DRAINING_REMEDY))) return rows;
  const why = await reasonIn({ projectDir, scope }).catch(tolerate(undefined));
  if (why === undefined) return rows;
  const said = (reason: string) => (reason === DRAINING_REMEDY ? `it refuses requests: ${why}` : reason);
  return rows.map((row) => ({ ...row, reasons: row.reasons.map(said) }));
}

/** Why the processes of a stack refuse requests, by its settings. @throws FleetError if they cannot be read */
async function reasonIn({ projectDir, scope }: MarkedFleet): Promise<string | undefined> {
  const { stack } = scope;
  const [open] = openMoves(projectDir, stack);
  if (open !== undefined) {
    const { from, to } = open;
    return `the move from ${from} to ${to} has not ended; if it was killed, continue it: ${await continueCommand(scope, open)}`;
  }
  const to = movedTo(projectDir, stack);
  return to === undefined ? undefined : `the fleet was moved to ${to}, and serves there`;
}

import { FleetError } from "../core/errors.ts";
import type { Evaluation } from "./port.ts";

/**
 * True if the process did not run the message but put it into its inbox and announced it: aos does that with an Eval from an
 * address other than the owner, and the network reports success. aos prints the first and last three characters of the sender's
 * address.
 *
 * @param address the sender; if omitted, an announcement of any sender counts
 */
export function looksLikeInbox(
  { output, error }: Pick<Evaluation, "output" | "error">,
  address?: string,
): boolean {
  const from = /^New Message From (\S{3}\.\.\.\S{3}): (?:Action|Data) = /m.exec(output)?.[1];
  if (error !== undefined || from === undefined) return false;
  return address === undefined || from === `${address.slice(0, 3)}...${address.slice(-3)}`;
}

/** @throws FleetError `NOT_OWNER` if the Eval landed in the inbox */
export function assertOwner(evaluation: Evaluation, processId: string, address: string): void {
  if (!looksLikeInbox(evaluation, address)) return;
  throw new FleetError({
    code: "NOT_OWNER",
    what: `The wallet ${address} does not own the process ${processId} and cannot change it.`,
    got: "the code was put into the inbox instead of being run",
    expected: "the wallet that owns the process",
    remedy: "Use the wallet that spawned the process, or deploy a new one.",
  });
}

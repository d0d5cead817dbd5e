import { FleetError } from "../core/errors.ts";
import type { Evaluation } from "./port.ts";

/**
 * True when the process did not run the message but put it into its inbox and announced it: what aos does with an Eval of
 * somebody who is not the owner, which the network reports as a success. aos names the sender by the first and last three
 * characters; whatever else a program prints is its own.
 *
 * @param address of who sent it; left out, any sender's announcement counts
 */
export function looksLikeInbox(
  { output, error }: Pick<Evaluation, "output" | "error">,
  address?: string,
): boolean {
  const from = /^New Message From (\S{3}\.\.\.\S{3}): (?:Action|Data) = /m.exec(output)?.[1];
  if (error !== undefined || from === undefined) return false;
  return address === undefined || from === `${address.slice(0, 3)}...${address.slice(-3)}`;
}

/** @throws FleetError `NOT_OWNER` when the Eval landed in the inbox */
export function assertOwner(evaluation: Evaluation, processId: string, address: string): void {
  if (!looksLikeInbox(evaluation, address)) return;
  throw new FleetError({
    code: "NOT_OWNER",
    what: `The wallet ${address} may not change the process ${processId}`,
    got: "the code was put into the inbox, not run",
    expected: "the wallet that owns the process",
    remedy: "Use the wallet that spawned the process, or deploy a new one.",
  });
}

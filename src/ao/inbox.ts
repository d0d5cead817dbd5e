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

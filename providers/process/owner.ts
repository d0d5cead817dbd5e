import { FleetError } from "../../core/errors.ts";
import { walletAddress } from "../run/session.ts";
import { isForeign } from "./observe.ts";
import type { ProcessOutputs } from "./schema.ts";

/**
 * Only the wallet that owns a process can load it, so another one is an error of the plan. A process that was given to another wallet is
 * known as such after a refresh.
 *
 * @throws FleetError `WRONG_WALLET`, with both addresses
 */
export async function assertOwner({ name, processId, owner, drift }: ProcessOutputs): Promise<void> {
  // Outputs of a create that failed before its spawn name nobody.
  if (owner === undefined || processId === undefined || isForeign(drift ?? [])) return;
  const address = await walletAddress();
  if (address === owner) return;
  throw new FleetError({
    code: "WRONG_WALLET",
    what: `The wallet of this stack does not own the process of ${name}, so it cannot change it.`,
    got: `the wallet ${address}`,
    expected: `the wallet ${owner}, which owns ${processId}`,
    remedy:
      "Configure that wallet: npx pulumi config set walletPath <file>. If the process was given to this wallet, run npx pulumi refresh first.",
    at: `processes.${name}`,
  });
}

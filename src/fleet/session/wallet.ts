import type { WalletSource } from "../../ao/wallet.ts";
import { FleetError } from "../../core/errors.ts";
import type { StackSettings } from "./session.ts";

export type { WalletSource };

/**
 * Where the stack's wallet is: the secret `wallet`, else the file `walletPath`, else the file named by `FLEET_WALLET`.
 *
 * @throws FleetError WALLET_MISSING when none is named
 */
export function walletSource(config: StackSettings): WalletSource {
  const jwk = config.get("wallet");
  if (jwk !== undefined) return { jwk };
  const path = config.get("walletPath") ?? process.env.FLEET_WALLET;
  if (path !== undefined) return { path };
  throw new FleetError({
    code: "WALLET_MISSING",
    what: "No wallet is configured for this stack.",
    expected: "the path of an Arweave JWK file, readable by you alone",
    remedy: "pulumi config set walletPath <file> (or: pulumi config set --secret wallet < jwk.json)",
  });
}

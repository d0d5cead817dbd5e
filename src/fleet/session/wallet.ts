import type { WalletSource } from "../../ao/wallet.ts";
import { FleetError } from "../../core/errors.ts";
import { type RunRequest, readRunRequest } from "./run-request.ts";
import type { StackSettings } from "./session.ts";

export type { WalletSource };

/** The file of the stack's wallet: `walletPath`, else the run's request. */
export const walletPath = (config: StackSettings, { wallet }: RunRequest): string | undefined =>
  config.get("walletPath") ?? wallet;

/**
 * The source of the stack's wallet: the secret `wallet`, else its file.
 *
 * @param stack the stack's name, for the error. @default the one that the run is about
 * @throws FleetError WALLET_MISSING if none is configured
 */
export function walletSource(
  config: StackSettings,
  request: RunRequest = readRunRequest(),
  stack?: string,
): WalletSource {
  const jwk = config.get("wallet");
  if (jwk !== undefined) return { jwk };
  const path = walletPath(config, request);
  if (path !== undefined) return { path };
  const option = stack === undefined ? "" : ` --stack ${stack}`;
  throw new FleetError({
    code: "WALLET_MISSING",
    what: `No wallet is configured for ${stack === undefined ? "this stack" : `the stack ${stack}`}.`,
    expected: "the path of an Arweave JWK file that only you can read",
    remedy: `Run pulumi config set walletPath <file>${option} (or: pulumi config set --secret wallet${option} < jwk.json).`,
  });
}

import { join } from "node:path";
import { type Journal, openJournal, temporaryJournal } from "../../ao/journal/index.ts";
import { loadWallet, type Wallet } from "../../ao/wallet.ts";
import { FleetError, tolerate } from "../../core/errors.ts";
import type { FleetSession, OpenOptions } from "../../fleet/fleet-session.ts";
import { fleetInState, nodeInState } from "../../fleet/members/fleet-in-state.ts";
import { knownFleet } from "../../fleet/members/known-fleet.ts";
import { servingFleet } from "../../fleet/members/serving.ts";
import { withPinnedNode } from "../../fleet/node-lock.ts";
import { openSession } from "../../fleet/session/open.ts";
import { readRunRequest } from "../../fleet/session/run-request.ts";
import { type Scope, scopeIn } from "../../fleet/session/scope.ts";
import { WALLET_KEYS, type WalletSource, walletSource } from "../../fleet/session/wallet.ts";
import { networkOf, readStackConfig, type StackConfig } from "./stack-config.ts";
import { exportedState } from "./stack-reads.ts";
import { pulumiRunner, secretOf, type Workspace } from "./workspace.ts";

/**
 * Opens the fleet of a stack. Starts the embedded network of a local stack if it is down.
 *
 * @throws FleetError PROJECT_UNREADABLE, NETWORK_INVALID, LOCK_DAMAGED, WALLET_MISSING, RUN_VARIABLE_INVALID, LOCALNET_START,
 *   JOURNAL_LOCKED, TRAFFIC_UNREADABLE, STATE_UNREADABLE
 */
export async function openFleet(
  workspace: Workspace,
  stack: string,
  options: OpenOptions,
): Promise<FleetSession> {
  const { projectDir } = workspace;
  const config = readStackConfig(projectDir, stack);
  const scope = scopeIn(projectDir, config.project, stack);
  const request = readRunRequest(workspace.env);
  const named = options.network ?? networkOf(config, projectDir);
  const host = pulumiRunner(options.note);
  let state: Promise<unknown> | undefined;
  const stateOnce = () => {
    state ??= exportedState(host, workspace, stack);
    return state;
  };
  // Another node answers reads as if the processes had no messages. A state that cannot be read prevents no read of the network.
  const network = await withPinnedNode(named, projectDir, (url) =>
    stateOnce().then((found) => nodeInState(found, url), tolerate(undefined)),
  );
  const wallet =
    options.wallet === false ? await walletOrNone(workspace, config) : await walletOf(workspace, config);
  const { journal, close } = await openCliJournal(scope, options.journal);
  try {
    // Every message of a command has its own key, so no earlier message is open under it.
    const session = await openSession({ scope, network, wallet, journal, request, note: options.note });
    const readState = async () => fleetInState(await stateOnce());
    const known =
      options.asksRouter === false
        ? await knownFleet(session.scope, readState)
        : await servingFleet(session, {
            readState,
            note: options.note,
            isSigned: options.asksRouter === "signed",
          });
    const readRevisions = async () => (await readState()).revisions ?? {};
    return { ...known, project: config.project, stack, session, readRevisions, close };
  } catch (error) {
    // Only this function can release the journal's lock now.
    await close();
    throw error;
  }
}

async function openCliJournal(
  scope: Scope,
  kind: OpenOptions["journal"],
): Promise<{ journal: Journal; close(): Promise<void> }> {
  const path = kind === "keep" ? join(scope.home, "journal", "cli.jsonl") : ticksPath(scope);
  const journal = await (kind === "discard" ? temporaryJournal() : openJournal(path));
  return { journal, close: () => journal.close() };
}

/** The journal of the ticks that a stack's monitor sends. */
const ticksPath = ({ home, project, stack }: Scope): string =>
  join(home, "monitor", `${project}.${stack}.ticks.jsonl`);

/** The wallet that the providers choose. @throws FleetError WALLET_LOCKED, and as `walletSource` */
export async function stackWallet(workspace: Workspace, config: StackConfig): Promise<WalletSource> {
  const secrets: Record<string, string> = {};
  for (const key of WALLET_KEYS)
    if (config.isSecret(key)) secrets[key] = await decrypted(workspace, config.stack, key);
  const get = (key: string) => secrets[key] ?? config.get(key);
  const { env, projectDir: folder } = workspace;
  return walletSource({ get }, { env, folder, stack: config.stack });
}

async function walletOf(workspace: Workspace, config: StackConfig): Promise<Wallet> {
  return loadWallet(await stackWallet(workspace, config));
}

async function decrypted(workspace: Workspace, stack: string, key: string): Promise<string> {
  const value = await secretOf(workspace, stack, key);
  if (value !== undefined) return value;
  throw new FleetError({
    code: "WALLET_LOCKED",
    what: `Cannot decrypt the wallet of the stack ${stack}.`,
    expected: "the stack's passphrase",
    remedy: "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.",
  });
}

/** The address of a fleet that was opened without a wallet. */
export const NO_ADDRESS = "0".repeat(43);

/** The wallet for reads; without one, an empty address that cannot sign. */
async function walletOrNone(workspace: Workspace, config: StackConfig): Promise<Wallet> {
  try {
    return await walletOf(workspace, config);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return {
      address: NO_ADDRESS,
      sign: () => Promise.reject(error),
    };
  }
}

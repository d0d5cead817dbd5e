import { join } from "node:path";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import type { NetworkRef } from "../../src/ao/network.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { type Budget, budgetOf, within } from "../../src/core/budget.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { withPinnedNode } from "../../src/fleet/node-lock.ts";
import { isStep, parseKey } from "../../src/fleet/session/member-key.ts";
import { openSession } from "../../src/fleet/session/open.ts";
import { type RunRequest, readRunRequest } from "../../src/fleet/session/run-request.ts";
import type { Scope } from "../../src/fleet/session/scope.ts";
import { keepSecrets } from "../../src/fleet/session/secrets.ts";
import type { Session, StackSettings } from "../../src/fleet/session/session.ts";
import { walletSource } from "../../src/fleet/session/wallet.ts";
import { exitWithEngine } from "./exit-with-engine.ts";

let config: StackSettings | undefined;
let announce: () => void = () => {};
const announced = new Promise<void>((resolve) => {
  announce = resolve;
});

/** Called by every provider of the process. All get the same config, so the first is kept. */
export function configure(settings: StackSettings): void {
  config ??= settings;
  keepSecrets(settings);
  exitWithEngine();
  announce();
}

/** Pulumi does not wait for `configure` before parallel calls, so every method waits here. */
async function configured(): Promise<StackSettings> {
  await announced;
  if (!config) throw new Error("configured() before configure()");
  return config;
}

/** Whether code may be loaded although the state before it cannot be backed up: by this run, or by the stack's settings. */
export const mayLoadWithoutBackup = async (): Promise<boolean> =>
  acceptsNoBackup(await configured(), readRunRequest());

const acceptsNoBackup = (settings: StackSettings, request: RunRequest): boolean =>
  request.withoutBackup === true || settings.get("withoutBackup") === "true";

let address: Promise<string> | undefined;

/** The address of the stack's wallet, without a session. @throws FleetError if the wallet cannot be read */
export function walletAddress(): Promise<string> {
  address ??= configured()
    .then((settings) => loadWallet(walletSource(settings)))
    .then((wallet) => wallet.address);
  address.catch(() => {
    address = undefined;
  });
  return address;
}

/** Default time limit of a whole run, in seconds. */
const RUN_SECONDS = 3600;

const sessions = new Map<string, Promise<Session>>();
let runBudget: Budget | undefined;

/** The session for a scope and network, opened once per provider process. A failed attempt is not cached. */
export function sessionFor(scope: Scope, network: NetworkRef): Promise<Session> {
  const key = canonicalJson({ scope, network });
  const known = sessions.get(key);
  if (known) return known;
  const made = open(scope, network);
  sessions.set(key, made);
  made.catch(() => sessions.delete(key));
  return made;
}

async function open(scope: Scope, declared: NetworkRef): Promise<Session> {
  const settings = await configured();
  // A destroy or a refresh runs no program that compares the node with the lock file.
  const network = await withPinnedNode(declared, process.cwd());
  const request = readRunRequest();
  const wallet = await loadWallet(walletSource(settings));
  const journal = await openJournal(join(scope.home, "journal", `${scope.project}.${scope.stack}.jsonl`));
  try {
    const inherited = await leftOpen(journal);
    return await openSession({
      ...{ scope, network, wallet, journal, request },
      reportsSteps: true,
      withoutBackup: acceptsNoBackup(settings, request),
      budget(seconds) {
        // Messages of a run have stable keys: the next run sends the same bytes.
        runBudget ??= { ...budgetOf(request.timeoutSeconds ?? RUN_SECONDS), continues: true };
        return within(runBudget, seconds);
      },
      async supersede(step, intent) {
        for (const key of inherited) {
          if (key === intent || (step !== undefined && !isStep(scope, key, step))) continue;
          inherited.delete(key);
          await journal.void(key, "superseded");
        }
      },
    });
  } catch (error) {
    // A failed attempt is not cached, so the end of the run would not close its journal.
    await journal.close();
    throw error;
  }
}

/** Keys that earlier runs left open, by journal. Read once per run, before this run opens any. */
const inheritedKeys = new Map<string, Set<string>>();

/**
 * Voids open messages of earlier runs that must never be sent again: reads, and messages with an outdated epoch. Spawns and uploads stay
 * open, and so do messages of a fleet without a ledger and messages that retire a process (the epoch of a retired ledger no longer
 * advances): their bytes may still be valid in this run. The run voids those that it does not need.
 *
 * @returns keys of the messages that stay open
 */
async function leftOpen(journal: Journal): Promise<Set<string>> {
  const known = inheritedKeys.get(journal.path);
  if (known) return known;
  const keys = new Set<string>();
  inheritedKeys.set(journal.path, keys);
  for (const { kind, key } of journal.open()) {
    if (kind !== "message") continue;
    const { epoch, step } = parseKey(key) ?? {};
    if (epoch === 0 || step === "RETIRE") keys.add(key);
    else await journal.void(key, "its run has ended");
  }
  return keys;
}

/** Ends this process' run and closes its journals. The next session is another run, with its own deployment and epoch. Exported for tests. */
export async function endRun(): Promise<void> {
  const open = await Promise.allSettled(sessions.values());
  sessions.clear();
  inheritedKeys.clear();
  runBudget = undefined;
  for (const result of open) {
    if (result.status !== "fulfilled") continue;
    result.value.deployment.ended();
    await result.value.journal.close();
  }
}

import { join } from "node:path";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import type { NetworkRef } from "../../src/ao/network.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { type Budget, budgetOf, within } from "../../src/core/budget.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { openSession } from "../../src/fleet/session/open.ts";
import { readRunRequest } from "../../src/fleet/session/run-request.ts";
import type { Scope } from "../../src/fleet/session/scope.ts";
import type { Session, StackSettings } from "../../src/fleet/session/session.ts";
import { walletSource } from "../../src/fleet/session/wallet.ts";
import { endWithParent } from "./parent.ts";

let config: StackSettings | undefined;
let announce: () => void = () => {};
const announced = new Promise<void>((resolve) => {
  announce = resolve;
});

/** Called by every provider of the process; all get the same config, so the first is enough. */
export function configure(given: StackSettings): void {
  config ??= given;
  endWithParent();
  announce();
}

/** Pulumi does not wait for `configure` before parallel calls, so every method waits here. */
async function configured(): Promise<StackSettings> {
  await announced;
  if (!config) throw new Error("configured() before configure()");
  return config;
}

let address: Promise<string> | undefined;

/** The address of the stack's wallet, without a session. @throws FleetError when no wallet can be read */
export function walletAddress(): Promise<string> {
  address ??= configured()
    .then((given) => loadWallet(walletSource(given)))
    .then((wallet) => wallet.address);
  address.catch(() => {
    address = undefined;
  });
  return address;
}

/** Seconds for a run as a whole where nobody said. */
const WHOLE = 3600;

const sessions = new Map<string, Promise<Session>>();
let whole: Budget | undefined;

/** The session for a scope and network, made once per provider process; a failed attempt is not kept. */
export function sessionFor(scope: Scope, network: NetworkRef): Promise<Session> {
  const key = canonicalJson({ scope, network });
  const known = sessions.get(key);
  if (known) return known;
  const made = open(scope, network);
  sessions.set(key, made);
  made.catch(() => sessions.delete(key));
  return made;
}

async function open(scope: Scope, network: NetworkRef): Promise<Session> {
  const given = await configured();
  const request = readRunRequest();
  const wallet = await loadWallet(walletSource(given, request));
  const journal = await openJournal(join(scope.home, "journal", `${scope.project}.${scope.stack}.jsonl`));
  try {
    const inherited = await leftOpen(journal);
    return await openSession({
      ...{ scope, network, wallet, journal, request },
      tellsWaits: true,
      withoutBackup: request.withoutBackup === true || given.get("withoutBackup") === "true",
      budget(seconds) {
        whole ??= budgetOf(request.timeoutSeconds ?? WHOLE);
        return within(whole, seconds);
      },
      async supersede(step, intent) {
        for (const key of inherited) {
          if (key === intent || !key.startsWith(step)) continue;
          inherited.delete(key);
          await journal.void(key, "superseded");
        }
      },
    });
  } catch (error) {
    // This attempt is forgotten: the end of the run would not close its journal.
    await journal.close();
    throw error;
  }
}

/** Keys that earlier runs left open, by journal: looked at once a run, when nothing of this run is open yet. */
const left = new Map<string, Set<string>>();

/**
 * What an earlier run was about to do and nobody waits for any more is never sent again: reads, and whatever carries an
 * epoch that has passed. Spawns and uploads stay, messages of a fleet without a ledger, and what retires a process, since the epoch of a
 * retired ledger passes no more: their bytes may mean the same in the next run. A run that begins voids what it does not need.
 */
async function leftOpen(journal: Journal): Promise<Set<string>> {
  const known = left.get(journal.path);
  if (known) return known;
  const keys = new Set<string>();
  left.set(journal.path, keys);
  for (const { kind, key } of journal.open()) {
    if (kind !== "message") continue;
    if (key.endsWith("/e0") || key.includes("/RETIRE/")) keys.add(key);
    else await journal.void(key, "its run has ended");
  }
  return keys;
}

/** Ends this process' run: journals are closed and what comes next is another run, with a deployment and an epoch of its own. */
export async function endRun(): Promise<void> {
  const open = await Promise.allSettled(sessions.values());
  sessions.clear();
  left.clear();
  whole = undefined;
  for (const result of open) {
    if (result.status !== "fulfilled") continue;
    result.value.deployment.ended();
    await result.value.journal.close();
  }
}

import { join } from "node:path";
import { type Journal, openJournal } from "../../ao/journal/index.ts";
import { connectLegacy } from "../../ao/legacy/connect.ts";
import { type NetworkRef, resolveNetwork } from "../../ao/network.ts";
import type { Ao, NetworkEndpoints } from "../../ao/port.ts";
import { loadWallet, type Wallet } from "../../ao/wallet.ts";
import { type Budget, budgetOf, within } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { canonicalJson } from "../../core/hash.ts";
import { Deployment } from "./deployment.ts";
import type { Scope } from "./scope.ts";

/** What Pulumi hands to `configure`: the stack's config with secrets opened. Never kept beyond this module. */
export interface ProviderConfig {
  get(key: string): string | undefined;
}

/** One run's hold on one network in the name of one stack. */
export interface Session {
  readonly scope: Scope;
  readonly ao: Ao;
  readonly journal: Journal;
  readonly endpoints: NetworkEndpoints;
  /** Module ids by alias (`aos`), on networks that name some. */
  readonly modules: Readonly<Record<string, string>>;
  readonly networkName: string;
  readonly deployment: Deployment;
  /** A budget for one resource: its own seconds, cut by what is left of the whole run (`FLEET_TIMEOUT`). */
  budget(seconds: number): Budget;
}

let config: ProviderConfig | undefined;
let announce: () => void = () => {};
const announced = new Promise<void>((resolve) => {
  announce = resolve;
});

/** Called by every provider of the process; all get the same config, so the first is enough. */
export function configure(given: ProviderConfig): void {
  config ??= given;
  announce();
}

/** Pulumi does not wait for `configure` before parallel calls, so every method waits here. */
async function configured(): Promise<ProviderConfig> {
  await announced;
  if (!config) throw new Error("configured() before configure()");
  return config;
}

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
  const wallet = await walletFor(await configured());
  const { endpoints, modules } = await placeOf(network);
  const journal = await openJournal(join(scope.home, "journal", `${scope.project}.${scope.stack}.jsonl`));
  const ao = connectLegacy({
    endpoints,
    wallet,
    journal,
    // The embedded compute unit has no such race with a fresh process.
    limits: network.kind === "local" ? { firstLook: 0 } : {},
  });
  const session: Session = {
    scope,
    ao,
    journal,
    endpoints,
    modules,
    networkName: network.kind,
    deployment: new Deployment(() => session),
    budget(seconds) {
      whole ??= budgetOf(runSeconds());
      return within(whole, seconds);
    },
  };
  return session;
}

/** `fleet deploy --timeout` for the run as a whole; a bare `pulumi up` has an hour. */
function runSeconds(): number {
  const given = Number(process.env.FLEET_TIMEOUT);
  return Number.isFinite(given) && given > 0 ? given : 3600;
}

async function walletFor(config: ProviderConfig): Promise<Wallet> {
  const jwk = config.get("wallet");
  if (jwk !== undefined) return loadWallet({ jwk });
  const path = config.get("walletPath") ?? process.env.FLEET_WALLET;
  if (path !== undefined) return loadWallet({ path });
  throw new FleetError({
    code: "WALLET_MISSING",
    what: "No wallet is configured for this stack.",
    expected: "the path of an Arweave JWK file, readable by you alone",
    remedy: "pulumi config set walletPath <file> (or: pulumi config set --secret wallet < jwk.json)",
  });
}

/** Where the units are. The embedded network is started when it is down, so that refresh and destroy work after a reboot. */
async function placeOf(
  network: NetworkRef,
): Promise<{ endpoints: NetworkEndpoints; modules: Record<string, string> }> {
  let modules: Record<string, string> = {};
  const endpoints = await resolveNetwork(network, async (dir) => {
    const localnet = await import("../../localnet/index.ts");
    const info = await localnet.start(dir);
    modules = info.modules;
    return info;
  });
  return { endpoints, modules };
}

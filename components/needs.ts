import { executionDevice } from "../src/ao/connect.ts";
import type { Needs, Spending } from "../src/ao/needs.ts";
import { capacityOf } from "../src/ao/network.ts";
import { isAddress } from "../src/core/address.ts";
import { canonicalJson, sha256 } from "../src/core/hash.ts";
import { moduleStore, ownModuleHash } from "../src/fleet/code/module-store.ts";
import type { PinnedModule } from "../src/fleet/node-lock.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";
import type { UsedModule } from "./pinned-modules.ts";
import type { FleetPlan, PlannedProcess } from "./plan.ts";
import type { Running } from "./running-release.ts";

/** Bytes of a signed message in addition to its data: signature, key and tags. */
const ENVELOPE = 1_400;

/** What a plan sends at least; the wallet that pays is known only when it was read. */
type PlannedSpending = Omit<Spending, "payer">;

/** What a plan needs of its network. */
export interface PlannedNeeds extends Omit<Needs, "spending"> {
  readonly spending?: PlannedSpending;
}

/**
 * What a plan needs of its network. Modules and devices are those of new processes: what runs needs neither. Pure.
 *
 * @param known what runs, as far as this machine knows
 * @param isNewNode whether nothing of the stack can run on its network yet
 */
export function needsOf(plan: FleetPlan, known: Running, isNewNode = false): PlannedNeeds {
  const running: Running = isNewNode ? () => undefined : known;
  const members = plan.levels.flat();
  const { network } = plan.declaration;
  const { maxMessageBytes } = capacityOf(network);
  const spawned = members.filter((member) => getsProcess(member, plan, running(member.name)));
  const devices = spawned.flatMap(({ declared }) => executionDevice(network, declared.tags ?? {}) ?? []);
  const isLarge = ({ name, declared }: PlannedProcess) =>
    declared.bytes > maxMessageBytes && running(name)?.sourceHash !== declared.sourceHash;
  // A rollback may return to a process that still runs with its code.
  const mayRun =
    plan.pinned !== undefined || (!isNewNode && members.every(({ name }) => running(name) === undefined));
  const spending = spendingOf(plan, running, isNewNode);
  return {
    modules: distinct(spawned.map(({ declared }) => declared.module).filter(isOnNetwork)),
    devices: distinct(devices),
    ...(mayRun ? { mayRun } : {}),
    upload: members.some(isLarge) || spawned.some(({ declared }) => !isOnNetwork(declared.module)),
    ...(spending.spawns + spending.messages === 0 ? {} : { spending }),
  };
}

/** Whether a member needs a process that it does not have: its first, or one for a new revision. */
function getsProcess(
  { name, declared, declaration }: PlannedProcess,
  { rollout }: FleetPlan,
  before: DeclaredProcess | undefined,
): boolean {
  if (before === undefined) return declaration.adopt === undefined;
  const revisionOf = ({ sourceHash, module, tags = {} }: DeclaredProcess) =>
    canonicalJson({ sourceHash, module, tags });
  return rollout.inNewProcess.has(name) && revisionOf(before) !== revisionOf(declared);
}

/** The published modules of a plan with their devices, on networks with devices. Own modules are named by their content already. Pure. */
export function usedModules({ levels, declaration }: FleetPlan): UsedModule[] {
  const used = levels.flat().flatMap(({ declared: { module, tags = {} } }): [string, UsedModule][] => {
    const device = executionDevice(declaration.network, tags);
    return device !== undefined && isAddress(module) ? [[module, { id: module, device }]] : [];
  });
  return [...new Map(used).values()];
}

/**
 * The modules of a plan that the fleet publishes itself, on networks with devices, as the lock file pins them.
 *
 * @param home the folder of their bytes, which only the machine that published them has
 * @param idOf the id under which a member's module was published
 */
export async function publishedModules(
  { levels, declaration }: FleetPlan,
  home: string,
  idOf: (member: string) => string | undefined,
): Promise<Record<string, PinnedModule>> {
  const found = levels.flat().map(async ({ name, declared: { module, tags = {} } }) => {
    const device = executionDevice(declaration.network, tags);
    const [hash, id] = [ownModuleHash(module), idOf(name)];
    if (device === undefined || hash === undefined || id === undefined) return [];
    const own = await moduleStore(home).get(hash);
    const pinned: PinnedModule = { device, ...(own === undefined ? {} : { sha256: sha256(own.wasm) }) };
    return [[id, pinned] as const];
  });
  return Object.fromEntries((await Promise.all(found)).flat());
}

/**
 * What a plan sends at least: spawns and loads, a probe of every member whose code changes, and changed settings. Members that run as
 * declared cost nothing.
 */
function spendingOf({ levels, pinned }: FleetPlan, running: Running, isNewNode: boolean): PlannedSpending {
  const members = levels.flat();
  let [spawns, messages, bytes] = [0, 0, 0];
  for (const { name, declared, declaration } of members) {
    const before = running(name);
    const isSpawned = before === undefined && declaration.adopt === undefined;
    const loads = before?.sourceHash === declared.sourceHash ? 0 : 1;
    const settings = Object.entries(declared.config).filter(
      ([type, data]) => canonicalJson(before?.config[type]) !== canonicalJson(data),
    );
    if (isSpawned) spawns += 1;
    // A load is followed by at least one probe. A spawn may carry the code.
    messages += 2 * loads - (isSpawned && declaration.onBoot ? 1 : 0) + settings.length;
    bytes += loads * declared.bytes;
    for (const [, data] of settings) bytes += Buffer.byteLength(JSON.stringify(data));
  }
  return {
    ...{ spawns, messages, bytes: bytes + (spawns + messages) * ENVELOPE },
    // The release that this machine knows may be older than the one that runs.
    isCertain: isNewNode && pinned === undefined,
  };
}

const isOnNetwork = (module: string): boolean => ownModuleHash(module) === undefined;

const distinct = (names: readonly string[]): string[] => [...new Set(names)];

import { moduleHash } from "../src/ao/connect.ts";
import type { ResolvedNetwork } from "../src/ao/network.ts";
import { budgetOf } from "../src/core/budget.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { LOCK_FILE, type PinnedModule, type PinnedNode, sorted } from "../src/fleet/node-lock.ts";

/** Seconds that a run waits for the bytes of a module. */
const MODULE_SECONDS = 10;

/** A module that new processes of a plan run, and the device that runs it. */
export interface UsedModule {
  /** The id of a published module. */
  readonly id: string;
  readonly device: string;
}

/** What the lock file should say of a node's modules, and what a preview says about them. */
interface PinnedModules {
  readonly modules: Readonly<Record<string, PinnedModule>>;
  readonly warnings: readonly Problem[];
}

/**
 * Compares the modules of a plan with those that the lock file pins. Modules of other stacks stay pinned.
 *
 * @param before the node's entry in the lock file
 * @throws FleetError MODULE_CHANGED for every module whose bytes are others than last time
 */
export async function pinModules(
  network: ResolvedNetwork,
  used: readonly UsedModule[],
  before: PinnedNode | undefined,
): Promise<PinnedModules> {
  const compared = await Promise.all(
    used.map(async (module) => compare(module, before, await hashOf(network, module.id))),
  );
  throwAll(compared.flatMap(({ problems }) => problems));
  const now = Object.fromEntries(compared.map(({ id, pinned }) => [id, pinned]));
  return {
    modules: sorted({ ...before?.modules, ...now }),
    warnings: compared.flatMap(({ warnings }) => warnings),
  };
}

/** The hash of a module, or why it is not known. */
type Hash = { readonly sha256: string } | { readonly unread: string };

async function hashOf(network: ResolvedNetwork, id: string): Promise<Hash> {
  try {
    return { sha256: await moduleHash(network, id, budgetOf(MODULE_SECONDS)) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { unread: error.problems[0].got ?? error.code };
  }
}

/** Compares one module with what is pinned. Pure. */
function compare({ id, device }: UsedModule, node: PinnedNode | undefined, hash: Hash) {
  const before = node?.modules?.[id];
  const sha256 = "sha256" in hash ? hash.sha256 : before?.sha256;
  const pinned: PinnedModule = { ...before, device, ...(sha256 === undefined ? {} : { sha256 }) };
  const hasChanged = before?.sha256 !== undefined && sha256 !== before.sha256;
  return {
    ...{ id, pinned },
    problems: hasChanged ? [moduleChanged(id, before.sha256 ?? "", sha256 ?? "")] : [],
    warnings: [
      // A node that is used for the first time is named as such, which covers its modules.
      ...(node !== undefined && before === undefined ? [notPinned(id, sha256)] : []),
      ...("unread" in hash ? [unread(id, hash.unread, before)] : []),
      ...(before !== undefined && before.device !== device ? [deviceChanged(id, before.device, device)] : []),
    ],
  };
}

const moduleChanged = (id: string, expected: string, got: string): Problem => ({
  code: "MODULE_CHANGED",
  what: `The module ${id} has other bytes than last time.`,
  at: LOCK_FILE,
  got: `sha-256 ${got}`,
  expected: `sha-256 ${expected}`,
  remedy: `Check gatewayUrl: the bytes of an id never change, so one of the two gateways served something else. If it was the earlier one, remove the module from ${LOCK_FILE}.`,
});

const notPinned = (id: string, sha256: string | undefined): Problem => ({
  code: "MODULE_NOT_PINNED",
  what: `The module ${id} is used on this node for the first time.`,
  at: LOCK_FILE,
  got: sha256 === undefined ? "a module whose bytes cannot be read" : `sha-256 ${sha256}`,
  remedy: `Compare it with what its publisher names. pulumi up pins it in ${LOCK_FILE}; commit the file.`,
});

const unread = (id: string, got: string, before: PinnedModule | undefined): Problem => ({
  code: "MODULE_UNREAD",
  what:
    before?.sha256 === undefined
      ? `The hash of the module ${id} is not pinned: the gateway does not serve its bytes.`
      : `The module ${id} is not compared with the one of last time: the gateway does not serve its bytes.`,
  at: LOCK_FILE,
  got,
  expected: "the module's bytes",
  remedy: "Set gatewayUrl to a gateway that serves them. The deployment does not need them.",
});

const deviceChanged = (id: string, expected: string, got: string): Problem => ({
  code: "DEVICE_CHANGED",
  what: `New processes of the module ${id} run on another device than last time.`,
  at: LOCK_FILE,
  got,
  expected,
  remedy:
    "Check the tag execution-device of the members that use the module. Processes that exist keep their device. pulumi up updates the file.",
});

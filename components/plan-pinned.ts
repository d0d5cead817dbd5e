import { join } from "node:path";
import type { z } from "zod";
import { store } from "../src/bundler/index.ts";
import { budgetOf } from "../src/core/budget.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { writeAtomically } from "../src/fleet/files.ts";
import type { DeclaredProcess, MemberPolicySchema } from "../src/fleet/releases/declared.ts";
import { type ReleaseDocument, readRelease } from "../src/fleet/releases/document.ts";
import type { Pin } from "../src/fleet/releases/pin.ts";
import { ensureBundles, networkReader, type Reader, releaseOnNetwork } from "../src/fleet/releases/remote.ts";
import type { StackSettings } from "../src/fleet/session/session.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import { type FleetDeclaration, FleetDeclarationSchema } from "./declaration.ts";
import { levelsOf } from "./graph.ts";
import { settingsInDeclaration } from "./layers.ts";
import { type FleetPlan, type PlanFolders, type PlannedProcess, secretsOf } from "./plan.ts";
import { dependencyNotRunning, problemsOf, unknownProcess } from "./problems.ts";
import { membersOf } from "./running-release.ts";
import { rollbackStrategy, rolloutOf } from "./strategy.ts";

/** Seconds for reading a release and its bundles from the network if this machine does not have them. */
const READ_SECONDS = 120;

/** A stack, and the settings with which its network is reached. */
interface PinnedStack {
  readonly project: string;
  readonly stack: string;
  readonly config: StackSettings;
}

/**
 * Plans a fleet that is pinned to an earlier release, from that release alone. From the program it takes only the network, the default
 * module and the protection; the program's members are ignored. Members that were added after the release keep running and are not part
 * of it. Nothing is sent; what this machine does not have is read from the network.
 *
 * @throws FleetError UNKNOWN_RELEASE, BUNDLE_GONE, UNKNOWN_PROCESS, DEPENDENCY_NOT_RUNNING, SECRET_MISSING
 */
export async function planPinned(
  raw: unknown,
  folders: PlanFolders,
  pin: Pin,
  stack: PinnedStack,
): Promise<FleetPlan> {
  const where = { home: folders.home, project: stack.project, stack: stack.stack };
  const head = fleetSettingsOf(raw);
  let opened: Promise<Reader> | undefined;
  const reader = () => {
    opened ??= networkReader(head.network, stack.config);
    return opened;
  };
  const budget = budgetOf(READ_SECONDS);
  try {
    const target =
      (await readRelease(where, pin.release)) ??
      (await releaseOnNetwork(await reader(), where, pin.release, budget));
    if (!target) throw unknownRelease(pin.release);
    const current =
      (await readRelease(where, "current")) ??
      (await releaseOnNetwork(await reader(), where, undefined, budget));
    const { members, warm } = chosenMembers(target, current, pin.only);
    const fromTarget = Object.keys(target.declaration).filter(
      (name) => pin.only.length === 0 || pin.only.includes(name),
    );
    await ensureBundles(target, fromTarget, where, reader, budget);
    for (const name of fromTarget)
      await keepByName(folders, name, target.declaration[name]?.sourceHash ?? "");
    const configuration = configurationOf(settingsInDeclaration(raw));
    const missing: Problem[] = [];
    const around = { target, current, pin, warm, configuration, missing };
    const planned = Object.entries({ ...members, ...warm }).map(([name, declared]) =>
      plannedMember(name, declared, around),
    );
    throwAll(missing);
    return planOf(head, target, current, planned);
  } finally {
    await (await opened?.catch(() => undefined))?.close();
  }
}

/** A member as a release declares it, with the policies of that release. */
function plannedMember(
  name: string,
  declared: DeclaredProcess,
  {
    target,
    current,
    pin,
    warm,
    configuration,
    missing,
  }: {
    readonly target: ReleaseDocument;
    readonly current: ReleaseDocument | undefined;
    readonly pin: Pin;
    readonly warm: Readonly<Record<string, DeclaredProcess>>;
    readonly configuration: Configuration;
    readonly missing: Problem[];
  },
): PlannedProcess {
  const { healthCheck, timeoutSeconds } = target.policies?.[name] ?? current?.policies?.[name] ?? {};
  const declaration = FleetDeclarationSchema.shape.processes.parse({
    [name]: {
      dependsOn: declared.dependsOn,
      peers: declared.peers,
      tags: declared.tags ?? {},
      ...(healthCheck === undefined ? {} : { health: healthCheck }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      ...trafficPolicy(current?.policies?.[name] ?? target.policies?.[name], target.policies?.[name]),
    },
  })[name];
  if (!declaration) throw new Error(`no declaration of ${name}`);
  const digest = pin.restore?.states[name];
  const secrets = secretsOf(name, declared, configuration, missing);
  return {
    name,
    declaration,
    declared,
    ...(warm[name] === undefined ? {} : { warm: true }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(pin.restore && digest !== undefined ? { restore: { id: pin.restore.id, digest } } : {}),
  };
}

/** The plan of these members, with the program's settings for what a release does not contain. */
function planOf(
  head: FleetDeclaration,
  target: ReleaseDocument,
  current: ReleaseDocument | undefined,
  planned: readonly PlannedProcess[],
): FleetPlan {
  const levels = levelsOf(
    Object.fromEntries(planned.map(({ name, declared }) => [name, declared.dependsOn])),
  );
  const find = (name: string) => planned.filter((member) => member.name === name);
  const { ledger } = target.scope;
  const declaration = {
    ...head,
    ...(ledger === undefined ? {} : { ledger }),
    processes: Object.fromEntries(planned.map((member) => [member.name, member.declaration])),
  };
  const reversed = isReversed(target, current, planned);
  const order = reversed ? levels.flat().reverse() : levels.flat();
  return {
    declaration,
    levels: levels.map((level) => level.flatMap(find)),
    rollout: rolloutOf(declaration, order),
    warnings: [],
    pinned: { release: { deploymentId: target.deploymentId, releasedAt: target.releasedAt }, reversed },
  };
}

type MemberPolicy = z.infer<typeof MemberPolicySchema>;

/**
 * How a member's traffic rolls back: members that move traffic now move it to a held revision at once. Testers, routed actions and fault
 * rules are those of the target release.
 */
function trafficPolicy(
  policy: MemberPolicy | undefined,
  targetPolicy: MemberPolicy | undefined,
): Record<string, unknown> {
  const { strategy, state, globals, trafficKey, probes } = policy ?? {};
  const { testers, faultWhen, routed } = (strategy === undefined ? undefined : targetPolicy) ?? {};
  return {
    // A member without its own strategy is loaded in place, whatever the program declares for the fleet.
    strategy: strategy === undefined ? { kind: "sequential" } : rollbackStrategy(strategy),
    ...(globals === undefined ? (state === undefined ? {} : { state }) : { state: { globals } }),
    ...(trafficKey === undefined ? {} : { trafficKey }),
    ...(testers === undefined ? {} : { testers }),
    ...(faultWhen === undefined ? {} : { faultWhen }),
    ...(routed === undefined ? {} : { routed }),
    ...(probes === undefined ? {} : { probes }),
  };
}

/**
 * Whether dependents are deployed before the members that they depend on, as in a rollback in place. Not if a member has to be created
 * again, because its dependents must come after it. Pure.
 */
export function isReversed(
  target: ReleaseDocument,
  current: ReleaseDocument | undefined,
  planned: readonly Pick<PlannedProcess, "name">[],
): boolean {
  if (!current) return false;
  const runs = membersOf(current);
  if (planned.some(({ name }) => runs(name) === undefined)) return false;
  return target.releasedAt <= (current.pinned?.releasedAt ?? current.releasedAt);
}

/**
 * The members of the target release; with `only`, those members from the target and the others as they run. `warm` is what keeps running
 * without being part of the release. Pure.
 */
export function chosenMembers(
  target: ReleaseDocument,
  current: ReleaseDocument | undefined,
  only: readonly string[],
): { members: Record<string, DeclaredProcess>; warm: Record<string, DeclaredProcess> } {
  const running = { ...current?.warm, ...current?.declaration };
  if (only.length === 0) {
    const warm = Object.entries(running).filter(([name]) => target.declaration[name] === undefined);
    return { members: target.declaration, warm: Object.fromEntries(warm) };
  }
  const problems: Problem[] = only
    .filter((name) => target.declaration[name] === undefined)
    .map((name) =>
      unknownProcess(name, Object.keys(target.declaration), "some", {
        what: `The release ${target.deploymentId} has no member "${name}".`,
      }),
    );
  throwAll(problems);
  const back = Object.fromEntries(only.map((name) => [name, target.declaration[name]]));
  const members = { ...current?.declaration, ...back } as Record<string, DeclaredProcess>;
  const all = { ...current?.warm, ...members };
  for (const name of only) {
    for (const missing of members[name]?.dependsOn.filter((other) => all[other] === undefined) ?? []) {
      problems.push(
        dependencyNotRunning(missing, only, {
          what: `${name} of the release ${target.deploymentId} depends on ${missing}, which does not run.`,
          expected: `${missing} in --only too`,
        }),
      );
    }
  }
  throwAll(problems);
  const kept = Object.entries(members).map(([name, declared]) => [
    name,
    { ...declared, peers: declared.peers.filter((peer) => all[peer] !== undefined) },
  ]);
  return { members: Object.fromEntries(kept), warm: current?.warm ?? {} };
}

/** The part of the program that a pinned fleet uses. */
function fleetSettingsOf(raw: unknown): FleetDeclaration {
  const { processes: _, ledger: __, only: ___, ...own } = (raw ?? {}) as Record<string, unknown>;
  const parsed = FleetDeclarationSchema.safeParse({ ...own, processes: {} });
  if (parsed.success) return parsed.data;
  throwAll(problemsOf(parsed.error, raw, FleetDeclarationSchema));
  throw parsed.error;
}

async function keepByName(folders: PlanFolders, name: string, hash: string): Promise<void> {
  const bundle = await store(join(folders.home, "bundles")).get(hash);
  if (bundle) await writeAtomically(join(folders.build, `${name}-process.lua`), bundle.text);
}

function unknownRelease(id: string): FleetError {
  return new FleetError({
    code: "UNKNOWN_RELEASE",
    what: `The stack is pinned to the unknown release ${id}.`,
    got: id,
    expected: "a successful release of this stack, on this machine or in its ledger",
    remedy:
      "npx fleet history lists them. npx fleet rollback --clear removes the pin, so that the stack follows the program again.",
  });
}

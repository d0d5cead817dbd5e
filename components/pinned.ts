import { join } from "node:path";
import type { z } from "zod";
import { store } from "../src/bundler/index.ts";
import { budgetOf } from "../src/core/budget.ts";
import { FleetError, type Problem, throwAll } from "../src/core/errors.ts";
import { writeAtomically } from "../src/fleet/files.ts";
import { nearest } from "../src/fleet/nearest.ts";
import type { DeclaredProcess, MemberPolicySchema } from "../src/fleet/releases/declared.ts";
import { type ReleaseDocument, readRelease } from "../src/fleet/releases/document.ts";
import type { Pin } from "../src/fleet/releases/pin.ts";
import { ensureBundles, networkReader, type Reader, releaseOnNetwork } from "../src/fleet/releases/remote.ts";
import type { StackSettings } from "../src/fleet/session/session.ts";
import { type Configuration, configurationOf } from "./configuration.ts";
import { type FleetDeclaration, FleetDeclarationSchema } from "./declaration.ts";
import { levelsOf } from "./graph.ts";
import { partsIn } from "./layers.ts";
import { type FleetPlan, type PlanFolders, type PlannedProcess, secretsOf } from "./plan.ts";
import { problemsOf } from "./problems.ts";
import { membersOf } from "./running.ts";
import { backwards, rolloutOf } from "./strategy.ts";

/** Seconds for reading a release and its bundles from the network, where this machine does not have them. */
const PATIENCE = 120;

/** Which stack, and how its network is reached. */
export interface PinnedStack {
  readonly project: string;
  readonly stack: string;
  readonly config: StackSettings;
}

/**
 * The plan of a fleet that is pinned to an earlier release: built from that release alone. Of the program only the network, the
 * module's default and the protection count; its members are not looked at. Members that came after the release are kept as they
 * run, without a place in it. Nothing is sent; what this machine does not have is read from the network.
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
  const head = headOf(raw);
  let opened: Promise<Reader> | undefined;
  const reader = () => {
    opened ??= networkReader(head.network, stack.config);
    return opened;
  };
  const budget = budgetOf(PATIENCE);
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
    const configuration = configurationOf(partsIn(raw));
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

/** The plan of these members, with the program's word where the release says nothing. */
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
 * How a member's traffic goes back: it is moved where it is moved now, and to a held revision at once. Its testers, what is carried to
 * it and what marks its faults are those of the release that it goes back to.
 */
function trafficPolicy(
  policy: MemberPolicy | undefined,
  then: MemberPolicy | undefined,
): Record<string, unknown> {
  const { strategy, state, globals, trafficKey, probes } = policy ?? {};
  const { testers, faultWhen, routed } = (strategy === undefined ? undefined : then) ?? {};
  return {
    // A member without one of its own is loaded in place, whatever the program says of the fleet as a whole.
    strategy: strategy === undefined ? { kind: "sequential" } : backwards(strategy),
    ...(globals === undefined ? (state === undefined ? {} : { state }) : { state: { globals } }),
    ...(trafficKey === undefined ? {} : { trafficKey }),
    ...(testers === undefined ? {} : { testers }),
    ...(faultWhen === undefined ? {} : { faultWhen }),
    ...(routed === undefined ? {} : { routed }),
    ...(probes === undefined ? {} : { probes }),
  };
}

/**
 * Whether dependents go before what they depend on: on the way back in place. Not when a member must be made anew, since
 * whoever depends on that one has to come after it. Pure.
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

/** Members of the target, or with `only` those of them and the others as they run; and what runs beside. Pure. */
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
    .map((name) => {
      const names = Object.keys(target.declaration);
      const near = nearest(name, names);
      return {
        code: "UNKNOWN_PROCESS",
        what: `The release ${target.deploymentId} has no member "${name}".`,
        got: name,
        expected: `${near === undefined ? "" : `perhaps "${near}"; `}some of ${names.join(", ")}`,
        remedy: "Mend the name.",
      };
    });
  throwAll(problems);
  const back = Object.fromEntries(only.map((name) => [name, target.declaration[name]]));
  const members = { ...current?.declaration, ...back } as Record<string, DeclaredProcess>;
  const all = { ...current?.warm, ...members };
  for (const name of only) {
    for (const missing of members[name]?.dependsOn.filter((other) => all[other] === undefined) ?? []) {
      problems.push({
        code: "DEPENDENCY_NOT_RUNNING",
        what: `${name} of the release ${target.deploymentId} depends on ${missing}, which does not run.`,
        got: `--only "${only.join(" ")}"`,
        expected: `${missing} among them`,
        remedy: `--only "${[missing, ...only].join(" ")}"`,
      });
    }
  }
  throwAll(problems);
  const kept = Object.entries(members).map(([name, declared]) => [
    name,
    { ...declared, peers: declared.peers.filter((peer) => all[peer] !== undefined) },
  ]);
  return { members: Object.fromEntries(kept), warm: current?.warm ?? {} };
}

/** What of the program counts for a pinned fleet. */
function headOf(raw: unknown): FleetDeclaration {
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
    what: `The stack is pinned to the release ${id}, which is not known.`,
    got: id,
    expected: "a release of this stack that succeeded, here or in its ledger",
    remedy: "npx fleet history lists them; npx fleet rollback --clear goes back to following the program.",
  });
}

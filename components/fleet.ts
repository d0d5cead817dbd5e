import * as pulumi from "@pulumi/pulumi";
import { FleetError, formatProblem } from "../core/errors.ts";
import { ConfigBundle } from "../providers/config-bundle/resource.ts";
import type { Target } from "../providers/config-bundle/schema.ts";
import { LocalNetwork } from "../providers/local-network/resource.ts";
import { hashOfOwn } from "../providers/process/module-store.ts";
import { Process } from "../providers/process/resource.ts";
import type { HealthPolicy } from "../providers/process/schema.ts";
import { Release } from "../providers/release/resource.ts";
import type { Scope } from "../providers/run/scope.ts";
import { Wiring } from "../providers/wiring/resource.ts";
import type { FleetInput } from "./declaration.ts";
import { explanationOf, keepExplanation } from "./explained.ts";
import type { Hidden } from "./hidden.ts";
import { readPin } from "./pin.ts";
import { planPinned } from "./pinned.ts";
import { type FleetPlan, type PlannedProcess, planFleet } from "./plan.ts";
import { preFlight } from "./pre-flight.ts";
import { runningRelease } from "./running.ts";
import { openSecrets } from "./secrets.ts";

/** What the stack's outputs say of a member. */
export interface MemberOutput {
  readonly processId: string;
  readonly health: string;
  readonly version: string;
}

const HOME = ".fleet";
const BUILD = "build";

/**
 * A fleet of AO processes: every member, its settings, its wiring and the release as resources, in dependency order.
 *
 * `Fleet.create` plans first (schema, graph, bundles) and sends nothing: every problem that can be known then ends the
 * preview, all at once. A program with a problem gets a `FleetError`.
 */
export class Fleet extends pulumi.ComponentResource {
  readonly members: Readonly<Record<string, Process>>;
  readonly release: Release;
  /** Name → id, health and version. */
  readonly processes: pulumi.Output<Record<string, MemberOutput>>;

  static async create<const N extends string, const T extends string = never>(
    name: string,
    given: FleetInput<N, T>,
    options?: pulumi.ComponentResourceOptions,
  ): Promise<Fleet> {
    try {
      const input = await openSecrets(given);
      const where = { home: HOME, project: pulumi.getProject(), stack: pulumi.getStack() };
      const running = await runningRelease(where);
      const config = new pulumi.Config();
      const pin = readPin((key) => config.get(key), process.env);
      const folders = { home: HOME, build: BUILD };
      const plan =
        pin === undefined
          ? await planFleet(input, folders, running)
          : await planPinned(input, folders, pin, { ...where, config });
      await keepExplanation(where, explanationOf(plan, new Date().toISOString()));
      if (pulumi.runtime.isDryRun()) await preFlight(config, plan.declaration.network, modulesOf(plan));
      return new Fleet(name, plan, options);
    } catch (error) {
      if (error instanceof FleetError) throw new pulumi.RunError(error.message);
      throw error;
    }
  }

  constructor(name: string, plan: FleetPlan, options?: pulumi.ComponentResourceOptions) {
    super("ao:Fleet", name, {}, options);
    const common = { scope: scopeOf(plan), network: plan.declaration.network };
    const network = this.#network(name, plan);
    this.members = this.#processes(plan, common, network);
    const configs = this.#configs(plan, common);
    const wirings = this.#wirings(plan, common, configs);
    this.release = this.#release(name, plan, common, configs, wirings);
    this.processes = summary(plan, this.members);
    if (plan.pinned)
      pulumi.log.info(
        `pinned to the release ${plan.pinned.release.deploymentId}: index.ts is not followed`,
        this,
      );
    for (const warning of plan.warnings) pulumi.log.warn(formatProblem(warning), this);
    this.registerOutputs({ processes: this.processes, deploymentId: this.release.deploymentId });
  }

  #network(name: string, { declaration }: FleetPlan): LocalNetwork[] {
    if (declaration.network.kind !== "local") return [];
    return [
      new LocalNetwork(
        `${name}-network`,
        { dir: declaration.network.dir, timeoutSeconds: 60 },
        { parent: this },
      ),
    ];
  }

  #processes(
    { declaration: fleet, levels, pinned }: FleetPlan,
    common: Common,
    network: LocalNetwork[],
  ): Record<string, Process> {
    const made: Record<string, Process> = {};
    const all = levels.flat();
    for (const { name, declaration, declared, restore } of pinned?.reversed ? all.reverse() : all) {
      const before = pinned?.reversed
        ? all.filter((other) => other.declared.dependsOn.includes(name)).map((other) => other.name)
        : declared.dependsOn;
      const dependencies = before.flatMap((other) => made[other] ?? []);
      made[name] = new Process(
        name,
        {
          ...common,
          name,
          version: declared.version,
          module: declared.module,
          dependencies: declared.dependsOn,
          bundle: {
            hash: declared.sourceHash,
            bytes: declared.bytes,
            entry: declared.entry,
            modules: declared.modules,
          },
          tags: declaration.tags,
          healthCheck: healthOf(fleet, declaration),
          timeoutSeconds: declaration.timeoutSeconds ?? fleet.timeoutSeconds,
          adopt: declaration.adopt,
          restore,
        },
        { parent: this, dependsOn: [...network, ...dependencies], protect: fleet.protect },
      );
    }
    return made;
  }

  #configs(plan: FleetPlan, common: Common): Record<string, ConfigBundle[]> {
    return forEachMember(plan, ({ name, declared, secrets = {} }) =>
      Object.entries(declared.config).map(([type, configData]) => {
        const resource = `${name}-${type.toLowerCase().replaceAll("_", "-")}`;
        const rule = declared.rules?.[type];
        return new ConfigBundle(
          resource,
          {
            ...common,
            name: resource,
            configType: type,
            configData,
            ...(rule === undefined ? {} : { rule }),
            ...sealed(secrets[type], declared.sealTo),
            targets: [this.#target(name)],
            timeoutSeconds: 120,
          },
          { parent: this },
        );
      }),
    );
  }

  #wirings(
    plan: FleetPlan,
    common: Common,
    configs: Record<string, ConfigBundle[]>,
  ): Record<string, Wiring[]> {
    return forEachMember(plan, ({ name, declared, declaration }) => {
      const { allowed } = declared;
      if (declared.peers.length === 0 && allowed === undefined) return [];
      const peers = Object.fromEntries(declared.peers.map((peer) => [peer, this.#member(peer).processId]));
      const deployers = allowed?.map((one) => [one, this.members[one]?.processId ?? one]);
      const healthCheck = healthOf(plan.declaration, declaration);
      return [
        new Wiring(
          `${name}-wiring`,
          {
            ...common,
            target: this.#target(name),
            peers: pulumi.output(peers),
            ...(deployers === undefined ? {} : { deployers: pulumi.output(Object.fromEntries(deployers)) }),
            healthCheck,
            timeoutSeconds: 120,
          },
          { parent: this, dependsOn: configs[name] ?? [] },
        ),
      ];
    });
  }

  #release(
    name: string,
    plan: FleetPlan,
    common: Common,
    configs: Record<string, ConfigBundle[]>,
    wirings: Record<string, Wiring[]>,
  ): Release {
    const all = plan.levels.flat();
    const declaredOf = (chosen: readonly PlannedProcess[]) =>
      Object.fromEntries(chosen.map(({ name: member, declared }) => [member, declared]));
    const declaration = declaredOf(all.filter(({ warm }) => !warm));
    const warm = declaredOf(all.filter((member) => member.warm));
    const policies = Object.fromEntries(
      all.map(({ name: member, declaration: own }) => [
        member,
        {
          healthCheck: healthOf(plan.declaration, own),
          timeoutSeconds: own.timeoutSeconds ?? plan.declaration.timeoutSeconds,
        },
      ]),
    );
    const members = Object.fromEntries(
      Object.entries(this.members).map(([member, process]) => [member, memberOf(process)]),
    );
    const evidence: Record<string, pulumi.Output<string>> = {};
    for (const bundle of Object.values(configs).flat())
      evidence[resourceName(bundle)] = pulumi.interpolate`v${bundle.version} ${bundle.hash}`;
    for (const wiring of Object.values(wirings).flat()) evidence[resourceName(wiring)] = wiring.hash;
    return new Release(
      `${name}-release`,
      {
        ...common,
        declaration,
        members,
        evidence,
        policies,
        ...(Object.keys(warm).length > 0 ? { warm } : {}),
        ...(plan.pinned ? { pinned: plan.pinned.release } : {}),
        timeoutSeconds: 300,
      },
      { parent: this },
    );
  }

  #member(name: string): Process {
    const member = this.members[name];
    if (!member) throw new Error(`no member ${name}`);
    return member;
  }

  #target(name: string): pulumi.Output<Target> {
    const { processId, generation } = this.#member(name);
    return pulumi
      .all([processId, generation] as const)
      .apply(([id, count]) => ({ name, processId: id, generation: count }));
  }
}

/** A bundle's secrets: what the state holds of them is encrypted. */
function sealed(secrets: Readonly<Record<string, Hidden>> | undefined, sealTo: string | undefined) {
  if (secrets === undefined || sealTo === undefined) return {};
  const open = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()]);
  return { secretData: pulumi.secret(Object.fromEntries(open)), sealTo };
}

/** Modules that must be on the network already. */
const modulesOf = (plan: FleetPlan): string[] =>
  plan.levels
    .flat()
    .map(({ declared }) => declared.module)
    .filter((module) => hashOfOwn(module) === undefined);

type Common = { scope: Scope; network: FleetPlan["declaration"]["network"] };

function scopeOf({ declaration }: FleetPlan): Scope {
  const scope = { project: pulumi.getProject(), stack: pulumi.getStack(), home: HOME, build: BUILD };
  return declaration.ledger === undefined ? scope : { ...scope, ledger: declaration.ledger };
}

function forEachMember<T>(plan: FleetPlan, make: (member: PlannedProcess) => T[]): Record<string, T[]> {
  return Object.fromEntries(plan.levels.flat().map((member) => [member.name, make(member)]));
}

function memberOf(process: Process) {
  return pulumi
    .all([process.processId, process.generation, process.revision] as const)
    .apply(([processId, generation, revision]) => ({
      processId,
      generation,
      evalId: revision?.evalId ?? "",
      ...(revision?.stateVersion === undefined ? {} : { stateVersion: revision.stateVersion }),
    }));
}

const resourceName = (resource: pulumi.Resource): string =>
  (resource as unknown as { __name: string }).__name;

/** The fleet's policy with what the member says differently. */
function healthOf(fleet: FleetPlan["declaration"], declaration: PlannedProcess["declaration"]): HealthPolicy {
  const own = Object.fromEntries(
    Object.entries(declaration.health ?? {}).filter(([, value]) => value !== undefined),
  );
  return { ...fleet.health, ...own };
}

function summary(
  plan: FleetPlan,
  members: Readonly<Record<string, Process>>,
): pulumi.Output<Record<string, MemberOutput>> {
  const entries = plan.levels.flat().flatMap(({ name, declared }) => {
    const process = members[name];
    if (!process) return [];
    const entry = pulumi.all([process.processId, process.health] as const).apply(
      ([processId, health]): MemberOutput => ({
        processId,
        health: health?.status ?? "UNKNOWN",
        version: declared.version,
      }),
    );
    return [entry.apply((value) => [name, value] as const)];
  });
  return pulumi.all(entries).apply((pairs) => Object.fromEntries(pairs));
}

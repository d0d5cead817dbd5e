import * as pulumi from "@pulumi/pulumi";
import { ConfigBundle } from "../providers/config-bundle/resource.ts";
import { LocalNetwork } from "../providers/local-network/resource.ts";
import { Process } from "../providers/process/resource.ts";
import { Release } from "../providers/release/resource.ts";
import { Traffic } from "../providers/traffic/resource.ts";
import { Wiring } from "../providers/wiring/resource.ts";
import { capacityOf } from "../src/ao/network.ts";
import { FleetError, formatProblem } from "../src/core/errors.ts";
import { hashOfOwn } from "../src/fleet/code/module-store.ts";
import type { HealthPolicy } from "../src/fleet/health/schema.ts";
import { configName, wiringName } from "../src/fleet/members/resource-names.ts";
import type { Target } from "../src/fleet/members/target.ts";
import { readPin } from "../src/fleet/releases/pin.ts";
import { readRunRequest } from "../src/fleet/session/run-request.ts";
import type { Scope } from "../src/fleet/session/scope.ts";
import type { FleetInput } from "./declaration.ts";
import { explanationOf, keepExplanation } from "./explained.ts";
import type { Hidden } from "./hidden.ts";
import { policyOf } from "./known-state.ts";
import { planPinned } from "./pinned.ts";
import { type FleetPlan, type PlannedProcess, planFleet } from "./plan.ts";
import { preFlight } from "./pre-flight.ts";
import { checkWorkingFolder } from "./project-file.ts";
import { runningRelease } from "./running.ts";
import { openSecrets } from "./secrets.ts";
import {
  type ActiveMember,
  activeOf,
  besideOf,
  codeOf,
  declarationOf,
  declaredOf,
  isWired,
  namedBy,
  peersOf,
  releaseHashOf,
  serviceOf,
  trafficPolicyOf,
} from "./traffic.ts";

/** What the stack's outputs say of a member. */
interface MemberOutput {
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
      checkWorkingFolder(process.cwd());
      const input = await openSecrets(given);
      const where = { home: HOME, project: pulumi.getProject(), stack: pulumi.getStack() };
      const running = await runningRelease(where);
      const config = new pulumi.Config();
      const pin = readPin((key) => config.get(key), readRunRequest());
      const folders = { home: HOME, build: BUILD };
      const plan =
        pin === undefined
          ? await planFleet(input, folders, running)
          : await planPinned(input, folders, pin, { ...where, config });
      await keepExplanation(where, explanationOf(plan, new Date().toISOString()));
      if (pulumi.runtime.isDryRun())
        await preFlight(config, plan.declaration.network, modulesOf(plan), needsUpload(plan));
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
    const first = this.#wirings(plan, common, configs);
    const traffic = this.#traffic(name, plan, common, configs, first);
    const active = Object.fromEntries(
      Object.entries(this.members).map(([member, process]) => [
        member,
        activeOf(member, process, plan.rollout.beside.has(member) ? traffic?.active : undefined),
      ]),
    );
    const callers = traffic ? this.#callers(plan, common, configs, active, traffic) : {};
    const wirings = { first, callers };
    this.release = this.#release(name, plan, common, active, configs, wirings);
    this.processes = summary(plan, this.members, active);
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
    { declaration: fleet, levels, pinned, rollout }: FleetPlan,
    common: Common,
    network: LocalNetwork[],
  ): Record<string, Process> {
    const made: Record<string, Process> = {};
    const all = levels.flat();
    for (const { name, declaration, declared, restore } of pinned?.reversed ? all.reverse() : all) {
      const before = pinned?.reversed
        ? all.filter((other) => other.declared.dependsOn.includes(name)).map((other) => other.name)
        : declared.dependsOn;
      const waits = new Set([...before, ...(rollout.after.get(name) ?? [])]);
      const dependencies = [...waits].flatMap((other) => made[other] ?? []);
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
          onBoot: declaration.onBoot ? true : undefined,
          lib: declared.lib,
          state: policyOf(declaration.state) === "none" ? "none" : undefined,
          adopt: declaration.adopt,
          restore,
          ...besideOf(fleet, rollout, name, healthOf(fleet, declaration)),
        },
        { parent: this, dependsOn: [...network, ...dependencies], protect: fleet.protect },
      );
    }
    return made;
  }

  #configs(plan: FleetPlan, common: Common): Record<string, ConfigBundle[]> {
    return forEachMember(plan, ({ name, declared, secrets = {} }) =>
      Object.entries(declared.config).map(([type, configData]) => {
        const resource = configName(name, type);
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
            ...codeOf(plan, [name]),
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
    const { beside } = plan.rollout;
    const wanted = (name: string) => this.#member(name).processId;
    return forEachMember(plan, (member) => {
      const { name, declaration } = member;
      const isBeside = beside.has(name);
      // Who runs on calls the new revisions when traffic has moved, and not before.
      if (!isBeside && plan.rollout.traffic && member.declared.peers.some((peer) => beside.has(peer)))
        return [];
      const { probes } = declaration;
      if (!isWired(member) && probes.length === 0) return [];
      const admitting = isBeside
        ? plan.levels.flat().filter(({ declared }) => declared.peers.includes(name))
        : [];
      const resource = wiringName(name, isBeside);
      return [
        new Wiring(
          resource,
          {
            ...common,
            ...(isBeside ? { name: resource, newOnly: true } : {}),
            target: this.#target(name),
            ...peersOf(member, plan, this.members, wanted),
            ...codeOf(plan, isBeside ? [name] : namedBy(member)),
            ...(probes.length > 0 ? { probes } : {}),
            ...(admitting.length > 0
              ? { admit: pulumi.all(admitting.map((other) => this.#target(other.name))) }
              : {}),
            healthCheck: healthOf(plan.declaration, declaration),
            timeoutSeconds: 120,
          },
          { parent: this, dependsOn: configs[name] ?? [] },
        ),
      ];
    });
  }

  /** One table and one message for all members whose new code comes into processes of their own. */
  #traffic(
    name: string,
    plan: FleetPlan,
    common: Common,
    configs: Record<string, ConfigBundle[]>,
    wirings: Record<string, Wiring[]>,
  ): Traffic | undefined {
    const { beside, router, traffic: strategy } = plan.rollout;
    if (strategy === undefined || router === undefined) return undefined;
    const all = plan.levels.flat();
    const services = all
      .filter((member) => beside.has(member.name))
      .map((member) => [member.name, serviceOf(member, this.#member(member.name))]);
    return new Traffic(
      `${name}-traffic`,
      {
        ...common,
        router: this.#target(router),
        release: releaseHashOf(plan),
        services: Object.fromEntries(services),
        ...codeOf(plan, [...beside]),
        strategy,
        timeoutSeconds: 120,
      },
      {
        parent: this,
        dependsOn: [
          ...Object.values(this.members),
          ...Object.values({ ...configs }).flat(),
          ...Object.values(wirings).flat(),
        ],
      },
    );
  }

  /** The wiring of who calls a member that moves traffic: after it has moved, to what has it now. */
  #callers(
    plan: FleetPlan,
    common: Common,
    configs: Record<string, ConfigBundle[]>,
    active: Readonly<Record<string, pulumi.Output<ActiveMember>>>,
    traffic: Traffic,
  ): Record<string, Wiring[]> {
    const { beside } = plan.rollout;
    const idOf = (name: string) => this.#active(active, name).processId;
    return forEachMember(plan, (member) => {
      const { name, declaration, declared } = member;
      const isBeside = beside.has(name);
      if (!isWired(member) || (!isBeside && !declared.peers.some((peer) => beside.has(peer)))) return [];
      return [
        new Wiring(
          wiringName(name),
          {
            ...common,
            target: this.#active(active, name).apply(({ processId, generation }) => ({
              name,
              processId,
              generation,
            })),
            ...peersOf(member, plan, this.members, idOf),
            ...codeOf(plan, namedBy(member)),
            ...(isBeside || declaration.probes.length === 0 ? {} : { probes: declaration.probes }),
            healthCheck: healthOf(plan.declaration, declaration),
            timeoutSeconds: 120,
          },
          { parent: this, dependsOn: [traffic, ...(configs[name] ?? [])] },
        ),
      ];
    });
  }

  #active(active: Readonly<Record<string, pulumi.Output<ActiveMember>>>, name: string) {
    const found = active[name];
    if (!found) throw new Error(`no member ${name}`);
    return found;
  }

  #release(
    name: string,
    plan: FleetPlan,
    common: Common,
    active: Readonly<Record<string, pulumi.Output<ActiveMember>>>,
    configs: Record<string, ConfigBundle[]>,
    wirings: { first: Record<string, Wiring[]>; callers: Record<string, Wiring[]> },
  ): Release {
    const all = plan.levels.flat();
    const declaration = declarationOf(plan);
    const warm = declaredOf(all.filter((member) => member.warm));
    const policies = Object.fromEntries(
      all.map(({ name: member, declaration: own }) => [
        member,
        {
          healthCheck: healthOf(plan.declaration, own),
          timeoutSeconds: own.timeoutSeconds ?? plan.declaration.timeoutSeconds,
          ...trafficPolicyOf(plan, member),
        },
      ]),
    );
    const evidence: Record<string, pulumi.Output<string>> = {};
    for (const bundle of Object.values(configs).flat())
      evidence[resourceName(bundle)] = pulumi.interpolate`v${bundle.version} ${bundle.hash}`;
    for (const wiring of [...Object.values(wirings.first), ...Object.values(wirings.callers)].flat())
      evidence[resourceName(wiring)] = wiring.hash;
    return new Release(
      `${name}-release`,
      {
        ...common,
        declaration,
        members: active,
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

/** Whether a program or a module is to go by the upload. */
function needsUpload({ declaration, levels }: FleetPlan): boolean {
  const { maxMessageBytes } = capacityOf(declaration.network);
  return levels
    .flat()
    .some(({ declared }) => declared.bytes > maxMessageBytes || hashOfOwn(declared.module) !== undefined);
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
  active: Readonly<Record<string, pulumi.Output<ActiveMember>>>,
): pulumi.Output<Record<string, MemberOutput>> {
  const entries = plan.levels.flat().flatMap(({ name, declared }) => {
    const [process, used] = [members[name], active[name]];
    if (!process || !used) return [];
    const entry = pulumi.all([used, process.health] as const).apply(
      ([{ processId }, health]): MemberOutput => ({
        processId,
        health: health?.status ?? "UNKNOWN",
        version: declared.version,
      }),
    );
    return [entry.apply((value) => [name, value] as const)];
  });
  return pulumi.all(entries).apply((pairs) => Object.fromEntries(pairs));
}

import * as pulumi from "@pulumi/pulumi";
import type { Release } from "../providers/release/resource.ts";
import { FleetError, formatProblem } from "../src/core/errors.ts";
import { settleAll } from "../src/core/settle-all.ts";
import { readPin } from "../src/fleet/releases/pin.ts";
import { readRunRequest } from "../src/fleet/session/run-request.ts";
import type { Scope } from "../src/fleet/session/scope.ts";
import { distinct } from "./bundling.ts";
import type { Members } from "./composition.ts";
import { explanationOf, keepExplanation } from "./explanation.ts";
import type { FleetInput } from "./fleet-input.ts";
import { configResources, networkResource, processResources } from "./member-resources.ts";
import { assertNotMoved } from "./moved-stack.ts";
import { needsOf, publishedModules, usedModules } from "./needs.ts";
import { askNode, isNewNode, type Pinned, pinNode } from "./pinned-node.ts";
import { type FleetPlan, planFleet } from "./plan.ts";
import { planPinned } from "./plan-pinned.ts";
import { preFlight } from "./pre-flight.ts";
import { checkWorkingFolder } from "./project-file.ts";
import { releaseResource, trafficResource } from "./release-resources.ts";
import { runError } from "./run-error.ts";
import { runningRelease } from "./running-release.ts";
import { openSecrets } from "./secrets.ts";
import { activeOf } from "./traffic.ts";
import { type Active, callerWirings, firstWirings } from "./wiring-resources.ts";

/** A member in the stack's outputs. */
interface MemberOutput {
  /** AO process id that serves the member's callers. */
  readonly processId: string;
  /** At the last `up`: HEALTHY, DEGRADED, UNHEALTHY, OFFLINE or UNKNOWN. A refresh does not change the stack's outputs. */
  readonly health: string;
  /** The declared version. */
  readonly version: string;
}

const HOME = ".fleet";
const BUILD = "build";

/**
 * A fleet of AO processes: its members, their settings and wiring, the traffic and the release, as resources in dependency order.
 *
 * `Fleet.create` plans first (schema, graph, bundles) and sends nothing. It reports every problem that can be known at that time at once,
 * and the preview fails.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { Fleet, serviceConfig, settings } from "ao-fleet";
 *
 * const config = new pulumi.Config();
 * const fleet = await Fleet.create("two", {
 *   ...settings(config),
 *   processes: {
 *     counter: { peers: ["reader"], config: serviceConfig(config) }, // processes/counter/process.lua
 *     reader: { dependsOn: ["counter"], peers: ["counter"] }, // a misspelt name does not compile
 *   },
 * });
 * export const processes = fleet.processes;
 * ```
 */
export class Fleet extends pulumi.ComponentResource {
  /** The members' processes, by name. */
  readonly members: Members;
  /** The fleet as one unit. It is deployed last. */
  readonly release: Release;
  /** Member's name → AO process id, health and version. */
  readonly processes: pulumi.Output<Record<string, MemberOutput>>;

  /**
   * Plans a fleet and declares its resources. A stack that is pinned to a release (`fleet rollback`) is planned from that release.
   *
   * @param name name of the component resource
   * @param declaration the members and the fleet's settings
   * @param options Pulumi's options of a component
   * @throws pulumi.RunError with every problem of the declaration, or every problem of the Lua sources
   */
  static async create<const N extends string, const T extends string = never>(
    name: string,
    declaration: FleetInput<N, T>,
    options?: pulumi.ComponentResourceOptions,
  ): Promise<Fleet> {
    try {
      checkWorkingFolder(process.cwd());
      const input = await openSecrets(declaration);
      const where = { home: HOME, project: pulumi.getProject(), stack: pulumi.getStack() };
      const config = new pulumi.Config();
      await assertNotMoved(where, (key) => config.get(key));
      const running = await runningRelease(where);
      const release = readPin((key) => config.get(key), readRunRequest());
      const folders = { home: HOME, build: BUILD };
      const plan =
        release === undefined
          ? await planFleet(input, folders, running)
          : await planPinned(input, folders, release, { ...where, config });
      await keepExplanation(where, explanationOf(plan, new Date().toISOString()));
      const isPreview = pulumi.runtime.isDryRun();
      const declared = plan.declaration.network;
      const reached = askNode(declared);
      const place = { folder: process.cwd(), stack: where.stack };
      const isNew = await isNewNode(declared, place);
      const needs = { ...needsOf(plan, running, isNew), ...(reached === undefined ? {} : { reached }) };
      const { pinned, found } = await settleAll({
        pinned: pinNode(declared, isPreview, place, usedModules(plan), reached),
        found: isPreview ? preFlight(config, declared, needs) : Promise.resolve([]),
      });
      const placed = { ...plan, declaration: { ...plan.declaration, network: pinned.network } };
      const warnings = [...plan.warnings, ...pinned.warnings, ...found];
      const pin = pinned.pin === undefined ? {} : { pin: pinned.pin };
      return new Fleet(name, { ...placed, warnings, ...pin }, options);
    } catch (error) {
      if (error instanceof FleetError) throw runError(distinct(error.problems));
      throw error;
    }
  }

  /** Declares the resources of a plan. Programs call `Fleet.create`. */
  constructor(name: string, plan: PlacedPlan, options?: pulumi.ComponentResourceOptions) {
    super("ao:Fleet", name, {}, options);
    const common = { scope: scopeOf(plan), network: plan.declaration.network };
    const composition = { plan, common, parent: this };
    const members = processResources(composition, networkResource(name, composition));
    const configs = configResources(composition, members);
    const first = firstWirings(composition, members, configs);
    const traffic = trafficResource(name, composition, members, configs, first);
    const active = Object.fromEntries(
      Object.entries(members).map(([member, process]) => [
        member,
        activeOf(member, process, plan.rollout.inNewProcess.has(member) ? traffic?.active : undefined),
      ]),
    );
    const callers = traffic ? callerWirings(composition, members, configs, active, traffic) : {};
    this.members = members;
    this.release = releaseResource(name, composition, active, configs, [first, callers]);
    // A run that did not find or make its processes on the node does not pin it.
    const ids = pulumi.all(
      Object.fromEntries(Object.entries(members).map(([member, { moduleId }]) => [member, moduleId])),
    );
    this.processes = pulumi
      .all([summary(plan, members, active), ids])
      .apply(([found, modules]) => afterPin(plan, found, modules));
    if (plan.pinned)
      pulumi.log.info(`pinned to the release ${plan.pinned.release.deploymentId}: index.ts is ignored`, this);
    for (const warning of plan.warnings) pulumi.log.warn(formatProblem(warning), this);
    this.registerOutputs({ processes: this.processes, deploymentId: this.release.deploymentId });
  }
}

/** A plan with its network reached. */
interface PlacedPlan extends FleetPlan {
  /** Pins the network's node and modules; absent if there is none. */
  readonly pin?: Pinned["pin"];
}

/** What was found, after the node is pinned. @param modules the ids of the members' modules */
async function afterPin<T>(
  plan: PlacedPlan,
  found: T,
  modules: Readonly<Record<string, string>>,
): Promise<T> {
  const published = await publishedModules(plan, HOME, (member) => modules[member]);
  await plan.pin?.(published).catch((error: unknown) => {
    throw error instanceof FleetError ? runError(error.problems) : error;
  });
  return found;
}

function scopeOf({ declaration }: FleetPlan): Scope {
  const scope = { project: pulumi.getProject(), stack: pulumi.getStack(), home: HOME, build: BUILD };
  return declaration.ledger === undefined ? scope : { ...scope, ledger: declaration.ledger };
}

function summary(
  plan: FleetPlan,
  members: Members,
  active: Active,
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

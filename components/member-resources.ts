import * as pulumi from "@pulumi/pulumi";
import { ConfigBundle } from "../providers/config-bundle/resource.ts";
import { LocalNetwork } from "../providers/local-network/resource.ts";
import { Process } from "../providers/process/resource.ts";
import { embeddedFolder } from "../src/ao/network.ts";
import { spawnTags } from "../src/fleet/crons.ts";
import { configName } from "../src/fleet/members/resource-names.ts";
import {
  type ByMember,
  type Composition,
  forEachMember,
  healthOf,
  type Members,
  targetOf,
} from "./composition.ts";
import type { PlannedProcess } from "./plan.ts";
import type { SecretValue } from "./secret-value.ts";
import { globalsOf, policyOf } from "./state-findings.ts";
import { codeOf, rolloutInputsOf } from "./traffic.ts";

/** The embedded network, if the fleet is deployed to it. */
export function networkResource(
  name: string,
  { plan: { declaration }, parent }: Composition,
): LocalNetwork[] {
  const dir = embeddedFolder(declaration.network);
  if (dir === null) return [];
  return [new LocalNetwork(`${name}-network`, { dir, timeoutSeconds: 60 }, { parent })];
}

/** The process of every member, each after its dependencies. */
export function processResources(composition: Composition, network: readonly LocalNetwork[]): Members {
  const { levels, pinned, rollout } = composition.plan;
  const { protect, retainOnDelete } = composition.plan.declaration;
  const made: Record<string, Process> = {};
  const all = levels.flat();
  for (const member of pinned?.reversed ? all.reverse() : all) {
    const { name, declared } = member;
    const before = pinned?.reversed
      ? all.filter((other) => other.declared.dependsOn.includes(name)).map((other) => other.name)
      : declared.dependsOn;
    const waits = new Set([...before, ...(rollout.after.get(name) ?? [])]);
    const dependencies = [...waits].flatMap((other) => made[other] ?? []);
    made[name] = new Process(name, processArgs(composition, member), {
      parent: composition.parent,
      dependsOn: [...network, ...dependencies],
      protect,
      retainOnDelete,
    });
  }
  return made;
}

function processArgs({ plan, common }: Composition, member: PlannedProcess) {
  const { name, declaration, declared, restore } = member;
  const { declaration: fleet, rollout } = plan;
  return {
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
    tags: spawnTags(declaration.tags, declared.cronDriver),
    healthCheck: healthOf(fleet, declaration),
    timeoutSeconds: declaration.timeoutSeconds ?? fleet.timeoutSeconds,
    onBoot: declaration.onBoot ? true : undefined,
    lib: declared.lib,
    state: policyOf(declaration.state) === "none" ? ("none" as const) : undefined,
    globals: globalsOf(declaration.state)?.slice(),
    adopt: declaration.adopt,
    restore,
    ...rolloutInputsOf(fleet, rollout, name, healthOf(fleet, declaration)),
  };
}

/** Every member's settings, a resource for each config type. */
export function configResources(
  { plan, common, parent }: Composition,
  members: Members,
): ByMember<ConfigBundle> {
  return forEachMember(plan, ({ name, declared, secrets = {} }) =>
    Object.fromEntries(
      Object.entries(declared.config).map(([type, configData]) => {
        const resource = configName(name, type);
        const rule = declared.rules?.[type];
        const bundle = new ConfigBundle(
          resource,
          {
            ...common,
            name: resource,
            configType: type,
            configData,
            ...(rule === undefined ? {} : { rule }),
            ...sealed(secrets[type], declared.sealTo),
            targets: [targetOf(name, members)],
            ...codeOf(plan, [name]),
            timeoutSeconds: 120,
          },
          { parent },
        );
        return [resource, bundle] as const;
      }),
    ),
  );
}

/** A bundle's secrets. They are encrypted in the state. */
function sealed(secrets: Readonly<Record<string, SecretValue>> | undefined, sealTo: string | undefined) {
  if (secrets === undefined || sealTo === undefined) return {};
  const open = Object.entries(secrets).map(([key, secret]) => [key, secret.reveal()]);
  return { secretData: pulumi.secret(Object.fromEntries(open)), sealTo };
}

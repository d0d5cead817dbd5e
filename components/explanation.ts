import { join } from "node:path";
import { z } from "zod";
import { RULES } from "../src/fleet/config/lua.ts";
import { readJson, writeAtomically } from "../src/fleet/files.ts";
import type { StackFiles } from "../src/fleet/session/scope.ts";
import type { FleetPlan } from "./plan.ts";
import { layerPath, type SettingLayer, SettingLayerSchema } from "./setting-layer.ts";

const SettingSchema = z.strictObject({
  /** Its value. Left out for a secret. */
  value: z.unknown().optional(),
  /** True for a secret. */
  secret: z.boolean().optional(),
  /** Where its value comes from: the path of the layer in the declaration, or the release that the stack is pinned to. */
  from: z.string(),
  /** The layer that sets it. Left out for a value of a release, and in files of version 0.1.0, which the next preview replaces. */
  layer: SettingLayerSchema.optional(),
  /** Why nothing on AO can enforce it. */
  idle: z.string().optional(),
});

/** The settings of a stack's latest plan, each with its origin. */
const ExplanationSchema = z.strictObject({
  /** When the plan was made, ISO 8601. */
  at: z.string(),
  /** Member → config type → setting. */
  members: z.record(z.string(), z.record(z.string(), z.record(z.string(), SettingSchema))),
});

export type Explanation = z.infer<typeof ExplanationSchema>;
export type ExplainedSetting = z.infer<typeof SettingSchema>;

/** The settings of a plan, each with its origin. Pure. */
export function explanationOf({ levels, pinned }: FleetPlan, at: string): Explanation {
  const members = levels.flat().map(({ name, declared, origins }) => {
    const release = pinned ? `release ${pinned.release.deploymentId}` : "the release that runs";
    const types = Object.entries(declared.config).map(([type, data]) => {
      const fields = (RULES[type] ?? declared.rules?.[type])?.fields ?? {};
      const settings = Object.entries(data).map(([key, value]): [string, ExplainedSetting] => {
        const idle = fields[key]?.idle;
        const origin = originIn(origins?.[type]?.[key], release);
        return [key, { value, ...origin, ...(idle === undefined ? {} : { idle }) }];
      });
      const secrets = (declared.secrets?.[type] ?? []).map((key): [string, ExplainedSetting] => [
        key,
        { secret: true, ...originIn(origins?.[type]?.[key], release) },
      ]);
      return [type, Object.fromEntries([...settings, ...secrets])] as const;
    });
    return [name, Object.fromEntries(types)] as const;
  });
  return { at, members: Object.fromEntries(members) };
}

/** The origin of a setting that a layer sets, otherwise of one that is as in a release. */
const originIn = (
  layer: SettingLayer | undefined,
  release: string,
): Pick<ExplainedSetting, "from" | "layer"> =>
  layer === undefined ? { from: release } : { from: layerPath(layer), layer };

const pathOf = ({ home, project, stack }: StackFiles): string =>
  join(home, "config", `${project}.${stack}.json`);

/** Writes a plan's settings to a file that `fleet config explain` reads. */
export function keepExplanation(where: StackFiles, explanation: Explanation): Promise<void> {
  return writeAtomically(pathOf(where), `${JSON.stringify(explanation, null, 2)}\n`);
}

/** The settings of the latest plan on this machine; undefined if there was none. */
export async function readExplanation(where: StackFiles): Promise<Explanation | undefined> {
  return ExplanationSchema.safeParse(await readJson(pathOf(where))).data;
}

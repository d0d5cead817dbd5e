import { statSync } from "node:fs";
import { join } from "node:path";
import { type ExplainedSetting, type Explanation, readExplanation } from "../../../components/explanation.ts";
import { FleetError } from "../../core/errors.ts";
import { RULES } from "../../fleet/config/lua.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import { readStackConfig } from "../workspace/stack-config.ts";

/** The settings of the latest plan of a stack. @throws FleetError NO_PLAN */
export async function latestPlan(projectDir: string, stack: string): Promise<Explanation> {
  const { project } = readStackConfig(projectDir, stack);
  const plan = await readExplanation({ home: join(projectDir, ".fleet"), project, stack });
  if (plan) return plan;
  throw new FleetError({
    code: "NO_PLAN",
    what: `This machine has no plan of the stack ${stack}.`,
    expected: "a completed preview",
    remedy: "npx pulumi preview",
  });
}

/** For `pickMember`: a plan has names only. */
const NOBODY = { processId: "", generation: 1, version: "", sourceHash: "", status: "" };

/**
 * The settings of a plan, each with its origin.
 *
 * @param names members; all if it is empty
 * @throws FleetError for an unknown member
 */
export function explainedSettings(
  plan: Explanation,
  names: readonly string[],
  options: { readonly type?: string | undefined; readonly defaults: boolean },
): Row[] {
  const members = Object.keys(plan.members);
  const known = { members: members.map((name) => ({ ...NOBODY, name })) };
  const chosen = names.length > 0 ? names.map((name) => pickMember(known, name).name) : members;
  return chosen.flatMap((name) => rowsOf(plan, name, options));
}

/** A setting of a member. */
interface Row extends ExplainedSetting {
  readonly member: string;
  readonly configType: string;
  readonly setting: string;
}

/** The settings of a member, by type and name; with `defaults`, those that are not declared too. Pure. */
function rowsOf(
  plan: Explanation,
  member: string,
  { type, defaults }: { readonly type?: string | undefined; readonly defaults: boolean },
): Row[] {
  const declared = plan.members[member] ?? {};
  const types = [...new Set([...Object.keys(declared), ...(defaults ? Object.keys(RULES) : [])])].sort();
  return types
    .filter((configType) => type === undefined || configType === type)
    .flatMap((configType) => {
      const own = declared[configType] ?? {};
      const fields = Object.entries(defaults ? (RULES[configType]?.fields ?? {}) : {});
      const others = fields.flatMap(([setting, rule]): [string, ExplainedSetting][] =>
        rule.default === undefined || own[setting] !== undefined
          ? []
          : [[setting, { value: rule.default, from: "default" }]],
      );
      return [...Object.entries(own), ...others]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([setting, explained]): Row => ({ member, configType, setting, ...explained }));
    });
}

/** Whether the program or the stack's settings changed since a plan was made. */
export function isOlder({ at }: Explanation, projectDir: string, stack: string): boolean {
  const planned = Date.parse(at);
  return ["index.ts", "Pulumi.yaml", `Pulumi.${stack}.yaml`].some((file) => {
    const found = statSync(join(projectDir, file), { throwIfNoEntry: false });
    return found !== undefined && found.mtimeMs > planned;
  });
}

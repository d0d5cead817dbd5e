import { statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import {
  type ExplainedSetting,
  type Explanation,
  readExplanation,
} from "../../../../components/explanation.ts";
import { FleetError } from "../../../core/errors.ts";
import { RULES } from "../../../fleet/config/lua.ts";
import { settingText } from "../../../fleet/config/setting-text.ts";
import { pickMember } from "../../../fleet/members/known-fleet.ts";
import { originOf } from "../../../operations/settings/describe.ts";
import { readStackConfig } from "../../../operations/workspace/stack-config.ts";
import { type Cli, defineCommand } from "../../command.ts";
import { EXIT } from "../../exit.ts";
import { table } from "../../table.ts";

const Options = z.looseObject({ type: z.string().optional(), defaults: z.boolean().default(true) });

export function explainCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "explain",
    summary: "show where each setting comes from",
    description:
      "Lists every setting of the latest plan (`pulumi preview` or `up`) with the layer that sets it: default, fleet, member, stack for " +
      "all members, stack for one member, or secret. Sends nothing.",
    examples: [
      ["npx fleet config explain battle", "all settings of battle"],
      ["npx fleet config explain --type LOGGING_CONFIG", "one type, all members"],
    ],
    define(command) {
      command
        .argument("[members...]", "names of members (default: all)")
        .option("--type <config type>", "only this type")
        .option("--no-defaults", "leave out settings that are not declared");
    },
    options: Options,
    async run({ out, projectDir, ...context }, options, names) {
      const stack = await context.stack();
      const { project } = readStackConfig(projectDir, stack);
      const plan = await readExplanation({ home: join(projectDir, ".fleet"), project, stack });
      if (!plan)
        throw new FleetError({
          code: "NO_PLAN",
          what: `This machine has no plan of the stack ${stack}.`,
          expected: "a completed preview",
          remedy: "npx pulumi preview",
        });
      const known = { members: Object.keys(plan.members).map((name) => ({ ...NOBODY, name })) };
      const chosen =
        names.length > 0 ? names.map((name) => pickMember(known, name).name) : Object.keys(plan.members);
      const rows = chosen.flatMap((name) => rowsOf(plan, name, options));
      out.document({ success: true, stack, plannedAt: plan.at, settings: rows });
      const cells = rows.map(({ member, configType, setting, idle, ...row }) => [
        member,
        `${configType}.${setting}`,
        row.secret === true ? "(secret)" : settingText(row.value),
        `${originOf(row, stack)}${idle === undefined ? "" : ` (not enforceable: ${idle})`}`,
      ]);
      if (cells.length === 0) out.line("No settings are declared, and none has a default.");
      else for (const line of table(["process", "setting", "value", "from"], cells)) out.line(line);
      if (isOlder(plan, projectDir, stack))
        out.note(
          `The plan is from ${plan.at}; index.ts or the stack's config changed since. To update it: npx pulumi preview`,
        );
      return EXIT.ok;
    },
  });
}

const NOBODY = { processId: "", generation: 1, version: "", sourceHash: "", status: "" };

interface Row extends ExplainedSetting {
  readonly member: string;
  readonly configType: string;
  readonly setting: string;
}

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

function isOlder({ at }: Explanation, projectDir: string, stack: string): boolean {
  const planned = Date.parse(at);
  return ["index.ts", "Pulumi.yaml", `Pulumi.${stack}.yaml`].some((file) => {
    const found = statSync(join(projectDir, file), { throwIfNoEntry: false });
    return found !== undefined && found.mtimeMs > planned;
  });
}

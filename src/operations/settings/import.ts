import { readFile } from "node:fs/promises";
import { FleetError, type Problem, throwAll } from "../../core/errors.ts";
import { checkValue } from "../../fleet/config/check.ts";
import { RULES } from "../../fleet/config/lua.ts";
import { explainData } from "../../fleet/config/setting-text.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { pickMember } from "../../fleet/members/known-fleet.ts";
import type { ConfigFile } from "./file.ts";
import { liveConfigs } from "./live.ts";
import type { ConfigToSend } from "./send.ts";

/** The text of a settings file. @throws FleetError CONFIG_FILE_MISSING */
export async function configFileText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new FleetError({
      code: "CONFIG_FILE_MISSING",
      what: "Cannot read the settings file.",
      at: path,
      got: error.code ?? error.message,
      expected: "a file that npx fleet config export wrote",
      remedy: "Fix the path.",
    });
  });
}

/** The settings to send. @throws FleetError with every unknown member and every invalid value */
export function configsToSend(
  file: ConfigFile,
  fleet: FleetSession,
  names: readonly string[],
  type: string | undefined,
): ConfigToSend[] {
  const problems: Problem[] = [];
  const chosen = names.length > 0 ? names : Object.keys(file.members);
  const wanted = chosen.flatMap((name) => {
    const member = pickMember(fleet, name);
    const types = Object.entries(file.members[name] ?? {}).filter(
      ([one]) => type === undefined || one === type,
    );
    if (types.length === 0 && names.length > 0)
      problems.push({
        code: "NOT_IN_FILE",
        what: `The file has no ${type ?? "settings"} of ${name}.`,
        got: name,
        expected: `one of ${Object.keys(file.members).join(", ")}`,
        remedy: "Fix the name.",
      });
    return types.map(([configType, { configData, rule }]): ConfigToSend => {
      const known = RULES[configType] ?? rule;
      for (const { path, got, expected } of known ? checkValue(configData, known, "") : [])
        problems.push({
          code: "BAD_VALUE",
          what: "Invalid value in the settings file.",
          at: `members.${name}.${configType}${path}`,
          got,
          expected,
          remedy:
            "Export the settings again; or, if the type has changed since, roll back its code together with its settings: npx fleet rollback.",
        });
      return { member, configType, data: configData, rule };
    });
  });
  throwAll(problems);
  return wanted;
}

/** Settings that a member would hold instead of its own. */
interface PlannedChange {
  readonly member: string;
  readonly configType: string;
  /** `maxConcurrentRequests 100 → 200`. */
  readonly fields: readonly string[];
}

/**
 * The settings among these that their members do not hold yet.
 *
 * @param seconds time limit for the answers
 */
export async function changesBySending(
  fleet: FleetSession,
  wanted: readonly ConfigToSend[],
  seconds: number,
): Promise<PlannedChange[]> {
  const members = [...new Map(wanted.map(({ member }) => [member.name, member])).values()];
  const live = await liveConfigs(fleet, members, { seconds });
  return wanted.flatMap(({ member: { name }, configType, data }): PlannedChange[] => {
    const held = live.find((one) => one.member.name === name)?.reply.held[configType];
    const fields = explainData(held?.data ?? {}, data);
    return held && fields.length === 0 ? [] : [{ member: name, configType, fields }];
  });
}

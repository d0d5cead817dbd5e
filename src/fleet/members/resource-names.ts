/** Names of a member's resources: made here for the program, read back here from what Pulumi's engine tells. */
import { CONFIG_TYPES } from "../config/types.ts";

const suffixOf = (type: string): string => `-${type.toLowerCase().replaceAll("_", "-")}`;

/** `battle`, `PROCESS_CONFIG` → `battle-process-config`. */
export const configName = (member: string, type: string): string => `${member}${suffixOf(type)}`;

/** `battle` → `battle-wiring`, or `battle-wiring-new` for the one that tells a new revision only. */
export const wiringName = (member: string, isNew = false): string => `${member}-wiring${isNew ? "-new" : ""}`;

/**
 * The member in a config's name.
 *
 * @param types config types that it may be of. @default those that every process knows
 * @returns the name itself where it ends with none of them: what somebody named by hand
 */
export function memberOfConfig(name: string, types: readonly string[] = Object.keys(CONFIG_TYPES)): string {
  const suffix = types.map(suffixOf).find((end) => name.endsWith(end) && name.length > end.length);
  return suffix === undefined ? name : name.slice(0, -suffix.length);
}

/** The member in a wiring's name. */
export const memberOfWiring = (name: string): string => name.replace(/-wiring(-new)?$/, "");

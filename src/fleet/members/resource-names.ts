/** Names of a member's resources: built for the program, and parsed from the events of Pulumi's engine. */
import { CONFIG_TYPES } from "../config/types.ts";

const suffixOf = (type: string): string => `-${type.toLowerCase().replaceAll("_", "-")}`;

/** `battle`, `PROCESS_CONFIG` → `battle-process-config`. */
export const configName = (member: string, type: string): string => `${member}${suffixOf(type)}`;

/** `battle` → `battle-wiring`, or `battle-wiring-new` for the one that wires only a new revision. */
export const wiringName = (member: string, isNew = false): string => `${member}-wiring${isNew ? "-new" : ""}`;

/**
 * The member in a config's name.
 *
 * @param types possible config types. @default the built-in types
 * @returns the name itself if it ends with none of them, as for a custom name
 */
export function memberOfConfig(name: string, types: readonly string[] = Object.keys(CONFIG_TYPES)): string {
  const suffix = types.map(suffixOf).find((end) => name.endsWith(end) && name.length > end.length);
  return suffix === undefined ? name : name.slice(0, -suffix.length);
}

/** The member in a wiring's name. */
export const memberOfWiring = (name: string): string => name.replace(/-wiring(-new)?$/, "");

import type { NetworkRef } from "../src/ao/network.ts";
import type { SettingKey } from "./setting-table.ts";

/** Settings that an empty value unsets: the network then does without, or works them out. */
const OPTIONAL = ["graphqlUrl", "suUrl", "uploadUrl"] as const;
const REQUIRED = ["gatewayUrl", "muUrl", "cuUrl", "scheduler", "authority"] as const;

/**
 * The network that a stack's settings name, for the program and for every command alike. Whether the values are good ones is
 * checked by `NetworkRefSchema`. Pure.
 *
 * @param get the value that the stack has, or the default; "" without either
 */
export function networkSetting(get: (key: SettingKey) => string): NetworkRef {
  const kind = get("network");
  if (kind === "local") return { kind, dir: get("localDir") };
  const given = OPTIONAL.filter((key) => get(key) !== "");
  const fields = [...REQUIRED, ...given].map((key) => [key, get(key)]);
  return {
    kind: kind as "legacy",
    ...Object.fromEntries(fields),
    maxMessageBytes: Number(get("maxMessageBytes")),
  };
}

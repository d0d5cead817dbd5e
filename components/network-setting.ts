import type { NetworkRef } from "../src/ao/network.ts";
import { defaultOf, type SettingKey } from "./setting-table.ts";

/** Settings that an empty value unsets. The network then works without them, or derives them. */
const OPTIONAL = ["graphqlUrl", "suUrl", "uploadUrl"] as const;
const NODE_OPTIONAL = ["graphqlUrl", "uploadUrl"] as const;
const NODE_ADDRESSES = ["scheduler", "authority"] as const;
const REQUIRED = ["gatewayUrl", "muUrl", "cuUrl", "scheduler", "authority"] as const;

/**
 * The network that a stack's settings describe, for the program and for every command. `NetworkRefSchema` checks the values. Pure.
 *
 * @param get returns the stack's value, otherwise the default, otherwise ""
 */
export function networkSetting(get: (key: SettingKey) => string): NetworkRef {
  // `NetworkRefSchema` refuses any other string.
  const kind = get("network") as NetworkRef["kind"];
  switch (kind) {
    case "local":
      return {
        ...{ kind, dir: get("localDir") },
        // The default stays out of the state, as in states of earlier versions. The schema refuses any other string.
        ...(["", "legacy"].includes(get("localProtocol"))
          ? {}
          : { protocol: get("localProtocol") as "mainnet" }),
      };
    case "legacy": {
      const present = OPTIONAL.filter((key) => get(key) !== "");
      const fields = [...REQUIRED, ...present].map((key) => [key, get(key)]);
      return { kind, ...Object.fromEntries(fields), maxMessageBytes: Number(get("maxMessageBytes")) };
    }
    case "mainnet": {
      const present = NODE_OPTIONAL.filter((key) => get(key) !== "");
      // The defaults of these settings are addresses of the legacy network.
      const own = NODE_ADDRESSES.filter((key) => !["", defaultOf(key)].includes(get(key)));
      const fields = ["nodeUrl", "gatewayUrl", ...present, ...own].map((key) => [
        key,
        get(key as SettingKey),
      ]);
      return { kind, ...Object.fromEntries(fields), maxMessageBytes: Number(get("maxMessageBytes")) };
    }
    default:
      return { kind: kind satisfies never };
  }
}

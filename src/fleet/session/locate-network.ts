import { type NetworkRef, resolveNetwork } from "../../ao/network.ts";
import type { NetworkEndpoints } from "../../ao/port.ts";

/**
 * The endpoints of a network. Starts the embedded network if it is not running, so that refresh and destroy work after a reboot.
 *
 * @param note receives progress while it is started
 */
export async function locateNetwork(
  network: NetworkRef,
  note?: (line: string) => void,
): Promise<{ endpoints: NetworkEndpoints; modules: Readonly<Record<string, string>> }> {
  let modules: Readonly<Record<string, string>> = {};
  const endpoints = await resolveNetwork(network, async (dir) => {
    const localnet = await import("../../localnet/index.ts");
    const info = await localnet.start(dir, note === undefined ? {} : { log: note });
    modules = info.modules;
    return info;
  });
  return { endpoints, modules };
}

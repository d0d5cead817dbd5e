import { type NetworkRef, type ResolvedNetwork, resolveNetwork } from "../../ao/network.ts";

/**
 * Locates the units of a network. Starts the embedded network if it is not running, so that refresh and destroy work after a reboot.
 *
 * @param note receives progress while it is started
 */
export async function locateNetwork(
  declared: NetworkRef,
  note?: (line: string) => void,
): Promise<{ network: ResolvedNetwork; modules: Readonly<Record<string, string>> }> {
  let modules: Readonly<Record<string, string>> = {};
  const network = await resolveNetwork(declared, async (dir) => {
    const localnet = await import("../../localnet/index.ts");
    const info = await localnet.start(dir, note === undefined ? {} : { log: note });
    modules = info.modules;
    return info;
  });
  return { network, modules };
}

import type { ProcessOutputs } from "./schema.ts";

/** Whether its network can be asked without starting it. */
export async function isUp({
  network,
  processId,
}: Pick<ProcessOutputs, "network" | "processId">): Promise<boolean> {
  if (network.kind !== "local") return true;
  const { hasProcess } = await import("../../src/localnet/index.ts");
  return (await hasProcess(network.dir, processId)) === true;
}

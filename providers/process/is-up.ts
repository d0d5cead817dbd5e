import { embeddedFolder } from "../../src/ao/network.ts";
import type { ProcessOutputs } from "./schema.ts";

/** Whether its network can be asked without starting it. */
export async function isUp({
  network,
  processId,
}: Pick<ProcessOutputs, "network" | "processId">): Promise<boolean> {
  const folder = embeddedFolder(network);
  if (folder === null) return true;
  const { hasProcess } = await import("../../src/localnet/index.ts");
  return (await hasProcess(folder, processId)) === true;
}

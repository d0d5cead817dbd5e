import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { isAlive } from "../../src/core/processes.ts";
import { type LocalNetworkInfo, start, stop } from "../../src/localnet/index.ts";
import { ContractClient, type ContractNetwork, testWallet, until } from "../contract/client.ts";

/** A folder to be removed together with the network that may run in it. */
function temporaryFolder(): { dir: string; remove(): Promise<void> } {
  const dir = mkdtempSync(join(tmpdir(), "localnet-"));
  return {
    dir,
    async remove() {
      await stop(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Such a folder for one test, removed after it. */
export function networkFolder(): string {
  const { dir, remove } = temporaryFolder();
  onTestFinished(remove);
  return dir;
}

/** A running network in a new folder. */
export async function freshNetwork(): Promise<ContractNetwork & { dir: string; info: LocalNetworkInfo }> {
  const { dir, remove } = temporaryFolder();
  const info = await start(dir);
  return { ...asContract(info), dir, info, close: remove };
}

export function asContract(info: LocalNetworkInfo): ContractNetwork {
  return { endpoints: info, suUrl: info.suUrl, module: info.modules.aos ?? "", close: async () => {} };
}

let wallet: ReturnType<typeof testWallet> | undefined;

/** A client of a network; all clients of one test file use the same wallet. */
export function clientOf(network: ContractNetwork): ContractClient {
  wallet ??= testWallet();
  return new ContractClient(network, wallet);
}

/** Waits until a process has ended. */
export const gone = (pid: number) =>
  until(`the end of ${pid}`, async () => (isAlive(pid) ? undefined : true));

/** Resident memory of a process in MB, as counted by Linux. */
export function residentMegabytes(pid: number): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1]) / 1024;
}

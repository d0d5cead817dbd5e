import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start, stop } from "../../src/localnet/index.ts";
import type { ContractNetwork } from "./client.ts";
import { networkContract } from "./suite.ts";

async function startLocalnet(): Promise<ContractNetwork> {
  const dir = await mkdtemp(join(tmpdir(), "contract-localnet-"));
  const { gatewayUrl, graphqlUrl, muUrl, cuUrl, suUrl, scheduler, authority, modules } = await start(dir);
  return {
    endpoints: { gatewayUrl, graphqlUrl, muUrl, cuUrl, scheduler, authority },
    suUrl,
    module: modules.aos ?? "",
    async close() {
      await stop(dir);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

networkContract("the embedded network", startLocalnet);

import { join } from "node:path";
import { start, stop } from "../../../src/localnet/index.ts";
import { temporaryFolder } from "../../kit/folder.ts";
import { faceOf, portContract } from "./suite.ts";

for (const protocol of ["legacy", "mainnet"] as const) {
  portContract(`the embedded network's ${protocol} face, with real aos`, async () => {
    const folder = join(temporaryFolder(`port-${protocol}`), "network");
    const network = await start(folder);
    const close = async () => void (await stop(folder));
    return faceOf(network, protocol, { module: network.modules.aos ?? "", close });
  });
}

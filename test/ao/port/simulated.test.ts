import { startSimnet } from "../../simnet/index.ts";
import { faceOf, portContract } from "./suite.ts";

for (const protocol of ["legacy", "mainnet"] as const) {
  portContract(`the simulated network's ${protocol} face`, async () => {
    const net = await startSimnet();
    return faceOf({ ...net.endpoints, ...net.node }, protocol, net);
  });
}

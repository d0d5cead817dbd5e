import { startSimnet } from "../simnet/index.ts";
import { networkContract } from "./suite.ts";

networkContract("the simulated network", () => startSimnet());

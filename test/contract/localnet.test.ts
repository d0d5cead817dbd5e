import { freshNetwork } from "../localnet/network.ts";
import { networkContract } from "./suite.ts";

networkContract("the embedded network", freshNetwork);

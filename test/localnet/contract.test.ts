import { networkContract } from "../contract/suite.ts";
import { freshNetwork } from "./network.ts";

networkContract("the embedded network", freshNetwork);

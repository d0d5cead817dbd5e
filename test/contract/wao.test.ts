import { networkContract } from "./suite.ts";
import { startWao, WAO_DIFFERENCES } from "./wao.ts";

networkContract("wao", startWao, WAO_DIFFERENCES);

import { PROMISES } from "./cases.ts";
import { networkContract } from "./suite.ts";
import { startWao, WAO_DIFFERENCES } from "./wao.ts";

// Its units do not check calls: none of the cases about calls behaves as on the real units (404 for a process, a latest message
// and a monitor, 200 for wrong sorts and limits), and a range without `process-id` ends its server for every later case.
networkContract("wao", startWao, WAO_DIFFERENCES, PROMISES);

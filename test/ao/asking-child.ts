/**
 * Asks a unit and a node, some calls at the same time, others at an address where nobody answers. Prints which timers keep the program
 * running afterwards, and ends by itself: `node asking-child.ts <url> <url of nobody>`.
 */
import { nodeAt } from "../../src/ao/mainnet/node.ts";
import { unitAt } from "../../src/ao/shared/http.ts";
import { budgetOf } from "../../src/core/budget.ts";

const [url = "", nobody = ""] = process.argv.slice(2);
const limits = { concurrency: 1, timeout: 600_000 };
const budget = budgetOf(600);
const askAll = (at: string) => {
  const [unit, node] = [unitAt("gateway", at, limits), nodeAt(at, limits)];
  const calls = [1, 2].flatMap(() => [
    unit.ask({ url: at }, budget).then(({ status }) => status),
    node.ask({ path: "/" }, budget).then(({ status }) => status),
  ]);
  return Promise.allSettled(calls);
};
const answered = (await askAll(url)).map((each) => (each.status === "fulfilled" ? each.value : "failed"));
const failed = (await askAll(nobody)).map(({ status }) => status);
const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout");
process.stdout.write(JSON.stringify({ answered, failed, timers }));

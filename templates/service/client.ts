/**
 * Asks for quotes as several customers, through the router: `npm run client`, or `npm run client -- --stack staging`.
 * During a canary, some customers get the new code. Each one keeps its revision.
 */
import { execFile } from "node:child_process";

const CUSTOMERS = ["ada", "grace", "joan", "katherine", "mary", "radia"];

function quoteFor(customer: string): Promise<string> {
  const request = ["call", "router", "QUOTE", "--data", '{"item":"tea","amount":2}'];
  const tags = ["--tag", "Service=quotes", "--tag", `Customer=${customer}`];
  return new Promise((done, fail) => {
    execFile("fleet", [...request, ...tags, ...process.argv.slice(2), "--json"], (error, stdout, stderr) => {
      if (error) fail(new Error(stderr || stdout));
      else done(stdout);
    });
  });
}

for (const customer of CUSTOMERS) {
  const { data } = JSON.parse(await quoteFor(customer));
  console.log(`${customer}: ${data.total}, from the ${data.edition} edition`);
}

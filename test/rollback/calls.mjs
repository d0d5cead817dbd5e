// Preloaded into `fleet`: every call that it makes to the network, one line of JSON each, in the file that FLEET_CALLS names.
import { appendFileSync } from "node:fs";

const path = process.env.FLEET_CALLS;
const sends = globalThis.fetch;

/** What a message to the router asks for: its tags are in its bytes. */
function actionOf(body) {
  if (body === undefined || body === null || typeof body === "string") return undefined;
  const text = Buffer.from(body).toString("latin1");
  return /GET_TRAFFIC|SET_TRAFFIC|TRAFFIC_COMMAND|PROVE_TARGETS/.exec(text)?.[0];
}

// Those that it starts in turn inherit this, and are not meant.
if (path !== undefined && process.argv[1]?.endsWith("fleet.mjs")) {
  globalThis.fetch = (input, init) => {
    const { method = "GET", body } = init ?? {};
    const action = method === "POST" ? actionOf(body) : undefined;
    appendFileSync(path, `${JSON.stringify({ method, url: String(input), action })}\n`);
    return sends(input, init);
  };
}

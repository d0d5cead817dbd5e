import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { status } from "../../src/localnet/index.ts";
import { fleet as fleetCommand } from "../rollback/fleet.ts";
import { newPlayer, type Player, type Said } from "./player.ts";
import { newProject, type Project, processFiles, type Ran } from "./project.ts";

/** Two programs without the fleet's code, behind a router and with a ledger, with the real pulumi. */

const INDEX = `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const fleet = await Fleet.create("plain", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  router: "router",
  strategy: {
    kind: "blue-green", steps: [{ weightBp: 3000 }, { weightBp: 10000 }], intervalSeconds: 1, maxInconclusive: 60, probes: 3, windowSeconds: 0,
    checks: [{ kind: "health" }, { kind: "errorRate", minSamples: 3, max: 0.2, tolerance: 0.2 }],
  },
  processes: {
    "deployment-coordinator": {},
    router: { dependsOn: ["deployment-coordinator"] },
    quote: { dependsOn: ["router"], state: "none", trafficKey: "tag:Key", probes: [{ action: "Price", expect: { price: 3 } }] },
    token: { dependsOn: ["router"], state: "none", routed: ["Move"], faultWhen: [{ tag: "Error", matches: "Insufficient*", as: "refusal" }] },
  },
});
export const processes = fleet.processes;
`;
const ROUTER = `local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve()
`;
const QUOTE = `local json = require("json")
Handlers.add("Price", "Price", function(m) m.reply({ Data = json.encode({ price = 3, edition = "first" }) }) end)
Handlers.add("Open", "Open", function(m) ao.send({ Target = m.From, Data = "open, " .. m.Data }) end)
`;
const TOKEN = `local json = require("json")
Handlers.add("Move", "Move", function(m)
  if m.Quantity == "5" then m.reply({ Error = "Insufficient Balance!" }) return end
  moves = (moves or 0) + 1
  m.reply({ Data = json.encode({ moves = moves }) })
end)
Handlers.add("Mint", "Mint", function(m) m.reply({ Data = "minted" }) end)
`;
/** Answers callers with an error, and the deployer correctly. */
const TAKEN = 'if m["On-Behalf-Of"] then m.reply({ Error = "no price" }) return end m.reply';

let project: Project;
let player: Player;
type Members = Record<string, { processId: string; health: string }>;
let ids: Members;

const fleet = (...args: string[]) => fleetCommand(project, [...args, "--stack", "dev"]);
const carried = async (service: string, action: string, data: string, tags: Record<string, string> = {}) =>
  player.say(ids.router?.processId ?? "", action, data, { Service: service, ...tags });

/** A release while callers with many keys send requests one after the other; returns their answers. */
async function upWhileAsked(): Promise<{ ran: Ran; seen: Said[] }> {
  const seen: Said[] = [];
  let isOver = false;
  const asking = (async () => {
    for (let key = 0; !isOver; key += 1)
      seen.push(await carried("quote", "Price", "", { Key: `k${key % 50}` }));
  })();
  const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
  isOver = true;
  await asking;
  return { ran, seen };
}

beforeAll(async () => {
  project = await newProject("plain", {
    ...processFiles("deployment-coordinator"),
    "index.ts": INDEX,
    "processes/router/process.lua": ROUTER,
    "processes/quote/process.lua": QUOTE,
    "processes/token/process.lua": TOKEN,
  });
});
afterAll(() => project.close());

describe("a fleet of plain programs with a ledger and a router", { timeout: 240_000 }, () => {
  it("is deployed and registered by its members' names", async () => {
    const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(ran.text).not.toContain("error");
    expect(ran.code).toBe(0);
    expect(ran.text).toMatch(/quote +registered quote/);
    ids = await project.output<Members>("processes");
    const { info } = await status(join(project.dir, ".fleet/localnet"));
    if (!info) throw new Error("the network is down");
    player = await newPlayer(info);
  });

  it("returns the programs' own replies to callers through the router", async () => {
    const price = await carried("quote", "Price", "");
    expect([price.tags.Action, price.data]).toEqual(["Price-Response", '{"price":3,"edition":"first"}']);
    expect((await carried("quote", "Open", "says who?")).data).toBe("open, says who?");
    expect(JSON.parse((await carried("token", "Move", "")).data)).toEqual({ moves: 1 });
    const refused = await carried("token", "Move", "", { Quantity: "5" });
    expect(JSON.parse(refused.data)).toMatchObject({ success: false, error: { code: "SERVICE_REFUSED" } });
    const closed = await carried("token", "Mint", "");
    expect(JSON.parse(closed.data)).toMatchObject({ error: { code: "ACTION_NOT_ROUTED" } });
  });

  it("answers fleet call with the programs' own words", async () => {
    const moved = await fleet("call", "token", "Move", "--json");
    expect(moved).toMatchObject({ code: 0, text: expect.stringContaining('"moves": 2') });
    const refused = await fleet("call", "token", "Move", "--tag", "Quantity=5");
    expect(refused).toMatchObject({ code: 1, text: expect.stringContaining("Insufficient Balance!") });
  });

  it("moves traffic step by step to a new edition, and registers it by its name again", async () => {
    project.edit("processes/quote/process.lua", '"first"', '"second"');
    const { ran, seen } = await upWhileAsked();
    expect(ran.text).toMatch(/step 1 of 2, 30 %/);
    expect(ran.text).toMatch(/COMPLETED/);
    expect(ran.text).toMatch(/quote +registered quote/);
    expect(ran.code).toBe(0);
    expect(seen.map(({ data }) => JSON.parse(data).price)).toEqual(seen.map(() => 3));
    expect(JSON.parse((await carried("quote", "Price", "")).data).edition).toBe("second");
    expect(await project.idle()).toBe("");
  });

  it("rolls back from an edition that answers its callers with a tag Error", async () => {
    project.edit("processes/quote/process.lua", "m.reply", TAKEN);
    const { ran, seen } = await upWhileAsked();
    expect(ran.text).toMatch(/errorRate of quote fails: green \d+ faults in \d+ requests/);
    expect(ran.text).toMatch(/ROLLED_BACK/);
    expect(ran.code).not.toBe(0);
    expect(seen.some(({ data }) => JSON.parse(data).error?.code === "SERVICE_FAULT")).toBe(true);
    expect(JSON.parse((await carried("quote", "Price", "")).data).edition).toBe("second");
  });

  it("reports a promoted rollout as approved by a person, in the history too", async () => {
    project.edit("processes/quote/process.lua", TAKEN, "m.reply");
    project.edit("processes/token/process.lua", '"minted"', '"minted again"');
    const steps =
      "steps: [{ weightBp: 3000 }, { weightBp: 10000 }], intervalSeconds: 1, maxInconclusive: 60, probes: 3,";
    project.edit("index.ts", steps, "intervalSeconds: 1, probes: 0, maxInconclusive: 1,");
    const held = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(held.text).toMatch(/\[HELD\]/);
    expect((await fleet("promote")).text).toContain("Promoted: ");
    const ran = await project.pulumi(["up", "--yes", "--skip-preview"]);
    expect(ran.code).toBe(0);
    const reason = "promoted by hand without a pass: inconclusive: errorRate of token is inconclusive";
    expect(ran.text).toContain(`(${reason}`);
    expect(ran.text).not.toContain("(passed");
    const { entries } = JSON.parse((await fleet("history", "--json")).text);
    expect(entries[0]).toMatchObject({ result: "succeeded", approvedBy: "person", current: true });
    expect(entries[0].reason.startsWith(reason)).toBe(true);
    expect((await fleet("history")).text).toContain("promoted by hand without a pass");
    expect((await fleet("call", "deployment-coordinator", "LEDGER", "--json")).text).toContain(reason);
    expect(await project.idle()).toBe("");
  });
});

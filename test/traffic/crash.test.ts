/** A plain aos program whose handler raises, behind the generic router, with one caller: on the embedded network, in real aos. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import type { TrafficOutputs } from "../../providers/traffic/schema.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { Embedded, targetOf } from "./embedded.ts";

const ROUTER = `
local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve()
`;
const token = (balance: string) => `
Handlers.add("Info", "Info", function(msg) msg.reply({ Ticker = "TOK", Data = "a token" }) end)
Handlers.add("Balance", "Balance", function(msg) msg.reply({ Data = ${balance} }) end)
`;

let stage: Embedded;
let player: Player;
let router: ProcessOutputs;
let blue: ProcessOutputs;
let green: ProcessOutputs;

beforeAll(async () => {
  stage = await Embedded.open();
  [router, blue, green] = await Promise.all([
    stage.make("router", ROUTER),
    stage.make("token-blue", token('"100"')),
    stage.make("token-green", token("msg.Tags.Target .. nil")),
  ]);
  await wiring.create({
    ...stage.common(),
    target: targetOf(router),
    peers: { battle: blue.processId },
  });
  player = await newPlayer(stage.network);
}, 120_000);

afterAll(() => stage.close());

const balance = () => player.say(router.processId, "Balance", "", { Service: "battle" });

test("it is never judged good by Info: its only caller has no answer, and a person is asked", async () => {
  const inputs = await stage.traffic(router, "r1", { key: "sender", state: "none" }, [blue, green], {
    intervalSeconds: 2,
  });
  const rollout = traffic.create(inputs).then(
    () => Promise.reject(new Error("it came through")),
    (error: Error & { properties: TrafficOutputs }) => error,
  );
  // One request after the other, until one has no answer.
  const calling = (async () => {
    while (await balance().catch(() => undefined));
  })();
  const held = await rollout;
  await calling;
  expect(held.message).toContain(
    `1 of its callers' 1 requests have no answer yet of battle@${green.processId.slice(0, 8)}, the oldest for `,
  );
  expect(held.properties).toMatchObject({ phase: "HELD", table: { mode: "held" } });
  expect(held.properties.verdict).toMatch(/^inconclusive: /);
}, 120_000);

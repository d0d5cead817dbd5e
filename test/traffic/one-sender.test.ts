/** What a single wallet that anybody may have does to a rollout: on the embedded network, with real aos and the fleet's own router. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { TrafficStateSchema } from "../../src/delivery/wire.ts";
import { type Answer, newPlayer, type Player } from "../e2e/player.ts";
import { targetOf } from "../providers/fixture.ts";
import { Embedded } from "./embedded.ts";

let stage: Embedded;
let stranger: Player;
let coordinator: ProcessOutputs;
let blue: ProcessOutputs;
let green: ProcessOutputs;

/** A plain program that answers an unknown item with a tag Error, which is a fault by aos' convention. */
const program = (edition: number) => `
-- edition ${edition}
Prices = Prices or { apple = 3 }
Handlers.add("Price", "Price", function(msg)
  local price = Prices[msg.Tags.Item or "apple"]
  if not price then
    return ao.send({ Target = msg.From, Action = "Price-Error", Error = "Unknown item", Data = "unknown item" })
  end
  ao.send({ Target = msg.From, Action = "Price", Data = tostring(price) })
end)
`;

beforeAll(async () => {
  stage = await Embedded.open();
  [coordinator, blue, green] = await Promise.all([
    stage.make("coordinator"),
    stage.make("quote-blue", program(2)),
    stage.make("quote-green", program(3)),
  ]);
  await wiring.create({
    ...stage.common(),
    target: targetOf(coordinator),
    peers: { battle: blue.processId },
  });
  stranger = await newPlayer(stage.network);
}, 120_000);

afterAll(() => stage.close());

const inputs = (release: string, from: ProcessOutputs, to: ProcessOutputs) =>
  stage.traffic(coordinator, release, { key: "sender", state: "none" }, [from, to], {
    trafficStrategy: "INSTANT",
    intervalSeconds: 4,
  });

test("faults that the old revision answers the same sender with do not fail a release", async () => {
  const first = (await traffic.create(await inputs("r1", blue, blue))).outs;
  let over = false;
  let sent = 0;
  const faults = new Set<string | undefined>();
  const unknownItem = async () => {
    while (!over) {
      const tags = { Service: "battle", Item: "x" };
      const { data } = await stranger.say(coordinator.processId, "Price", "{}", tags);
      faults.add((JSON.parse(data) as Answer).error?.code);
      sent += 1;
    }
  };
  const flood = unknownItem();
  while (sent < 10 && !over) await new Promise((resolve) => setTimeout(resolve, 50));
  const { outs } = await traffic.update("id", first, await inputs("r2", blue, green)).finally(() => {
    over = true;
  });
  await flood;
  expect([...faults]).toEqual(["SERVICE_FAULT"]);
  expect(outs).toMatchObject({ phase: "COMPLETED", active: { battle: green.processId } });
  expect(outs.verdict).toContain(`of one sender (${stranger.address.slice(0, 8)})`);
  expect(outs.approvedBy).toBe("judge");
  // Figures of senders are only for a judgement.
  const state = await stranger.ask(coordinator.processId, "GET_TRAFFIC", {});
  expect(
    TrafficStateSchema.parse(state).metrics?.services.battle?.[green.processId]?.senders,
  ).toBeUndefined();
}, 120_000);

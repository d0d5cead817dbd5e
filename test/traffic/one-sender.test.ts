/** What a single wallet that anybody may have does to a rollout: on the embedded network, with real aos and the fleet's own router. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import type { TrafficOutputs } from "../../providers/traffic/schema.ts";
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
let broken: ProcessOutputs;

/** A plain program that answers an unknown item with a tag Error, which is a fault by aos' convention. A broken one has lost its pears. */
const program = (edition: number, pears = "pear = 4") => `
-- edition ${edition}
Prices = Prices or { apple = 3, ${pears} }
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
  [coordinator, blue, green, broken] = await Promise.all([
    stage.make("coordinator"),
    stage.make("quote-blue", program(2)),
    stage.make("quote-green", program(3)),
    stage.make("quote-broken", program(4, "")),
  ]);
  await wiring.create({
    ...stage.common(),
    target: targetOf(coordinator),
    peers: { battle: blue.processId },
  });
  stranger = await newPlayer(stage.network);
}, 120_000);

afterAll(() => stage.close());

let left: TrafficOutputs;
const inputs = (release: string, from: ProcessOutputs, to: ProcessOutputs) =>
  stage.traffic(coordinator, release, { key: "sender", state: "none" }, [from, to], {
    trafficStrategy: "INSTANT",
    intervalSeconds: 4,
    // On a busy machine a crowd needs longer for the requests that a verdict needs.
    maxInconclusive: 20,
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
  left = outs;
  // Figures of senders are only for a judgement.
  const state = await stranger.ask(coordinator.processId, "GET_TRAFFIC", {});
  expect(
    TrafficStateSchema.parse(state).metrics?.services.battle?.[green.processId]?.senders,
  ).toBeUndefined();
}, 120_000);

/** Wallets that ask for one item each until the work is over. */
async function whileAsking<T>(asking: readonly (readonly [Player, string])[], work: Promise<T>): Promise<T> {
  let over = false;
  const lanes = asking.map(async ([wallet, item]) => {
    while (!over) await wallet.say(coordinator.processId, "Price", "{}", { Service: "battle", Item: item });
  });
  try {
    return await work;
  } finally {
    over = true;
    await Promise.all(lanes);
  }
}

describe("a crowd", () => {
  let wallets: Player[];
  beforeAll(async () => {
    wallets = await Promise.all(Array.from({ length: 6 }, () => newPlayer(stage.network)));
    // They were served before, all but those that come with the rollout.
    for (const each of wallets.slice(0, 3))
      await each.say(coordinator.processId, "Price", "{}", { Service: "battle" });
  }, 60_000);

  test("of new wallets with requests that the old revision fails as well does not fail a release", async () => {
    const asking = wallets.map((wallet, i) => [wallet, i < 3 ? "pear" : "nothing"] as const);
    const { outs } = await whileAsking(
      asking,
      inputs("r3", green, blue).then((news) => traffic.update("id", left, news)),
    );
    expect(outs.verdict).toContain("of requests that blue fails as well");
    expect(outs).toMatchObject({
      phase: "COMPLETED",
      approvedBy: "judge",
      active: { battle: blue.processId },
    });
    left = outs;
  }, 120_000);

  test("fails a release by requests that the old revision answers", async () => {
    const asking = wallets.map((wallet) => [wallet, "pear"] as const);
    const error = await whileAsking(
      asking,
      inputs("r4", blue, broken)
        .then((news) => traffic.update("id", left, news))
        .then(
          () => undefined,
          (reason: Error & { properties: TrafficOutputs }) => reason,
        ),
    );
    expect(error?.properties.verdict).toMatch(/known callers: .* compared blue answers [5-9]/);
    expect(error?.properties).toMatchObject({ phase: "ROLLED_BACK", active: { battle: blue.processId } });
  }, 120_000);
});

import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot, OWNER, type ReplyData } from "../processes/aos.ts";
import { ASH, code, GARY, PEERS, STRANGER } from "./game.ts";

const COORDINATOR = address("process-coordinator");
const POKEMON = address("process-pokemon");

/** The shop's state as it is exported. */
interface Books {
  accounts: Record<string, { balance: number; items: Record<string, number> }>;
  stock: Record<string, number>;
  credited: number;
  spent: number;
}

let shop: Aos;
beforeAll(async () => {
  shop = await boot("shop");
  const peers = Object.fromEntries(PEERS.shop.map((name) => [name, address(`process-${name}`)]));
  const wired = await shop.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers, hash: "h" } });
  expect(wired.reply?.status).toBe("ok");
});

async function say(
  From: string,
  Action: string,
  Data: unknown = {},
  Tags: Record<string, string> = {},
): Promise<ReplyData> {
  const { reply, error } = await shop.send({ From, Action, Data, Tags });
  if (error !== undefined || !reply) throw new Error(`${Action}: ${error ?? "no reply"}`);
  expect(reply.data.success).toBe(reply.status === "ok");
  return reply.data;
}
const funded = async (name: string, amount: number) => {
  const account = address(name);
  await say(OWNER, "CREDIT", { account, amount });
  return account;
};

describe("purchases", () => {
  test("take the money and deliver the goods, once per orderId", async () => {
    const buyer = await funded("buyer", 1000);
    const order = { item: "poke-ball", quantity: 3, orderId: "o1" };
    expect(await say(buyer, "PURCHASE", order)).toMatchObject({ total: 600, balance: 400, repeated: false });
    expect(await say(buyer, "PURCHASE", order)).toMatchObject({ total: 600, balance: 400, repeated: true });
    expect(code(await say(buyer, "PURCHASE", { ...order, quantity: 1 }))).toBe("ID_REUSED");
    expect(await say(buyer, "INVENTORY")).toMatchObject({
      balance: 400,
      items: [{ item: "poke-ball", quantity: 3 }],
    });
  });

  test("with the same Correlation-Id happen once and have the same answer", async () => {
    const buyer = await funded("correlated", 1000);
    const tags = { "Correlation-Id": "c1" };
    const first = await say(buyer, "PURCHASE", { item: "potion" }, tags);
    const second = await say(buyer, "PURCHASE", { item: "potion" }, tags);
    expect(second).toEqual(first);
    expect((await say(buyer, "BALANCE")).balance).toBe(800);
  });

  test("by different buyers are separate, even with the same orderId", async () => {
    const [a, b] = [await funded("a", 200), await funded("b", 200)];
    const order = { item: "potion", orderId: "same" };
    expect((await say(a, "PURCHASE", order)).repeated).toBe(false);
    expect((await say(b, "PURCHASE", order)).repeated).toBe(false);
  });

  test.each([
    ["not enough money", { item: "revive" }, "INSUFFICIENT_FUNDS"],
    ["more than the stock", { item: "fire-stone", quantity: 51 }, "OUT_OF_STOCK"],
    ["more than a player can hold", { item: "potion", quantity: 1000 }, "INVALID_DATA"],
    ["an unknown item", { item: "master-ball" }, "UNKNOWN_ITEM"],
    ["more than one ticket", { item: "starter-ticket", quantity: 2 }, "LIMIT_REACHED"],
    ["no item", {}, "INVALID_DATA"],
    ["nothing", { item: "potion", quantity: 0 }, "INVALID_DATA"],
    ["a negative quantity", { item: "potion", quantity: -1 }, "INVALID_DATA"],
    ["a fraction", { item: "potion", quantity: 1.5 }, "INVALID_DATA"],
    ["a huge number", { item: "potion", quantity: 1e300 }, "INVALID_DATA"],
    ["a string as quantity", { item: "potion", quantity: "1" }, "INVALID_DATA"],
  ])("of %s are refused and cost nothing", async (_, order, expected) => {
    const buyer = address("refused");
    const before = (await say(buyer, "BALANCE")).balance;
    if (before === 0) await say(OWNER, "CREDIT", { account: buyer, amount: 1500 });
    expect(code(await say(buyer, "PURCHASE", order))).toBe(expected);
    expect(await say(buyer, "INVENTORY")).toMatchObject({ balance: 1500, items: [] });
  });

  test("written as 1e1 buy ten and keep integers", async () => {
    const buyer = await funded("exponent", 2000);
    const receipt = await say(buyer, "PURCHASE", '{"item":"potion","quantity":1e1}');
    expect(receipt).toMatchObject({ quantity: 10, balance: 0 });
    expect(await shop.value(`math.type(Fleet.state("shop").accounts["${buyer}"].balance)`)).toBe("integer");
  });

  test("of the last items empty the stock until a deployer restocks", async () => {
    const buyer = await funded("collector", 300_000);
    expect((await say(buyer, "PURCHASE", { item: "water-stone", quantity: 50 })).held).toBe(50);
    expect(code(await say(buyer, "PURCHASE", { item: "water-stone" }))).toBe("OUT_OF_STOCK");
    expect(code(await say(buyer, "RESTOCK", { item: "water-stone", quantity: 5 }))).toBe("FORBIDDEN");
    expect((await say(OWNER, "RESTOCK", { item: "water-stone", quantity: 5 })).stock).toBe(5);
    expect((await say(buyer, "PURCHASE", { item: "water-stone" })).held).toBe(51);
  });
});

test("the number of remembered ids is bounded, and the oldest are forgotten first", async () => {
  const kept = await shop.value(`(function()
    local r = require("receipts")
    local ring, list = r.new(3), {}
    for i = 1, 5 do r.keep(ring, "id" .. i, { n = i }) end
    for i = 1, 5 do list[i] = r.find(ring, "id" .. i) ~= nil end
    return list
  end)()`);
  expect(kept).toEqual([false, false, true, true, true]);
});

test("selling pays half the price for items that the player has, and nothing else", async () => {
  const seller = await funded("seller", 600);
  await say(seller, "PURCHASE", { item: "great-ball" });
  expect(await say(seller, "SELL", { item: "great-ball" })).toMatchObject({
    total: 300,
    balance: 300,
    held: 0,
  });
  expect(code(await say(seller, "SELL", { item: "great-ball" }))).toBe("NOT_ENOUGH_ITEMS");
});

describe("money", () => {
  test.each([
    ["a stranger", STRANGER, {}],
    ["a player through the coordinator", COORDINATOR, { "On-Behalf-Of": STRANGER }],
    ["a stranger who claims to be forwarded", STRANGER, { "On-Behalf-Of": POKEMON }],
  ])("is not created by %s", async (_, from, tags) => {
    for (const [action, data] of [
      ["CREDIT", { account: STRANGER, amount: 5 }],
      ["REFUND", { account: STRANGER, orderId: "x" }],
      ["CONSUME_ITEM", { account: ASH, item: "potion" }],
      ["RETURN_ITEM", { account: STRANGER, consumeId: "x" }],
    ] as const) {
      expect(code(await say(from, action, data, tags))).toBe("FORBIDDEN");
    }
    expect((await say(STRANGER, "BALANCE")).balance).toBe(0);
  });

  test("of others can be read, since the state of a process is public", async () => {
    expect((await say(STRANGER, "BALANCE", { account: ASH })).account).toBe(ASH);
    expect((await say(POKEMON, "INVENTORY", { account: ASH })).account).toBe(ASH);
  });

  test("for prizes comes out of a fund that only deployers fill, with a limit for each day and player", async () => {
    const p = await shop.clone();
    const pay = async (account: string, amount: number, creditId?: string) =>
      code(
        (await p.send({ From: COORDINATOR, Action: "CREDIT", Data: { account, amount, creditId } })).reply
          ?.data ?? {},
      );
    const fund = async () => (await p.send({ From: STRANGER, Action: "PRIZE_FUND" })).reply?.data;
    const { left } = (await fund()) as unknown as { left: number };
    const winners = [...Array(10).keys()].map((i) => address(`winner-${i}`));
    expect(await pay(winners[0] ?? "", 4001)).toBe("PRIZE_LIMIT");
    for (const winner of winners) expect(await pay(winner, 4000, `prize:${winner}`)).toBe("ok");
    expect(await pay(winners[0] ?? "", 4000, `prize:${winners[0]}`)).toBe("ok");
    expect(await fund()).toMatchObject({
      left: left - 40_000,
      paidToday: 40_000,
      perDay: 40_000,
      perPlayer: 4000,
    });
    expect(await pay(address("another-winner"), 1)).toBe("PRIZE_LIMIT");
    p.now += 86_400_000;
    expect(await pay(winners[0] ?? "", 4000)).toBe("ok");
    await p.eval(`Fleet.state("shop").prizes.left = 100`);
    expect(await pay(GARY, 101)).toBe("PRIZE_FUND_EMPTY");
    const add = (From: string) => p.send({ From, Action: "FUND_PRIZES", Data: { amount: 1 } });
    expect((await add(COORDINATOR)).reply?.data.error?.code).toBe("FORBIDDEN");
    expect((await add(OWNER)).reply?.data).toMatchObject({ left: 101 });
    expect(await pay(GARY, 101)).toBe("ok");
    const health = await p.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType: "ALL" } } });
    expect(health.reply?.data.healthStatus).toBe("HEALTHY");
    // A state of an earlier version has no fund.
    await p.eval(`Fleet.state("shop").prizes = nil`);
    expect(await fund()).toMatchObject({ left: 1_000_000, paidToday: 0 });
    await p.drop();
  });

  test("that the coordinator credits on behalf of a player goes to that player, and only the coordinator may name one", async () => {
    await say(COORDINATOR, "CREDIT", { account: ASH, amount: 400 });
    const carried = await say(COORDINATOR, "PURCHASE", { item: "potion" }, { "On-Behalf-Of": ASH });
    expect(carried.balance).toBe(200);
    const forged = await say(GARY, "PURCHASE", { item: "potion" }, { "On-Behalf-Of": ASH });
    expect(code(forged)).toBe("INSUFFICIENT_FUNDS");
  });

  test.each([0, -5, 0.5, 2 ** 53, 1e300, "7", null, true, [1]])("is not credited for %j", async (amount) => {
    expect(code(await say(OWNER, "CREDIT", { account: GARY, amount }))).toBe("INVALID_DATA");
  });

  test("never exceeds the largest safe integer", async () => {
    const copy = await shop.clone();
    const credit = (amount: number) => copy.send({ Action: "CREDIT", Data: { account: GARY, amount } });
    const most = Number.MAX_SAFE_INTEGER - Number(await shop.value(`Fleet.state("shop").credited`));
    expect((await credit(most)).reply?.data.balance).toBe(most);
    expect((await credit(1)).reply?.data.error?.code).toBe("OVERFLOW");
    expect((await copy.send({ From: GARY, Action: "BALANCE" })).reply?.data.balance).toBe(most);
    await copy.drop();
  });

  test("is credited and reverted once per id, even when the reversal arrives first", async () => {
    const account = address("ids");
    const credit = { account, amount: 3000, creditId: "prize:1" };
    expect((await say(OWNER, "CREDIT", credit)).repeated).toBe(false);
    expect((await say(OWNER, "CREDIT", credit)).repeated).toBe(true);
    expect(code(await say(OWNER, "CREDIT", { ...credit, amount: 1 }))).toBe("ID_REUSED");

    await say(account, "PURCHASE", { item: "fire-stone", orderId: "w1" });
    await say(POKEMON, "CONSUME_ITEM", { account, item: "fire-stone", consumeId: "e1" });
    expect(code(await say(COORDINATOR, "REFUND", { account, orderId: "w1" }))).toBe("ITEMS_GONE");
    const back = { account, consumeId: "e1" };
    expect((await say(COORDINATOR, "RETURN_ITEM", back)).returned).toBe(1);
    expect((await say(COORDINATOR, "RETURN_ITEM", back)).returned).toBe(0);
    expect((await say(COORDINATOR, "REFUND", { account, orderId: "w1" })).refunded).toBe(3000);
    expect(await say(COORDINATOR, "REFUND", { account, orderId: "w1" })).toMatchObject({
      refunded: 0,
      balance: 3000,
    });

    await say(COORDINATOR, "REFUND", { account, orderId: "late" });
    expect(code(await say(account, "PURCHASE", { item: "potion", orderId: "late" }))).toBe("TAKEN_BACK");
    await say(COORDINATOR, "RETURN_ITEM", { account, consumeId: "late" });
    const late = { account, item: "potion", consumeId: "late" };
    expect(code(await say(POKEMON, "CONSUME_ITEM", late))).toBe("TAKEN_BACK");
  });
});

test("whatever the requests and their order, money is conserved and no balance is negative", async () => {
  const players = ["p1", "p2", "p3"].map((name) => address(`property-${name}`));
  const items = { potion: 200, "great-ball": 600, "thunder-stone": 3000 };
  const names = Object.keys(items) as (keyof typeof items)[];
  const step = fc.record({
    action: fc.constantFrom("CREDIT", "PURCHASE", "SELL", "CONSUME_ITEM", "RETURN_ITEM", "REFUND"),
    player: fc.constantFrom(...players),
    item: fc.constantFrom(...names),
    quantity: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -2, max: 2000 })),
    id: fc.option(fc.constantFrom("i1", "i2", "i3"), { nil: undefined }),
  });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      round += 1;
      for (const { action, player, item, quantity, id } of steps) {
        const key = id === undefined ? undefined : `${round}/${id}`;
        const own = action === "PURCHASE" || action === "SELL";
        const data = {
          account: own ? undefined : player,
          item,
          quantity,
          amount: quantity * 300,
          orderId: key,
          creditId: key,
          consumeId: key,
        };
        await say(own ? player : OWNER, action, data);
      }
      const { state } = await say(OWNER, "EXPORT_STATE");
      const books = (state as { states: { shop: Books } }).states.shop;
      const accounts = Object.values(books.accounts);
      const held = accounts.reduce((sum, each) => sum + each.balance, 0);
      expect(held + books.spent).toBe(books.credited);
      for (const { balance, items: goods } of accounts) {
        expect(Number.isSafeInteger(balance) && balance >= 0).toBe(true);
        for (const pieces of Object.values(goods)) expect(pieces > 0 && pieces <= 999).toBe(true);
      }
      expect(books.stock["thunder-stone"]).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 15, verbose: true },
  );
});

test("every health check includes the health of the books", async () => {
  const copy = await shop.clone();
  await copy.eval(`Fleet.state("shop").spent = Fleet.state("shop").spent + 1`);
  const { reply } = await copy.send({ Action: "HEALTH_CHECK", Data: { healthCheck: { checkType: "ALL" } } });
  expect(reply?.data.healthStatus).toBe("UNHEALTHY");
  expect(JSON.stringify(reply?.data.checks)).toContain("money-is-conserved");
  await copy.drop();
});

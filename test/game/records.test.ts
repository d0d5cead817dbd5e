/** What strangers do in the game removes no receipt, no battle that owes something and no other player's run. */
import { expect, test } from "vitest";
import { type Aos, boot, OWNER, type ReplyData } from "../processes/aos.ts";
import { ASH, code, GARY, member, STRANGER } from "./game.ts";

async function ask(p: Aos, from: string, action: string, data: object = {}, tags = {}): Promise<ReplyData> {
  const { error, reply } = await p.send({ From: from, Action: action, Data: data, Tags: tags });
  expect(error).toBeUndefined();
  return reply?.data ?? {};
}

test("a credit counts once, however much later, and an order and a use once, however many others have since", async () => {
  const shop = await boot("shop");
  const prize = { account: ASH, amount: 5000, creditId: "prize:b1" };
  expect(await ask(shop, OWNER, "CREDIT", prize)).toMatchObject({ balance: 5000, repeated: false });
  const stone = { account: ASH, item: "fire-stone", consumeId: "e1" };
  await ask(shop, ASH, "PURCHASE", { item: "fire-stone", orderId: "o1" });
  expect(await ask(shop, OWNER, "CONSUME_ITEM", stone)).toMatchObject({ left: 0, repeated: false });
  // Uses that are returned cost nothing: a stranger causes any number of them.
  await shop.eval(`local uses, shop = require("uses"), Fleet.state("shop")
    for i = 1, 4200 do uses.giveBack(shop, "${STRANGER}", "free-" .. i) end`);
  expect(await shop.value(`#Fleet.state("shop").accounts["${STRANGER}"].uses.order`)).toBe(64);
  // Its own credits do not make a player's earlier one count again either.
  for (let n = 0; n < 3; n++)
    await ask(shop, OWNER, "CREDIT", { ...prize, creditId: `more-${n}`, amount: 1 });
  expect(await ask(shop, OWNER, "CREDIT", prize)).toMatchObject({ balance: 5000, repeated: true });
  expect(code(await ask(shop, OWNER, "CREDIT", { ...prize, account: GARY }))).toBe("ID_REUSED");
  expect(await ask(shop, OWNER, "CONSUME_ITEM", stone)).toMatchObject({ left: 0, repeated: true });
  expect(await ask(shop, ASH, "PURCHASE", { item: "fire-stone", orderId: "o1" })).toMatchObject({
    repeated: true,
  });
  expect(await ask(shop, ASH, "BALANCE")).toMatchObject({ balance: 2003 });
  await shop.drop();
});

test("a credit overwrites no record of another account's under an id of earlier versions", async () => {
  const shop = await boot("shop");
  const [first, later] = [
    { account: ASH, amount: 500, creditId: "prize:b1" },
    { account: GARY, amount: 700, creditId: "prize:b1/2", earlierId: "prize:b1" },
  ];
  await ask(shop, OWNER, "CREDIT", first);
  expect(await ask(shop, OWNER, "CREDIT", later)).toMatchObject({ balance: 700, repeated: false });
  expect(await ask(shop, OWNER, "CREDIT", first)).toMatchObject({ balance: 500, repeated: true });
  // The latest one to the same account counts.
  const again = { ...first, amount: 600, creditId: "prize:b1/3" };
  await ask(shop, OWNER, "CREDIT", { ...again, earlierId: "prize:b1" });
  expect(await ask(shop, OWNER, "CREDIT", { ...again, creditId: "prize:b1" })).toMatchObject({
    balance: 1100,
    repeated: true,
  });
  await shop.drop();
});

test("a shop of version 1.0.0, in which all shared one list of receipts, is imported with them", async () => {
  const shop = await boot("shop");
  await shop.eval(`local shop, j = Fleet.state("shop"), Fleet.json
    shop.credits = nil
    shop.credited = 500
    shop.accounts["${ASH}"] = { balance = 500, items = {}, bought = {}, orders = { size = 64, order = {}, byId = {} } }
    shop.peers = { size = 4096, order = { "credit:old", "consume:used" }, byId = {
      ["credit:old"] = { account = "${ASH}", amount = 500, balance = 500 },
      ["consume:used"] = { account = "${ASH}", item = "potion", quantity = 1, left = 0 },
    } }`);
  const { state, digest } = await ask(shop, OWNER, "EXPORT_STATE");
  const fresh = await boot("shop");
  const imported = await ask(fresh, OWNER, "IMPORT_STATE", { state, digest }, { Epoch: "2" });
  expect(code(imported)).toBe("ok");
  const credit = { account: ASH, amount: 500, creditId: "old" };
  expect(await ask(fresh, OWNER, "CREDIT", credit)).toMatchObject({ repeated: true, balance: 500 });
  const use = { account: ASH, item: "potion", consumeId: "used" };
  expect(await ask(fresh, OWNER, "CONSUME_ITEM", use)).toMatchObject({ repeated: true });
  expect(await ask(fresh, OWNER, "RETURN_ITEM", { account: ASH, consumeId: "used" })).toMatchObject({
    returned: 1,
  });
  expect(await ask(fresh, OWNER, "RETURN_ITEM", { account: ASH, consumeId: "used" })).toMatchObject({
    returned: 0,
  });
  expect(await ask(fresh, OWNER, "CREDIT", { ...credit, creditId: "new" })).toMatchObject({ balance: 1000 });
  await shop.drop();
  await fresh.drop();
});

test("battles of a busy pair remove neither one that owes experience nor the only one of others", async () => {
  const battle = await boot("battle");
  const teams = JSON.stringify([[member("a")], [member("b")]]);
  const kept = await battle.value(`(function()
    local book, rounds, state = require("book"), require("rounds"), Fleet.state("battles")
    local function fight(id, one, two)
      local challenge = book.challenge(state, {
        id = id, players = { one, two }, ranked = false, now = 1, teams = Fleet.json.decode('${teams}'),
      })
      local started = book.start(state, challenge, 1)
      rounds.forfeit(state, started, 1, 2)
      return started
    end
    fight("owed", "${ASH}", "${GARY}").experience.status = "FAILED"
    fight("theirs", "v", "w")
    for i = 1, 250 do fight("flood-" .. i, "s1", "s2") end
    return { owed = state.battles.owed ~= nil, theirs = state.battles.theirs ~= nil, latest = state.battles["flood-250"] ~= nil,
      first = state.battles["flood-1"] == nil, n = #state.finished, whole = book.consistent(state) }
  end)()`);
  expect(kept).toEqual({ owed: true, theirs: true, latest: true, first: true, n: 201, whole: true });
  await battle.drop();
});

test("a player's ended workflows remove no other player's", async () => {
  const coordinator = await boot("coordinator");
  // No service is wired, so each run ends at once.
  const run = async (from: string) => {
    const { messages } = await coordinator.send({
      ...{ From: from, Action: "RUN_WORKFLOW" },
      Data: { workflow: "battle-victory", input: { battleId: "b" } },
    });
    return JSON.parse(messages[0]?.Data ?? "{}").error.workflow.workflowId as string;
  };
  const workflowId = await run(ASH);
  for (let n = 0; n < 205; n++) await run(STRANGER);
  expect(await ask(coordinator, ASH, "WORKFLOW_STATUS", { workflowId })).toMatchObject({ workflowId });
  expect(await coordinator.value("#Fleet.state('workflows').ended")).toBe(200);
  await coordinator.drop();
});

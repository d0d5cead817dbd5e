/** Workflows under a flood of free wallets: places for regular players, and nothing kept that nobody needs. */
import { expect, test } from "vitest";
import {
  type Aos,
  address,
  boot,
  MESSENGER,
  type Reply,
  readReply,
  START,
  sentFor,
} from "../processes/aos.ts";

const SHOP = address("shop");
const MINUTES = 60_000;

async function coordinator(): Promise<Aos> {
  const p = await boot("coordinator");
  const peers = { shop: SHOP, pokemon: address("pokemon"), battle: address("battle") };
  await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers } });
  return p;
}

let count = 0;
/** Starts a workflow whose first step the shop is asked to do. */
async function run(p: Aos, from: string, input: object = { species: "eevee" }) {
  const { reply, messages } = await p.send({
    ...{ From: from, Action: "RUN_WORKFLOW", "Correlation-Id": `w${++count}`, Timestamp: p.now },
    Data: { workflow: "starter-purchase", input },
  });
  const asked = messages.map(readReply).find(({ target }) => target === SHOP);
  return { code: asked ? "started" : reply?.data.error?.code, asked };
}

const refuse = (p: Aos, asked: Reply | undefined) =>
  p.send({
    ...{
      From: SHOP,
      Owner: MESSENGER,
      Action: "Error-Response",
      "Correlation-Id": asked?.correlationId ?? "",
    },
    ...sentFor(p.id, asked?.tags.Reference),
    Data: { success: false, error: { code: "INSUFFICIENT_FUNDS", message: "m", remedy: "r" } },
    Timestamp: p.now,
  });

test("new wallets leave places for players from before and keep only what a run needs", async () => {
  const p = await coordinator();
  const friend = address("friend");
  const info = await p.send({ From: friend, Action: "LIST_ITEMS", Service: "shop", "Correlation-Id": "l" });
  const listed = info.messages.map(readReply)[0];
  await p.send({
    ...{ From: SHOP, Owner: MESSENGER, Action: "LIST_ITEMS-Response", Data: { success: true } },
    "Correlation-Id": listed?.correlationId ?? "",
    ...sentFor(p.id, listed?.tags.Reference),
  });
  p.now += 11 * MINUTES;
  for (let i = 0; i < 8; i += 1) expect((await run(p, address("one"))).code).toBe("started");
  expect((await run(p, address("one"))).code).toBe("TOO_MANY_WORKFLOWS");
  const codes = new Map<string, number>();
  for (let i = 0; i < 70; i += 1) {
    const { code = "none" } = await run(p, address(`free-${i}`), {
      species: "eevee",
      junk: "x".repeat(2_000),
    });
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  expect([...codes]).toEqual([
    ["started", 56],
    ["BUSY", 14],
  ]);
  // When places are short, each player has one.
  expect((await run(p, address("free-1"))).code).toBe("TOO_MANY_WORKFLOWS");
  expect((await run(p, friend)).code).toBe("started");
  const kept = String(await p.value('#require("json").encode(Fleet.store.states.workflows)'));
  expect(Number(kept)).toBeLessThan(64 * 1000);
  // Runs whose calls are lost, as after a hand-over, take no place and are continued.
  await p.eval("Fleet.store.calls.open, Fleet.store.calls.count = {}, 0");
  p.now += 10 * MINUTES;
  const { messages } = await p.send({
    ...{ From: address("next"), Action: "RUN_WORKFLOW", "Correlation-Id": "next", Timestamp: p.now },
    Data: { workflow: "starter-purchase", input: { species: "eevee" } },
  });
  expect(messages.map(readReply).filter(({ target }) => target === SHOP)).toHaveLength(5);
  await p.drop();
}, 60_000);

test("nobody pushes the ended runs of others out, and one that left something undone stays", async () => {
  const p = await coordinator();
  expect(p.now).toBeGreaterThan(START);
  const player = address("player");
  const started = await run(p, player);
  await refuse(p, started.asked);
  const id = await p.value(
    `(function() for id, r in pairs(Fleet.store.states.workflows.byId) do r.stranded = { { step = "pay" } } return id end end)()`,
  );
  const other = await run(p, player);
  await refuse(p, other.asked);
  expect(await p.value('require("runs").KEEP')).toBe(200);
  await p.eval('require("runs").KEEP = 20');
  for (let i = 0; i < 25; i += 1) await refuse(p, (await run(p, address("loud"))).asked);
  const owners = (await p.value(
    `(function() local n = {} for _, r in pairs(Fleet.store.states.workflows.byId) do n[r.player] = (n[r.player] or 0) + 1 end return n end)()`,
  )) as Record<string, number>;
  expect(owners).toEqual({ [player]: 2, [address("loud")]: 18 });
  expect(await p.value(`Fleet.store.states.workflows.byId["${id}"] ~= nil`)).toBe(true);
  await p.drop();
}, 60_000);

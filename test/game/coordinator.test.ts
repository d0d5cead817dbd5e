import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { address, OWNER } from "../processes/aos.ts";
import type { World } from "../processes/world.ts";
import { ASH, ask, code, GARY, game, PEERS, route, STRANGER } from "./game.ts";

let world: World;
beforeAll(async () => {
  world = await game();
});

describe("a message with the tag Service", () => {
  const carried = (from: string, service: string, action: string, data: unknown, more = {}) =>
    ask(world, "coordinator", from, action, data, { Service: service, ...more });

  test("is forwarded, and answered as if the service had been called", async () => {
    const direct = await ask(world, "shop", ASH, "LIST_ITEMS");
    const reply = await carried(ASH, "shop", "LIST_ITEMS", {}, { "Correlation-Id": "mine" });
    expect(reply).toMatchObject({ action: "LIST_ITEMS-Response", status: "ok", correlationId: "mine" });
    expect(reply.data).toEqual(direct.data);
  });

  test("returns errors with code, message and remedy", async () => {
    const reply = await carried(ASH, "shop", "PURCHASE", { item: "revive" });
    expect(reply).toMatchObject({ action: "Error-Response", status: "error" });
    expect(reply.data.error).toMatchObject({ code: "INSUFFICIENT_FUNDS", remedy: "earn 2000 more" });
  });

  test("takes effect once per Correlation-Id, and is answered each time", async () => {
    const player = address("twice");
    await ask(world, "shop", OWNER, "CREDIT", { account: player, amount: 1000 });
    const buy = () => carried(player, "shop", "PURCHASE", { item: "potion" }, { "Correlation-Id": "c" });
    const first = await buy();
    expect((await buy()).data).toEqual(first.data);
    expect((await route(world, player, "shop", "BALANCE")).data.balance).toBe(800);
  });

  test.each([
    ["not json", "BAD_JSON"],
    ["7", "BAD_JSON"],
    [`{"item":"potion"}${" ".repeat(1_100_000)}`, "TOO_LARGE"],
    ["[".repeat(5000), "BAD_JSON"],
  ])("with bad data is refused (%#)", async (data, expected) => {
    expect(code((await carried(ASH, "shop", "PURCHASE", data)).data)).toBe(expected);
  });
});

describe("ROUTE", () => {
  test("forwards every process' health and statistics, and nothing else from those that are not open", async () => {
    const health = await route(world, STRANGER, "battle", "HEALTH_CHECK", {
      healthCheck: { checkType: "ALL", nonce: "n1" },
    });
    expect(health.data).toMatchObject({ success: true, healthStatus: "HEALTHY", nonce: "n1" });
    expect(code((await route(world, STRANGER, "security", "BAN", {})).data)).toBe("ACTION_NOT_ROUTED");
  });

  test.each([
    "GET_CONFIG",
    "UPDATE_CONFIG",
    "WIRE_PEERS",
    "RETIRE",
    "DRAIN",
    "RESUME",
    "EXPORT_STATE",
    "IMPORT_STATE",
    "SET_ALLOWED",
    "AUDIT",
    "LOGS",
    "RESTORE_CONFIG",
    "PROBE_PEERS",
    "Eval",
    "Cron",
    "PURCHASE-Response",
  ])("never forwards %s, because the coordinator is a peer and its callers are not", async (action) => {
    const asked = { From: STRANGER, Action: "ROUTE", Data: { service: "shop", action, data: {} } };
    const { deliveries } = await world.send("coordinator", asked);
    expect(deliveries.map((each) => [each.target, code(each.data)])).toEqual([
      [STRANGER, "ACTION_NOT_ROUTED"],
    ]);
  });

  test.each(["battle", "pokemon", "shop"])(
    "every action of %s for the fleet alone stays closed",
    async (service) => {
      const inner: Record<string, [string, object][]> = {
        battle: ["CLAIM_PRIZE", "RELEASE_PRIZE", "SETTLE_PRIZE"].map((a) => [
          a,
          { battleId: "x", player: STRANGER },
        ]),
        pokemon: [["GAIN_EXPERIENCE", { pokemonId: "x", amount: 1 }]],
        shop: [
          ["CREDIT", { account: STRANGER, amount: 1 }],
          ["REFUND", { account: STRANGER, orderId: "x" }],
          ["CONSUME_ITEM", { account: ASH, item: "potion" }],
          ["RETURN_ITEM", { account: ASH, consumeId: "x" }],
        ],
      };
      for (const [action, data] of inner[service] ?? []) {
        expect([action, code((await route(world, STRANGER, service, action, data)).data)]).toEqual([
          action,
          "FORBIDDEN",
        ]);
      }
    },
  );

  test("names a service that is not wired", async () => {
    expect(code((await route(world, ASH, "casino", "BET")).data)).toBe("UNKNOWN_SERVICE");
    expect(code((await ask(world, "coordinator", ASH, "ROUTE", { service: 7 })).data)).toBe("INVALID_DATA");
  });

  test("answers TIMEOUT at the next message or tick after the time is up", async () => {
    const first = await world.send("coordinator", {
      From: ASH,
      Action: "ROUTE",
      Data: { service: "security", action: "Info" },
    });
    expect(first.reply).toBeUndefined();
    const coordinator = world.get("coordinator");
    const early = await coordinator.send({ From: OWNER, Action: "Cron", Cron: true });
    expect(early.messages.filter((each) => each.Target === ASH)).toEqual([]);
    world.advance(61_000);
    const tick = await coordinator.send({ From: OWNER, Action: "Cron", Cron: true });
    const notice = tick.messages.find((each) => each.Target === ASH);
    expect(JSON.parse(notice?.Data ?? "{}").error.code).toBe("TIMEOUT");
  });

  test("ignores a claim to call for another: only the coordinator's word counts", async () => {
    const forged = await ask(
      world,
      "coordinator",
      STRANGER,
      "ROUTE",
      { service: "shop", action: "BALANCE" },
      { "On-Behalf-Of": GARY },
    );
    expect(forged.data.account).toBe(STRANGER);
  });
});

test("a new load in place keeps players, pokemon, money and runs", async () => {
  const player = address("keeper");
  await ask(world, "shop", OWNER, "CREDIT", { account: player, amount: 1234 });
  await route(world, player, "pokemon", "CREATE_POKEMON", { species: "eevee" });
  for (const name of Object.keys(PEERS)) {
    const loaded = await world.get(name).load({ release: "r2", version: "1.1.0", epoch: 2 });
    expect(loaded.output).toContain('"committed"');
  }
  expect((await route(world, player, "shop", "BALANCE")).data.balance).toBe(1234);
  expect((await route(world, player, "pokemon", "LIST_POKEMON")).data.count).toBe(1);
  const info = await route(world, player, "pokemon", "Info");
  expect(info.data).toMatchObject({ version: "1.1.0", release: "r2", epoch: 2 });
});

test("no input breaks a process: every action answers anything with one well-formed reply, and the books stay right", async () => {
  const actions: [string, string][] = [];
  for (const name of Object.keys(PEERS)) {
    const info = (await ask(world, name, STRANGER, "Info")).data;
    for (const action of info.endpoints) actions.push([name, action]);
  }
  expect(actions.length).toBeGreaterThan(35);
  const fields = [
    "item",
    "quantity",
    "amount",
    "account",
    "pokemonId",
    "battleId",
    "opponent",
    "team",
    "party",
    "moves",
  ];
  const more = [
    "species",
    "level",
    "trainer",
    "awards",
    "service",
    "action",
    "data",
    "workflow",
    "input",
    "move",
    "switchTo",
  ];
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      -1,
      0,
      1,
      2 ** 53,
      1e300,
      -0.5,
      "",
      "potion",
      "eevee",
      "\u0000",
      "'); os.exit() --",
      {},
      [],
    ),
    fc.constantFrom<unknown>(
      [[[[]]]],
      [null],
      { length: 3 },
      "x".repeat(5000),
      ASH,
      "battle-victory",
      "shop",
    ),
  );
  const data = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .dictionary(fc.constantFrom(...fields, ...more), value, { maxKeys: 8 })
        .map((d) => JSON.stringify(d)),
    },
    {
      weight: 1,
      arbitrary: fc.oneof(
        fc.string(),
        fc.constantFrom("", "{", "null", "[]", '{"a":1e999}', "[".repeat(300)),
      ),
    },
  );
  const sender = fc.constantFrom(STRANGER, ASH, OWNER);
  const harmless = new Set(["INTERNAL"]);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...actions), data, sender, async ([name, action], text, from) => {
      const result = await world.get(name).send({ From: from, Action: action, Data: text });
      expect(result.error).toBeUndefined();
      for (const message of result.messages) {
        const body = JSON.parse(message.Data ?? "");
        if (message.Target !== from) continue;
        expect(typeof body.success).toBe("boolean");
        if (!body.success) {
          expect(body.error.code).toMatch(/^[A-Z][A-Z_]+$/);
          expect(harmless.has(body.error.code), `${name} ${action} ${text}: ${body.error.message}`).toBe(
            false,
          );
        }
      }
    }),
    { numRuns: 250, verbose: true },
  );
  for (const name of Object.keys(PEERS)) {
    const health = await ask(world, name, OWNER, "HEALTH_CHECK", { healthCheck: { checkType: "ALL" } });
    expect([name, health.data.healthStatus]).toEqual([name, "HEALTHY"]);
  }
});

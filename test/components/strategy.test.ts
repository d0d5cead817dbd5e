import { describe, expect, it } from "vitest";
import { type FleetDeclaration, FleetDeclarationSchema } from "../../components/declaration.ts";
import { getsNewProcess, rollbackStrategy, rolloutOf, rolloutProblems } from "../../components/strategy.ts";
import { strategyProblems } from "../../src/delivery/combinations.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";

const fleet = (more: object, processes: Record<string, object>): FleetDeclaration =>
  FleetDeclarationSchema.parse({ network: { kind: "local", dir: "net" }, ...more, processes });

const GAME = { coordinator: {}, ledger: {}, battle: { state: "none" }, shop: { state: "none" } };
const ORDER = ["ledger", "coordinator", "battle", "shop"];
const codes = (more: object, processes: Record<string, object> = GAME) =>
  rolloutProblems(fleet({ ledger: "ledger", ...more }, processes)).map(({ code, at }) => `${code} ${at}`);

describe("the order in which members are created", () => {
  const waits = (strategy: object | undefined) =>
    Object.fromEntries(rolloutOf(fleet(strategy === undefined ? {} : { strategy }, GAME), ORDER).after);

  it("follows the dependencies alone without a strategy, and for parallel and blue-green", () => {
    const none = { ledger: [], coordinator: [], battle: [], shop: [] };
    expect(waits(undefined)).toEqual(none);
    expect(waits({ kind: "parallel" })).toEqual(none);
    expect(waits({ kind: "blue-green" })).toEqual(none);
    expect(rolloutOf(fleet({}, GAME), ORDER)).toMatchObject({
      inNewProcess: new Set(),
      router: "coordinator",
    });
  });

  it("is one at a time for sequential", () => {
    expect(waits({})).toEqual({
      ledger: [],
      coordinator: ["ledger"],
      battle: ["coordinator"],
      shop: ["battle"],
    });
  });

  it("is batches for rolling, each after the one before was healthy for a while", () => {
    const strategy = { kind: "rolling", maxParallel: 3, minHealthySeconds: 5 };
    const first = ["ledger", "coordinator", "battle"];
    expect(waits(strategy)).toEqual({ ledger: [], coordinator: [], battle: [], shop: first });
    expect(rolloutOf(fleet({ strategy }, GAME), ORDER).minHealthySeconds).toBe(5);
    expect(waits({ kind: "rolling" })).toEqual(waits({}));
  });
});

describe("the members that get a new process next to the old one", () => {
  it("are all but the router and the ledger if the fleet is blue-green", () => {
    const declared = fleet({ ledger: "ledger", strategy: { kind: "blue-green" } }, GAME);
    expect(ORDER.filter((name) => getsNewProcess(declared, name))).toEqual(["battle", "shop"]);
  });

  it("exclude members with a cron: two revisions would tick", () => {
    const ticking = { ...GAME, shop: { tags: { "Cron-Interval": "1-hour" } } };
    const declared = fleet({ strategy: { kind: "blue-green" } }, ticking);
    expect(getsNewProcess(declared, "shop")).toBe(false);
    const own = { ...GAME, shop: { ...ticking.shop, strategy: { kind: "blue-green" } } };
    expect(codes({}, own)).toEqual(["CRON_IN_PLACE processes.shop.strategy"]);
    expect(codes({ strategy: { kind: "blue-green" } }, ticking)).toEqual([]);
  });

  it("exclude members without the library from the fleet's strategy; their own strategy is refused", () => {
    const bare = { state: "none", lib: false };
    const declared = fleet({ strategy: { kind: "blue-green" } }, { ...GAME, shop: bare });
    expect(getsNewProcess(declared, "shop")).toBe(false);
    expect(codes({ strategy: { kind: "blue-green" } }, { ...GAME, shop: bare })).toEqual([]);
    expect(codes({}, { ...GAME, shop: bare })).toEqual([]);
    const own = { ...GAME, shop: { ...bare, strategy: { kind: "blue-green" } } };
    expect(codes({}, own)).toContain("NO_LIBRARY_NO_PROOF processes.shop.lib");
  });

  it("include a member with its own blue-green strategy, and exclude one with another", () => {
    const own = { ...GAME, battle: { state: "none", strategy: { kind: "blue-green" } } };
    expect(ORDER.filter((name) => getsNewProcess(fleet({}, own), name))).toEqual(["battle"]);
    const inPlace = { ...GAME, battle: { strategy: { kind: "sequential" } } };
    const declared = fleet({ strategy: { kind: "blue-green" } }, inPlace);
    expect(getsNewProcess(declared, "battle")).toBe(false);
    const { traffic } = rolloutOf(declared, ORDER);
    expect(traffic).toMatchObject({ kind: "blue-green" });
  });
});

describe("the problems of a strategy", () => {
  it("are none for a correct fleet", () => {
    expect(codes({})).toEqual([]);
    expect(codes({ strategy: { kind: "blue-green", trafficStrategy: "CANARY" } })).toEqual([]);
    expect(codes({ strategy: { kind: "blue-green" } }, { coordinator: {}, ledger: {}, bank: {} })).toEqual(
      [],
    );
  });

  it("are all reported at once, where they are written", () => {
    const wrong = codes(
      { strategy: { kind: "blue-green", trafficStrategy: "CANARY" } },
      {
        coordinator: { strategy: { kind: "blue-green" } },
        ledger: { strategy: { kind: "blue-green" } },
        bank: { testers: { tag: "Tester", value: "1" } },
        cards: { state: "partitioned", trafficKey: "data:player" },
        old: { state: "none", adopt: { name: "old" } },
        slow: { strategy: { kind: "rolling" }, testers: { tag: "Tester", value: "1" } },
      },
    );
    expect(wrong.sort()).toEqual([
      "ADOPTED_IN_PLACE strategy",
      "LEDGER_IN_PLACE processes.ledger.strategy",
      "ROLLING_OF_ONE processes.slow.strategy.kind",
      "ROUTER_IN_PLACE processes.coordinator.strategy",
      "STATE_OWNED_SPLIT strategy",
      "STRATEGY_DIFFERS processes.coordinator.strategy",
      "STRATEGY_DIFFERS processes.ledger.strategy",
      "TESTERS_NEED_NO_STATE processes.bank.testers",
      "TRAFFIC_NEEDS_BLUE_GREEN processes.slow.testers",
    ]);
  });

  it.each([
    ["A_B_TEST on owned state", { trafficStrategy: "A_B_TEST" }],
    ["steps that split it", { steps: [{ weightBp: 100 }, { weightBp: 10_000 }] }],
  ])("include %s", (_what, more) => {
    const bank = { coordinator: {}, ledger: {}, bank: { strategy: { kind: "blue-green", ...more } } };
    expect(codes({}, bank)).toEqual(["STATE_OWNED_SPLIT processes.bank.strategy"]);
  });

  it("include no router, and a router that is not a member", () => {
    const strategy = { kind: "blue-green" };
    expect(codes({ strategy }, { ledger: {}, shop: { state: "none" } })).toEqual(["NO_ROUTER router"]);
    expect(codes({ strategy, router: "front" })).toEqual(["UNKNOWN_ROUTER router"]);
    expect(codes({ strategy: { kind: "sequential" } }, { ledger: {} })).toEqual([]);
  });

  it("include unknown keys", () => {
    expect(() => fleet({ strategy: { kind: "blue-green", trafic: "CANARY" } }, GAME)).toThrow(/trafic/);
    expect(() => fleet({}, { shop: { strategy: { kind: "blue" } } })).toThrow();
  });
});

it("a release returns to a warm revision at once", () => {
  const canary = StrategySchema.parse({ kind: "blue-green", trafficStrategy: "CANARY", windowSeconds: 7 });
  const back = rollbackStrategy(canary);
  expect(back).toMatchObject({ trafficStrategy: "INSTANT", intervalSeconds: 0, windowSeconds: 7 });
  expect(strategyProblems(back, { services: { bank: { state: "owned" } } })).toEqual([]);
});

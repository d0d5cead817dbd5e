/** What a plan reports about state that a hand-over would not carry. */
import { beforeAll, describe, expect, it } from "vitest";
import { planFleet } from "../../components/plan.ts";
import type { Running } from "../../components/running-release.ts";
import { trafficPolicyOf } from "../../components/traffic.ts";
import { FleetError, type Problem } from "../../src/core/errors.ts";
import type { DeclaredProcess } from "../../src/fleet/releases/declared.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

const TOKEN = `
Ticker = "TKN"
Balances = Balances or { owner = 100 }
function helper() return 1 end
Other = function() end
local Seen, count, Names = {}, 0, Names or {}
local function forget() Seen = {} end
Handlers.add("Mint", "Mint", function(msg)
  Seen[msg.From], count = true, count + 1
  table.insert(Names, msg.From)
  Balances.owner = Balances.owner + 1
  local mine = {}
  mine.x = 1
end)
local Fixed = { fee = 1 }
Fixed.fee = 2
local Made = {}
local function define(name) Made[name] = true end
define("one")
local M = { kinds = {} }
function M.register(name) M.kinds[name] = true end
`;

beforeAll(() => {
  enterFolder("state");
  writeFiles({ "processes/coordinator/process.lua": "return 1\n", "processes/token/process.lua": TOKEN });
});

async function plan(token: object, running: Running = () => undefined) {
  const raw = {
    network: { kind: "local", dir: ".fleet/localnet" },
    strategy: { kind: "blue-green" },
    processes: { coordinator: {}, token },
  };
  try {
    const made = await planFleet(raw, { home: ".fleet", build: "build" }, running);
    return { problems: [], warnings: made.warnings, made };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { problems: error.problems, warnings: [], made: undefined };
  }
}
const codes = (found: readonly Problem[]) => found.map(({ code }) => code);

/** A running release with these modules. */
const runs =
  (modules: Record<string, string>): Running =>
  (name) =>
    name === "token" ? ({ sourceHash: "another", modules } as unknown as DeclaredProcess) : undefined;

describe("a program whose state the library finds in its globals", () => {
  it("gets a warning that names the locals its handlers change, with their places", async () => {
    const { problems, warnings } = await plan({});
    expect(problems).toEqual([]);
    expect(warnings).toMatchObject([
      {
        code: "STATE_IN_LOCALS",
        at: "processes.token.state",
        got: "Seen (processes/token/process.lua:7:25), count (processes/token/process.lua:9:19), Names (processes/token/process.lua:10:16)",
      },
    ]);
  });

  it("gets the warning for loads in place too, because every load makes new locals", async () => {
    const { problems, warnings } = await plan({ strategy: { kind: "sequential" } });
    expect([problems, codes(warnings)]).toEqual([[], ["STATE_IN_LOCALS"]]);
  });

  it.each([
    ["without a state", { state: "none" }],
    ["with a reason", { silence: { STATE_IN_LOCALS: "caches" } }],
  ])("gets no warning %s", async (_, token) => {
    const { problems, warnings } = await plan(token);
    expect([problems, warnings.filter(({ at }) => at?.endsWith(".state"))]).toEqual([[], []]);
  });

  it("is handed over from a library that sees globals, and refused from one that does not, naming them", async () => {
    expect((await plan({}, runs({ "fleet.globals": "1" }))).problems).toEqual([]);
    const { problems } = await plan({}, runs({ "fleet.state": "1" }));
    expect(problems).toMatchObject([
      {
        code: "STATE_NOT_KNOWN",
        at: "processes.token.state",
        got: "Balances, Ticker, local Seen, local count, local Names (in its source)",
      },
    ]);
    for (const offer of ['kind: "sequential"', 'state: "none"']) expect(problems[0]?.remedy).toContain(offer);
    expect((await plan({ strategy: { kind: "sequential" } }, runs({}))).problems).toEqual([]);
  });

  it("is loaded in place without the library, whatever the fleet's strategy; its own strategy is refused", async () => {
    expect((await plan({ lib: false })).problems).toEqual([]);
    const { problems } = await plan({ lib: false, strategy: { kind: "blue-green" } });
    expect(codes(problems)).toContain("LIB_REQUIRED");
  });
});

describe("a member without the library", () => {
  it.each([
    [{ state: { globals: ["Balances"] } }, "state", "{ globals: [Balances] }"],
    [{ state: "partitioned" }, "state", "partitioned"],
    [{ trafficKey: "tag:Player" }, "trafficKey", "tag:Player"],
    [{ publish: ["Balances", "Supply"] }, "publish", "Balances, Supply"],
  ])(
    "is refused with %j: without the library no state is handed over, no callers are split and nothing is published",
    async (token, field, got) => {
      const { problems } = await plan({ lib: false, ...token });
      expect(problems).toMatchObject([{ code: "LIB_REQUIRED", at: `processes.token.${field}`, got }]);
    },
  );

  it("may declare that it keeps nothing; the warning about locals says what it can do itself", async () => {
    expect((await plan({ lib: false, state: "none" })).problems).toEqual([]);
    const { warnings } = await plan({ lib: false });
    expect(warnings).toMatchObject([
      { code: "STATE_IN_LOCALS", expected: "state in globals (`Name = Name or {}`)" },
    ]);
    expect(warnings[0]?.what).not.toContain("new process");
  });
});

describe("globals that a hand-over leaves behind", () => {
  const left = async (token: object) =>
    (await plan(token)).warnings
      .filter(({ code }) => code === "LUA_GLOBAL_UNDECLARED")
      .map(({ what, got }) => [what, got]);
  const behind =
    "processes/token/process.lua assigns globals that a hand-over to a new process does not carry.";

  it.each([
    ["everything that messages change is handed over", {}],
    ["all of its data is named", { state: { globals: ["Balances", "Ticker"] } }],
    ["there is no hand-over without the library", { lib: false, state: "none" }],
    ["the declaration hands nothing over", { state: "none" }],
  ])("cause no warning if %s", async (_, token) => {
    expect(await left(token)).toEqual([]);
  });

  it.each([
    ["others are named", { state: { globals: ["Balances"] } }, "Ticker"],
    [
      "others are named, whatever list the bundle has",
      { state: { globals: ["Balances"] }, bundle: { state: ["Ticker"] } },
      "Ticker",
    ],
  ])("cause a warning if %s", async (_, token, names) => {
    expect(await left(token)).toEqual([[behind, names]]);
  });
});

describe("state: { globals }", () => {
  it("is a kind of owned state and part of the code: the bundle passes the names to the library", async () => {
    const [declared, other] = [
      await plan({ state: { globals: ["Balances"] } }),
      await plan({ state: { globals: ["Balances", "Ticker"] } }),
    ];
    const hash = (made: typeof declared) => made.made?.levels.flat().find(({ name }) => name === "token");
    expect(hash(declared)?.declared.sourceHash).not.toBe(hash(other)?.declared.sourceHash);
    const split = await plan({
      state: { globals: ["Balances"] },
      strategy: { kind: "blue-green", trafficStrategy: "GRADUAL" },
    });
    expect(codes(split.problems)).toContain("STATE_OWNED_SPLIT");
  });

  it("names globals that the program assigns; a misspelt name is refused", async () => {
    const { problems } = await plan({ state: { globals: ["Balance"] } });
    expect(problems).toMatchObject([
      {
        code: "STATE_GLOBAL_UNKNOWN",
        got: "Balance",
        expected: 'perhaps "Balances"; some of Balances, Ticker',
      },
    ]);
    const silence = { STATE_GLOBAL_UNKNOWN: "made by a computed name" };
    expect((await plan({ state: { globals: ["Balance"] }, silence })).problems).toEqual([]);
  });

  it.each([
    [{ globals: ["a b"] }, "BAD_VALUE"],
    [{ globals: "Balances" }, "BAD_VALUE"],
    [{ global: ["Balances"] }, "BAD_VALUE"],
    ["owns", "BAD_VALUE"],
  ])("is refused as %j", async (state, code) => {
    const { problems } = await plan({ state });
    expect(codes(problems)).toEqual([code]);
    expect(problems[0]?.at).toMatch(/^processes\.token\.state/);
  });
});

it("a release records what a load in place needs to know of the state, for a rollback", () => {
  const plan = (state: unknown) =>
    ({ declaration: { processes: { token: { state } } }, rollout: { inNewProcess: new Set() } }) as never;
  expect(trafficPolicyOf(plan("none"), "token")).toEqual({ state: "none" });
  expect(trafficPolicyOf(plan(undefined), "token")).toEqual({});
});

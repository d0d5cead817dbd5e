/** What a hand-over reports, and on what evidence; and programs whose state it cannot see. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun } from "../../providers/run/session.ts";
import { carriedText } from "../../providers/traffic/hand-over-messages.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import type { TrafficOutputs } from "../../providers/traffic/schema.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { type Exported, ExportedSchema } from "../../src/fleet/snapshot/contents.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { ruin } from "../localnet/ruin.ts";
import { targetOf } from "../providers/fixture.ts";
import { Embedded } from "./embedded.ts";

const handing = { name: "shop", from: "blueblueblue", to: "greengreengreen" };
const exported = (state: object, more: object = {}): Exported =>
  ExportedSchema.parse({ digest: "ab".repeat(32), slot: 7, state: { stateVersion: "1", ...state }, ...more });
const known = (left: string[] = []) => ({ globals: { carried: [], left, waiting: 0 } });

describe("the report of a hand-over", () => {
  it.each([
    [{ states: { shop: { sum: 1 }, empty: {} } }, "1 state (shop), 59 bytes, equal by digest"],
    [{ states: {}, globals: { Balances: { a: 1 } } }, "1 global (Balances), 63 bytes, equal by digest"],
    [
      { states: { a: [1] }, globals: { B: 1, C: 2 } },
      "1 state (a), 2 globals (B, C), 63 bytes, equal by digest",
    ],
  ])("%j", (state, words) => {
    expect(carriedText(handing, exported(state))).toBe(`abababab at slot 7: blueblue → greengre, ${words}`);
  });

  it("names what is in the code, and modules that are too large to compare", () => {
    const code = {
      items: [{ kind: "HANDLER", name: "sub-tea", change: "ADDED" }],
      count: 3,
      notCompared: ["words"],
    };
    const words = carriedText(handing, exported({ states: {}, globals: { B: 1 } }, { code }));
    expect(words).toContain(
      "equal by digest; not included, because it is in the code: handler sub-tea, … 2 more; too large to know whether messages changed them: module words",
    );
  });

  it.each([[{ states: {} }], [{ states: { shop: {}, list: [] } }]])(
    "never reports an empty hand-over as equal: %j",
    (state) => {
      const words = carriedText(handing, exported(state, known(["Hook"])));
      expect(words).toBe(
        "carried nothing at slot 7: blueblue → greengre, the tables of fleet.state are empty, and no message changed the data of a global; local variables and closures are not visible, left behind because they are not declared: Hook",
      );
      expect(words).not.toContain("equal");
    },
  );
});

const TOKEN = (name: string, more = "") => `
Edition = "${name}"
Balances = Balances or { owner = 100 }
local function answer(msg, data)
  msg.reply({ Data = require("json").encode(data), ["Correlation-Id"] = msg.Tags["Correlation-Id"] })
end
local function on(action, fn) Handlers.add(action, Handlers.utils.hasMatchingTag("Action", action), fn) end
on("Mint", function(msg) Balances.owner = Balances.owner + 5 answer(msg, { success = true }) end)
on("Sum", function(msg) answer(msg, { success = true, edition = Edition, sum = Balances.owner }) end)
on("Later", function(msg)
  answer(msg, { success = true })
  local go = Receive({ Action = "Go" })
  Balances.owner = Balances.owner + 1000
  answer(go, { success = true })
end)
${more}
`;
/** A message adds a handler. */
const SUBSCRIBE = `on("Subscribe", function(msg)
  on("News", function(m) answer(m, { success = true, news = "tea" }) end)
  answer(msg, { success = true })
end)`;
/** A table with too many entries to compare them. */
const LARGE = `Index = {}
for n = 1, 200001 do Index[n] = n end`;
/** The answer of a library from before it handed over globals. */
const EARLIER = `Fleet.staged.actions.EXPORT_STATE.handler = function()
  local state, digest = require("fleet.state").export({})
  return { state = state, digest = digest, slot = 1 }
end`;

describe("a token without the fleet's code", () => {
  let stage: Embedded;
  let player: Player;
  let [coordinator, blue, green, earlier, third, fourth, next, large, after] = [] as ProcessOutputs[];

  beforeAll(async () => {
    stage = await Embedded.open();
    [coordinator, blue, green, earlier, third, fourth, next, large, after] = (await Promise.all([
      stage.make("coordinator"),
      stage.make("token-blue", TOKEN("blue")),
      stage.make("token-green", TOKEN("green", SUBSCRIBE)),
      stage.make("token-earlier", TOKEN("earlier", EARLIER)),
      stage.make("token-third", TOKEN("third")),
      stage.make("token-fourth", TOKEN("fourth")),
      stage.make("token-next", TOKEN("next", SUBSCRIBE)),
      stage.make("token-large", TOKEN("large", LARGE)),
      stage.make("token-after", TOKEN("after")),
    ])) as ProcessOutputs[];
    for (const each of [blue, green, earlier, third, fourth, next, large, after] as ProcessOutputs[])
      await wiring.create({
        ...stage.common(),
        target: targetOf(each),
        peers: { coordinator: (coordinator as ProcessOutputs).processId },
      });
    player = await newPlayer(stage.network);
  }, 120_000);
  afterEach(() => {
    delete process.env.FLEET_REPLACE;
  });
  afterAll(() => stage.close());

  const ask = (process: ProcessOutputs | undefined, action: string) =>
    player.ask(process?.processId ?? "", action, {});
  const moved = async (
    release: string,
    from: ProcessOutputs | undefined,
    to: ProcessOutputs | undefined,
    state = "owned",
    more: object = {},
  ) =>
    traffic.create(
      await stage.traffic(
        coordinator as ProcessOutputs,
        release,
        { key: "sender", state, ...more },
        [from as ProcessOutputs, to as ProcessOutputs],
        { intervalSeconds: 0, checks: [{ kind: "health" }] },
      ),
    );

  it("is handed over once a handler that waits for an answer has it, and not before", async () => {
    await ask(blue, "Mint");
    await ask(blue, "Later");
    const move = moved("r1", blue, green);
    // It drains: nobody else is served, but the answer is.
    while ((await ask(blue, "Mint")).error?.code !== "DRAINING");
    await ask(blue, "Go");
    expect((await move).outs).toMatchObject({ phase: "COMPLETED" });
    const { sum, edition } = await ask(green, "Sum");
    expect(edition).toBe("green");
    expect(Number(sum) % 5).toBe(0);
    expect(Number(sum)).toBeGreaterThanOrEqual(1105);
    expect(await ask(blue, "Sum")).toMatchObject({ error: { code: "DRAINING" } });
  });

  it("is not handed over without handlers that messages added, which are named, until the declaration says what is state", async () => {
    await ask(green, "Subscribe");
    const { sum } = await ask(green, "Sum");
    const error = await moved("n1", green, next).then(
      () => undefined,
      (reason: Error) => reason,
    );
    for (const part of ["[STATE_IN_CODE]", "handler News", "keeps serving"])
      expect(error?.message).toContain(part);
    expect(await ask(green, "News")).toMatchObject({ news: "tea" });
    expect(await ask(green, "Sum")).toMatchObject({ edition: "green", sum });
    const { outs } = await moved("n2", green, next, "owned", { globals: ["Balances"] });
    expect(outs).toMatchObject({ phase: "COMPLETED" });
    expect(await ask(next, "Sum")).toMatchObject({ edition: "next", sum });
    expect(await ask(next, "News")).toMatchObject({ error: { code: "UNKNOWN_ACTION" } });
  });

  it("is not handed over if a table is too large to know whether messages changed it, which is named, until the declaration says what is state", async () => {
    const { sum } = await ask(next, "Sum");
    expect((await moved("l1", next, large, "owned", { globals: ["Balances"] })).outs).toMatchObject({
      phase: "COMPLETED",
    });
    expect(await ask(large, "Sum")).toMatchObject({ edition: "large", sum });
    const error = await moved("l2", large, after).then(
      () => undefined,
      (reason: Error) => reason,
    );
    for (const part of ["[STATE_NOT_COMPARED]", "Index", "keeps serving"])
      expect(error?.message).toContain(part);
    await ask(large, "Mint");
    expect(await ask(large, "Sum")).toMatchObject({ edition: "large", sum: Number(sum) + 5 });
    expect((await moved("l3", large, after, "owned", { globals: ["Balances"] })).outs).toMatchObject({
      phase: "COMPLETED",
    });
    expect(await ask(after, "Sum")).toMatchObject({ edition: "after", sum: Number(sum) + 5 });
  });

  it("is not handed over by a library that does not see its globals, which are named; it keeps serving", async () => {
    expect((await moved("r2", after, earlier)).outs).toMatchObject({ phase: "COMPLETED" });
    const { sum } = await ask(earlier, "Sum");
    const error = await moved("r3", earlier, third).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toContain("[STATE_NOT_KNOWN]");
    expect(error?.message).toContain("Balances, Edition");
    await ask(earlier, "Mint");
    expect(await ask(earlier, "Sum")).toMatchObject({ edition: "earlier", sum: Number(sum) + 5 });
  });

  it.each([
    ["owned", () => [earlier, third]],
    ["partitioned", () => [third, fourth]],
  ] as const)(
    "is ruined while it serves (%s): on request the new revision starts without the state",
    async (state, revisions) => {
      const [from, to] = revisions();
      expect(await ruin(stage.network, from?.processId ?? "")).toBe(202);
      const error: unknown = await moved(`${state}-1`, from, to, state).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      const { message, properties } = error as Error & { properties: TrafficOutputs };
      expect(message).toContain("[SERVING_RUINED]");
      expect(message).toContain("fleet deploy --replace battle");
      expect(message).toContain(from?.processId);
      expect(properties.active.battle).toBe(from?.processId);

      await endRun();
      process.env.FLEET_REPLACE = "battle";
      const { outs } = await moved(`${state}-1`, from, to, state);
      expect(outs).toMatchObject({ phase: "COMPLETED", active: { battle: to?.processId } });
      expect(await ask(to, "Sum")).toMatchObject({ sum: 100 });

      // The ruined process is replaced: the next runs need no request.
      await endRun();
      delete process.env.FLEET_REPLACE;
      expect((await moved(`${state}-1`, from, to, state)).outs.phase).toBe("COMPLETED");
    },
  );
});

import { beforeAll, describe, expect, test } from "vitest";
import { FLEET_ACTIONS, FLEET_REQUEST, GUARDED_ACTIONS } from "../../src/core/fleet-actions.ts";
import { type Aos, address, boot, OWNER } from "./aos.ts";
import { COUNTER } from "./programs.ts";

const USER = address("user");
const answers = (pattern: string, name = "info") => `
Handlers.add("${name}", ${pattern}, function(msg)
  msg.reply({ Ticker = "TKN", Denomination = "12", Name = "Token", Logo = "logo-id", Data = "own" })
end)
`;
const TOKEN = `
Handlers.add("log", function() return "continue" end, function() Seen = (Seen or 0) + 1 end)
${answers('Handlers.utils.hasMatchingTag("Action", "Info")')}
Handlers.add("Balance", "Balance", function(msg) msg.reply({ Data = "0" }) end)
Handlers.add("pause", { Action = "DRAIN" }, function(msg) msg.reply({ Data = "paused" }) end)
Handlers.add("all", function(msg) return msg.Tags.Loud ~= nil end, function(msg) msg.reply({ Data = "loud" }) end)
`;

async function ask(p: Aos, Action: string, tags: Record<string, string> = {}, From = USER) {
  const { messages, error } = await p.send({ From, Action, Tags: tags });
  expect(error).toBeUndefined();
  const [first] = messages;
  const own = Object.fromEntries((first?.Tags ?? []).map(({ name, value }) => [name, value]));
  return { data: first?.Data ?? "", tags: own };
}
const json = async (...given: Parameters<typeof ask>): Promise<Record<string, unknown>> =>
  JSON.parse((await ask(...given)).data) as Record<string, unknown>;

describe.each(["aos2_0_1.wasm", "aos2_0_6.wasm"])("a token with its own Info, %s", (image) => {
  let p: Aos;
  beforeAll(async () => {
    p = await boot("token", { source: TOKEN, image });
  }, 60_000);

  test("answers with its own tags and data, as wallets and explorers expect", async () => {
    const { data, tags } = await ask(p, "Info");
    expect(data).toBe("own");
    expect(tags).toMatchObject({ Ticker: "TKN", Denomination: "12", Name: "Token", Logo: "logo-id" });
  });

  test("has the fleet's answer at Fleet.Info, and at Info for a sender that asks for the fleet's", async () => {
    const info = { success: true, name: "token", status: "ACTIVE" };
    expect(await json(p, "Fleet.Info")).toMatchObject(info);
    expect((await ask(p, "Fleet.Info")).tags.Action).toBe("Fleet.Info-Response");
    expect(await json(p, "Info", FLEET_REQUEST)).toMatchObject(info);
    expect((await ask(p, "Info", FLEET_REQUEST)).tags.Action).toBe("Info-Response");
  });

  test("comes before the fleet with any handler, in its own order, and hides nothing from the fleet's tools", async () => {
    expect((await ask(p, "HEALTH_CHECK", { Loud: "1" })).data).toBe("loud");
    for (const action of ["Fleet.HEALTH_CHECK", "HEALTH_CHECK"])
      expect(await json(p, action, { Loud: "1", ...FLEET_REQUEST })).toMatchObject({
        healthStatus: "HEALTHY",
      });
    expect(await json(p, "HEALTH_CHECK")).toMatchObject({ healthStatus: "HEALTHY" });
    expect((await ask(p, "Balance", { Loud: "1" })).data).toBe("0");
    expect((await ask(p, "Info", { Loud: "1" })).data).toBe("own");
  });

  test("gets control actions, except those that carry a run's epoch", async () => {
    expect((await ask(p, "DRAIN")).data).toBe("paused");
    expect((await ask(p, "DRAIN", {}, OWNER)).data).toBe("paused");
    expect(await json(p, "DRAIN", { Epoch: "1" })).toMatchObject({ error: { code: "FORBIDDEN" } });
    const q = await p.clone();
    expect(await json(q, "DRAIN", { Epoch: "1" }, OWNER)).toMatchObject({ status: "DRAINING" });
    expect(await json(q, "Balance")).toMatchObject({ error: { code: "DRAINING" } });
    expect(await json(q, "Info")).toMatchObject({ status: "DRAINING" });
  });

  test("lists the actions that it answers itself in the load's report and in the fleet's Info", async () => {
    const expected = [
      { action: "DRAIN", handler: "pause" },
      { action: "Info", handler: "info" },
    ];
    // What a handler took whose pattern cannot be read is known afterwards.
    expect((await json(p, "Fleet.Info")).answeredByProgram).toEqual([
      expected[0],
      { action: "HEALTH_CHECK", handler: "all" },
      expected[1],
    ]);
    const { output } = await (await p.clone()).load({ epoch: 2 });
    expect(JSON.parse(output)).toMatchObject({ answeredByProgram: expected });
  });
});

test.each([
  ['"Info"', "own"],
  ['{ Action = "Info" }', "own"],
  ['{ Action = "Info", Kind = "long" }', "fleet"],
  ['function(msg) return msg.Action == "Info" or msg.Action == "Stats" end', "own"],
  ['function(msg) return msg.Action == "Info" and "continue" end', "own"],
  ["function() return true end", "own"],
  ['{ Action = "_" }', "own"],
])("pattern %s is answered by: %s", async (pattern, who) => {
  const p = await boot("token", { source: answers(pattern) });
  const { data } = await ask(p, "Info");
  expect(data === "own" ? "own" : "fleet").toBe(who);
  expect(await json(p, "Fleet.Info")).toMatchObject({ success: true });
  await p.drop();
});

test("every name that the plan warns about is answered by a process, and none is missing", async () => {
  const p = await boot("counter", { source: COUNTER });
  const own = [
    "ADD",
    "ADD_ONCE",
    "ASK",
    "FOR_DEPLOYERS",
    "FOR_FUNCTION",
    "FOR_PEERS",
    "PING",
    "SILENT",
    "SPEAK",
    "TIME",
  ];
  const info = await json(p, "Info");
  expect((info.actions as string[]).filter((name) => !own.includes(name)).sort()).toEqual(
    [...FLEET_ACTIONS].sort(),
  );
  for (const action of FLEET_ACTIONS) {
    const { data } = await ask(p, `Fleet.${action}`, { Epoch: "1" }, OWNER);
    expect(data).not.toContain("UNKNOWN_ACTION");
  }
  const refusing: string[] = [];
  for (const action of FLEET_ACTIONS)
    if ((await ask(p, `Fleet.${action}`, { Epoch: "validation" })).data.includes('"code":"FORBIDDEN"'))
      refusing.push(action);
  expect(refusing).toEqual(GUARDED_ACTIONS);
  expect([info.guarded, info.guardedByRule]).toEqual([["FOR_DEPLOYERS", "FOR_PEERS"], ["FOR_FUNCTION"]]);
  const refused = await p.load({ epoch: 2, source: 'require("fleet").on("Fleet.Mine", {}, function() end)' });
  expect(refused.error).toContain("names with this prefix are reserved for the library");
});

import { describe, expect, test } from "vitest";
import { FLEET_REQUEST } from "../../src/core/fleet-actions.ts";
import { type Aos, address, boot, MESSENGER, OWNER } from "./aos.ts";

/** A plain program's handlers are what they are in plain aos: whatever their names, each pattern once a message, in their order. */

const USER = address("user");
const IMAGES = ["aos2_0_1.wasm", "aos2_0_3.wasm", "aos2_0_6.wasm"];

const text = async (p: Aos, Action: string, tags: Record<string, string> = {}): Promise<string> => {
  const { messages, error } = await p.send({ From: USER, Action, Tags: tags });
  expect(error).toBeUndefined();
  return messages[0]?.Data ?? "";
};

describe.each(IMAGES)("%s", (image) => {
  test("a handler works under any name, is listed, and a change of it by hand is reported", async () => {
    const names = ["fleet", "fleet.unknown", "fleet.service", "_info", "_once_upon", "coordinator.service"];
    const source = names.map(
      (name, n) => `Handlers.add("${name}", "Do${n}", function(msg) msg.reply({ Data = "${name}" }) end)`,
    );
    const p = await boot("named", { source: source.join("\n"), image });
    for (const epoch of [2, 3]) {
      for (const [n, name] of names.entries()) expect(await text(p, `Do${n}`)).toBe(name);
      const info = await p.send({ From: USER, Action: "Info" });
      expect(info.reply?.data.handlers).toEqual([...names, "ao-fleet.first", "ao-fleet.last"].sort());
      expect(JSON.parse((await p.load({ epoch })).output)).toMatchObject({ fleet: "committed" });
    }
    for (const name of names) await p.eval(`Handlers.add("${name}", "Other", function() end)`);
    const changed = (await p.send({ From: USER, Action: "Info" })).reply?.data.changedByHand;
    expect(changed).toEqual([...names].sort().map((name) => ({ kind: "HANDLER", change: "CHANGED", name })));
    await p.drop();
  });

  test("a program's Info answers whatever its handler's name is", async () => {
    const source = 'Handlers.add("_info", "Info", function(msg) msg.reply({ Data = "own" }) end)';
    const p = await boot("named", { source, image });
    expect(await text(p, "Info")).toBe("own");
    const fleets = JSON.parse(await text(p, "Info", FLEET_REQUEST));
    expect(fleets).toMatchObject({
      success: true,
      answeredByProgram: [{ action: "Info", handler: "_info" }],
    });
    await p.drop();
  });

  test("each pattern runs once for a message, as in plain aos, and never at a load", async () => {
    const source = `
Runs = Runs or {}
local function ran(name, result) return function(msg) Runs[name] = (Runs[name] or 0) + 1 return result(msg) end end
Handlers.add("never", ran("never", function() return false end), function() end)
Handlers.add("watch", ran("watch", function() return "continue" end), function() end)
Handlers.add("mine", ran("mine", function(msg) return msg.Action == "Mine" end), function(msg) msg.reply({ Data = "mine" }) end)
Handlers.add("late", { Action = ran("late", function() return false end) }, function() end)
`;
    const bare = await boot("counting", { bare: true, image });
    await bare.eval(source);
    const p = await boot("counting", { source, image });
    const runs = async (of: Aos) => (await of.value("Runs")) as Record<string, number>;
    expect(await runs(p)).toEqual([]);
    const sends = [
      { Action: "Mine" },
      { Action: "Info" },
      { Action: "Unknown" },
      { Action: "HEALTH_CHECK", Data: "{}" },
      { Data: "no action" },
      { Action: "Some-Response" },
      { Action: "Unknown", Owner: MESSENGER, Tags: { "From-Process": USER } },
    ];
    for (const send of sends) {
      await bare.send({ From: USER, ...send });
      await p.send({ From: USER, ...send });
      expect(await runs(p), send.Action ?? "none").toEqual(await runs(bare));
    }
    expect(await runs(p)).toMatchObject({ never: 7, watch: 7, mine: 7 });
    const before = await runs(p);
    await p.load({ epoch: 2 });
    for (const action of ["Fleet.Info", "Fleet.HEALTH_CHECK", "GET_CONFIG"])
      await p.send({ From: OWNER, Action: action, Tags: FLEET_REQUEST });
    expect(await runs(p)).toEqual(before);
    await bare.drop();
    await p.drop();
  });

  test("a handler that messages add comes before the library's last one", async () => {
    const source = `
Handlers.add("sub", "Sub", function(msg)
  Handlers.add("topic", function(m) return m.Action == "Topic" end, function(m) m.reply({ Data = "topic" }) end)
  Handlers.add("health", "HEALTH_CHECK", function(m) m.reply({ Data = "health" }) end)
end)`;
    const p = await boot("subs", { source, image });
    await p.send({ From: USER, Action: "Sub" });
    expect(await text(p, "Topic")).toBe("topic");
    expect(await text(p, "HEALTH_CHECK")).toBe("health");
    expect(await text(p, "Nothing")).toContain("UNKNOWN_ACTION");
    await p.eval("return 1");
    const info = await p.send({ From: USER, Action: "Info" });
    expect(info.reply?.data).toMatchObject({ success: true });
    expect(info.reply?.data.changedByHand).toEqual([]);
    await p.drop();
  });
});

test("a program that uses a name of the library's handlers does not load, and the error names both", async () => {
  const p = await boot("reserved", { source: "" });
  const source = 'Handlers.add("ao-fleet." .. "first", "X", function() end)';
  const { error } = await p.load({ epoch: 2, source });
  expect(error).toContain("HANDLER_NAME_RESERVED: the program adds a handler ao-fleet.first");
  await p.drop();
});

test("handlers of an earlier library are removed by their old names, and those of a program stay", async () => {
  const source = 'Handlers.add("mine", "Mine", function(msg) msg.reply({ Data = "mine" }) end)';
  const p = await boot("earlier", { source });
  // As an earlier library left them, under another bundle's name.
  await p.eval(`
Fleet.handlerNames, Fleet.store.code = nil, nil
Handlers.remove("ao-fleet.first") Handlers.remove("ao-fleet.last")
Handlers.prepend("fleet", function(m) return m.Action == "Old" end, function(m) m.reply({ Data = "old" }) end)
Handlers.append("fleet.unknown", function(m) return false end, function() end)
Fleet.integrity = { hand = {} }`);
  expect(await text(p, "Old")).toBe("old");
  const added = `${source}\nHandlers.add("fleet", "Fleet", function(msg) msg.reply({ Data = "own" }) end)`;
  const report = JSON.parse((await p.load({ epoch: 2, source: added })).output.split("\n").at(-1) ?? "");
  expect(report.handlers).toEqual(["ao-fleet.first", "ao-fleet.last", "fleet", "mine"]);
  expect(await text(p, "Old")).toContain("UNKNOWN_ACTION");
  expect(await text(p, "Fleet")).toBe("own");
  await p.drop();
});

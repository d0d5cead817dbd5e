/** What a handler that waits, or that catches the library's refusal, leaves in aos and in the caller's hands. */
import { beforeAll, expect, test } from "vitest";
import { type Aos, address, boot } from "./aos.ts";

const STRANGER = address("stranger");
const PROGRAM = `
local fleet = require("fleet")
fleet.process { name = "waits", processType = "WAITS", version = "1.0.0" }
fleet.on("WAIT", {}, function(_, msg)
  local ok, failure = pcall(fleet.later, msg)
  return not ok and { caught = failure.code } or nil
end)
fleet.on("STUCK", {}, function()
  Handlers.add("late", "Late", function() end)
  Receive({ Action = "Never" })
end)
Handlers.add("wait", "Wait", function() Receive({ Action = "Go" }) end)
`;

let base: Aos;
beforeAll(async () => {
  base = await boot("waits", { source: PROGRAM });
}, 60_000);

test("a handler that catches the BUSY of fleet.later answers by itself", async () => {
  const p = await base.clone();
  const limit = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 1 } };
  const set = await p.send({ Action: "UPDATE_CONFIG", Epoch: "1", Data: { ...limit, version: 1 } });
  expect(set.reply?.data).toMatchObject({ success: true });
  expect((await p.send({ From: STRANGER, Action: "WAIT" })).messages).toEqual([]);
  expect((await p.send({ From: STRANGER, Action: "WAIT" })).reply?.data).toEqual({
    success: true,
    caught: "BUSY",
  });
});

test("a handler that adds a handler and then waits leaves the library's own in their places", async () => {
  const p = await base.clone();
  const names =
    "(function() local found = {} for i, each in ipairs(Handlers.list) do found[i] = each.name end return found end)()";
  await p.send({ From: STRANGER, Action: "Wait" });
  const before = (await p.value(names)) as string[];
  expect(before.slice(0, 2)).toEqual([expect.stringMatching(/^_once_/), "ao-fleet.first"]);
  expect((await p.send({ From: STRANGER, Action: "STUCK" })).reply?.data.error?.code).toBe("INTERNAL");
  expect(await p.value(names)).toEqual(before);
});

test("an unknown action costs the same whatever data a handler that watches all messages has", async () => {
  const p = await base.clone();
  // Instructions of Lua: the same on every machine.
  const looked = (n: number, key: string) =>
    p.value(`(function()
      local results, n = require("fleet.handler-results"), 0
      local data, actions = {}, { ${key} = true }
      for i = 1, ${n} do data[i], actions["a" .. i] = { i, { i } }, true end
      local msg = { Action = "Nobody", From = "x", Tags = {} }
      results.begin(msg)
      Fleet.matchesSpec(msg, function() return data and actions and "continue" end)
      debug.sethook(function() n = n + 1 end, "", 10)
      local isHandled = results.isHandled(msg)
      debug.sethook()
      return { n, isHandled }
    end)()`) as Promise<[number, boolean]>;
  const [few] = await looked(2_000, "Other");
  const [many, isHandled] = await looked(20_000, "Other");
  expect(few).toBeGreaterThan(10);
  expect(many / few).toBeLessThan(1.5);
  expect(isHandled).toBe(false);
  expect((await looked(20_000, "Nobody"))[1]).toBe(true);
});

test("an action that a handler finds in a table of routes of a state is known", async () => {
  const p = await base.clone();
  const isHandled = (Action: string) =>
    p.value(`(function()
      local results, S = require("fleet.handler-results"), require("fleet").state("shop", { routes = { Sell = 1 } })
      local msg = { Action = "${Action}", From = "x", Tags = {} }
      results.begin(msg)
      Fleet.matchesSpec(msg, function(m) return S.routes and "continue" end)
      return results.isHandled(msg)
    end)()`);
  expect([await isHandled("Sell"), await isHandled("Sold")]).toEqual([true, false]);
});

test("a message costs the same for each handler that waits, however many wait", async () => {
  const p = await base.clone();
  const steps = (waiting: number) =>
    p.value(`(function()
      for i = 1, ${waiting} do Handlers.prepend("_once_" .. i, function() return i < 0 and "skip" end, function() end) end
      local n, msg = 0, { Action = "Nobody", From = "x", Id = "early", Tags = {} }
      local current = Fleet.current
      Fleet.current = { id = msg.Id, from = msg.From }
      debug.sethook(function() n = n + 1 end, "", 10)
      for _, each in ipairs(Handlers.list) do
        if each.name == "ao-fleet.first" then break end
        Fleet.matchesSpec(msg, each.pattern)
      end
      debug.sethook()
      Fleet.current = current
      for i = 1, ${waiting} do Handlers.remove("_once_" .. i) end
      return n
    end)()`) as Promise<number>;
  const [few, many] = [await steps(100), await steps(1_000)];
  expect(few).toBeGreaterThan(100);
  expect(many / few).toBeLessThan(12);
});

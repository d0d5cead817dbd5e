/** A failed message leaves no trace in a state of any size, at the cost of what it changed. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, boot } from "./aos.ts";
import { FUZZ } from "./undo-program.ts";

let base: Aos;

beforeAll(async () => {
  base = await boot("fuzz", { source: FUZZ });
}, 60_000);

const isEnclosed = (p: Aos) =>
  p.value(
    `(function() for k in Fleet.native.next, Fleet.store.states.fuzz do return k:sub(1, 1) == "\\0" end end)()`,
  );

describe.each([
  ["small, so copied", 0],
  ["large, so enclosed", 1200],
])("a state that is %s", (_name, filler) => {
  test("behaves as plain tables do, and a failure restores every table in place", async () => {
    const p = await base.clone();
    if (filler > 0) await p.send({ Action: "KEEP", Data: { n: filler } });
    for (let seed = 1; seed <= 40; seed++) {
      const changed = await p.send({ Action: "CHANGE", Data: { seed, n: 30 } });
      expect(changed.reply?.data.success, JSON.stringify(changed.reply?.data)).toBe(true);
      const refuse = seed % 2 === 0;
      const failed = await p.send({ Action: "FAIL", Data: { seed: seed + 1000, n: 30, refuse } });
      expect(failed.reply?.data.error?.message).toMatch(refuse ? /^no$/ : /as asked/);
      expect((await p.send({ Action: "LOOK" })).reply?.data).toMatchObject({ same: true, alike: true });
    }
    expect(await isEnclosed(p)).toBe(filler > 0);
    await p.drop();
  });
});

describe("a large state", () => {
  let p: Aos;
  beforeAll(async () => {
    p = await base.clone();
    await p.send({ Action: "KEEP", Data: { n: 2000 } });
    await p.send({ Action: "ADD", Data: { key: "key-1" } });
    expect(await isEnclosed(p)).toBe(true);
  });
  const digest = async (of: Aos) => (await of.send({ Action: "EXPORT_STATE" })).reply?.data.digest;

  test("is undone through a reference that the program kept from an earlier message", async () => {
    await p.send({ Action: "HOLD" });
    const before = await digest(p);
    expect((await p.send({ Action: "SPOIL" })).reply?.data.error?.code).toBe("INTERNAL");
    expect(await digest(p)).toBe(before);
    expect((await p.send({ Action: "SPOIL" })).reply?.data.error?.message).toContain("no");
    expect(await p.value('Fleet.store.states.fuzz.filler["key-7"]')).toEqual([7]);
  });

  test("is undone by a message that runs within another one, and by the outer one", async () => {
    const q = await p.clone();
    const nested = await q.value(`(function()
      local S, run = Fleet.store.states.fuzz, package.loaded["fleet.run"] or require("fleet.run")
      local seen = {}
      run.protected(function()
        S.filler["key-1"] = { new = { 1 } }
        run.protected(function() S.filler["key-1"].new[1] = 2 S.filler["key-2"].x = 1 error("inner") end, {})
        seen[1], seen[2] = S.filler["key-1"].new[1], S.filler["key-2"].x == nil
        run.protected(function() S.filler["key-1"].new[2] = 3 end, {})
        seen[3] = #S.filler["key-1"].new
        error("outer")
      end, {})
      seen[4] = S.filler["key-1"].new == nil
      return seen
    end)()`);
    expect(nested).toEqual([1, true, 2, true]);
    await q.drop();
  });

  test("survives a load in place, which finds ordinary tables, and is enclosed again", async () => {
    const q = await p.clone();
    const before = await digest(q);
    expect((await q.load()).output).toContain('"committed"');
    expect(await isEnclosed(q)).toBe(false);
    expect(await digest(q)).toBe(before);
    expect((await q.send({ Action: "ADD", Data: { key: "key-9", fail: true } })).reply?.data.success).toBe(
      false,
    );
    expect(await isEnclosed(q)).toBe(true);
    expect(await digest(q)).toBe(before);
    await q.drop();
  });

  test("is copied and restored by the functions of an earlier library, which a return to it brings back", async () => {
    const q = await p.clone();
    const restored = await q.value(`(function()
      local env = package.loaded[".fleet-library"].env
      local S, next = Fleet.store.states.fuzz, env.next
      local saved = {}
      for k, v in next, S.filler do saved[k] = v end
      S.filler["key-3"], S.filler.more = nil, { 1 }
      for k in next, S.filler do if saved[k] == nil then S.filler[k] = nil end end
      for k, v in next, saved do S.filler[k] = v end
      return { env.getmetatable(S.filler) == nil, S.filler["key-3"][1], S.filler.more == nil }
    end)()`);
    expect(restored).toEqual([true, 3, true]);
    await q.drop();
  });

  test("costs a message what it changes", async () => {
    // Instructions of Lua: the same on every machine.
    const counted = (of: Aos, fail: boolean) =>
      of.value(`(function()
        local S, run, n = Fleet.store.states.fuzz, require("fleet.run"), 0
        debug.sethook(function() n = n + 1 end, "", 10)
        run.protected(function()
          local list = S.filler["key-5"]
          list[1], list.more = 7, { 1 }
          if ${fail} then error("no") end
        end, {})
        debug.sethook()
        return n
      end)()`) as Promise<number>;
    const small = await base.clone();
    await small.send({ Action: "KEEP", Data: { n: 50 } });
    const large = await base.clone();
    await large.send({ Action: "KEEP", Data: { n: 20_000 } });
    for (const of of [small, large]) await of.send({ Action: "ADD", Data: { key: "key-5" } });
    for (const fail of [false, true]) {
      const [few, many] = [await counted(small, fail), await counted(large, fail)];
      expect(few).toBeGreaterThan(10);
      expect(many / few).toBeLessThan(2);
    }
    await small.drop();
    await large.drop();
  });
});

test("a program that declares no state keeps Lua's own functions", async () => {
  const plain = await boot("plain", { source: "Balances = Balances or {}" });
  const changed = await plain.send({ Action: "GET_STATISTICS" });
  expect(changed.reply?.data.success).toBe(true);
  const own = `(function() local found = {} for name, fn in pairs(Fleet.native) do if rawget(_G, name) ~= fn then found[#found + 1] = name end end return #found end)()`;
  expect(await plain.value(own)).toBe(0);
});

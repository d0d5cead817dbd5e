/** Programs that guard or replace the globals which the library and the guards around a bundle need, in real aos. */
import { describe, expect, test } from "vitest";
import { bundle } from "../../src/bundler/index.ts";
import { readLoadOutcome } from "../../src/fleet/code/program.ts";
import { composeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import { type Aos, address, boot } from "./aos.ts";
import { program } from "./compose.ts";

const STRANGER = address("stranger");

const STRICT = `
Count = Count or 0
setmetatable(_G, {
  __index = function(_, k) error("undefined variable " .. tostring(k), 2) end,
  __newindex = function(_, k) error("undeclared variable " .. tostring(k), 2) end,
})
Handlers.add("Inc", "Inc", function(msg) Count = Count + 1 msg.reply({ Data = tostring(Count) }) end)
`;
/** What a program with strict globals has to write once they are strict. */
const STRICT_AGAIN = STRICT.replace("Count = Count or 0", 'rawset(_G, "Count", rawget(_G, "Count") or 0)');

const REPLACING = `
Count = Count or 0
Handlers.add("Inc", "Inc", function(msg) Count = Count + 1 msg.reply({ Data = "n" .. Count }) end)
Handlers.add("Break", "Break", function()
  local text, kind = tostring, type
  tostring = function(v) return kind(v) == "string" and "<" .. v .. ">" or text(v) end
  getmetatable = function() return nil end
  table.sort = function() end
  json = {}
end)
`;

let made = 0;
const fresh = (source: string, more: object = {}) =>
  boot("strict", { source, id: address(`strict-${made++}`), ...more });
async function load(p: Aos, source: string, epoch = 1) {
  const { output, error } = await p.load({ source, epoch });
  if (error !== undefined) throw new Error(error);
  return readLoadOutcome(output);
}
const info = async (p: Aos) => (await p.send({ From: STRANGER, Action: "Info" })).reply?.data;
const count = async (p: Aos) => (await p.send({ From: STRANGER, Action: "Inc" })).messages[0]?.Data;

describe("a program with strict globals", () => {
  test("is loaded again and again, answers the library's actions and keeps its state", async () => {
    const p = await fresh(STRICT);
    expect(await count(p)).toBe("1");
    for (const edition of ["2", "3"]) {
      const outcome = await load(p, `${STRICT_AGAIN}-- ${edition}`);
      expect(outcome).toMatchObject({ kind: "committed" });
      expect(await count(p)).toBe(edition);
    }
    expect(await info(p)).toMatchObject({ success: true, version: "1.0.0" });
    expect((await p.send({ Action: "EXPORT_STATE" })).reply?.data.success).toBe(true);
  });

  test("gets the library although it ran before without it", async () => {
    const p = await fresh(STRICT, { bare: true });
    await p.eval(STRICT);
    const { error } = await p.eval(await program("strict", { source: STRICT_AGAIN, adopted: true }));
    expect(error).toBeUndefined();
    expect(await info(p)).toMatchObject({ success: true });
    expect(await count(p)).toBe("1");
  });

  test("without the library: every load commits, also after one with the library", async () => {
    const bare = async (source: string) => {
      const { writeFile, mkdtemp } = await import("node:fs/promises");
      const { tmpdir } = await import("node:os");
      const root = await mkdtemp(`${tmpdir()}/fleet-bare-`);
      await writeFile(`${root}/process.lua`, source);
      const { text, hash } = await bundle({
        name: "strict",
        root,
        entry: "process.lua",
        constants: { EDITION: source.length },
      });
      const commit = { process: "strict", release: "r", sourceHash: hash, version: "1", epoch: 1 };
      return composeWithoutLibrary(text, commit).text;
    };
    for (const before of ["library", "none"]) {
      const p = await fresh(STRICT, { bare: before === "none" });
      for (const source of [
        before === "none" ? STRICT : STRICT_AGAIN,
        `${STRICT_AGAIN}-- 2`,
        `${STRICT_AGAIN}-- 33`,
      ]) {
        const { output, error } = await p.eval(await bare(source));
        expect(error).toBeUndefined();
        expect(readLoadOutcome(output)).toMatchObject({ kind: "committed", handlers: ["Inc"] });
      }
      expect(await count(p)).toBe("1");
    }
  });
});

test("the library works after a program replaced functions that it uses, and is loaded again", async () => {
  const p = await fresh(REPLACING);
  const known = ({ at, slot, stats, ...info }: Record<string, unknown> = {}) => info;
  const before = await info(p);
  expect((await p.send({ From: STRANGER, Action: "Break" })).error).toBeUndefined();
  expect(await p.eval("return tostring('a')")).toMatchObject({ error: undefined, output: "<<a>>" });
  expect(known(await info(p))).toEqual(known(before));
  expect((await p.send({ Action: "GET_STATISTICS" })).reply?.data.success).toBe(true);
  const exported = (await p.send({ Action: "EXPORT_STATE" })).reply?.data;
  expect(exported).toMatchObject({ success: true, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
  // The functions stay replaced: they are the program's own globals.
  expect(await load(p, `${REPLACING}-- 2`, 3)).toMatchObject({ kind: "committed" });
  expect(known(await info(p))).toEqual({ ...known(before), epoch: 3, sourceHash: expect.any(String) });
});

describe("a program that assigns the global Fleet", () => {
  const taking = (line: string) => `${line}
Handlers.add("Launch", "Launch", function(msg)
  rawset(_G, "Fleet", { ships = 7 })
  msg.reply({ Data = tostring(Fleet.ships) })
end)`;

  test("at load is refused by name, and the earlier program runs on", async () => {
    const p = await fresh(taking(""));
    for (const value of ["{ ships = {} }", "5", "nil"]) {
      const { error } = await p.load({ source: taking(`_G["Fl" .. "eet"] = ${value}`) });
      expect(error).toContain("LUA_GLOBAL_RESERVED: the program assigns the global Fleet");
      expect(error).toContain("Rename it, or declare lib: false");
    }
    expect(await info(p)).toMatchObject({ success: true });
  });

  test("in a message keeps its value, and the library works and is loaded again", async () => {
    const p = await fresh(taking(""));
    expect((await p.send({ From: STRANGER, Action: "Launch" })).messages[0]?.Data).toBe("7");
    expect(await info(p)).toMatchObject({ success: true });
    expect(await load(p, `${taking("")} -- 2`)).toMatchObject({ kind: "committed" });
    expect(await p.value("Fleet.ships")).toBe(7);
    expect(await info(p)).toMatchObject({ success: true });
    expect(await load(p, 'require("fleet").process { name = "strict", version = "2.0.0" }', 2)).toMatchObject(
      {
        kind: "committed",
      },
    );
    expect(await load(p, "-- an earlier run", 1)).toMatchObject({ kind: "refused", code: "STALE_EPOCH" });
  });
});

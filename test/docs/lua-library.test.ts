import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { luaFunctions } from "../../docs/lua.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { boot } from "../processes/aos.ts";

const page = readFileSync(join(packageDir, "docs/reference/lua-library.md"), "utf8");

test("the page names every function of the library, and no other", () => {
  const functions = new Set(luaFunctions.map(({ name }) => name));
  const prose = page.replace(/^.*require\("fleet.*$/gm, "");
  const named = new Set([...prose.matchAll(/\bfleet\.([A-Za-z]\w*)/g)].map(([, name]) => name));
  expect(functions.size).toBeGreaterThan(40);
  expect([...named].sort()).toEqual([...functions].sort());
});

test("its examples load in a process and answer", async () => {
  const [counter = "", buyer = ""] = [...page.matchAll(/^```lua\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  const p = await boot("counter", { source: `${counter}\n${buyer}` });
  const add = async (by: number) => (await p.send({ Action: "ADD", Data: { by } })).reply?.data;
  expect(await add(2)).toMatchObject({ success: true, n: 2 });
  expect(await add(999)).toMatchObject({ success: false, error: { code: "FULL" } });
  expect((await p.send({ Action: "GET" })).reply?.data).toMatchObject({ n: 2 });
  expect((await p.send({ Action: "BUY", Data: { item: "rope" } })).reply?.data).toMatchObject({
    error: { code: "PEER_UNKNOWN" },
  });
}, 60_000);

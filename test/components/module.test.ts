import { readdir, writeFile } from "node:fs/promises";
import { beforeEach, expect, test } from "vitest";
import { planFleet } from "../../components/plan.ts";
import { moduleStore } from "../../src/fleet/code/module-store.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

/** `module: { wasm: "…" }` in a declaration, up to the plan. */

const local = { kind: "local", dir: ".fleet/localnet" };
const HANDLE = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 7, 10, 1, 6, ...Buffer.from("handle"), 0, 0]);
const OTHER = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 7, 5, 1, 1, ...Buffer.from("f"), 0, 0]);

beforeEach(() => {
  enterFolder("module");
  writeFiles({ "processes/game/process.lua": "return 1", "processes/shop/process.lua": "return 2" });
});

const plan = (game: Record<string, unknown>, fleet: Record<string, unknown> = {}, network: unknown = local) =>
  planFleet(
    {
      network,
      ...fleet,
      processes: { game: { lib: false, ...game }, shop: { lib: false } },
    } as Parameters<typeof planFleet>[0],
    { home: ".fleet", build: "build" },
    () => undefined,
  );
const modules = async (...given: Parameters<typeof plan>): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await plan(...given)).levels.flat().map(({ name, declared }) => [name, declared.module]),
  );

test("a file is named by its content and kept with its tags", async () => {
  writeFiles({ "build/game.wasm": HANDLE });
  const { game, shop } = await modules({ module: { wasm: "build/game.wasm", memoryLimit: "500-mb" } });
  expect(game).toMatch(/^wasm:[0-9a-f]{64}$/);
  expect(shop).toBe("aos");
  const kept = await moduleStore(".fleet").get(game?.slice(5) ?? "");
  expect([...(kept?.wasm ?? [])]).toEqual([...HANDLE]);
  expect(kept?.tags).toEqual({
    "Data-Protocol": "ao",
    Variant: "ao.TN.1",
    Type: "Module",
    "Module-Format": "wasm32-unknown-emscripten4",
    "Input-Encoding": "JSON-V1",
    "Output-Encoding": "JSON-V1",
    "Memory-Limit": "500-mb",
    "Compute-Limit": "9000000000000",
    "Content-Type": "application/wasm",
  });
});

test("the same content is the same module at any path; other tags make another", async () => {
  writeFiles({ "a.wasm": HANDLE });
  writeFiles({ "elsewhere/b.wasm": HANDLE });
  const [a, b, c] = await Promise.all([
    modules({ module: { wasm: "a.wasm" } }),
    modules({ module: { wasm: "elsewhere/b.wasm" } }),
    modules({ module: { wasm: "a.wasm", format: "wasm32-unknown-emscripten2" } }),
  ]);
  expect(a.game).toBe(b.game);
  expect(c.game).not.toBe(a.game);
  expect(await readdir(".fleet/modules")).toHaveLength(4);
});

test("the fleet's module applies to every member", async () => {
  writeFiles({ "a.wasm": HANDLE });
  const { game, shop } = await modules({}, { module: { wasm: "a.wasm" } });
  expect(game).toBe(shop);
  expect(game).toMatch(/^wasm:/);
});

test("a damaged store returns nothing", async () => {
  const store = moduleStore(".fleet");
  const hash = await store.put({ wasm: HANDLE, tags: { Type: "Module" } });
  expect(await store.get(hash)).toBeDefined();
  await writeFile(`.fleet/modules/${hash}.wasm`, OTHER);
  expect(await store.get(hash)).toBeUndefined();
  expect(await store.put({ wasm: HANDLE, tags: { Type: "Module" } })).toBe(hash);
  expect(await store.get(hash)).toBeDefined();
});

test.each<[string, string | Uint8Array | undefined, unknown]>([
  ["MODULE_MISSING", undefined, local],
  ["MODULE_NOT_WASM", "(module)", local],
  ["MODULE_WITHOUT_HANDLE", OTHER, local],
  ["MODULE_NO_UPLOAD", HANDLE, { kind: "legacy" }],
])("%s is reported at its place, together with problems of the code", async (code, content, network) => {
  if (content !== undefined) writeFiles({ "a.wasm": content });
  writeFiles({ "processes/game/process.lua": "local = 1" });
  const problems = await problemsOf(plan({ module: { wasm: "a.wasm" } }, {}, network));
  expect(problems.map((problem) => `${problem.code} ${problem.at}`)).toEqual([
    `${code} processes.game.module.wasm`,
    "LUA_SYNTAX processes/game/process.lua:1:7",
  ]);
});

/** `device: "lua@5.3a"` in a declaration, up to the plan. */
import { beforeAll, expect, it } from "vitest";
import { planFleet } from "../../components/plan.ts";
import type { Running } from "../../components/running-release.ts";
import { sha256 } from "../../src/core/hash.ts";
import { luaDeviceModule } from "../../src/fleet/code/lua-module.ts";
import { moduleStore, ownModuleHash } from "../../src/fleet/code/module-store.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";
import { declaredProcess } from "../kit/release.ts";

const LUA = { device: "lua@5.3a", state: "none" };
const NODE = { kind: "local", dir: ".fleet/localnet", protocol: "mainnet" };
const ID = "i".repeat(43);

beforeAll(() => {
  enterFolder("device");
  writeFiles({ "processes/game/process.lua": "return require('json')\n" });
  writeFiles({ "processes/math/process.lua": "return require('.bint')\n" });
});

const plan = (
  processes: Record<string, unknown>,
  network: Record<string, unknown> = NODE,
  running: Running = () => undefined,
) => planFleet({ network, processes }, { home: ".fleet", build: "build" }, running);

it("runs the member on the fleet's own module, which is stored by its content, and names the device in a tag", async () => {
  const made = await plan({ game: LUA });
  const { declared, declaration } = made.levels[0]?.[0] ?? {};
  expect(declared?.tags).toEqual({ "execution-device": "lua@5.3a" });
  expect(declaration?.tags).toEqual({ "execution-device": "lua@5.3a" });
  const stored = await moduleStore(".fleet").get(ownModuleHash(declared?.module ?? "") ?? "");
  expect(sha256(stored?.wasm ?? "")).toBe(sha256(luaDeviceModule()));
  expect(stored?.tags).toMatchObject({ "Content-Type": "application/lua", Type: "Module" });
});

it("keeps the module that the member was spawned with, and takes another one by its id", async () => {
  const spawned = `wasm:${"a".repeat(64)}`;
  const running = (tags: Record<string, string>) => () => declaredProcess({ module: spawned, tags });
  const moduleOf = async (processes: Record<string, unknown>, now: Running) =>
    (await plan(processes, NODE, now)).levels[0]?.[0]?.declared.module;
  expect(await moduleOf({ game: LUA }, running({ "execution-device": "lua@5.3a" }))).toBe(spawned);
  expect(await moduleOf({ game: LUA }, running({}))).not.toBe(spawned);
  expect(await moduleOf({ game: { ...LUA, module: ID } }, running({}))).toBe(ID);
});

it("changes nothing for members on the other device", async () => {
  const made = await plan({ game: { device: "genesis-wasm@1.0" } });
  expect(made.levels[0]?.[0]?.declared).toMatchObject({ module: "aos" });
  expect(made.levels[0]?.[0]?.declared.tags).toBeUndefined();
});

it.each([
  ["a legacy network", { game: LUA }, { kind: "legacy" }, ["DEVICE_UNAVAILABLE processes.game.device"]],
  [
    "the legacy units of the embedded network",
    { game: LUA },
    { kind: "local", dir: "x" },
    ["DEVICE_UNAVAILABLE processes.game.device"],
  ],
  [
    "state that a failed load would lose",
    { game: { ...LUA, state: "owned" } },
    NODE,
    ["DEVICE_STATE processes.game.state"],
  ],
  ["an aos image", { game: { ...LUA, module: "aos" } }, NODE, ["DEVICE_MODULE processes.game.module"]],
  [
    "a WebAssembly file",
    { game: { ...LUA, module: { wasm: "a.wasm" } } },
    NODE,
    ["DEVICE_MODULE processes.game.module"],
  ],
  [
    "a member without the library",
    { game: { ...LUA, lib: false } },
    NODE,
    ["LIB_REQUIRED processes.game.device"],
  ],
  [
    "another device in a tag",
    { game: { ...LUA, tags: { "Execution-Device": "x@1.0" } } },
    NODE,
    ["DEVICE_TWICE processes.game.device"],
  ],
  [
    "a tag that the device calls",
    { game: { ...LUA, tags: { Function: "x" } } },
    NODE,
    ["TAGS_INVALID processes.game.tags"],
  ],
  [
    "such a tag of the ticks of its cron",
    { game: { ...LUA, tags: { "Cron-Tag-function": "x" } } },
    NODE,
    ["TAGS_INVALID processes.game.tags"],
  ],
  [
    "that and tags that a node cannot carry, all at once",
    { game: { ...LUA, tags: { Function: "x", "My.Tag": "x", body: "x" } } },
    NODE,
    Array(3).fill("TAGS_INVALID processes.game.tags"),
  ],
  ["no upload service", { game: LUA }, { kind: "mainnet" }, ["MODULE_NO_UPLOAD processes.game.device"]],
  ["an unknown device", { game: { device: "wasm-64@1.0" } }, NODE, ["BAD_VALUE processes.game.device"]],
])("is refused with %s", async (_, processes, network, expected) => {
  const found = await problemsOf(plan(processes, network));
  expect(found.map(({ code, at }) => `${code} ${at}`)).toEqual(expected);
});

it("is refused for a program that requires a module of aos that the device does not have", async () => {
  const found = await problemsOf(plan({ math: LUA }));
  expect(found).toMatchObject([{ at: expect.stringMatching(/^processes\/math\/process\.lua:1:/) }]);
  expect((await plan({ math: {} })).levels).toHaveLength(1);
});

it("is refused for tags that a node cannot carry although its program is refused, too", async () => {
  const found = await problemsOf(plan({ math: { ...LUA, tags: { "My.Tag": "x" } } }));
  expect(found.map(({ code, at }) => `${code} ${at}`)).toEqual([
    expect.stringMatching(/ processes\/math\/process\.lua:1:/),
    "TAGS_INVALID processes.math.tags",
  ]);
});

it("is refused for a program that does what the device cannot do, at its place", async () => {
  writeFiles({
    "processes/waits/process.lua": "local n = 1\nif n then goto done end\n::done::\nReceive({})\n",
  });
  const found = await problemsOf(plan({ waits: LUA }));
  expect(found.map(({ code, at }) => `${code} ${at}`)).toEqual([
    "LUA_SYNTAX_MISSING processes/waits/process.lua:2:11",
    "LUA_FEATURE_MISSING processes/waits/process.lua:4:1",
  ]);
  expect((await plan({ waits: {} })).levels).toHaveLength(1);
});

import { existsSync } from "node:fs";
import { cp, readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type FleetPlan, planFleet } from "../../components/plan.ts";
import { explainLuaError, store } from "../../src/bundler/index.ts";
import type { Problem } from "../../src/core/errors.ts";
import { evaluate } from "../bundler/aos.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

/** Every option of a member's `bundle`, through a fleet's declaration; real aos evaluates the result. */

const home = process.cwd();
const local = { kind: "local", dir: ".fleet/localnet" };
const legacy = { kind: "legacy", muUrl: "http://127.0.0.1:1" };

beforeEach(() => enterFolder("bundling"));

const plan = (member: Record<string, unknown>, network: unknown = local): Promise<FleetPlan> =>
  planFleet(
    { network, processes: { game: { lib: false, ...member } } },
    { home: ".fleet", build: "build" },
    () => undefined,
  );

/** The value of the global `R` after real aos evaluated the planned program. */
async function run(member: Record<string, unknown>): Promise<string> {
  await plan(member);
  return evaluate(`${await readFile("build/game-process.lua", "utf8")}\nreturn R`);
}

const found = (problems: readonly Problem[]) => problems.map(({ code, at }) => `${code} ${at ?? ""}`.trim());
const main = "processes/game/process.lua";

describe("an option of the declaration reaches the process", () => {
  test("search", async () => {
    writeFiles({
      [main]: 'R = require("dice").roll()',
      "vendor/dice.lua": "return { roll = function() return 4 end }",
    });
    expect(found(await problemsOf(plan({})))).toEqual([`LUA_MODULE_MISSING ${main}:1:5`]);
    expect(await run({ bundle: { search: ["vendor"] } })).toBe("4");
  });

  test("externals", async () => {
    writeFiles({ [main]: 'R = require("native.thing").name' });
    await plan({ bundle: { externals: ["native.*"] } });
    const text = await readFile("build/game-process.lua", "utf8");
    expect(await evaluate('package.loaded["native.thing"] = { name = "own" }', `${text}\nreturn R`)).toBe(
      "own",
    );
  });

  test("aliases", async () => {
    writeFiles({ [main]: 'R = require("rng")()', "lib/random-4.lua": "return function() return 4 end" });
    expect(await run({ bundle: { aliases: { rng: "lib/random-4.lua" } } })).toBe("4");
  });

  test("include", async () => {
    writeFiles({
      [main]: 'local kind = "mage"\nR = (function(k) return require("game.units." .. k) end)(kind)',
      "processes/game/units/mage.lua": 'return "a mage"',
    });
    expect(
      await run({ bundle: { include: ["game.units.mage"] }, silence: { LUA_REQUIRE_DYNAMIC: "by design" } }),
    ).toBe("a mage");
  });

  test("constants, byte for byte", async () => {
    const MOTD = "quote \" ' ]] \\ \n\r\t é 漢 𝄞 \0 end";
    writeFiles({
      [main]: "R = table.concat({ #MOTD, MOTD:byte(1, -1) }, ' ') .. ' ' .. LIMIT .. ' ' .. tostring(OPEN)",
    });
    const bytes = [...Buffer.from(MOTD)];
    expect(await run({ bundle: { constants: { MOTD, LIMIT: 7, OPEN: false } } })).toBe(
      [bytes.length, ...bytes, 7, false].join(" "),
    );
  });

  test("state: if it names globals, assignments to others cause a warning", async () => {
    writeFiles({ [main]: "Battles = Battles or {}\nTypo = 1\n" });
    const codes = async (state: string[]) =>
      (await plan({ bundle: { state } })).warnings.map(({ got }) => got);
    expect(await codes([])).toEqual([]);
    expect(await codes(["Battles"])).toEqual(["Typo"]);
    expect(await codes(["Battles", "Typo"])).toEqual([]);
  });

  test("minify: smaller, and an error still has its line", async () => {
    writeFiles({ [main]: `-- ${"a comment ".repeat(50)}\nlocal x   =   1\n\nerror("here")\n` });
    const plain = (await plan({})).levels[0]?.[0]?.declared;
    const small = (await plan({ bundle: { minify: true } })).levels[0]?.[0]?.declared;
    expect(small?.bytes).toBeLessThan((plain?.bytes ?? 0) - 400);
    const error = await evaluate(await readFile("build/game-process.lua", "utf8")).catch(String);
    const stored = await store(".fleet/bundles").get(small?.sourceHash ?? "");
    expect(stored?.map && explainLuaError(error, stored.map)).toMatchObject({
      file: main,
      line: 4,
      message: "here",
    });
  });

  test("budget", async () => {
    writeFiles({ [main]: `return "${"x".repeat(3000)}"` });
    const member = { bundle: { budget: { maxBytes: 2000 } } };
    const [problem] = await problemsOf(plan(member));
    expect(problem).toMatchObject({
      code: "BUNDLE_OVER_BUDGET",
      at: "processes.game.bundle.budget.maxBytes",
      expected: "at most 2 kB",
    });
    expect(problem?.got).toContain(`${main} 3 kB`);
    expect(
      (await plan({ ...member, silence: { BUNDLE_OVER_BUDGET: "until the tables move" } })).warnings,
    ).toEqual([]);
  });
});

describe("a program may be", () => {
  test("a folder", async () => {
    writeFiles({
      "programs/chess/init.lua": 'R = require("chess.board")',
      "programs/chess/board.lua": 'return "a board"',
    });
    expect(await run({ source: "programs/chess" })).toBe("a board");
  });

  test("an npm package", async () => {
    writeFiles({
      "node_modules/@owner/game/package.json": '{"name":"@owner/game","lua":"lua/main.lua"}',
      "node_modules/@owner/game/lua/main.lua": 'R = require("parts.one")',
      "node_modules/@owner/game/lua/parts/one.lua": 'return "from a package"',
    });
    expect(await run({ source: "npm:@owner/game" })).toBe("from a package");
  });
});

test("the examples, declared as a fleet, have no warning and the same bytes from any folder", async () => {
  const examples = {
    network: local,
    processes: {
      ledger: { lib: false, source: "examples/ledger", bundle: { state: ["Balances"] } },
      arena: { lib: false, source: "examples/arena", bundle: { state: ["Fights"] } },
      polls: {
        lib: false,
        source: "examples/polls",
        bundle: {
          state: ["Polls"],
          include: ["rules.two-thirds"],
          constants: { GREETING: "thanks", DEFAULT_RULE: "majority" },
        },
        silence: { LUA_REQUIRE_DYNAMIC: "rules are chosen by name" },
      },
    },
  };
  const made: string[][] = [];
  for (const _ of ["here", "and in another folder"]) {
    enterFolder("examples");
    await cp(join(home, "examples"), "examples", { recursive: true });
    const { levels, warnings } = await planFleet(
      examples,
      { home: ".fleet", build: "build" },
      () => undefined,
    );
    expect(warnings).toEqual([]);
    expect((await readdir("build")).sort()).toEqual(
      ["arena", "ledger", "polls"].map((name) => `${name}-process.lua`),
    );
    made.push(levels.flat().map(({ declared }) => declared.sourceHash));
  }
  expect(made[0]).toEqual(made[1]);
});

describe("what the plan refuses", () => {
  test("is reported all at once: options at their path, sources at file, line and column, of every member", async () => {
    writeFiles({
      [main]: "local x = = 1",
      "processes/shop/process.lua": 'require("gone")\nreturn require("lost")',
    });
    const problems = await problemsOf(
      planFleet(
        {
          network: local,
          processes: {
            game: { lib: false, bundle: { constants: { BAD: "\ud800" } }, silence: { LUA_SYNTAX: "no" } },
            shop: { lib: false, silence: { LUA_MODULE_UNUSED: " " } },
            nowhere: { lib: false, bundle: { constants: { BAD: "\ud800" } } },
          },
        },
        { home: ".fleet", build: "build" },
        () => undefined,
      ),
    );
    expect(found(problems)).toEqual([
      "SILENCE_INVALID processes.game.silence.LUA_SYNTAX",
      "CONSTANT_INVALID processes.game.bundle.constants.BAD",
      `LUA_SYNTAX ${main}:1:11`,
      "SILENCE_INVALID processes.shop.silence.LUA_MODULE_UNUSED",
      "LUA_MODULE_MISSING processes/shop/process.lua:1:1",
      "LUA_MODULE_MISSING processes/shop/process.lua:2:8",
      "CONSTANT_INVALID processes.nowhere.bundle.constants.BAD",
      "LUA_ENTRY_MISSING processes.nowhere.source",
    ]);
    expect(existsSync("build")).toBe(false);
  });

  test("includes unknown options, with the nearest one", async () => {
    const problems = await problemsOf(plan({ bundle: { minfy: true, constants: { LIST: [1] } } }));
    expect(found(problems)).toEqual([
      "BAD_VALUE processes.game.bundle.constants.LIST",
      "UNKNOWN_KEY processes.game.bundle.minfy",
    ]);
    expect(problems[1]?.expected).toBe('perhaps "minify"');
  });

  test.each([
    ["LUA_MODULE_MISSING", 'return pcall ~= nil and require("their.own")', {}],
    [
      "LUA_REQUIRE_CYCLE",
      'return require("game.a")',
      {
        "processes/game/a.lua": 'return require("game.b")',
        "processes/game/b.lua": 'return require("game.a")',
      },
    ],
  ])("%s is an error, and silenced by a reason", async (code, text, files) => {
    writeFiles({ [main]: text, ...files });
    expect((await problemsOf(plan({})))[0]?.code).toBe(code);
    expect((await plan({ silence: { [code]: "the process brings it" } })).warnings).toEqual([]);
  });

  test.each([
    [
      "LUA_HANDLER_SWALLOWS",
      'Handlers.add("all", function() return true end, print)\nHandlers.add("b", "b", print)',
      {},
    ],
    ["LUA_MODULE_UNUSED", "return 1", { "processes/game/loose.lua": "return 1" }],
    ["LUA_REQUIRE_DYNAMIC", "return function(name) return require(name) end", {}],
    ["LUA_SHADOWS_AOS", 'return require("json")', { "processes/game/json.lua": "return 1" }],
  ])("%s is a warning, and silenced by a reason", async (code, text, files) => {
    writeFiles({ [main]: text, ...files });
    expect((await plan({})).warnings.map((warning) => warning.code)).toEqual([code]);
    expect((await plan({ silence: { [code]: "known" } })).warnings).toEqual([]);
  });

  test("a warning in a file that several members share is reported once", async () => {
    writeFiles({
      "processes/game/process.lua": 'return require("shared.util")',
      "processes/shop/process.lua": 'return require("shared.util")',
      "processes/shared/util.lua": "return function(name) return require(name) end",
    });
    const { warnings } = await planFleet(
      { network: local, processes: { game: { lib: false }, shop: { lib: false } } },
      { home: ".fleet", build: "build" },
      () => undefined,
    );
    expect(found(warnings)).toEqual(["LUA_REQUIRE_DYNAMIC processes/shared/util.lua:1:30"]);
  });
});

describe("a program larger than a message", () => {
  const text = `return #"${"x".repeat(90_000)}"`;
  const small = { maxMessageBytes: 50_000 };

  test("is refused if nothing can be uploaded, with the limit, the size by module and what to do", async () => {
    writeFiles({ [main]: text });
    const [problem] = await problemsOf(plan({}, { ...legacy, ...small }));
    expect(problem).toMatchObject({
      code: "BUNDLE_TOO_LARGE",
      at: "processes.game.source",
      expected: "at most 42 kB",
    });
    expect(problem?.got).toContain(`${main} 90`);
    expect(problem?.remedy).toContain("uploadUrl");
    expect(
      found(await problemsOf(plan({ silence: { BUNDLE_TOO_LARGE: "no" } }, { ...legacy, ...small }))),
    ).toEqual(["SILENCE_INVALID processes.game.silence.BUNDLE_TOO_LARGE"]);
  });

  test("is planned if it can be uploaded: on a network with an upload service, and on the embedded one", async () => {
    writeFiles({ [main]: text });
    const uploading = { ...legacy, ...small, uploadUrl: "http://127.0.0.1:2" };
    for (const network of [uploading, { ...local, ...small }])
      expect((await plan({}, network)).levels.flat()).toHaveLength(1);
  });
});

describe("facts about a file are remembered in .fleet/facts", () => {
  test("in one entry for each text, for a month", async () => {
    writeFiles({ [main]: 'return require("game.facts")', "processes/game/facts.lua": "return 'facts'" });
    await plan({});
    expect(await readdir(".fleet/facts")).toHaveLength(2);
    const old = join(".fleet/facts", `${"0".repeat(64)}.json`);
    writeFiles({ [old]: "{}" });
    const then = new Date(Date.now() - 40 * 86_400_000);
    await utimes(old, then, then);
    await plan({});
    expect(existsSync(old)).toBe(false);
    expect(await readdir(".fleet/facts")).toHaveLength(2);
  });
});

describe("the image of a member decides which modules exist", () => {
  const sqlite = { [main]: 'R = type(require("lsqlite3").open_memory) .. type(require(".bint"))' };

  test("by the name of an image, the fleet's or the member's own", async () => {
    writeFiles(sqlite);
    expect(found(await problemsOf(plan({})))).toEqual([`LUA_MODULE_MISSING ${main}:1:10`]);
    await plan({ module: "aos-sqlite" });
    const fleet = { network: local, module: "aos-sqlite", processes: { game: { lib: false } } };
    await planFleet(fleet, { home: ".fleet", build: "build" }, () => undefined);
  });

  test("and refuses a bundle that its stack cannot hold, whatever the network accepts", async () => {
    writeFiles(sqlite);
    const [problem] = await problemsOf(plan({ module: "aos-sqlite", lib: true }));
    expect(problem).toMatchObject({
      code: "BUNDLE_TOO_LARGE",
      at: "processes.game.source",
      what: "The bundle of game is larger than the image aos-sqlite can evaluate.",
    });
  });

  test("and an unknown id causes a warning, not an error", async () => {
    writeFiles({ [main]: 'R = require(".native")' });
    const { warnings } = await plan({ module: "n".repeat(43), bundle: { state: ["R"] } });
    expect(found(warnings).filter((each) => each.startsWith("LUA"))).toEqual([
      `LUA_MODULE_ASSUMED ${main}:1:5`,
    ]);
  });
});

/** The device lua@5.3a: the fleet's own module in it, and what becomes of a process whose module raises an error. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LACKED_FUNCTIONS } from "../../src/bundler/luerl.ts";
import { LUA_DEVICE } from "../../src/core/devices.ts";
import { LUA_MODULE_TAGS, luaDeviceModule } from "../../src/fleet/code/lua-module.ts";
import { itemSigner } from "../../src/localnet/ans104.ts";
import type { Evaluator, ModuleSource } from "../../src/localnet/evaluator.ts";
import { aosImages, LUA_IMAGE } from "../../src/localnet/images.ts";
import { luaEvaluator } from "../../src/localnet/lua53/evaluator.ts";
import { storedModule } from "../../src/localnet/modules.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import type {
  EvaluatedMessage,
  EvaluationResult,
  OutItem,
  ProcessRecord,
  Tag,
} from "../../src/localnet/types.ts";
import { createUnits } from "../../src/localnet/units/index.ts";
import { wasmEvaluator } from "../../src/localnet/wasm/evaluator.ts";
import { valueIn } from "./node-values.ts";

const [NODE, OWNER, STRANGER, PEER] = ["N", "O", "S", "P"].map((letter) => letter.repeat(43)) as [
  string,
  string,
  string,
  string,
];
const GUARD = "pcall(function() return results(base, process.turn(base, request)) end)";

const tagsOf = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([name, value]) => ({ name, value }));

const modules = new Map<string, string>([
  ["own", luaDeviceModule()],
  ["unguarded", luaDeviceModule().replace(GUARD, "true, results(base, process.turn(base, request))")],
  ["throws", 'function compute(base, request) error("boom") end'],
  [
    "status",
    'function compute(base) if base["at-slot"] == nil then return "error", "refused" end return base end',
  ],
  [
    "counts",
    "function compute(base) base.count = (base.count or 0) + 1 base.results = { output = base.count } return base end",
  ],
  ["broken", "function compute("],
]);

function image(): Evaluator {
  const found = aosImages().find(({ id }) => id === LUA_IMAGE);
  return wasmEvaluator({
    loadModule: (id) => found && { id, owner: OWNER, tags: found.tags, wasm: found.read() },
    workers: 1,
  });
}

const sourceOf = (id: string): ModuleSource | undefined => {
  const text = modules.get(id);
  return text === undefined ? undefined : { id, owner: OWNER, tags: [], wasm: Buffer.from(text) };
};

let wasm: Evaluator;
let evaluator: Evaluator;
beforeAll(() => {
  wasm = image();
  evaluator = luaEvaluator({ wasm, image: LUA_IMAGE, loadModule: sourceOf });
});
afterAll(() => wasm.close?.());

/** A process whose memory is kept here, as the units do. */
class Live {
  memory: Uint8Array | null = null;
  nonce = 0;
  readonly process: ProcessRecord;

  constructor(module = "own", tags: Record<string, string> = {}, owner = OWNER) {
    this.process = {
      ...{ id: "L".repeat(42) + String(lives++ % 10), owner, module, scheduler: NODE },
      tags: tagsOf({ Type: "Process", Authority: NODE, Module: module, Variant: "ao.N.1", ...tags }),
    };
  }

  async send(fields: Partial<EvaluatedMessage>, by: Evaluator = evaluator): Promise<EvaluationResult> {
    const { id } = this.process;
    const message: EvaluatedMessage = {
      ...{ Id: String(this.nonce).padStart(43, "m"), Owner: OWNER, From: fields.Owner ?? OWNER, Target: id },
      ...{ Epoch: 0, Nonce: this.nonce, Cron: false, Timestamp: 1_700_000_000_000 + this.nonce },
      ...{ "Block-Height": 1_500_000, Tags: [], ...fields },
    };
    const made = await by.evaluate({ process: this.process, memory: this.memory, message, dryRun: false });
    this.memory = made.memory;
    this.nonce += 1;
    return made.result;
  }

  boot = () => this.send({ Id: this.process.id, Tags: this.process.tags, Data: " " });

  async eval(code: string): Promise<string> {
    const result = await this.send({ Tags: tagsOf({ Action: "Eval" }), Data: code });
    return result.Error === undefined ? printed(result) : `Error: ${result.Error}`;
  }
}
let lives = 0;

const printed = ({ Output }: EvaluationResult) => String((Output as { data?: unknown }).data);

/** The tags of an outgoing message, without those of the protocol. */
function content({ Target, Data, Tags = [] }: OutItem) {
  const own = Tags.filter(({ name }) => !["Data-Protocol", "Variant", "Type", "Reference"].includes(name));
  return { Target, Data, ...Object.fromEntries(own.map(({ name, value }) => [name, value])) };
}

async function started(tags: Record<string, string> = {}): Promise<Live> {
  const live = new Live("own", tags);
  await live.boot();
  return live;
}

describe("an error of the module", () => {
  test.each([
    ["throws", "boom"],
    ["status", "refused"],
    ["broken", "expected"],
    ["missing", "Lua module 'missing' not found."],
  ])("is not a result: the message remains unevaluated (%s)", async (module, text) => {
    const live = new Live(module);
    await expect(live.boot()).rejects.toThrow(text);
    await expect(live.boot()).rejects.toThrow(text);
    expect(live.memory).toBeNull();
  });

  test("is what the own module's guard prevents: without it, a failing message is never evaluated", async () => {
    const data = { Tags: tagsOf({ "Content-Type": "application/json" }), Data: "{no json" };
    // The module itself is run, and its inner guard turns that error into a result.
    expect((await (await started()).send(data)).Error).toContain("json.decode");
    // An outbox that cannot be written: only the outer guard is left.
    const spoil = 'Handlers.add("spoil", "Spoil", function() ao.outbox.Messages = { { Tags = 5 } } end)';
    const spoiled = { Tags: tagsOf({ Action: "Spoil" }) };
    const guarded = await started();
    await guarded.eval(spoil);
    expect((await guarded.send(spoiled)).Error).toBeDefined();
    expect(await guarded.eval("return 'alive'")).toBe("alive");
    const unguarded = new Live("unguarded");
    await unguarded.boot();
    await unguarded.eval(spoil);
    await expect(unguarded.send(spoiled)).rejects.toThrow();
  });

  test.each(["Function", "Parameters"])(
    "cannot be prevented if a message names what the node calls: %s",
    async (tag) => {
      const live = await started();
      await expect(live.send({ Owner: STRANGER, Tags: tagsOf({ [tag]: "error" }) })).rejects.toThrow();
    },
  );
});

test("any module runs: its message is the process' state, and survives the evaluator", async () => {
  const live = new Live("counts");
  expect((await live.boot()).Output).toBe(1);
  expect((await live.send({})).Output).toBe(2);
  const other = image();
  const again = luaEvaluator({ wasm: other, image: LUA_IMAGE, loadModule: sourceOf });
  expect((await live.send({}, again)).Output).toBe(3);
  await other.close?.();
});

describe("the own module", () => {
  test("evaluates for the owner only, and shows what was printed", async () => {
    const live = await started();
    expect(await live.eval("1 + 1")).toBe("2");
    expect(await live.eval("X = 20 print('a') print({ b = 1 }) return X + 1")).toBe('a\n{"b":1}\n21');
    const result = await live.send({ Owner: STRANGER, Tags: tagsOf({ Action: "Eval" }), Data: "X = 99" });
    expect(printed(result)).toContain("New Message From");
    expect(await live.eval("return X")).toBe("20");
    expect(await live.eval(`return #Inbox .. Owner .. ao.id`)).toBe(`2${OWNER}${live.process.id}`);
  });

  test("knows who signed what: tags, ids and keys that the signature does not cover", async () => {
    const live = await started();
    await live.eval('Handlers.add("show", "Show", function(m) Last = m end)');
    await live.send({
      Id: "i".repeat(43),
      Owner: STRANGER,
      Tags: tagsOf({ Action: "Show", "x-Odd": "1", Owner: OWNER, From: OWNER, Timestamp: "5" }),
      Data: "text",
    });
    expect(await live.eval('return Last.Id .. Last.From .. Last.Owner .. Last.Data .. Last["x-Odd"]')).toBe(
      `${"i".repeat(43)}${STRANGER}${STRANGER}text1`,
    );
    expect(await live.eval("return Last.Nonce")).toBe("2");
    const forged = `compute({ process = ${luaProcess(live)} }, { type = "Assignment", slot = 9, timestamp = 1, body = {
      action = "Eval", data = "X = 'forged'",
      commitments = { a = { ["commitment-device"] = "ans104@1.0", committer = Owner, committed = { %s } } } } })
      print(tostring(X))`;
    expect(await live.eval(forged.replace("%s", '"data"'))).toMatch(/\nnil$/);
    expect(await live.eval(forged.replace("%s", '"data", "action"'))).toBe("forged");
  });

  test("trusts a process only if the node signed its message", async () => {
    const live = await started();
    await live.eval('Handlers.add("show", "Show", function(m) Last = m.From end)');
    const show = tagsOf({ Action: "Show", "From-Process": PEER });
    expect(printed(await live.send({ Owner: STRANGER, Tags: show }))).toContain("not trusted");
    const asNode = tagsOf({ Action: "Show", "From-Process": NODE });
    expect(printed(await live.send({ Owner: STRANGER, Tags: asNode }))).toContain("not trusted");
    expect(await live.eval("return tostring(Last)")).toBe("nil");
    await live.send({ Owner: NODE, Tags: show });
    expect(await live.eval("return Last")).toBe(PEER);
    // The owner's name in a stranger's message evaluates nothing.
    const evil = tagsOf({ Action: "Eval", "From-Process": OWNER });
    expect(printed(await live.send({ Owner: STRANGER, Tags: evil, Data: "Last = 1" }))).toContain(
      "not trusted",
    );
  });

  test("turns every error into a result, after which the process goes on; what ran before the error stays", async () => {
    const live = await started();
    for (const [code, text] of [
      ["error('boom')", "boom"],
      ["local x = nil return x.y", "nil value"],
      ["error({ code = 'C' })", '{"code":"C"}'],
      ["return nil, 'second'", "second"],
      ["error()", "nil"],
      ["syntax error here", "syntax error"],
      ["goto done ::done::", "no goto"],
      ["return function() end", "function"],
      ["ao.send(5)", "table"],
      ["Receive({ Action = 'Never' })", "cannot wait"],
      ["local function f() return 1 + f() end return f()", "overflow"],
    ] as const) {
      expect([code, await live.eval(code)]).toEqual([code, expect.stringContaining(text)]);
    }
    await live.eval(`
      Handlers.add("fail", "Fail", function() Count = (Count or 0) + 1 Send({ Target = Owner, Data = "x" }) error("oh no") end)
      Handlers.add("pattern", function(m) if m.Action == "Pattern" then error("in the pattern") end return false end, print)
      Handlers.add("shape", function(m) if m.Action == "Shape" then return {} end return false end, print)`);
    for (const [action, text] of [
      ["Fail", "oh no"],
      ["Pattern", "in the pattern"],
      ["Shape", "Pattern result"],
    ] as const) {
      const failed = await live.send({ Owner: STRANGER, Tags: tagsOf({ Action: action }) });
      expect(failed.Error).toContain(text);
      expect(failed.Messages).toEqual([]);
    }
    expect(await live.eval("return Count")).toBe("1");
  });

  test("refuses a goto statement, and takes the word in strings, comments and names", async () => {
    const live = await started();
    for (const code of [
      "goto done ::done::",
      "local x = 1 goto done ::done::",
      "if true then goto --[[ here ]] done end ::done::",
      'local s = "a\\\\" goto done ::done::',
      "local t = { { 1 } } local i = t[1][1] goto done ::done::",
      // Luerl reads only its first line as a comment.
      "--[=[ first\ngoto done ::done:: --]=]",
    ])
      expect([code, await live.eval(code)]).toEqual([code, expect.stringContaining("no goto")]);
    for (const [code, value] of [
      ['return "please goto shop"', "please goto shop"],
      ["return 'say \\'hi\\' and goto shop'", "say 'hi' and goto shop"],
      ["return [==[ goto shop ]] goto shop ]==]", " goto shop ]] goto shop "],
      ["-- first goto shop\nreturn 'after a line'", "after a line"],
      ["--[[ first\n goto shop ]] return 'after a comment'", "after a comment"],
      ["--[==[ goto shop ]==]\nreturn 'after a level'", "after a level"],
      ["local goto_shop, ago = 1, 5 - 3 return goto_shop - ago", "-1"],
    ] as const)
      expect([code, await live.eval(code)]).toEqual([code, value]);
  });

  test("reads code and JSON in one pass in Luerl, which tries an anchored pattern that fails at every later position", async () => {
    const live = await started();
    await live.eval(`
      Steps = 0
      for _, name in ipairs({ "find", "match" }) do
        local original = string[name]
        string[name] = function(text, pattern, at, ...)
          local found = table.pack(original(text, pattern, at, ...))
          if found[1] == nil and string.byte(pattern) == 94 then Steps = Steps + #text - (at or 1) + 1 end
          return table.unpack(found, 1, found.n)
        end
      end`);
    const code = `local t = { "goto" }${" t[1] = t[1] .. -1".repeat(100)} return #t[1]`;
    expect(await live.eval(code)).toBe("204");
    const list = JSON.stringify(Array.from({ length: 100 }, (_, n) => [n, "\ud800", -n]));
    expect(await live.eval(`return #require("json").decode([==[${list}]==])`)).toBe("100");
    expect(Number(await live.eval("return Steps"))).toBeLessThan(list.length);
  });

  test("sends, replies, forwards and spawns as aos does", async () => {
    const live = await started();
    await live.eval(`
      Handlers.add("ping", "Ping", function(m) m.reply({ Data = "pong", Action = "Pong" }) end)
      Handlers.add("pass", "Pass", function(m) m.forward("${PEER}", { Extra = "e" }) end)
      Handlers.add("tags", { Action = "Tags", Kind = { "a", "b%d" } }, function(m)
        ao.send({ Target = m.From, Data = { n = 1 }, Tags = { { name = "Odd-Name", value = "v" } } })
      end)`);
    const ping = await live.send({ Owner: STRANGER, Tags: tagsOf({ Action: "Ping", Reference: "7" }) });
    expect(ping.Messages.map(content)).toEqual([
      { Target: STRANGER, Data: "pong", Action: "Pong", "X-Reference": "7" },
    ]);
    const pass = await live.send({ Owner: STRANGER, Tags: tagsOf({ Action: "Pass", Keep: "k" }), Data: "d" });
    expect(pass.Messages.map(content)).toEqual([
      {
        Target: PEER,
        Data: "d",
        Action: "Pass",
        Keep: "k",
        Extra: "e",
        "Reply-To": STRANGER,
        "X-Origin": STRANGER,
      },
    ]);
    // To a node, these names are those of the process itself.
    const forged = tagsOf({
      Action: "Pass",
      "from-module": PEER,
      "reply-to": PEER,
      cron: "true",
      extra: "x",
    });
    const passed = await live.send({ Owner: STRANGER, Tags: forged });
    expect(passed.Messages.map(content)).toEqual([
      { Target: PEER, Data: "", Action: "Pass", Extra: "e", "Reply-To": STRANGER, "X-Origin": STRANGER },
    ]);
    for (const [kind, count] of [
      ["A", 1],
      ["b7", 1],
      ["c", 0],
    ] as const) {
      const made = await live.send({ Owner: STRANGER, Tags: tagsOf({ Action: "Tags", Kind: kind }) });
      expect(made.Messages.map(content)).toEqual(
        Array(count).fill({
          Target: STRANGER,
          Data: '{"n":1}',
          "Content-Type": "application/json",
          "Odd-Name": "v",
        }),
      );
    }
    const spawned = await live.send({
      Tags: tagsOf({ Action: "Eval" }),
      Data: 'Spawn("module", { Name = "child" })',
    });
    const tags = Object.fromEntries((spawned.Spawns[0]?.Tags ?? []).map(({ name, value }) => [name, value]));
    expect(tags).toMatchObject({
      Module: "module",
      "From-Process": live.process.id,
      Name: "child",
      Type: "Process",
    });
  });

  test("runs handlers in their order: continue, once, before, after, remove, the reply to a message", async () => {
    const live = await started();
    await live.eval(`
      Order = {}
      local function note(name) return function() Order[#Order + 1] = name end end
      Handlers.add("b", "Go", note("b"))
      Handlers.prepend("a", function(m) return m.Action == "Go" and "continue" end, note("a"))
      Handlers.append("never", "Go", note("never"))
      Handlers.before("b").add("a2", function(m) return m.Action == "Go" and 1 or 0 end, note("a2"))
      Handlers.once("only", "Go", note("only"))`);
    const go = { Owner: STRANGER, Tags: tagsOf({ Action: "Go" }) };
    await live.send(go);
    await live.send(go);
    expect(await live.eval('return table.concat(Order, " ")')).toBe("only a a2 b");
    await live.eval(
      'Handlers.remove("b") Handlers.after("a").add("c", "Go", function() Order = { "c" } end)',
    );
    await live.send(go);
    expect(await live.eval('return table.concat(Order, " ")')).toBe("c");
    const sent = await live.send({
      Tags: tagsOf({ Action: "Eval" }),
      Data: `Send({ Target = "${PEER}", Action = "Ask" }).onReply(function(m) Got = m.Data end)`,
    });
    const reference = sent.Messages[0]?.Tags?.find(({ name }) => name === "Reference")?.value ?? "";
    const answer = { Tags: tagsOf({ "X-Reference": reference, "From-Process": PEER }), Data: "answer" };
    await live.send({ ...answer, Owner: STRANGER });
    await live.send({ ...answer, Owner: NODE });
    expect(await live.eval("return Got")).toBe("answer");
  });

  test("evaluates the data of its own spawn, and a spawned process belongs to the process that spawned it", async () => {
    const boot = new Live("own", { "On-Boot": "Data" });
    await boot.send({ Id: boot.process.id, Tags: boot.process.tags, Data: "Booted = 7" });
    expect(await boot.eval("return Booted")).toBe("7");
    const failing = new Live("own", { "On-Boot": "Data" });
    const failed = await failing.send({
      Id: failing.process.id,
      Tags: failing.process.tags,
      Data: "error('early')",
    });
    expect(failed.Error).toContain("early");
    expect(await failing.eval("return 1")).toBe("1");
    const child = new Live("own", { "From-Process": PEER }, NODE);
    await child.send({ Id: child.process.id, Owner: NODE, Tags: child.process.tags });
    expect(printed(await child.send({ Tags: tagsOf({ Action: "Eval" }), Data: "return 1" }))).toContain(
      "New Message",
    );
    const parent = {
      Owner: NODE,
      Tags: tagsOf({ Action: "Eval", "From-Process": PEER }),
      Data: "return Owner",
    };
    expect(printed(await child.send(parent))).toBe(PEER);
  });

  test("completes the device's Lua, and keeps the node from its programs", async () => {
    const live = await started();
    for (const [code, output] of [
      ["local ok, e = pcall(error, { code = 'C' }) return e.code", "C"],
      ["local ok, e = pcall(function() local ok, e = pcall(error, { n = 1 }) error(e) end) return e.n", "1"],
      ["return select(2, xpcall(function() error('x', 0) end, function(e) return e .. '!' end))", "x!"],
      ["return select('#', 1, nil, 3) .. ' ' .. table.pack(1, nil).n", "3 2"],
      ["return string.pack('>I4<I2', 258, 258):byte(3)", "1"],
      [
        "return table.concat({ string.unpack('>I4<i2', string.pack('>I4<i2', 4000000000, -2)) }, ' ')",
        "4000000000 -2 7",
      ],
      ["return table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), '')", "1123"],
      [
        "local c = coroutine.create(function() return 5 end) return select(2, coroutine.resume(c)) .. coroutine.status(c)",
        "5dead",
      ],
      [
        "return tostring(os.execute) .. tostring(io) .. tostring(os.getenv) .. tostring(dofile)",
        "nilnilnilnil",
      ],
      ["return tostring(load('return 1', 'x', 't', {}))", "nil"],
      ["return load('return 1 + 1')()", "2"],
      ["return os.time()", String(1_700_000_000_000 + 12)],
      [
        "return require('json').encode(require('json').decode('[1,{\"a\":\"\\\\u00e9\"},null]'))",
        '[1,{"a":"é"}]',
      ],
    ] as const) {
      expect([code, await live.eval(code)]).toEqual([code, output]);
    }
    const numbers =
      "local t = {} for i = 1, 5 do t[i] = math.random(1, 1000) end return table.concat(t, ' ')";
    const { memory, nonce } = live;
    const drawn = await live.eval(numbers);
    expect(drawn).toMatch(/^(\d+ ){4}\d+$/);
    expect(await live.eval(numbers)).not.toBe(drawn);
    Object.assign(live, { memory, nonce });
    expect(await live.eval(numbers)).toBe(drawn);
    expect(await live.eval("return math.random() < 1 and math.random(3) <= 3")).toBe("true");
  });

  test("lacks the functions that the preview refuses", async () => {
    const live = await started();
    // These exist, and fail whenever they are called.
    const failing = ["Assign", "Receive", "Handlers.receive", "ao.assign", "coroutine.yield", "string.dump"];
    const names = [...LACKED_FUNCTIONS].map((name) => JSON.stringify(name)).join(", ");
    const works = `local found, fails = {}, { ${failing.map((name) => `["${name}"] = true`).join(", ")} }
      for _, name in ipairs({ ${names} }) do
        local read = load("return " .. name)
        local isThere, value = pcall(read)
        if isThere and value ~= nil and not (fails[name] and not pcall(value, print)) then found[#found + 1] = name end
      end
      return table.concat(found, " ")`;
    expect(await live.eval(works)).toBe("");
  });

  test("publishes keys of the state, and nothing over those of the process", async () => {
    const live = await started();
    const publish = (lua: string) => live.send({ Tags: tagsOf({ Action: "Eval" }), Data: `Send(${lua})` });
    const patched = async (lua: string) => {
      const { Messages } = await publish(lua);
      const tags = Messages.find(({ Target }) => Target === "")?.Tags ?? [];
      return Object.fromEntries(tags.map(({ name, value }) => [name, value as unknown]));
    };
    expect(await patched('{ device = "patch@1.0", cache = { release = "r1", n = 1 } }')).toMatchObject({
      cache: { release: "r1", n: 1 },
    });
    expect(await patched('{ method = "PATCH", ["cache/n"] = 2, Process = "x", ["/device"] = "y" }')).toEqual({
      device: "patch@1.0",
      cache: { release: "r1", n: 2 },
    });
    expect(await patched('{ device = "patch@1.0", list = { 1, 2 }, odd = { [3] = print } }')).toMatchObject({
      list: [1, 2],
    });
  });
});

/** The process as a Lua table, as a node passes it. */
const luaProcess = ({ process: { id, owner } }: Live) =>
  `{ type = "Process", commitments = { ["${id}"] = { ["commitment-device"] = "ans104@1.0", committer = "${owner}" } } }`;

test("an evaluation without an end is ended at the time limit, and not run again, while others of the module go on", async () => {
  const bounded = luaEvaluator({ wasm, image: LUA_IMAGE, loadModule: sourceOf, timeoutSeconds: 4 });
  const [process, other] = [new Live(), new Live()];
  const loop = { Tags: tagsOf({ Action: "Eval" }), Data: "while true do end" };
  await process.send({ Id: process.process.id, Tags: process.process.tags, Data: " " }, bounded);
  const failed = async () => {
    const started = performance.now();
    await expect(process.send(loop, bounded)).rejects.toThrow("longer than 4 s");
    return performance.now() - started;
  };
  expect(await failed()).toBeGreaterThan(3900);
  expect(await failed()).toBeLessThan(1000);
  await other.send({ Id: other.process.id, Tags: other.process.tags, Data: " " }, bounded);
  expect(printed(await other.send({ Tags: tagsOf({ Action: "Eval" }), Data: "return 1 + 1" }, bounded))).toBe(
    "2",
  );
});

describe("on the embedded node", () => {
  async function world() {
    const store = sqliteStore(":memory:");
    const load = (id: string) => storedModule(store, id);
    const found = aosImages().find(({ id }) => id === LUA_IMAGE);
    const own = wasmEvaluator({
      loadModule: (id) => load(id) ?? (found && { id, owner: OWNER, tags: found.tags, wasm: found.read() }),
      workers: 1,
    });
    const units = await createUnits({
      store,
      evaluator: own,
      devices: { [LUA_DEVICE]: luaEvaluator({ wasm: own, image: LUA_IMAGE, loadModule: load }) },
      node: { brokenHeaders: false },
    });
    const wallet = itemSigner(randomBytes(32).toString("hex"));
    const item = (data: string, tags: Record<string, string>, target?: string) =>
      wallet.sign({
        data,
        tags: tagsOf(tags),
        anchor: randomBytes(16).toString("hex"),
        ...(target ? { target } : {}),
      });
    const publish = async (text: string) => {
      const { id, raw } = await item(text, LUA_MODULE_TAGS);
      const body = raw as Uint8Array<ArrayBuffer>;
      await fetch(`${units.urls.gateway}/tx`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body,
      });
      return id;
    };
    const post = async (path: string, raw: Uint8Array) =>
      fetch(`${units.urls.node}${path}`, {
        method: "POST",
        headers: { "content-type": "application/ans104", accept: "application/json" },
        body: raw as Uint8Array<ArrayBuffer>,
      });
    const get = (path: string) =>
      fetch(`${units.urls.node}${path}`, { headers: { accept: "application/json" } });
    const spawn = async (module: string) => {
      const { nodeAddress } = units;
      const tags = {
        Type: "Process",
        Module: module,
        Scheduler: nodeAddress,
        Authority: nodeAddress,
        Variant: "ao.N.1",
      };
      const { id, raw } = await item(" ", { ...tags, "execution-device": LUA_DEVICE });
      expect((await post("/push", raw)).status).toBe(200);
      return id;
    };
    const result = async (process: string, slot: number) => {
      const answer = await get(`/${process}~process@1.0/compute=${slot}/results/json/body`);
      const text = answer.ok ? await valueIn(answer) : await answer.text();
      return { status: answer.status, body: JSON.parse(text) as EvaluationResult & { body?: string } };
    };
    const send = async (process: string, data: string, tags: Record<string, string>, how = "push") =>
      post(`/${process}~process@1.0/${how}`, (await item(data, tags, process)).raw);
    return { units, publish, spawn, send, result, get, address: wallet.address, item, post };
  }

  test("a process of the own module answers, delivers to other processes, publishes, and runs dry", async () => {
    const { units, publish, spawn, send, result, get, address } = await world();
    const module = await publish(luaDeviceModule());
    const [a, b] = [await spawn(module), await spawn(module)];
    await send(
      b,
      'Handlers.add("ping", "Ping", function(m) m.reply({ Action = "Pong", Data = "for " .. m.Data }) end)',
      {
        Action: "Eval",
      },
    );
    await send(a, 'Handlers.add("pong", "Pong", function(m) Got = m.From .. m.Data end)', { Action: "Eval" });
    await send(a, `Send({ Target = "${b}", Action = "Ping", Data = "you" })`, { Action: "Eval" });
    await send(a, 'Send({ device = "patch@1.0", cache = { got = Got } }) return Owner .. Got', {
      Action: "Eval",
    });
    const { body } = await result(a, 4);
    expect(body.Error).toBeUndefined();
    expect((body.Output as { data: string }).data).toBe(`${address}${b}for you`);
    expect(await valueIn(await get(`/${a}~process@1.0/now/cache/got`))).toBe(`${b}for you`);
    const dry = await get(`/${b}~process@1.0/as=execution/compute&Action=Ping&data=dry/results/json/body`);
    expect((JSON.parse(await valueIn(dry)) as EvaluationResult).Messages.map(content)).toEqual([
      { Target: "1234", Data: "for dry", Action: "Pong" },
    ]);
    await units.close();
  }, 120_000);

  test("a thrown error ends a process: its slot and all later ones are 500, earlier ones stay", async () => {
    const { units, publish, spawn, send, result, get } = await world();
    const module = await publish(`
      function compute(base, request)
        if request.body.word == "fail" then error("boom") end
        base.count = (base.count or 0) + 1
        base.results = { output = base.count }
        return base
      end`);
    const id = await spawn(module);
    await send(id, "x", { Word: "a" });
    expect(await result(id, 1)).toMatchObject({ status: 200, body: { Output: 2 } });
    await send(id, "x", { Word: "fail" });
    await send(id, "x", { Word: "b" });
    for (const slot of [2, 3]) {
      const failed = await result(id, slot);
      expect(failed.status).toBe(500);
      expect(failed.body.body).toContain("boom");
    }
    expect(await result(id, 1)).toMatchObject({ status: 200, body: { Output: 2 } });
    expect(await valueIn(await get(`/${id}~process@1.0/compute/count`))).toBe("2");
    await units.close();
  }, 120_000);
});

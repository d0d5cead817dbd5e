/** `fleet test`: the command on a project with a declaration, in real aos images. */
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { declaredMembers } from "../../src/operations/lua-tests/declared.ts";
import {
  type FileOutcome,
  type TestReport,
  TestReportSchema,
} from "../../src/operations/lua-tests/report.ts";
import { runTests } from "../../src/operations/lua-tests/run-tests.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";

const COUNTER = `local fleet = require("fleet")
local money = require("money")
fleet.process { name = "counter", version = "1.0.0" }

local S = fleet.state("counter", { n = 0 })

fleet.on("ADD", { schema = { by = { type = "integer", required = true } } }, function(data)
  if data.by > 100 then
    error(fleet.fail("FULL", "too much", "Send less."))
  end
  S.n = S.n + data.by
  return { n = S.n, half = money.half(S.n) }
end)

fleet.on("BREAK", {}, function()
  local x = nil
  return x.y
end)

fleet.on("TIME", {}, function(_, msg)
  return { now = fleet.now(msg), timeout = fleet.config("PROCESS_CONFIG", "requestTimeout", 1) }
end)

fleet.on("ASK", {}, function(_, msg)
  fleet.call("other", "ADD", { by = 3 }, function(reply) fleet.reply(msg, { n = reply.n }) end)
  return fleet.later(msg)
end)
`;

const PLAIN = `Balances = Balances or { alice = 5 }
Handlers.add("Balance", Handlers.utils.hasMatchingTag("Action", "Balance"), function(msg)
  msg.reply({ Data = tostring(Balances[msg.From] or 0) })
end)
Handlers.add("Boom", Handlers.utils.hasMatchingTag("Action", "Boom"), function(msg)
  error("boom")
end)
`;

const MONEY = `local money = {}
function money.half(sum)
  if sum < 0 then
    error("less than nothing")
  end
  return sum // 2
end
return money
`;

const COUNTER_TEST = `local test = require("fleet.test")
local money = require("money")

describe("counter", function()
  local counter
  before_each(function() counter = test.boot("counter") end)

  it("adds, and begins again in each test", function()
    local result = counter:send { Action = "ADD", Data = { by = 5 } }
    assert.same({ n = 5, half = 2 }, { n = result.reply.data.n, half = result.reply.data.half })
    assert.same({ n = 5 }, counter:state("counter"))
    assert.equal("blue", counter:read("ao.env.Process.Tags.Colour"))
    assert.same({}, counter:dryrun({ Action = "ADD", Data = { by = 5 } }).spawns)
    assert.same({ n = 5 }, counter:state("counter"))
  end)

  it("takes sender, clock and settings", function()
    test.set_time(1800000000000)
    local result = counter:send { From = test.address("alice"), Action = "TIME" }
    assert.equal(test.address("alice"), result.reply.Target)
    assert.equal(1800000001000, result.reply.data.now)
    assert.equal(5000, result.reply.data.timeout)
    test.advance(500)
    assert.equal(1800000002500, counter:send({ Action = "TIME" }).reply.data.now)
  end)

  it("names the line of a fault", function()
    assert.matches("^processes/counter/process.lua:17: ", counter:send({ Action = "BREAK" }).error)
    assert.is_nil(counter:send({ Action = "ADD", Data = { by = 1 } }).error)
  end)

  it("delivers between processes", function()
    local caller = test.boot("counter", { peers = { other = counter } })
    local delivered = test.deliver(caller:send { Action = "ASK" })
    assert.equal(2, #delivered)
    assert.same({ n = 3 }, counter:state("counter"))
    assert.equal(test.address("user"), delivered[2].messages[1].Target)
    assert.equal(3, delivered[2].messages[1].data.n)
  end)

  it("fails", function()
    assert.equal(6, money.half(10))
  end)
end)

it("runs on lua@5.3a", function()
  local p = test.boot("processes/counter/process.lua", { device = "lua@5.3a" })
  assert.equal(7, p:send({ Action = "ADD", Data = { by = 7 } }).reply.data.n)
  assert.same({ n = 7 }, p:state("counter"))
end)
`;

const PLAIN_TEST = `local test = require("fleet.test")
it("answers without the library", function()
  local p = test.boot("plain", { owner = "somebody", tags = { Extra = "yes" } })
  print("owner", p.owner)
  assert.equal("0", p:send({ Action = "Balance" }).reply.Data)
  assert.equal("5", p:send({ From = "alice", Action = "Balance" }).reply.Data)
  assert.same({ alice = 5 }, p:read("Balances"))
  assert.equal("yes", p:read("ao.env.Process.Tags.Extra"))
  p:eval("Balances.bob = 1")
  assert.equal(1, p:read("Balances.bob"))
  assert.matches("processes/plain/process.lua:6: boom", p:send({ Action = "Boom" }).error)
end)
it("does not know another test's process, or an unknown member", function()
  assert.has_error(function() test.boot("plan") end, "does not declare")
  assert.has_error(function() test.boot("plain", { tag = {} }) end, "Invalid options")
end)
it("boots and loads no file but the project's own Lua, and shows none", function()
  local p = test.boot("plain")
  for _, path in ipairs { ".fleet/key.json", "key.lua", "../out.lua", "out.lua", "/etc/passwd", "tests/plain_test" } do
    local works, raised = pcall(test.boot, path, { lib = false })
    print(path, works, raised)
    assert.has_error(function() test.boot(path, { lib = false }) end, "no Lua file of the project")
    assert.has_error(function() p:load(path) end, "no Lua file of the project")
  end
end)
`;

/** Not Lua, and nothing that a report may show: what redaction does not know, either. */
const PRIVATE = "hidden words of another file";

/** The names that the definitions for editors declare. */
const declared = (file: string, pattern: RegExp) =>
  [...readFileSync(join(packageDir, "lua", file), "utf8").matchAll(pattern)].map(([, name = ""]) => name);
const luaNames = (names: readonly string[]) => `{ ${names.map((name) => `["${name}"] = true`).join(", ")} }`;

const DEFINED_TEST = `local test = require("fleet.test")
it("is what the definitions declare", function()
  local found, process = {}, {}
  for name, value in pairs(test) do found[name] = type(value) == "function" end
  assert.same(${luaNames(declared("test.lua", /^function test\.(\w+)/gm))}, found)
  for name, value in pairs(getmetatable(test.boot("plain"))) do process[name] = type(value) == "function" or nil end
  assert.same(${luaNames(declared("test.lua", /^function Process:(\w+)/gm))}, process)
  for name in pairs(${luaNames(declared("test-globals.lua", /^function assert\.(\w+)/gm))}) do
    assert.equal("function", type(assert[name]), name)
  end
end)
`;

/** Many lines, of which only those that define functions run: lines of the runner itself must not count as theirs. */
const LONG = `local long = {}\n${"function long.unused()\n  return 1\nend\n".repeat(150)}return long\n`;
const LONG_TEST = `local test = require("fleet.test")${"\n".repeat(400)}local long = require("long")
it("fails at the end", function()
  test.boot("tests/long-program.lua", { lib = false })
  assert.equal("nil", type(long.unused))
end)
`;

const FILES = {
  "Pulumi.yaml": "name: tried\nruntime: nodejs\nmain: index.ts\n",
  "Pulumi.dev.yaml":
    "config:\n  tried:network: mainnet\n  tried:colour: blue\n  tried:key:\n    secure: v1:AAAA:BBBB\n",
  "index.ts": `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "${join(packageDir, "components/index.ts")}";
const config = new pulumi.Config();
config.requireSecret("key");
const counter = { config: { PROCESS_CONFIG: { requestTimeout: 5000 } }, tags: { Colour: config.require("colour") } };
await Fleet.create("tried", { ...settings(config), processes: { counter, plain: { lib: false } } });
`,
  "processes/counter/process.lua": COUNTER,
  "processes/plain/process.lua": PLAIN,
  "processes/lib/money.lua": MONEY,
  "processes/counter/counter.test.lua": COUNTER_TEST,
  "tests/plain_test.lua": PLAIN_TEST,
  "tests/defined.test.lua": DEFINED_TEST,
  "processes/lib/long.lua": LONG,
  "tests/long-program.lua": 'Long = require("long")\n',
  "tests/long.test.lua": LONG_TEST,
  "tests/broken.test.lua": "local x =\n",
  "tests/raises.test.lua": "\nlocal x = nil\nreturn x.y\n",
  "tests/slow.test.lua":
    'it("never ends", function() while true do end end)\nit("runs after it", function() end)\n',
};

let folder = "";
let report: TestReport;
const run = (paths: readonly string[], more: { coverage?: boolean; timeoutSeconds?: number } = {}) =>
  runTests({
    ...{ projectDir: folder, cwd: folder, paths, stack: "dev", coverage: false, timeoutSeconds: 60, ...more },
    ...{ note: () => {}, ended: () => {} },
  });
const named = (file: string): FileOutcome | undefined => report.files.find((each) => each.file === file);

beforeAll(async () => {
  folder = join(temporaryFolder("lua-tests"), "project");
  writeFiles(FILES, folder);
  symlinkSync(join(packageDir, "node_modules"), join(folder, "node_modules"));
  writeFiles({ ".fleet/key.json": PRIVATE, "../out.lua": PRIVATE }, folder);
  symlinkSync(join(folder, ".fleet/key.json"), join(folder, "key.lua"));
  symlinkSync(join(folder, "../out.lua"), join(folder, "out.lua"));
  const tests = ["broken.test.lua", "defined.test.lua", "long.test.lua", "plain_test.lua", "raises.test.lua"];
  ({ report } = await run(["processes", ...tests.map((file) => `tests/${file}`)], { coverage: true }));
});

describe("fleet test", () => {
  test("runs tests of declared members and of files, with and without the library, on aos and on lua@5.3a", () => {
    const outcomes = report.files.flatMap(({ tests }) =>
      tests.map(({ suites, title, status, failure }) => [
        [...suites, title].join(": "),
        status,
        failure?.message,
      ]),
    );
    expect(outcomes).toEqual([
      ["counter: adds, and begins again in each test", "passed", undefined],
      ["counter: takes sender, clock and settings", "passed", undefined],
      ["counter: names the line of a fault", "passed", undefined],
      ["counter: delivers between processes", "passed", undefined],
      ["counter: fails", "failed", "expected 6, got 5"],
      ["runs on lua@5.3a", "passed", undefined],
      ["is what the definitions declare", "passed", undefined],
      ["fails at the end", "failed", 'expected "nil", got "function"'],
      ["answers without the library", "passed", undefined],
      ["does not know another test's process, or an unknown member", "passed", undefined],
      ["boots and loads no file but the project's own Lua, and shows none", "passed", undefined],
    ]);
    expect(TestReportSchema.parse(report)).toMatchObject({ success: false, passed: 9, failed: 4 });
    expect(JSON.stringify(report)).toContain(".fleet/key.json");
    expect(JSON.stringify(report)).not.toContain("hidden words");
  });

  test("names the line of a failed assertion, and what a test printed", () => {
    expect(named("processes/counter/counter.test.lua")?.tests[4]?.failure).toEqual({
      message: "expected 6, got 5",
      file: "processes/counter/counter.test.lua",
      line: 42,
      source: "assert.equal(6, money.half(10))",
      expected: "6",
      got: "5",
    });
    expect(named("tests/long.test.lua")?.tests[0]?.failure).toMatchObject({
      file: "tests/long.test.lua",
      line: 404,
    });
    expect(named("tests/plain_test.lua")?.tests[0]?.printed).toEqual(["owner somebody"]);
  });

  test("reports a file that cannot be bundled or loaded at its line, and goes on", () => {
    expect(named("tests/broken.test.lua")?.failure?.message).toContain("tests/broken.test.lua");
    expect(named("tests/raises.test.lua")?.failure).toMatchObject({ file: "tests/raises.test.lua", line: 3 });
  });

  test("counts the statements that no test ran, also in functions that a test calls itself", () => {
    const unused = Array.from({ length: 150 }, (_, at) => 3 + 3 * at);
    expect(report.coverage?.files).toEqual([
      { file: "processes/counter/process.lua", lines: 17, covered: 16, missing: [9] },
      { file: "processes/lib/long.lua", lines: 302, covered: 152, missing: unused },
      { file: "processes/lib/money.lua", lines: 6, covered: 5, missing: [4] },
      { file: "processes/plain/process.lua", lines: 5, covered: 5, missing: [] },
      { file: "tests/long-program.lua", lines: 1, covered: 1, missing: [] },
    ]);
  });

  test("ends a test that does not end, and runs the next one", async () => {
    const { report: slow } = await run(["tests/slow.test.lua"], { timeoutSeconds: 8 });
    expect(slow.files[0]?.tests.map(({ status }) => status)).toEqual(["failed", "passed"]);
    expect(slow.files[0]?.tests[0]?.failure?.message).toContain("longer than 8 s");
  });

  test("says why the declaration cannot be read with another stack's settings", async () => {
    await expect(declaredMembers(folder, "other")).rejects.toMatchObject({
      problems: [{ code: "DECLARATION_FAILED", got: expect.stringContaining("tried:key") }],
    });
    await expect(declaredMembers(join(folder, "tests"), "dev")).rejects.toMatchObject({
      code: "PROJECT_MISSING",
    });
  });

  test("refuses paths without tests before it boots anything", async () => {
    await expect(run(["nowhere", "gone.lua"])).rejects.toMatchObject({
      problems: [{ code: "TEST_PATH_MISSING" }, { code: "TEST_PATH_MISSING" }],
    });
    await expect(run(["processes/lib"])).rejects.toMatchObject({ problems: [{ code: "TESTS_MISSING" }] });
  });
});

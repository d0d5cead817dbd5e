import { generateKeyPairSync } from "node:crypto";
import { copyFile, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { PartialFailure } from "../../providers/run/partial-failure.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import { connect } from "../../src/ao/connect.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { historyOf } from "../../src/fleet/history.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { status, stop } from "../../src/localnet/index.ts";
import { fleet, member } from "../cli/fakes.ts";
import { failureOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";
import { imagePath } from "../kit/images.ts";
import { configureOnce, plannedInputs } from "./fixture.ts";

/** Programs and modules that are uploaded, from the declaration to real aos on the embedded network. */

const PARTS = 41;
const LIMIT = 100_000;
const network = { kind: "local" as const, dir: ".fleet/localnet", maxMessageBytes: 5 * LIMIT };
const scopeOf = (home: string) => ({ project: "game", stack: "dev", home, build: "build" });
const FAST = { timeoutSeconds: 30, intervalSeconds: 0.1, retries: 2 };

const head = (name: string) =>
  `local fleet = require("fleet")\nfleet.process{ name = "${name}", processType = "GAME", version = "1.0.0", capabilities = {}, endpoints = {} }\n`;

beforeAll(async () => {
  enterFolder("embedded");
  await copyFile(imagePath("aos2_0_3.wasm"), "own.wasm");
  const requires = Array.from({ length: PARTS }, (_, n) => `total = total + #require("big.part${n}")`);
  writeFiles({
    "processes/big/process.lua": `${head("big")}local total = 0\n${requires.join("\n")}\nfleet.on("SIZE", { who = "anyone" }, function() return { bytes = total } end)\nfleet.on("PRICE", { who = "anyone" }, require("big.price"))\nHandlers.add("plain", "Plain", function(msg) require("big.price")(msg) end)\n`,
    "processes/big/price.lua":
      "return function(data)\n  local shop = nil\n  return { price = shop.price }\nend\n",
    "processes/clock/process.lua": `${head("clock")}local ticks = fleet.state("ticks", { n = 0 })\nfleet.on("TICK", { who = fleet.isCron, data = false }, function() ticks.n = ticks.n + 1 end)\nfleet.on("TICKS", { who = "anyone", readonly = true }, function() return { n = ticks.n } end)\n`,
    "processes/large/process.lua": `${head("large")}return "${"x".repeat(4 * LIMIT)}"\n`,
  });
  for (let n = 0; n < PARTS; n += 1)
    writeFiles({
      [`processes/big/part${n}.lua`]: `-- part ${n}\nreturn "${String(n % 10).repeat(LIMIT)}"\n`,
    });
  for (const name of ["one", "two", "booted"]) writeFiles({ [`processes/${name}/process.lua`]: head(name) });
  await configureOnce();
}, 60_000);
afterAll(async () => {
  await endRun();
  await stop(network.dir);
});

const inputs = (name: string, member: Record<string, unknown> = {}, home = ".fleet") =>
  plannedInputs(scopeOf(home), network, name, { health: FAST, ...member });
const create = async (...given: Parameters<typeof inputs>): Promise<ProcessOutputs> =>
  (await lifecycle.create(await inputs(...given))).outs;
const session = (home = ".fleet"): Promise<Session> => sessionFor(scopeOf(home), network);

describe("a program of 4 MB on a network that accepts messages of 500 kB", () => {
  let big: ProcessOutputs;
  const size = async () =>
    (
      await ask(
        await session(),
        { name: "big", generation: 1, processId: big.processId, action: "SIZE" },
        z.looseObject({ bytes: z.number() }),
        budgetOf(30),
      )
    ).bytes;

  test("is uploaded whole, assigned, evaluated once, and healthy", async () => {
    big = await create("big");
    expect(big.bundle.bytes).toBeGreaterThan(4_000_000);
    expect(big.health.status).toBe("HEALTHY");
    expect(await size()).toBe(PARTS * LIMIT);
    const { info } = await status(network.dir);
    const evalId = big.revision?.evalId ?? "";
    const { ao, journal } = await session();
    const read = async (unit: string | undefined, id: string | undefined) =>
      (await fetch(`${unit}/${id}?process-id=${big.processId}`)).json();
    // An assigned message is read from the gateway: the scheduler has no copy of it, and knows only the assignment.
    const { assignment } = journal.byId(evalId) ?? {};
    expect(await read(info?.suUrl, evalId)).toEqual({ error: "Message or Process not found" });
    expect(await read(info?.suUrl, assignment)).toMatchObject({
      message: null,
      assignment: { id: assignment, target: big.processId },
    });
    expect(await read(`${info?.cuUrl}/result`, evalId)).toHaveProperty("error");
    const [item] = await ao.find({ ids: [evalId] }, budgetOf(10));
    expect(item).toMatchObject({ owner: big.owner, recipient: big.processId, tags: { Action: "Eval" } });
  }, 60_000);

  test("fails at the user's own line, and the process keeps running unchanged", async () => {
    writeFiles({ "processes/big/part37.lua": 'local t = nil\nreturn "x" .. t.name\n' });
    const faulty = await inputs("big");
    writeFiles({ "processes/big/part37.lua": await readFile("processes/big/part27.lua", "utf8") });
    const error = await failureOf(lifecycle.update("id", big, faulty));
    expect(error).toBeInstanceOf(PartialFailure);
    expect((error as PartialFailure).message).toContain("processes/big/part37.lua:2:15");
    expect((error as PartialFailure).message).toContain("attempt to index a nil value (local 't')");
    expect(await size()).toBe(PARTS * LIMIT);
  }, 60_000);
});

describe("an error in one of its handlers", () => {
  const place = "processes/big/price.lua:3:20: attempt to index a nil value (local 'shop')";
  const shown = [place, "  3 |   return { price = shop.price }", "                         ^"];

  async function run(words: readonly string[], held?: Session) {
    held ??= await session();
    const [made] = await held.ao.find({ tags: { Type: "Process", Name: "big" } }, budgetOf(10));
    const { hash: sourceHash } = (await inputs("big")).bundle as { hash: string };
    const opened: FleetSession = {
      project: "game",
      stack: "dev",
      members: [member("big", { processId: made?.id ?? "", sourceHash })],
      session: held,
      close: async () => {},
    };
    return fleet(words, { fleet: opened, history: historyOf(opened, 30) });
  }

  test("is shown by fleet call at the user's own line", async () => {
    const ran = await run(["call", "big", "PRICE"]);
    expect(ran.code).toBe(1);
    // The further lines are indented: they are a process' text.
    expect(ran.stderr).toContain(shown.join("\n    "));
    const json = await run(["call", "big", "PRICE", "--json"]);
    expect(json.json()).toMatchObject({ success: false, explained: shown.join("\n") });
    const plain = await run(["call", "big", "Plain"]);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toContain(place);
  }, 60_000);

  test("in an Eval without a result shows the slot; a stranger sees the owner and the own wallet", async () => {
    const mine = await session();
    const done = await run(["call", "big", "Eval", "--raw", "--data", "Limit = 5"]);
    expect([done.code, done.stdout]).toEqual([
      0,
      expect.stringMatching(/^evaluated at slot \d+: no output, no error\n$/),
    ]);
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 4096 });
    const wallet = await loadWallet({ jwk: privateKey.export({ format: "jwk" }) });
    const { network, journal } = mine;
    const foreign = { ...mine, ao: connect(network, { wallet, journal }) };
    for (const [words, code] of [
      [["Eval", "--raw", "--data", "Limit = 6"], "NOT_OWNER"],
      [["DRAIN", "--control"], "FORBIDDEN"],
    ] as const) {
      const { code: exit, stdout, stderr } = await run(["call", "big", ...words], foreign);
      expect([exit, stdout + stderr]).toEqual([1, expect.stringContaining(code)]);
      for (const address of [mine.ao.address, wallet.address]) expect(stdout + stderr).toContain(address);
    }
    const kept = await run(["call", "big", "Eval", "--raw", "--data", "return Limit"]);
    expect(kept.stdout).toBe("5\n");
  }, 60_000);

  test("is shown by fleet logs there, and the upload is recognized as a load", async () => {
    const ran = await run(["logs", "big", "--errors"]);
    expect(ran.code).toBe(0);
    const lines = ran.stdout.split("\n");
    for (const action of ["PRICE", "Plain"]) {
      const at = lines.findIndex((line) => line.includes(` ${action} from `));
      expect(at).toBeGreaterThan(-1);
      expect(lines.slice(at, at + 6).join("\n")).toContain(`error  ${place}`);
    }
    // The failed load: uploaded, and therefore read from the gateway.
    expect(ran.stdout).toContain("error  processes/big/part37.lua:2:15: attempt to index a nil value");
    expect((await run(["logs", "big"])).stdout).toMatch(/Eval from .*\n {4}code {3}[0-9a-f]{64}/);
  }, 60_000);
});

describe("a process that is spawned with its code", () => {
  const boot = { onBoot: true };
  const orderOf = async (made: ProcessOutputs): Promise<string[]> => {
    const history = historyOf({ session: await session() }, 30);
    return (await history.range(made.processId, 0, 20)).map(({ action }) => action);
  };

  test("needs no load, and gets later ones like any other", async () => {
    const made = await create("booted", boot);
    expect(made.health.status).toBe("HEALTHY");
    expect(made.revision).toMatchObject({ evalId: made.processId, sourceHash: made.bundle.hash });
    expect(await orderOf(made)).toEqual(["(spawn)", "HEALTH_CHECK"]);
    writeFiles({ "processes/booted/process.lua": `${head("booted")}-- edited\n` });
    const { outs } = await lifecycle.update("id", made, await inputs("booted", boot));
    expect(outs.processId).toBe(made.processId);
    expect(outs.revision?.evalId).not.toBe(made.processId);
    expect((await orderOf(made)).filter((action) => action === "Eval")).toHaveLength(1);
  }, 60_000);

  test("survives an error at the boot, names the user's line, and accepts the fixed code", async () => {
    writeFiles({ "processes/failing/process.lua": `${head("failing")}local t = nil\nt.x = 1\n` });
    const error = await failureOf(create("failing", boot));
    expect((error as PartialFailure).message).toContain("processes/failing/process.lua:4:1");
    writeFiles({ "processes/failing/process.lua": head("failing") });
    const known = (error as PartialFailure).properties as unknown as ProcessOutputs;
    const { outs } = await lifecycle.update("id", known, await inputs("failing", boot));
    expect(outs.processId).toBe(known.processId);
    expect(outs.health.status).toBe("HEALTHY");
  }, 60_000);

  test("is loaded after the spawn if it is too large for one message", async () => {
    const made = await create("large", boot);
    expect(made.health.status).toBe("HEALTHY");
    expect(made.revision?.evalId).not.toBe(made.processId);
  }, 60_000);
});

describe("an edit in place that assigns state from messages", () => {
  const write = (state: string) =>
    writeFiles({
      "processes/notes/process.lua": `${state}\nHandlers.add("Add", "Add", function(msg) table.insert(Notes, msg.Data) end)\n`,
    });
  const log = async () => (await readFile("build/logs/deploy_output.txt", "utf8")).replace(/ +/g, " ");
  async function say({ processId }: ProcessOutputs, action: string, data: string): Promise<string> {
    const { ao } = await session();
    const intent = `test/${action}/${data}`;
    const { id } = await ao.send({ intent, processId, tags: { Action: action }, data }, budgetOf(30));
    const expectOutput = action === "Eval";
    return (await ao.evaluation({ processId, messageId: id, expectOutput }, budgetOf(30))).output;
  }
  const update = async (made: ProcessOutputs, member = {}): Promise<ProcessOutputs> =>
    (await lifecycle.update("id", made, await inputs("notes", member))).outs;

  test("keeps the state and reports it, also that of code without the library before", async () => {
    write("Notes = Notes or {}");
    const bare = await create("notes", { lib: false });
    await say(bare, "Add", "milk");
    const older =
      "notes kept Notes: the code assigns it at load; it was there before the library, so it counts as state and its value was restored, whoever set it";
    write("Notes = {}");
    const made = await update(bare);
    expect(await log()).toContain(older);
    for (const note of ["eggs", "tea"]) await say(made, "Add", note);
    write("Notes = {} -- edited");
    const next = await update(made);
    expect(await say(next, "Eval", "return table.concat(Notes, ',')")).toBe("milk,eggs,tea");
    const text = await log();
    expect(text).toMatch(/notes saved state [0-9a-f]{8}, 1 global \(Notes\), \d+ bytes/);
    expect(text).not.toContain("unchanged, compared");
    expect(text.split(older)).toHaveLength(3);
  }, 60_000);
});

describe("a WebAssembly module of the project", () => {
  const own = { module: { wasm: "own.wasm" } };
  const published = async () =>
    (await session()).ao.find({ tags: { Type: "Module", Name: "ours" } }, budgetOf(10));

  test("is published once, and members that need it at the same time are spawned from it and work", async () => {
    const member = { module: { ...own.module, tags: { Name: "ours" } } };
    const [one, two] = await Promise.all([create("one", member), create("two", member)]);
    const [module, ...others] = await published();
    expect(others).toEqual([]);
    expect(module).toMatchObject({
      owner: one.owner,
      tags: {
        "Data-Protocol": "ao",
        "Module-Format": "wasm64-unknown-emscripten-draft_2024_02_15",
        "Input-Encoding": "JSON-V1",
        "Output-Encoding": "JSON-V1",
        "Memory-Limit": "1-gb",
        "Compute-Limit": "9000000000000",
        "Module-Hash": one.module.slice("wasm:".length),
      },
    });
    for (const made of [one, two]) {
      expect(made.health.status).toBe("HEALTHY");
      expect(made.moduleId).toBe(module?.id);
      const [process] = await (await session()).ao.find({ ids: [made.processId] }, budgetOf(10));
      expect(process?.tags.Module).toBe(module?.id);
    }
    // An update keeps it and looks up nothing.
    const { outs } = await lifecycle.update("id", one, await inputs("one", member));
    expect(outs.moduleId).toBe(module?.id);
    // A machine without this journal finds it on the network.
    await create("two", member, ".other");
    expect(await published()).toHaveLength(1);
  }, 60_000);
});

test("the crons that a process was spawned with are driven until it is retired", async () => {
  const tags = { "Cron-Interval": "1-second", "Cron-Tag-Action": "TICK" };
  const clock = await create("clock", { tags });
  const place = { name: "clock", generation: 1, processId: clock.processId };
  const ticks = async () =>
    (
      await ask(
        await session(),
        { ...place, action: "TICKS" },
        z.looseObject({ n: z.number() }),
        budgetOf(30),
      )
    ).n;
  const ticksOf = async (most: number) => {
    for (const end = Date.now() + 20_000; Date.now() < end; ) {
      const n = await ticks();
      if (n >= most) return n;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return ticks();
  };
  expect(await ticksOf(2)).toBeGreaterThanOrEqual(2);
  // A repeated request has no second effect.
  await lifecycle.update("clock", clock, await inputs("clock", { tags }));
  const driven = async () => {
    const { info } = await status(network.dir);
    const edges = (await (
      await fetch(`${info?.cuUrl}/results/${clock.processId}?sort=DESC&limit=100`)
    ).json()) as {
      edges: { cursor: string }[];
    };
    return edges.edges.filter(({ cursor }) => /"cron":"/.test(atob(cursor))).length;
  };
  await lifecycle.remove("clock", clock);
  const at = await driven();
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(await driven()).toBe(at);
}, 120_000);

/** A move between two fleets of real aos processes: what is carried, what is refused, and a move that fails or is killed. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { readJson } from "../../src/fleet/files.ts";
import { readMove } from "../../src/fleet/move-record.ts";
import { snapshotStore } from "../../src/fleet/snapshot/store.ts";
import { newIdsPath } from "../../src/operations/move/finish.ts";
import { callersFirst } from "../../src/operations/move/order.ts";
import { failureOf, problemsOf } from "../kit/failure.ts";
import { address } from "../processes/aos.ts";
import { bootBoth, copyOf, type Program, type Side, World } from "./aos-fleets.ts";

const STRANGER = address("stranger");

const program = (name: string, lines: string): string => `local fleet = require("fleet")
fleet.process { name = "${name}", version = "1.0.0", capabilities = {} }
${lines}`;
const ADD = `fleet.on("ADD", { who = "anyone" }, function()
  S.n = S.n + 1
  return { n = S.n }
end)`;
const COUNTER = program("counter", `local S = fleet.state("counter", { n = 0 })\n${ADD}`);
/** Not written for the fleet: its state is in globals. */
const NOTES = `Notes = Notes or {}
Handlers.add("Add", "Add", function(msg) table.insert(Notes, msg.Data) end)`;
const IDLE = program("idle", "");

const counter: Program = { source: COUNTER };
const notes: Program = { source: NOTES };
const idle: Program = { source: IDLE };

async function worldOf(programs: Readonly<Record<string, Program>>, ledger?: string): Promise<World> {
  return new World(await bootBoth(programs), { programs, ...(ledger === undefined ? {} : { ledger }) });
}

/** Whether a caller's request was accepted. */
async function add(world: World, side: Side): Promise<boolean> {
  const { reply } = await world.process(side, "counter").send({ From: STRANGER, Action: "ADD" });
  return reply?.data.success === true;
}
const count = async (world: World, side: Side) => {
  const { output } = await world.process(side, "counter").eval("return Fleet.store.states.counter.n");
  return Number(output);
};
const status = async (world: World, side: Side, name = "counter") =>
  (await world.process(side, name).send({ Action: "Info" })).reply?.data.status;
const write = (world: World, side: Side, note: string) =>
  world.process(side, "notes").send({ From: STRANGER, Action: "Add", Data: note });
const written = (world: World, side: Side) => world.process(side, "notes").value("table.concat(Notes, ',')");

const READS = new Set(["Info", "EXPORT_STATE", "GET_TRAFFIC"]);

describe("a move", () => {
  test("carries tables and globals, equal by digest, and names every old and new id", async () => {
    const world = await worldOf({ counter, notes, idle });
    for (let n = 0; n < 3; n += 1) await add(world, "old");
    for (const note of ["milk", "eggs"]) await write(world, "old", note);
    const { members, phase } = await world.move();
    expect([phase, members.map((one) => one.status)]).toEqual(["moved", Array(3).fill("DRAINING")]);
    expect(members).toMatchObject([
      {
        name: "counter",
        state: "equal",
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        states: ["counter"],
      },
      { name: "idle", state: "empty" },
      { name: "notes", state: "equal", slot: expect.any(Number), globals: ["Notes"] },
    ]);
    expect(members[1]).not.toHaveProperty("digest");
    expect([await count(world, "new"), await written(world, "new")]).toEqual([3, "milk,eggs"]);
    expect([await add(world, "old"), await add(world, "new")]).toEqual([false, true]);
    expect([await status(world, "old"), await status(world, "new", "notes")]).toEqual(["DRAINING", "ACTIVE"]);
    expect(await readJson(newIdsPath(world.sides()))).toMatchObject({
      from: { stack: "old" },
      to: { stack: "new", network: { protocol: "legacy" } },
      retired: false,
      processes: {
        counter: {
          from: world.process("old", "counter").id,
          to: world.process("new", "counter").id,
          state: "equal",
        },
      },
    });
    expect([world.movedTo("old"), world.movedTo("new")]).toEqual(["new", undefined]);
  });

  test("is refused afterwards, and returns with the present state", async () => {
    const world = await worldOf({ counter });
    await add(world, "old");
    await world.move();
    await add(world, "new");
    expect(await problemsOf(world.move())).toMatchObject([{ code: "STACK_MOVED" }]);
    await world.move({}, "new");
    expect([await count(world, "old"), await add(world, "old"), await add(world, "new")]).toEqual([
      2,
      true,
      false,
    ]);
    expect([world.movedTo("old"), world.movedTo("new")]).toEqual([undefined, "old"]);
    await world.move();
    expect(await count(world, "new")).toBe(3);
  });

  test("saves what the new processes held before", async () => {
    const world = await worldOf({ counter });
    await add(world, "new");
    await world.move();
    expect(await count(world, "new")).toBe(0);
    const store = snapshotStore(world.fleet("new").session.scope);
    const [saved] = await store.list("counter");
    expect(await store.text(saved?.digest ?? "")).toContain('"n":1');
    // Or a restore without a digest would return to what the move replaced, or to what it only read.
    expect(saved?.reason).toBe("restore");
    expect(world.snapshots).toEqual(["new restore", "old backup"]);
  });

  test("retires the old processes on request", async () => {
    const world = await worldOf({ counter });
    await world.move({ retires: true });
    expect([await status(world, "old"), await add(world, "new")]).toEqual(["RETIRED", true]);
  });

  test("leaves ledger and routing table to the new fleet", async () => {
    const router: Program = {
      source: program(
        "router",
        `local S = fleet.state("hits", { n = 0 })\n${ADD}\nrequire("fleet.carry").serve()`,
      ),
    };
    const world = await worldOf({ router, counter }, "counter");
    await world.process("old", "router").eval("Fleet.store.states.traffic.serial = 7");
    await world.process("old", "router").send({ From: STRANGER, Action: "ADD" });
    await add(world, "old");
    const { members } = await world.move();
    expect(members).toMatchObject([
      { name: "counter", state: "own", isDrained: false },
      // Its memory of callers moves with its state: who was served before is known there too.
      { name: "router", state: "equal", states: ["hits", "traffic-callers"] },
    ]);
    const states = "Fleet.store.states";
    expect(
      await world.process("new", "router").value(`{ ${states}.traffic.serial, ${states}.hits.n }`),
    ).toEqual([0, 1]);
    expect([await count(world, "new"), await add(world, "old")]).toEqual([0, true]);
  });

  test("leaves out the state of chosen members, whose old processes stop as well", async () => {
    const world = await worldOf({ counter, notes: { ...notes, lib: false } });
    await add(world, "old");
    const { members } = await world.move({ withoutState: ["counter", "notes"] });
    expect(members).toMatchObject([
      { name: "counter", state: "own", isDrained: true },
      { name: "notes", state: "own", isDrained: false },
    ]);
    expect([await count(world, "new"), await add(world, "old"), await add(world, "new")]).toEqual([
      0,
      false,
      true,
    ]);
  });
});

test("a move back makes every process serve again, also one that keeps its own state", async () => {
  const world = await worldOf({ counter, notes });
  await add(world, "old");
  await world.move();
  for (const name of ["counter", "notes"]) expect(await status(world, "old", name)).toBe("DRAINING");
  await add(world, "new");
  await world.move({ withoutState: ["counter"] }, "new");
  expect([await count(world, "old"), await status(world, "old", "notes")]).toEqual([1, "ACTIVE"]);
  expect(await status(world, "old")).toBe("ACTIVE");
});

describe("the plan", () => {
  test("names everything that cannot be moved at once, and only reads", async () => {
    const bank: Program = {
      source: program(
        "bank",
        'local vault = require("vault")\nfleet.on("ADD", { who = "anyone" }, function() vault.n = 1 return {} end)',
      ),
      files: { "vault.lua": "return { n = 0 }" },
    };
    const programs = { counter, bank, notes: { ...notes, lib: false as const }, gone: idle, stopped: idle };
    const both = await bootBoth(programs);
    const { gone: _, ...present } = both.new;
    const world = new World({ ...both, new: present }, { programs });
    await world.process("old", "bank").send({ From: STRANGER, Action: "ADD" });
    for (const side of ["old", "new"] as const)
      await world.process(side, "stopped").send({ Action: "RETIRE", Tags: { Epoch: "1" } });
    await world.process("new", "counter").eval('Fleet.store.stateVersion = "2"');
    const { problems } = await world.plan({ withoutState: ["nobody"] });
    expect(problems.map(({ code, at }) => [code, at])).toEqual([
      ["UNKNOWN_PROCESS", undefined],
      ["STATE_IN_CODE", "processes.bank.state"],
      ["STATE_SHAPE_DIFFERS", "processes.counter"],
      ["MEMBER_MISSING", "processes.gone"],
      ["STATE_NOT_CARRIED", "processes.notes"],
      ["STATE_NOT_CARRIED", "processes.notes"],
      ["SOURCE_NOT_ACTIVE", "processes.stopped"],
      ["TARGET_NOT_ACTIVE", "processes.stopped"],
    ]);
    expect((await world.plan({ acceptLoss: ["bank"] })).problems.map(({ code }) => code)).not.toContain(
      "STATE_IN_CODE",
    );
    await failureOf(world.move());
    expect(world.asked.filter((action) => !READS.has(action))).toEqual([]);
    expect(await readMove(world.fleet("old").session.scope)).toBeUndefined();
  });

  test("warns of other code, of undeclared globals, and of ids of the old fleet in a state", async () => {
    const declared: Program = { source: `FLEET_STATE_GLOBALS = "Notes"\nSeen = 0\n${NOTES}` };
    const newSource = `${COUNTER}\nfleet.on("LATER", function() return {} end)`;
    const world = await worldOf({ counter: { ...counter, newSource }, notes: declared });
    await world.process("old", "notes").eval("Seen = 1");
    await write(world, "old", world.process("old", "counter").id);
    const { problems, warnings } = await world.plan();
    expect([problems, warnings.map(({ code, at, got }) => [code, at, got])]).toEqual([
      [],
      [
        ["CODE_DIFFERS", "processes.counter", expect.stringMatching(/^\w{8} → \w{8}$/)],
        ["STATE_LEFT", "processes.notes", "Seen"],
        ["STATE_NAMES_OLD_IDS", "processes.notes", "ids of counter"],
      ],
    ]);
  });

  test("refuses a stack without processes with one problem", async () => {
    const both = await bootBoth({ counter });
    const { problems } = await new World({ ...both, new: {} }).plan();
    expect(problems).toMatchObject([{ code: "NOTHING_DEPLOYED", what: expect.stringContaining("new") }]);
  });
});

describe("a move that fails", () => {
  const picky: Program = {
    source: COUNTER,
    newSource: `${COUNTER}\nfleet.invariant("small", function() return S.n < 2, "n is " .. S.n end)`,
  };

  test("leaves both fleets as they were", async () => {
    const world = await worldOf({ counter: picky, notes });
    await add(world, "old");
    await add(world, "old");
    const [problem] = await problemsOf(world.move());
    expect(problem).toMatchObject({
      code: "INVARIANT_BROKEN",
      what: expect.stringContaining("Nothing was moved: the old processes serve again."),
    });
    expect([await add(world, "old"), await add(world, "new")]).toEqual([true, true]);
    expect([await status(world, "old", "notes"), world.movedTo("old")]).toEqual(["ACTIVE", undefined]);
  });

  test("makes new processes serve again that an earlier failed move left stopped", async () => {
    const world = await worldOf({ counter: picky });
    for (let n = 0; n < 2; n += 1) await add(world, "old");
    await world.process("new", "counter").send({ Action: "DRAIN", Tags: { Epoch: "1" } });
    expect(await status(world, "new")).toBe("DRAINING");
    expect(await problemsOf(world.move())).toMatchObject([{ code: "INVARIANT_BROKEN" }]);
    expect([await add(world, "old"), await add(world, "new")]).toEqual([true, true]);
  });

  test("on the return does not make the fleet serve that was left", async () => {
    const world = await worldOf({ counter: { source: picky.newSource ?? "", newSource: COUNTER } });
    await world.move();
    for (let n = 0; n < 2; n += 1) await add(world, "new");
    await failureOf(world.move({}, "new"));
    expect([await add(world, "old"), await add(world, "new")]).toEqual([false, true]);
  });

  test("finds a write that reached a new process, and an old process that serves again", async () => {
    const both = await bootBoth({ counter });
    const after = async (action: string, processId: string) => {
      const isNew = processId === both.new.counter?.id;
      if (action === "IMPORT_STATE" && isNew)
        await both.new.counter?.eval("Fleet.store.states.counter.n = 9");
    };
    await both.old.counter?.send({ From: STRANGER, Action: "ADD" });
    expect(await problemsOf(new World(both, { after }).move())).toMatchObject([{ code: "STATE_DIFFERS" }]);
    const again = await bootBoth({ counter });
    const resumed = new World(again, {
      after: async (action) => {
        if (action !== "IMPORT_STATE") return;
        await again.old.counter?.send({ Action: "RESUME", Tags: { Epoch: "1" } });
      },
    });
    await again.new.counter?.eval("Fleet.store.states.counter.n = 1");
    expect(await problemsOf(resumed.move())).toMatchObject([{ code: "MOVE_OVERTAKEN" }]);
  });

  test("finds a new process that another run resumed before its fleet serves, and an old one at the end", async () => {
    const both = await bootBoth({ counter });
    const resume = (side: Side) => both[side].counter?.send({ Action: "RESUME", Tags: { Epoch: "1" } });
    const early = new World(await copyOf(both), {
      after: async (action) => {
        if (action === "IMPORT_STATE")
          await early.process("new", "counter").send({ Action: "RESUME", Tags: { Epoch: "1" } });
      },
    });
    await add(early, "old");
    expect(await problemsOf(early.move())).toMatchObject([
      { code: "MOVE_OVERTAKEN", what: expect.stringContaining("new process of counter") },
    ]);
    expect(await add(early, "old")).toBe(true);
    const late = new World(both, {
      after: async (action) => {
        if (action === "RESUME") await resume("old");
      },
    });
    expect(await problemsOf(late.move())).toMatchObject([
      { code: "MOVE_OVERTAKEN", got: "ACTIVE", what: expect.stringContaining("old process of counter") },
    ]);
  });

  test("names the new processes that hold a copied state", async () => {
    const world = await worldOf({ counter, zed: picky });
    await add(world, "old");
    for (let n = 0; n < 2; n += 1) await world.process("old", "zed").send({ From: STRANGER, Action: "ADD" });
    const [problem] = await problemsOf(world.move());
    expect(problem?.what).toContain("The old processes serve again. The new process of counter may hold");
    expect(problem?.what).not.toContain("Nothing was moved");
    expect([await count(world, "new"), await add(world, "new")]).toEqual([1, true]);
  });

  test("leaves nothing to continue: a later move of another machine stays", async () => {
    const here = await worldOf({ counter });
    await add(here, "old");
    here.isStopped = true;
    expect(await problemsOf(here.move())).toMatchObject([{ code: "MOVE_STOPPED" }]);
    here.isStopped = false;
    expect(await readMove(here.fleet("old").session.scope)).toMatchObject({ phase: "failed" });
    await new World(here.processes).move();
    await add(here, "new");
    expect(await problemsOf(here.move())).toMatchObject([{ code: "SOURCE_NOT_ACTIVE" }]);
    expect([await count(here, "new"), await add(here, "new")]).toEqual([2, true]);
  });

  test("does not begin while a deployment holds a stack", async () => {
    const world = await worldOf({ counter });
    world.isFree = false;
    expect(await problemsOf(world.move())).toMatchObject([{ code: "STACK_LOCKED" }]);
    expect(world.asked.filter((action) => !READS.has(action))).toEqual([]);
    expect([world.moving("old"), world.moving("new")]).toEqual([[], []]);
  });

  test("resumes no process that a deployment stopped, and stays a killed move if it was one", async () => {
    const world = await worldOf({ counter });
    const old = world.process("old", "counter");
    await add(world, "old");
    world.isFree = false;
    world.deploys = async () => void (await old.send({ Action: "DRAIN", Tags: { Epoch: "1" } }));
    expect(await problemsOf(world.move())).toMatchObject([
      { code: "STACK_LOCKED", what: expect.stringContaining("The move stopped no process.") },
    ]);
    expect([world.asked.includes("RESUME"), await status(world, "old")]).toEqual([false, "DRAINING"]);
    expect([world.moving("old"), world.moving("new")]).toEqual([[], []]);
    world.deploys = async () => {};
    world.isFree = true;
    await old.send({ Action: "RESUME", Tags: { Epoch: "1" } });
    world.killAt("DRAIN", 2);
    await failureOf(world.move());
    world.killAfter = Number.POSITIVE_INFINITY;
    world.isFree = false;
    expect(await problemsOf(world.move())).toMatchObject([
      { code: "STACK_LOCKED", what: expect.stringContaining("the same command continues it") },
    ]);
    expect([world.asked.includes("RESUME"), await status(world, "old")]).toEqual([false, "DRAINING"]);
    world.isFree = true;
    await world.move();
    expect([await count(world, "new"), await add(world, "new")]).toEqual([1, true]);
  });

  test("because somebody asked it to end makes the old processes serve again", async () => {
    const world = await worldOf({ counter });
    world.isStopped = true;
    expect(await problemsOf(world.move())).toMatchObject([{ code: "MOVE_STOPPED" }]);
    expect(await add(world, "old")).toBe(true);
  });
});

describe("a move that is killed", () => {
  test("after any message continues, and loses no request that was accepted", async () => {
    const booted = await bootBoth({ counter, notes });
    for (let kill = 1; ; kill += 1) {
      const world = new World(await copyOf(booted));
      await write(world, "old", "milk");
      let accepted = (await add(world, "old")) ? 1 : 0;
      world.killAfter = kill;
      const isKilled = await world.move().then(
        () => false,
        (error: unknown) => (error as Error).message === "killed" || Promise.reject(error),
      );
      world.killAfter = Number.POSITIVE_INFINITY;
      // Callers go on, wherever they are accepted: at the new fleet only once the move has opened it.
      if (await add(world, "old")) accepted += 1;
      const record = await readMove(world.fleet("old").session.scope);
      const isOpening = record !== undefined && record.phase !== "copying";
      if (isOpening && (await add(world, "new"))) accepted += 1;
      if (isKilled) await world.move();
      const outcome = [await count(world, "new"), await written(world, "new"), await add(world, "old")];
      expect([kill, ...outcome]).toEqual([kill, accepted, "milk", false]);
      expect([await status(world, "new"), world.movedTo("old")]).toEqual(["ACTIVE", "new"]);
      for (const p of [...Object.values(world.processes.old), ...Object.values(world.processes.new)])
        await p.drop();
      if (!isKilled) return expect(kill).toBeGreaterThan(20);
    }
  }, 240_000);

  test("is not mistaken for another run's on a machine without its record", async () => {
    const world = await worldOf({ counter });
    // The second one stops the old process.
    world.killAt("DRAIN", 2);
    expect(await failureOf(world.move())).toMatchObject({ message: "killed" });
    world.killAfter = Number.POSITIVE_INFINITY;
    expect(await status(world, "old")).toBe("DRAINING");
    const elsewhere = new World(world.processes);
    expect(await problemsOf(elsewhere.move())).toMatchObject([{ code: "SOURCE_NOT_ACTIVE" }]);
  });

  test("refuses deployments to both stacks until it ends, and continues only while it does", async () => {
    const world = await worldOf({ counter });
    await add(world, "old");
    world.killAt("IMPORT_STATE");
    await failureOf(world.move());
    world.killAfter = Number.POSITIVE_INFINITY;
    const open = [{ from: "old", to: "new" }];
    expect([world.moving("old"), world.moving("new")]).toEqual([open, open]);
    expect(await problemsOf(world.move({}, "new"))).toMatchObject([{ code: "MOVE_UNFINISHED" }]);
    rmSync(join(world.dir, ".fleet/moves"), { recursive: true });
    expect(await problemsOf(world.move())).toMatchObject([{ code: "MOVE_UNFINISHED" }]);
    for (const [key, stack] of [
      ["movingTo", "old"],
      ["movingFrom", "new"],
    ] as const)
      await world.pulumi(undefined, ["config", "rm", key, "--stack", stack]);
    expect(await problemsOf(world.move())).toMatchObject([{ code: "SOURCE_NOT_ACTIVE" }]);
    await world.process("old", "counter").send({ Action: "RESUME", Tags: { Epoch: "1" } });
    await world.move();
    expect([world.moving("old"), world.moving("new"), await count(world, "new")]).toEqual([[], [], 1]);
  });

  test("does not replace what the new fleet wrote since another machine completed the move", async () => {
    const here = await worldOf({ counter });
    await add(here, "old");
    here.killAt("DRAIN", 2);
    await failureOf(here.move());
    here.killAfter = Number.POSITIVE_INFINITY;
    await here.process("old", "counter").send({ Action: "RESUME", Tags: { Epoch: "1" } });
    await new World(here.processes).move();
    await add(here, "new");
    expect(await problemsOf(here.move())).toMatchObject([
      { code: "TARGET_SERVES", got: "ACTIVE in new, DRAINING in old" },
    ]);
    expect([await count(here, "new"), await add(here, "new")]).toEqual([2, true]);
  });

  test("sends a message again whose first one has no effect any more", async () => {
    const world = await worldOf({ counter });
    world.killAt("DRAIN", 2);
    await failureOf(world.move());
    world.killAfter = Number.POSITIVE_INFINITY;
    await world.process("old", "counter").send({ Action: "RESUME", Tags: { Epoch: "1" } });
    await add(world, "old");
    await world.move();
    expect([await count(world, "new"), await add(world, "old"), await add(world, "new")]).toEqual([
      1,
      false,
      true,
    ]);
  });

  test("leaves no message that a later move takes for its own", async () => {
    const world = await worldOf({ counter });
    world.killAt("RESUME");
    await failureOf(world.move());
    world.killAfter = Number.POSITIVE_INFINITY;
    await world.move();
    await world.move({}, "new");
    await world.move();
    expect([await status(world, "new"), await add(world, "new"), await add(world, "old")]).toEqual([
      "ACTIVE",
      true,
      false,
    ]);
  });

  test("is not finished with copies that are out of date, because an old process was resumed in between", async () => {
    const booted = await bootBoth({ counter });
    const whole = new World(await copyOf(booted));
    await whole.move();
    for (const [before, isOpened] of [
      [1, false],
      [0, true],
    ] as const) {
      const world = new World(await copyOf(booted));
      // The only one opens the new process.
      world.killAfter = whole.asked.lastIndexOf("RESUME") + 1 - before;
      await failureOf(world.move());
      world.killAfter = Number.POSITIVE_INFINITY;
      await world.process("old", "counter").send({ Action: "RESUME", Tags: { Epoch: "1" } });
      await add(world, "old");
      const [problem] = await problemsOf(world.move());
      expect(problem).toMatchObject({
        code: "MOVE_OVERTAKEN",
        remedy: expect.stringContaining(isOpened ? "DRAIN --control" : "then move again"),
      });
      if (isOpened) continue;
      await world.move();
      expect(await count(world, "new")).toBe(1);
    }
  });

  test("while it opens the new fleet has to end before the fleet can return", async () => {
    const world = await worldOf({ counter });
    world.killAt("RESUME");
    await failureOf(world.move());
    world.killAfter = Number.POSITIVE_INFINITY;
    const error = await failureOf(world.move({}, "new"));
    expect(error).toBeInstanceOf(FleetError);
    expect(error).toMatchObject({ code: "MOVE_UNFINISHED" });
    expect((await world.move()).phase).toBe("moved");
  });
});

test("callers stop before the members that they call, and in a circle the one that calls the most", () => {
  const names = (members: Parameters<typeof callersFirst>[0]) =>
    callersFirst(members).map(({ name }) => name);
  expect(
    names([
      { name: "shop", peers: [] },
      { name: "battle", peers: ["shop"] },
      { name: "entry", peers: ["battle", "shop", "outside"] },
    ]),
  ).toEqual(["entry", "battle", "shop"]);
  expect(
    names([
      { name: "a", peers: ["entry"] },
      { name: "b", peers: ["entry"] },
      { name: "entry", peers: ["a", "b"] },
      { name: "self", peers: ["self"] },
    ]),
  ).toEqual(["self", "entry", "a", "b"]);
});

/** The library on both devices: aos in a compute unit, and lua@5.3a with the fleet's own module. */
import { beforeAll, describe, expect, test } from "vitest";
import { hashOf, sha256 } from "../../src/core/hash.ts";
import { type Aos, address, boot, OWNER, type SendOptions } from "./aos.ts";
import { COUNTER, FOREIGN } from "./programs.ts";
import { fleet } from "./world.ts";

const STRANGER = address("stranger");
const DEPLOYER = address("deployer");

async function ask(to: Aos, options: SendOptions) {
  const result = await to.send({ From: STRANGER, ...options });
  expect(result.error).toBeUndefined();
  return result.reply;
}

async function codeOf(to: Aos, options: SendOptions): Promise<string> {
  const reply = await ask(to, options);
  return reply?.data.error?.code ?? reply?.status ?? "no reply";
}

describe.each([
  ["genesis-wasm@1.0", false],
  ["lua@5.3a", true],
])("on %s", (_, lua) => {
  /** Never changed: tests that change state use a copy. */
  let base: Aos;
  beforeAll(async () => {
    base = await boot("counter", { source: COUNTER, lua });
  }, 60_000);

  test("Info, health and statistics describe what runs", async () => {
    const p = await base.clone();
    expect((await ask(p, { Action: "Info" }))?.data).toMatchObject({
      ...{ name: "counter", processType: "COUNTER", version: "1.0.0", status: "ACTIVE", epoch: 1 },
      ...{ release: "r1", owner: OWNER, handlers: ["ao-fleet.first", "ao-fleet.last"], stats: { errors: 0 } },
      ...{ at: p.now, slot: p.slot, sourceHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    const health = await ask(p, {
      Action: "HEALTH_CHECK",
      Data: { healthCheck: { expectedVersion: "1.0.0" } },
    });
    expect(health?.data.healthStatus).toBe("HEALTHY");
    const wrong = await ask(p, {
      Action: "HEALTH_CHECK",
      Data: { healthCheck: { expectedVersion: "2.0.0" } },
    });
    expect(wrong?.data.healthStatus).toBe("UNHEALTHY");
    expect((await ask(p, { Action: "GET_STATISTICS" }))?.data.statistics).toMatchObject({ errors: 0 });
  });

  test("settings are checked, applied and read back", async () => {
    const p = await base.clone();
    const update = (configData: unknown, from = OWNER) =>
      codeOf(p, {
        ...{ Action: "UPDATE_CONFIG", From: from, Epoch: "1" },
        Data: { configType: "PROCESS_CONFIG", configData, version: 1, hash: hashOf(configData) },
      });
    expect(await update({ requestTimeout: 5000 }, STRANGER)).toBe("FORBIDDEN");
    expect(await update({ requestTimeout: "soon" })).toBe("INVALID_CONFIG");
    expect(await update({ requestTimeout: 5000 })).toBe("ok");
    const read = await ask(p, { Action: "GET_CONFIG", From: OWNER, Data: { configType: "PROCESS_CONFIG" } });
    expect(read?.text).toContain("5000");
    expect(await p.value('Fleet.config("PROCESS_CONFIG", "requestTimeout")')).toBe(5000);
  });

  test("actions answer, refuse with a code, and undo what a fault changed", async () => {
    const p = await base.clone();
    expect((await ask(p, { Action: "ADD", Data: { by: 2 } }))?.data).toMatchObject({ success: true, n: 2 });
    expect(await codeOf(p, { Action: "ADD", Data: { by: 0 } })).toBe("INVALID_DATA");
    expect(await codeOf(p, { Action: "ADD", Data: "{no json" })).toBe("BAD_JSON");
    expect(await codeOf(p, { Action: "ADD", Data: "{", "Content-Type": "application/json" })).toBe(
      "BAD_JSON",
    );
    expect(await codeOf(p, { Action: "NOPE" })).toBe("UNKNOWN_ACTION");
    expect(await codeOf(p, { Action: "FOR_DEPLOYERS" })).toBe("FORBIDDEN");
    expect(await codeOf(p, { Action: "FOR_FUNCTION" })).toBe("INTERNAL");
    // The call to a peer that is not wired is the refusal that comes first.
    expect(await codeOf(p, { Action: "ADD", Data: { by: 2, fail: "fault" } })).toBe("PEER_UNKNOWN");
    const wire = {
      Action: "WIRE_PEERS",
      From: OWNER,
      Epoch: "1",
      Data: { peers: { friend: DEPLOYER }, hash: "h" },
    };
    expect(await codeOf(p, wire)).toBe("ok");
    for (const [fail, code] of [
      ["fault", "INTERNAL"],
      ["raise", "INTERNAL"],
      ["nil", "INTERNAL"],
      ["reply", "INTERNAL"],
      ["number", "INTERNAL"],
      ["deep", "INTERNAL"],
      ["wait", "INTERNAL"],
      ["refuse", "TOO_BAD"],
    ] as const) {
      const failed = await p.send({ From: STRANGER, Action: "ADD", Data: { by: 2, fail } });
      expect([fail, failed.error, failed.reply?.data.error?.code]).toEqual([fail, undefined, code]);
      expect(failed.messages).toHaveLength(1);
    }
    expect(await p.value("Fleet.store.states.counter.n, Fleet.store.states.counter.nested.extra")).toBe(2);
  });

  test("an action that runs once gives its first answer again", async () => {
    const p = await base.clone();
    const once = { Action: "ADD_ONCE", Data: { by: 3 }, "Correlation-Id": "c-1" };
    expect((await ask(p, once))?.data.n).toBe(3);
    expect((await ask(p, once))?.data.n).toBe(3);
    expect(await p.value("Fleet.store.states.counter.n")).toBe(3);
  });

  test("a load of an earlier run is refused; a newer one keeps the state", async () => {
    const p = await base.clone();
    await ask(p, { Action: "ADD", Data: { by: 4 } });
    const refused = await p.load({ epoch: 0, source: 'error("must not run")' });
    expect(JSON.parse(refused.output)).toMatchObject({ fleet: "refused", code: "STALE_EPOCH" });
    const loaded = await p.load({ epoch: 2, release: "r2", version: "2.0.0", source: COUNTER });
    expect(loaded.error).toBeUndefined();
    expect(loaded.output).toContain('"committed"');
    expect((await ask(p, { Action: "Info" }))?.data).toMatchObject({
      release: "r2",
      version: "2.0.0",
      epoch: 2,
    });
    expect((await ask(p, { Action: "ADD", Data: { by: 1 } }))?.data.n).toBe(5);
  });

  test("draining, retired and resumed; its state is exported and imported by another one", async () => {
    const p = await base.clone();
    await ask(p, { Action: "ADD", Data: { by: 6 } });
    const control = (action: string) => ask(p, { Action: action, From: OWNER, Epoch: "1" });
    expect((await control("DRAIN"))?.status).toBe("ok");
    expect(await codeOf(p, { Action: "PING" })).toBe("DRAINING");
    const exported = (await control("EXPORT_STATE"))?.data as { digest: string };
    expect((await control("RETIRE"))?.status).toBe("ok");
    expect(await codeOf(p, { Action: "PING" })).toBe("GONE");
    expect((await control("RESUME"))?.status).toBe("ok");
    expect(await codeOf(p, { Action: "PING" })).toBe("ok");
    expect(exported.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test("a program without the fleet's code keeps its handlers and its inbox", async () => {
    const p = await boot("token", { source: FOREIGN, lua });
    expect((await ask(p, { Action: "Balance" }))?.text).toBe("0");
    expect((await ask(p, { Action: "Fleet.Info", Swallow: "yes" }))?.data).toMatchObject({ name: "token" });
    const inbox = Number(await p.value("#Inbox"));
    await p.send({ From: STRANGER, Data: "no action" });
    expect(await p.value("#Inbox")).toBe(inbox + 1);
    expect((await p.send({ From: STRANGER, Action: "Eval", Data: "Owner = 'me'" })).output).toContain(
      "New Message From",
    );
    expect(await p.value("Owner")).toBe(OWNER);
  });
});

test("processes of the guide call each other on lua@5.3a", async () => {
  const world = await fleet(["shop", "pokemon", "battle"], { lua: true });
  const { reply } = await world.send("shop", { From: STRANGER, Action: "Info" });
  expect(reply?.data).toMatchObject({ name: "shop", status: "ACTIVE" });
  for (const name of ["shop", "pokemon"]) {
    const { reply: health } = await world.send(name, { From: STRANGER, Action: "HEALTH_CHECK" });
    expect([name, health?.data.healthStatus]).toEqual([name, "HEALTHY"]);
  }
  // A pokemon whose values follow from a message of the process to itself, and a turn that both players commit to.
  const players = [address("one"), address("two")] as const;
  for (const From of players) {
    const made = await world.send("pokemon", { From, Action: "CREATE_POKEMON", Data: { species: "eevee" } });
    expect(made.reply?.data).toMatchObject({ success: true, pokemon: { species: "eevee", level: 5 } });
  }
  const battleId = "b";
  const say = async (From: string, Action: string, data: object) =>
    (await world.send("battle", { From, Action, Data: { battleId, ...data } })).reply?.data;
  expect(await say(players[0], "START_BATTLE", { opponent: players[1] })).toMatchObject({ ranked: true });
  const secret = "a-secret-of-this-turn";
  for (const From of players) {
    const commit = sha256([battleId, 1, From, "tackle", secret].join("/"));
    expect(await say(From, "SUBMIT_MOVE", { commit })).toMatchObject({ success: true });
  }
  await say(players[0], "REVEAL_MOVE", { move: "tackle", secret });
  expect(await say(players[1], "REVEAL_MOVE", { move: "tackle", secret })).toMatchObject({
    resolved: true,
    turn: 2,
  });
}, 120_000);

import { expect, test } from "vitest";
import { address, OWNER } from "./aos.ts";
import { fleet, type World } from "./world.ts";

const STRANGER = address("stranger");
const probe = (world: World, data: object = {}) =>
  world.send("coordinator", { From: OWNER, Action: "PROBE_PEERS", Data: data });

test("a probe calls every wired peer, and reports which process answered under which name", async () => {
  const world = await fleet(["coordinator", "shop", "pokemon"], {
    peers: { coordinator: ["shop", "pokemon"], shop: [], pokemon: [] },
  });
  const { reply, deliveries } = await probe(world);
  expect(deliveries.filter(({ action }) => action === "Info").map(({ target }) => target)).toEqual(
    ["pokemon", "shop"].map((name) => world.get(name).id),
  );
  const peer = (name: string) => ({
    ...{ ok: true, name, status: "ACTIVE", version: "1.0.0" },
    ...{ processId: world.get(name).id, ms: expect.any(Number) },
  });
  expect(reply?.data).toMatchObject({
    success: true,
    peers: { shop: peer("shop"), pokemon: peer("pokemon") },
  });
  const some = await probe(world, { peers: ["shop", "nobody"] });
  expect(some.reply?.data).toMatchObject({
    peers: { shop: { ok: true }, nobody: { ok: false, code: "PEER_UNKNOWN" } },
  });
  const none = await world.send("shop", { From: OWNER, Action: "PROBE_PEERS" });
  expect(none.reply?.data).toMatchObject({ success: true, peers: {} });
  const refused = await world.send("coordinator", { From: STRANGER, Action: "PROBE_PEERS" });
  expect(refused.reply?.data).toMatchObject({ error: { code: "FORBIDDEN" } });
  expect(refused.deliveries).toHaveLength(1);
});

test("a peer without the library is not asked, and not reported as silent", async () => {
  const world = await fleet(["coordinator", "shop"], {
    peers: { coordinator: ["shop", "token"], shop: [] },
    withoutLibrary: ["token"],
  });
  const { reply, deliveries } = await probe(world);
  const processId = address("absent-token");
  expect(reply?.data).toMatchObject({
    peers: { shop: { ok: true }, token: { ok: false, code: "LIB_REQUIRED", processId } },
  });
  expect(deliveries.filter(({ target }) => target === processId)).toEqual([]);
  expect((await probe(world, { peers: ["token"] })).reply?.data).toMatchObject({
    peers: { token: { code: "LIB_REQUIRED" } },
  });
});

test("a peer that does not answer is reported, at the next message after its time", async () => {
  const world = await fleet(["coordinator", "shop"], { peers: { coordinator: ["shop", "away"], shop: [] } });
  const { reply } = await probe(world, { timeout: 5000 });
  expect(reply).toBeUndefined();
  world.advance(6000);
  const { deliveries } = await world.send("coordinator", { From: STRANGER, Action: "Info" });
  const late = deliveries.find(({ action }) => action === "PROBE_PEERS-Response");
  expect(late?.target).toBe(OWNER);
  expect(late?.data).toMatchObject({
    success: true,
    peers: { shop: { ok: true }, away: { ok: false, code: "TIMEOUT" } },
  });
});

/** Requests by keys that are being moved to another process, and all other requests meanwhile. */
import { beforeAll, expect, test } from "vitest";
import { bucket } from "../router/reference.ts";
import { type Aos, address, boot } from "./aos.ts";

const [STRANGER, COORDINATOR, PLAYER] = ["stranger", "the-coordinator", "player"].map(address) as [
  string,
  string,
  string,
];
const SALT = "r1";
const HALF = { salt: SALT, from: 0, to: 5000 };
let p: Aos;
let [moved, stays] = ["", ""];

const PURSES = `
local fleet = require("fleet")
fleet.process { name = "purses", processType = "SHOP", version = "1.0.0", capabilities = {} }
local purses = fleet.state("purses", {}, { partition = true })
fleet.on("EARN", { schema = { player = { type = "string", required = true } } }, function(data)
  purses[data.player] = (purses[data.player] or 0) + 1
  return { sum = purses[data.player] }
end)
`;

beforeAll(async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `player-${i}`);
  moved = keys.find((key) => bucket(key, SALT) < 5000) ?? "";
  stays = keys.find((key) => bucket(key, SALT) >= 5000) ?? "";
  p = await boot("purses", { source: PURSES });
  await p.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers: { coordinator: COORDINATOR } } });
  const sealed = await p.send({ Action: "SEAL_KEYS", Epoch: "1", Data: HALF });
  expect(sealed.reply?.data.sealed).toEqual([{ from: 0, to: 5000 }]);
}, 60_000);

const earn = async (key: string, tags: object) =>
  (await p.send({ Action: "EARN", Data: { player: key }, ...tags })).reply?.data;

test("a request that the router forwards for a player is served by its key", async () => {
  const carried = (key: string) => ({ From: COORDINATOR, "Traffic-Key": key, "On-Behalf-Of": PLAYER });
  expect(await earn(stays, carried(stays))).toMatchObject({ sum: 1 });
  expect(await earn(moved, carried(moved))).toMatchObject({ error: { code: "DRAINING" } });
  expect(await earn(stays, { From: COORDINATOR, "Traffic-Key": stays })).toMatchObject({ sum: 2 });
});

test("only the router can name a request's key", async () => {
  const refused = { error: { code: "DRAINING" } };
  expect(await earn(stays, { From: STRANGER, "Traffic-Key": stays })).toMatchObject(refused);
  expect(await earn(stays, { From: STRANGER })).toMatchObject(refused);
  expect(await earn(stays, { From: COORDINATOR, "On-Behalf-Of": PLAYER })).toMatchObject(refused);
});

test("once the keys are back all requests are served", async () => {
  await p.send({ Action: "UNSEAL_KEYS", Epoch: "1", Data: HALF });
  expect(await earn(moved, { From: STRANGER })).toMatchObject({ sum: 1 });
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { status, stop } from "../../src/localnet/index.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";
import { configureOnce, plannedInputs } from "./fixture.ts";

/** A process on the embedded network's HyperBEAM node, from the declaration to real aos. */

const network = { kind: "local" as const, dir: ".fleet/localnet", protocol: "mainnet" as const };
const scope = { project: "game", stack: "dev", home: ".fleet", build: "build" };
const program = (price: number) =>
  `local fleet = require("fleet")
fleet.process{ name = "shop", processType = "GAME", version = "1.0.0", capabilities = {}, endpoints = {} }
local sold = fleet.state("sold", { n = 0 })
fleet.on("BUY", { who = "anyone" }, function() sold.n = sold.n + 1 return { price = ${price}, sold = sold.n } end)
`;
const inputs = () =>
  plannedInputs(scope, network, "shop", { health: { timeoutSeconds: 30, intervalSeconds: 0.1, retries: 2 } });

beforeAll(async () => {
  enterFolder("node");
  writeFiles({ "processes/shop/process.lua": program(5) });
  await configureOnce();
}, 60_000);
afterAll(async () => {
  await endRun();
  await stop(network.dir);
});

let made: ProcessOutputs;
const session = () => sessionFor(scope, network);
const buy = async () => {
  const target = { name: "shop", generation: 1, processId: made.processId, action: "BUY" };
  return ask(await session(), target, z.looseObject({ price: z.number(), sold: z.number() }), budgetOf(30));
};
/** Evals in the schedule of the node. */
const loads = async () => {
  const { ao } = await session();
  const order = await ao.range({ processId: made.processId, from: 0, to: 999 }, budgetOf(30));
  return order.filter(({ action }) => action === "Eval").length;
};

test("is spawned, loaded once and healthy, with the node as its scheduler", async () => {
  made = (await lifecycle.create(await inputs())).outs;
  expect(made.health.status).toBe("HEALTHY");
  const { info } = await status(network.dir);
  const current = await fetch(`${info?.nodeUrl}/${made.processId}~process@1.0/slot/current`);
  expect(Number(await current.text())).toBeGreaterThan(0);
  expect(await loads()).toBe(1);
  expect(await buy()).toMatchObject({ price: 5, sold: 1 });
}, 60_000);

test("keeps its state over an update, and is found unchanged by a refresh", async () => {
  writeFiles({ "processes/shop/process.lua": program(7) });
  made = (await lifecycle.update("id", made, await inputs())).outs;
  expect(await loads()).toBe(2);
  expect(await buy()).toMatchObject({ price: 7, sold: 2 });
  const { props } = await lifecycle.read("id", made);
  expect(props).toMatchObject({ health: { status: "HEALTHY" }, drift: [] });
}, 60_000);

test("is retired when it is removed", async () => {
  await lifecycle.remove("id", made);
  const { ao } = await session();
  expect(await ao.latest(made.processId, budgetOf(30))).toBeGreaterThan(4);
  await expect(buy()).rejects.toThrow(/RETIRED|retired/);
}, 60_000);

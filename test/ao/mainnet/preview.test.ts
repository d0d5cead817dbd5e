import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { checkNetwork } from "../../../src/ao/mainnet/preview.ts";
import { priceOf } from "../../../src/ao/mainnet/price.ts";
import { settingsIn } from "../../../src/ao/mainnet/settings.ts";
import type { Needs, Spending } from "../../../src/ao/needs.ts";
import { budgetOf } from "../../../src/core/budget.ts";
import { problemsOf } from "../../kit/failure.ts";
import { type Simnet, type SimnetOptions, startSimnet } from "../../simnet/index.ts";

const PAYER = "p".repeat(43);
const DEVICE = "genesis-wasm@1.0";
const SPENDING: Spending = { payer: PAYER, spawns: 1, messages: 2, bytes: 5000, isCertain: true };

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function netWith(quirks: SimnetOptions["node"] = {}): Promise<Simnet> {
  const net = await startSimnet({ node: quirks });
  open.push(() => net.close());
  return net;
}
const endpointsOf = ({ node, endpoints: { gatewayUrl, graphqlUrl } }: Simnet) => ({
  ...{ nodeUrl: node.nodeUrl, gatewayUrl },
  graphqlUrl: graphqlUrl ?? "",
});
const look = (net: Simnet, needs: Needs = {}, nodeUrl = net.node.nodeUrl) =>
  checkNetwork(
    { ...endpointsOf(net), nodeUrl },
    { modules: [net.module], devices: [DEVICE], ...needs },
    budgetOf(5),
  );
const codesOf = (found: readonly { code: string }[]) => found.map(({ code }) => code).sort();

function statusOf(answer: unknown): number {
  if (answer === undefined) return 500;
  return answer === null ? 404 : 200;
}

/** A node that answers what the table says for a path, 404 for null, and 500 for any other. */
async function stubbedNode(answers: Readonly<Record<string, unknown>>): Promise<string> {
  const all: Readonly<Record<string, unknown>> = { "/~meta@1.0/info/address": "n".repeat(43), ...answers };
  const server = createServer(({ url = "" }, response) => {
    const answer = all[url];
    response.statusCode = statusOf(answer);
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer ?? { reason: "broken" }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  open.push(() => new Promise((closed) => server.close(() => closed())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A node's answers of which module and device it has. */
const hasAll = ({ module }: Simnet) => ({ [`/${module}/type`]: "Module", [`/~${DEVICE}/init`]: {} });

const hook = (pricing: string, ledger: string) => ({
  device: "p4@1.0",
  "pricing-device": pricing,
  "ledger-device": ledger,
});
const SIMPLE = hook("simple-pay@1.0", "simple-pay@1.0");
const READS = ["/~meta@1.0/*", "process@1.0/(slot|compute)", "/~scheduler@1.0"].map((template) => ({
  template,
}));

describe("a preview on a node", () => {
  it("says nothing if the node has all that is needed and charges nothing", async () => {
    const net = await netWith();
    expect(await look(net, { spending: SPENDING })).toEqual([]);
    expect(net.oracle.counts()).toMatchObject({ processes: 0, messages: 0 });
  });

  it("names at once a module and a device that the node does not have, and a wallet that cannot pay", async () => {
    const net = await netWith({
      ...{ fetchesModules: false, devices: ["lua@5.3a"] },
      payment: { price: 10, ledger: { [PAYER]: 59 } },
    });
    const found = await problemsOf(look(net, { spending: SPENDING }));
    expect(codesOf(found)).toEqual(["DEVICE_MISSING", "MODULE_NOT_ON_NODE", "WALLET_UNFUNDED"]);
    expect(found.find(({ code }) => code === "WALLET_UNFUNDED")).toMatchObject({
      got: "a balance of 59",
      expected: "60 or more, for at least 1 spawn and 2 messages of 5000 bytes",
    });
    expect(found.find(({ code }) => code === "DEVICE_MISSING")).toMatchObject({ expected: DEVICE });
    expect(net.oracle.counts()).toMatchObject({ processes: 0, messages: 0 });
  });

  it("asks the node only for modules that the gateway knows", async () => {
    const net = await netWith({ fetchesModules: false });
    const work = checkNetwork(endpointsOf(net), { modules: ["x".repeat(43)] }, budgetOf(1));
    expect(codesOf(await problemsOf(work))).toEqual(["MODULE_UNKNOWN"]);
  });

  it("tells the price and the balance of a wallet that can pay", async () => {
    const net = await netWith({ payment: { price: 10, ledger: { [PAYER]: 60 } } });
    expect(await look(net, { spending: SPENDING })).toMatchObject([
      {
        code: "NODE_CHARGES",
        got: "a price of 60 or more, for at least 1 spawn and 2 messages of 5000 bytes; a balance of 60",
      },
    ]);
  });

  it("warns of a wallet that cannot pay where it is not certain what has to be sent", async () => {
    const spending = { ...SPENDING, isCertain: false };
    for (const ledger of [{ [PAYER]: 59 }, {}]) {
      const net = await netWith({ payment: { price: 10, ledger } });
      expect(codesOf(await problemsOf(look(net, { spending: SPENDING })))).toEqual(["WALLET_UNFUNDED"]);
      expect(await look(net, { spending })).toMatchObject([
        { code: "NODE_CHARGES", remedy: expect.stringContaining("Pay the node's operator first") },
      ]);
    }
  });

  it("warns of a missing module and a missing device where the processes may run already", async () => {
    const net = await netWith({ fetchesModules: false, devices: ["lua@5.3a"] });
    expect(codesOf(await look(net, { mayRun: true }))).toEqual(["DEVICE_MISSING", "MODULE_NOT_ON_NODE"]);
    // What the gateway does not know, no process runs.
    const unknown = checkNetwork(endpointsOf(net), { modules: ["x".repeat(43)], mayRun: true }, budgetOf(1));
    expect(codesOf(await problemsOf(unknown))).toEqual(["MODULE_UNKNOWN"]);
  });

  it("takes an item of the content type application/lua for a module", async () => {
    const net = await netWith();
    const [id, device] = ["l".repeat(43), "lua@5.3a"];
    const nodeUrl = await stubbedNode({
      "/~meta@1.0/info": { "preloaded-devices": [{ name: device }] },
      ...{ [`/${id}/type`]: null, [`/${id}/content-type`]: "application/lua; charset=utf-8" },
    });
    const withTags = async (tags: object[]) => {
      const edges = [{ node: { id, owner: { address: PAYER }, tags } }];
      const transactions = { pageInfo: { hasNextPage: false }, edges };
      const gateway = await stubbedNode({ "/graphql": { data: { transactions } } });
      const graphqlUrl = `${gateway}/graphql`;
      const endpoints = { ...endpointsOf(net), nodeUrl, graphqlUrl };
      return checkNetwork(endpoints, { modules: [id], devices: [device] }, budgetOf(5));
    };
    expect(await withTags([{ name: "content-type", value: "application/lua" }])).toEqual([]);
    expect(codesOf(await problemsOf(withTags([{ name: "Content-Type", value: "text/html" }])))).toEqual([
      "MODULE_INVALID",
    ]);
  });

  it("warns of everything that the node does not tell", async () => {
    const net = await netWith();
    const silent = await stubbedNode({});
    expect(codesOf(await look(net, { spending: SPENDING }, silent))).toEqual([
      "DEVICE_UNCHECKED",
      "MODULE_UNCHECKED",
      "PRICE_UNKNOWN",
    ]);
  });

  it("asks the device itself where the node lists none", async () => {
    const net = await netWith();
    const known = { "/~meta@1.0/info": { address: "n" }, [`/${net.module}/type`]: "Module" };
    const has = await stubbedNode({ ...known, [`/~${DEVICE}/init`]: {} });
    expect(await look(net, {}, has)).toEqual([]);
  });

  it("asks the ledger of another device for the balance", async () => {
    const net = await netWith();
    const info = {
      on: { request: hook("simple-pay@1.0", "recharging-ledger@1.0") },
      "simple-pay-price": 10,
      "p4-non-chargable-routes": READS,
      "preloaded-devices": [{ name: DEVICE }],
    };
    const known = { "/~meta@1.0/info": info, [`/${net.module}/type`]: "Module" };
    const balance = `/~p4@1.0/balance?target=${PAYER}`;
    const work = async (answer: unknown) =>
      look(net, { spending: SPENDING }, await stubbedNode({ ...known, [balance]: answer }));
    expect(await problemsOf(work(59))).toMatchObject([{ code: "WALLET_UNFUNDED", got: "a balance of 59" }]);
    for (const [answer, text] of [
      ["infinity", "an unlimited balance"],
      [{ status: 200, body: 61 }, "a balance of 61"],
      [undefined, "a balance that it does not tell without a signature"],
    ]) {
      const [warning] = await work(answer);
      expect(warning).toMatchObject({ code: "NODE_CHARGES", got: expect.stringContaining(String(text)) });
    }
  });
});

describe("a node's settings", () => {
  const chargingOf = (info: Record<string, unknown>) => settingsIn(info).charging;
  const priced = (info: Record<string, unknown>) => {
    const charging = chargingOf(info);
    return charging && priceOf(charging, SPENDING);
  };

  it("are read in the names of 2025 and of 2026, from arrays and from numbered lists", () => {
    const devices = [{ name: "a@1.0" }, { name: "b@1.0" }];
    expect(settingsIn({ preloaded_devices: devices }).devices).toEqual(["a@1.0", "b@1.0"]);
    expect(
      settingsIn({ "preloaded-devices": { "ao-types": "x", 1: devices[0], 2: devices[1] } }).devices,
    ).toEqual(["a@1.0", "b@1.0"]);
    expect(settingsIn({ "preloaded-devices-index": "i".repeat(43) })).toEqual({});
    // A list of which a part is not shown lacks nothing for sure.
    for (const more of [{ "2+link": "l" }, { 2: { "name+link": "l" } }])
      expect(settingsIn({ "preloaded-devices": { 1: devices[0], ...more } })).toEqual({});
    for (const request of [SIMPLE, [SIMPLE], { 1: { device: "other@1.0" }, 2: SIMPLE }]) {
      expect(priced({ on: { request }, simple_pay_price: "10" })).toBe(60);
      expect(priced({ on: { request }, "simple-pay-price": 10 })).toBe(60);
    }
    expect(chargingOf({ on: { request: { device: "router@1.0" } } })).toBeUndefined();
  });

  it("give a price by messages, by routes, by bytes, or none that is known here", () => {
    const on = { request: SIMPLE };
    const offered = [{ template: "/push", price: 7 }, { template: "process@1.0/schedule" }];
    expect(priced({ on })).toBe(6);
    expect(priced({ on, router_opts: { offered } })).toBe(7);
    expect(priced({ on, p4_non_chargable_routes: [{ template: "/schedule" }, { template: "(" }] })).toBe(2);
    const metering = { request: hook("metering@1.0", "simple-pay@1.0") };
    expect(priced({ on: metering, "metering-rates": { "request-bytes": 3, "beam-reductions": 1 } })).toBe(
      15_000,
    );
    expect(priced({ on: { request: hook("faff@1.0", "faff@1.0") } })).toBeUndefined();
  });

  it("hold the balances of a simple ledger, unless the node shows a link in their place", () => {
    const on = { request: SIMPLE };
    expect(chargingOf({ on, simple_pay_ledger: { [PAYER]: "5" } })?.balances).toEqual({ [PAYER]: 5 });
    expect(chargingOf({ on })?.balances).toEqual({});
    for (const unread of [
      { "simple_pay_ledger+link": "l" },
      { simple_pay_ledger: { ["x".repeat(43)]: 5, [`${PAYER}+link`]: "l" } },
      { simple_pay_ledger: { [PAYER]: "infinity" } },
      { simple_pay_ledger: "l" },
    ])
      expect(chargingOf({ on, ...unread })?.balances).toBeUndefined();
    const signed = { [PAYER]: "5", "ao-types": "x", "commitments+link": "l" };
    expect(chargingOf({ on, simple_pay_ledger: signed })?.balances).toEqual({ [PAYER]: 5 });
  });

  it("give no price where a link stands in the place of one of them", async () => {
    const on = { request: SIMPLE };
    for (const [info, linked] of [
      [{ "on+link": "l" }, "on"],
      [{ on: { "request+link": "l" } }, "on/request"],
      [{ on: { request: { "1": { device: "router@1.0" }, "2+link": "l" } } }, "on/request"],
      [{ on, "p4_non_chargable_routes+link": "l" }, "p4-non-chargable-routes"],
      [{ on, "router-opts": { "offered+link": "l" } }, "router-opts/offered"],
      [{ on, "metering-rates+link": "l" }, "metering-rates"],
    ] as const)
      expect([info, settingsIn(info).linked]).toEqual([info, linked]);
    for (const info of [{ on }, { "other+link": "l" }, { on: {}, "router-opts+link": "l" }])
      expect([info, settingsIn(info).linked]).toEqual([info, undefined]);
    const net = await netWith();
    const linked = await stubbedNode({ ...hasAll(net), "/~meta@1.0/info": { "on+link": "l" } });
    expect(await look(net, { spending: SPENDING }, linked)).toMatchObject([
      { code: "PRICE_UNKNOWN", got: "a link in the place of its setting on" },
    ]);
  });

  it("tell whether reads cost anything, and who pays nothing", async () => {
    const net = await netWith();
    const info = { on: { request: SIMPLE }, simple_pay_ledger: { [PAYER]: 99 } };
    const at = async (more: object) =>
      codesOf(
        await look(
          net,
          { spending: SPENDING },
          await stubbedNode({ ...hasAll(net), "/~meta@1.0/info": { ...info, ...more } }),
        ),
      );
    expect(await at({})).toEqual(["NODE_CHARGES", "READS_CHARGED"]);
    expect(await at({ p4_non_chargable_routes: READS })).toEqual(["NODE_CHARGES"]);
    expect(await at({ operator: PAYER })).toEqual([]);
  });
});

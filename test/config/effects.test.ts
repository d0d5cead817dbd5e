import { beforeAll, describe, expect, test } from "vitest";
import { hashOf } from "../../src/core/hash.ts";
import { type Aos, address, boot, OWNER, type SendOptions } from "../processes/aos.ts";

const STRANGER = address("stranger");
const OTHER = address("other");
const SHOP = address("shop");
const COORDINATOR = address("coordinator");

/** A program that uses settings as any program would. */
const HALL = `local fleet = require("fleet")
fleet.process{ name = "hall", processType = "HALL", version = "1.0.0", capabilities = {} }
local S = fleet.state("hall", { n = 0 })
fleet.on("ADD", { who = "anyone" }, function() S.n = S.n + 1 return { n = S.n } end)
fleet.on("LOOK", { who = "anyone", readonly = true }, function()
  local till, kind = fleet.service("till")
  return {
    n = S.n, ranked = fleet.flag("ranked"), casual = fleet.flag("casual", true), motd = fleet.config("ENVIRONMENT_VARS", "MOTD", "none"),
    till = till, kind = kind, prices = (fleet.service("prices")), nothing = (fleet.service("nothing")),
  }
end)
fleet.on("SAY", { who = "deployer" }, function(data) fleet.log(data.level, data.text) return {} end)
`;

let base: Aos;
beforeAll(async () => {
  base = await boot("hall", { source: HALL });
  const peers = { shop: SHOP, coordinator: COORDINATOR };
  await base.send({ Action: "WIRE_PEERS", Epoch: "1", Data: { peers } });
}, 60_000);

const set = async (p: Aos, configType: string, configData: object, version = 1, more: SendOptions = {}) =>
  (
    await p.send({
      ...{ Action: "UPDATE_CONFIG", Epoch: "1" },
      Data: { configType, configData, version, hash: hashOf(configData) },
      ...more,
    })
  ).reply?.data;

const ask = async (p: Aos, Action: string, From = STRANGER, more: SendOptions = {}) =>
  (await p.send({ From, Action, ...more })).reply?.data;

const codeOf = async (...input: Parameters<typeof ask>) => (await ask(...input))?.error?.code;

describe("a setting takes effect", () => {
  test("RATE_LIMITS: a sender's bucket empties and refills by the scheduler's time; other senders and the fleet are not limited", async () => {
    const p = await base.clone();
    await set(p, "RATE_LIMITS", {
      ADD: { capacity: 2, perSecond: 0.1 },
      "*": { capacity: 1000, perSecond: 1000 },
    });
    const at = p.now + 1000;
    const now = { Timestamp: at };
    expect([await codeOf(p, "ADD", STRANGER, now), await codeOf(p, "ADD", STRANGER, now)]).toEqual([
      undefined,
      undefined,
    ]);
    const refused = await ask(p, "ADD", STRANGER, now);
    expect(refused?.error).toMatchObject({
      code: "RATE_LIMITED",
      retryAfterMs: 10_000,
      remedy: "Send it again in 10000 ms.",
    });
    expect(await codeOf(p, "ADD", OTHER, now)).toBeUndefined();
    expect(await codeOf(p, "LOOK", STRANGER, now)).toBeUndefined();
    for (let i = 0; i < 4; i++) expect(await codeOf(p, "ADD", SHOP, now)).toBeUndefined();
    // A message that the coordinator forwards counts for its original sender.
    const carried = { ...now, "On-Behalf-Of": STRANGER };
    expect(await codeOf(p, "ADD", COORDINATOR, carried)).toBe("RATE_LIMITED");
    expect(await codeOf(p, "ADD", STRANGER, { Timestamp: at + 10_000 })).toBeUndefined();
    expect(await codeOf(p, "ADD", STRANGER, { Timestamp: at + 10_001 })).toBe("RATE_LIMITED");
  });

  test("SECURITY_CONFIG.authLevel: HIGH accepts changes through the fleet only, MAXIMUM from deployers only; reads stay open", async () => {
    const p = await base.clone();
    const who = async () => [
      await codeOf(p, "ADD", STRANGER),
      await codeOf(p, "ADD", COORDINATOR, { "On-Behalf-Of": STRANGER }),
      await codeOf(p, "ADD", SHOP),
      await codeOf(p, "ADD", OWNER),
      await codeOf(p, "LOOK", STRANGER),
    ];
    const open = undefined;
    expect(await who()).toEqual([open, open, open, open, open]);
    await set(p, "SECURITY_CONFIG", { authLevel: "HIGH" });
    expect(await who()).toEqual(["FORBIDDEN", open, open, open, open]);
    await set(p, "SECURITY_CONFIG", { authLevel: "MAXIMUM" }, 2);
    expect(await who()).toEqual(["FORBIDDEN", "FORBIDDEN", "FORBIDDEN", open, open]);
    // A setting never locks out those who can fix it.
    expect(await set(p, "SECURITY_CONFIG", { authLevel: "STANDARD" }, 3)).toMatchObject({ success: true });
    expect(await codeOf(p, "ADD", STRANGER)).toBeUndefined();
  });

  test("RESOURCE_LIMITS.maxMemoryMB: above it changes are refused, reads and repairs are not", async () => {
    const p = await base.clone();
    await set(p, "RESOURCE_LIMITS", { maxMemoryMB: 0.5 });
    expect(await ask(p, "ADD")).toMatchObject({ error: { code: "MEMORY_LIMIT" } });
    expect(await codeOf(p, "LOOK")).toBeUndefined();
    await set(p, "RESOURCE_LIMITS", { maxMemoryMB: 500 }, 2);
    expect(await codeOf(p, "ADD")).toBeUndefined();
  });

  test("LOGGING_CONFIG.logLevel: lower levels are not kept", async () => {
    const p = await base.clone();
    await set(p, "LOGGING_CONFIG", { logLevel: "ERROR" });
    for (const level of ["DEBUG", "INFO", "WARN", "ERROR", "FATAL"])
      await ask(p, "SAY", OWNER, { Data: { level, text: `said ${level}` } });
    const entries = (await ask(p, "LOGS", OWNER))?.entries as { text: string }[];
    expect(entries.map(({ text }) => text).filter((text) => text.startsWith("said"))).toEqual([
      "said ERROR",
      "said FATAL",
    ]);
  });

  test("metrics: when they are off, requests are not counted by action", async () => {
    const p = await base.clone();
    const counted = async () => {
      const { statistics } = (await ask(p, "GET_STATISTICS")) ?? {};
      return (statistics as { byAction: Record<string, number> }).byAction.ADD ?? 0;
    };
    await ask(p, "ADD");
    await set(p, "MONITORING_CONFIG", { metricsEnabled: false });
    await ask(p, "ADD");
    expect(await counted()).toBe(1);
    await set(p, "MONITORING_CONFIG", { metricsEnabled: true }, 2);
    await set(p, "PROCESS_CONFIG", { enableMetrics: false });
    await ask(p, "ADD");
    expect(await counted()).toBe(1);
  });

  test("flags, strings and services are read by the program", async () => {
    const p = await base.clone();
    expect(await ask(p, "LOOK")).toMatchObject({ ranked: false, casual: true, motd: "none" });
    await set(p, "FEATURE_FLAGS", { ranked: true, casual: false });
    await set(p, "ENVIRONMENT_VARS", { MOTD: "hello" });
    await set(p, "SERVICES", { till: { member: "shop" }, prices: { url: "https://example.org/prices" } });
    const looked = await ask(p, "LOOK");
    expect(looked).toMatchObject({
      ...{ ranked: true, casual: false, motd: "hello" },
      ...{ till: SHOP, kind: "process", prices: "https://example.org/prices" },
    });
    expect(looked?.nothing).toBeUndefined();
  });
});

describe("the author of a setting", () => {
  test("is kept with each version; attempts by strangers and invalid ones are refused, counted and audited", async () => {
    const p = await base.clone();
    await p.send({ Action: "SET_ALLOWED", Data: { allowed: [OTHER] } });
    await set(p, "LOGGING_CONFIG", { logLevel: "WARN" });
    await set(p, "LOGGING_CONFIG", { logLevel: "INFO" }, 2, { From: OTHER });
    expect(await set(p, "LOGGING_CONFIG", { logLevel: "DEBUG" }, 3, { From: STRANGER })).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    expect(await set(p, "LOGGING_CONFIG", { logLevel: "LOUD" }, 3)).toMatchObject({
      error: { code: "INVALID_CONFIG" },
    });
    // What a process forwards for others carries no right of its own.
    expect(
      await set(p, "LOGGING_CONFIG", { logLevel: "DEBUG" }, 3, { From: OTHER, "On-Behalf-Of": STRANGER }),
    ).toMatchObject({
      error: { code: "FORBIDDEN" },
    });
    const history = await ask(p, "GET_CONFIG", OWNER, { Data: { history: true } });
    expect(history).toMatchObject({
      configs: { LOGGING_CONFIG: { configData: { logLevel: "INFO" }, version: 2, by: OTHER } },
      history: {
        LOGGING_CONFIG: [
          { version: 1, by: OWNER },
          { version: 2, by: OTHER, current: true },
        ],
      },
      highest: { LOGGING_CONFIG: 2 },
    });
    const entries = (await ask(p, "AUDIT", OWNER))?.entries as {
      from: string;
      action: string;
      code?: string;
    }[];
    expect(
      entries.filter(({ action }) => action === "UPDATE_CONFIG").map(({ from, code }) => [from, code]),
    ).toEqual([
      [OWNER, undefined],
      [OTHER, undefined],
      [STRANGER, "FORBIDDEN"],
      [OWNER, "INVALID_CONFIG"],
      [OTHER, "FORBIDDEN"],
    ]);
  });

  test("is shown again when a version is reverted, and the reverted number is used up", async () => {
    const p = await base.clone();
    await set(p, "FEATURE_FLAGS", { a: true });
    await set(p, "FEATURE_FLAGS", { a: false }, 2);
    const restore = (version: number, data: object) =>
      ask(p, "RESTORE_CONFIG", OWNER, {
        Epoch: "1",
        Data: { configType: "FEATURE_FLAGS", version, hash: hashOf(data) },
      });
    // Compare and set: the expected version differs, so nothing happens.
    expect(await restore(1, { a: true })).toMatchObject({ restored: false, version: 2 });
    expect(await restore(2, { a: false })).toMatchObject({ restored: true, version: 1 });
    expect(await restore(2, { a: false })).toMatchObject({ restored: false, version: 1 });
    expect((await ask(p, "GET_CONFIG", OWNER))?.highest).toEqual({ FEATURE_FLAGS: 2 });
    expect(await restore(1, { a: true })).toMatchObject({ restored: true });
    expect((await ask(p, "GET_CONFIG", OWNER))?.configs).toEqual({});
  });
});

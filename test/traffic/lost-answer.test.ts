/** A service that owns its state, while the answers of units are lost during its hand-over: on the embedded network behind a fault proxy, in real aos. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { ask as asked } from "../../src/fleet/protocol/ask.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { targetOf } from "../providers/fixture.ts";
import type { Call } from "../simnet/calls.ts";
import { Faults } from "../simnet/faults.ts";
import { type FaultProxy, startFaultProxy } from "../simnet/proxy.ts";
import { Embedded } from "./embedded.ts";

/** Seconds that each message of a rollout may take. */
const MESSAGE_SECONDS = 5;

const purse = (name: string, more = "") => `
local fleet = require("fleet")
fleet.process { name = "${name}", processType = "SHOP", version = "1.0.0", capabilities = { "SHOPPING" } }
local S = fleet.state("purse", { sum = 0 })
fleet.on("EARN", {}, function() S.sum = S.sum + 1 return { by = "${name}" } end)
fleet.on("SUM", { readonly = true }, function() return { by = "${name}", sum = S.sum } end)
${more}
`;
/** Refuses every import but the first. */
const ONCE = `
local imports, import = 0, Fleet.staged.actions.IMPORT_STATE.handler
Fleet.staged.actions.IMPORT_STATE.handler = function(...)
  imports = imports + 1
  if imports > 1 then error("no space left") end
  return import(...)
end`;

let stage: Embedded;
let player: Player;
let coordinator: ProcessOutputs;
let proxy: FaultProxy;
const faults = new Faults();
/** Revisions by name, each with the state of the one before. */
let revisions: Record<string, ProcessOutputs>;
/** Answered requests to the service since it exists. */
let earned = 0;

beforeAll(async () => {
  stage = await Embedded.open();
  const { gatewayUrl: gateway, muUrl: mu, cuUrl: cu, suUrl: su } = stage.network;
  proxy = await startFaultProxy({ gateway, mu, cu, su }, faults);
  coordinator = await stage.make("coordinator");
  const names = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"];
  const made = await Promise.all([
    ...names.map((name) => stage.make(`purse-${name}`, purse(name))),
    stage.make("purse-full", purse("full", ONCE)),
  ]);
  revisions = Object.fromEntries([...names, "full"].map((name, i) => [name, made[i] as ProcessOutputs]));
  for (const each of made)
    await wiring.create({
      ...stage.common(),
      target: targetOf(each),
      peers: { coordinator: coordinator.processId },
    });
  player = await newPlayer(stage.network);
}, 180_000);
afterEach(async () => {
  faults.clear();
  delete proxy.onCall;
  await endRun();
});
afterAll(async () => {
  await proxy.close();
  await stage.close();
});

const of = (name: string) => revisions[name] as ProcessOutputs;
const ask = (name: string, action: string) => player.ask(of(name).processId, action, {});
const codeOf = async (name: string, action: string) => (await ask(name, action)).error?.code;

async function earn(name: string): Promise<void> {
  expect(await ask(name, "EARN")).toMatchObject({ by: name });
  earned += 1;
}

/** Moves the service; returns the error's message. */
async function moved(release: string, from: string, to: string): Promise<string | undefined> {
  const { gatewayUrl, graphqlUrl, scheduler, authority } = stage.network;
  const { gateway: _, mu: muUrl, cu: cuUrl, su: suUrl } = proxy.urls;
  const inputs = await stage.traffic(
    coordinator,
    release,
    { key: "sender", state: "owned" },
    [of(from), of(to)],
    { intervalSeconds: 0, trafficStrategy: "INSTANT", checks: [{ kind: "health" }] },
  );
  const network = { kind: "legacy", gatewayUrl, graphqlUrl, muUrl, cuUrl, suUrl, scheduler, authority };
  return traffic.create({ ...inputs, network, timeoutSeconds: MESSAGE_SECONDS }).then(
    ({ outs }) => {
      expect(outs).toMatchObject({ phase: "COMPLETED", active: { battle: of(to).processId } });
      return undefined;
    },
    (error: Error) => error.message,
  );
}

const isSwitch = ({ item, body }: Call) =>
  item?.tags.Action === "SET_TRAFFIC" && body.includes(Buffer.from('"lease"'));

/** From the message that switches the traffic on, the compute unit does not answer for the router, for some seconds. */
function slowFromSwitch(seconds: number): void {
  let since: number | undefined;
  proxy.onCall = (call) => {
    if (isSwitch(call)) since ??= call.at;
  };
  faults.add({
    on: "cu.result",
    match: ({ processId, at }) =>
      since !== undefined && processId === coordinator.processId && at - since < seconds * 1000,
    fault: { kind: "status", status: 504 },
  });
}

describe("an answer that is lost while state moves", () => {
  it("leaves the old revision refusing requests until it is known whether the router switched, and the next run continues", async () => {
    await earn("first");
    slowFromSwitch(Number.POSITIVE_INFINITY);
    const error = await moved("r1", "first", "second");
    expect(error).toContain("[SWITCH_UNKNOWN]");
    expect(error).toContain(`${of("first").processId.slice(0, 8)} refuses requests (DRAINING)`);
    expect(error).not.toContain("keeps serving");
    expect(await codeOf("first", "EARN")).toBe("DRAINING");
    faults.clear();
    await endRun();
    expect(await moved("r1", "first", "second")).toBeUndefined();
    expect(await codeOf("first", "EARN")).toBe("DRAINING");
    await earn("second");
    expect(await ask("second", "SUM")).toMatchObject({ by: "second", sum: earned });
  }, 120_000);

  it("is awaited once more: the rollout completes if the router switched", async () => {
    slowFromSwitch(MESSAGE_SECONDS + 0.5);
    await earn("second");
    expect(await moved("r2", "second", "third")).toBeUndefined();
    expect(await codeOf("second", "EARN")).toBe("DRAINING");
    await earn("third");
    expect(await ask("third", "SUM")).toMatchObject({ by: "third", sum: earned });
  }, 120_000);

  it("keeps the state where it is if the switch never arrived, and the next run resumes and moves it", async () => {
    faults.add({ on: "mu.message", match: isSwitch, fault: { kind: "reset" } });
    const error = await moved("r3", "third", "fourth");
    expect(error).toContain("[SWITCH_UNKNOWN]");
    expect(await codeOf("third", "EARN")).toBe("DRAINING");
    faults.clear();
    await endRun();
    expect(await moved("r3", "third", "fourth")).toBeUndefined();
    await earn("fourth");
    expect(await ask("fourth", "SUM")).toMatchObject({ by: "fourth", sum: earned });
  }, 120_000);

  it("is reported with what the old revision answered: it refuses requests if it could not be resumed", async () => {
    faults.add({
      on: "mu.message",
      match: ({ item }) => item?.tags.Action === "RESUME",
      fault: { kind: "reset" },
    });
    const error = await moved("r4", "fourth", "full");
    expect(error).toContain("[HANDOVER_FAILED]");
    expect(error).not.toContain("keeps serving");
    expect(error).toContain(`${of("fourth").processId.slice(0, 8)} refuses requests (DRAINING)`);
    expect(await codeOf("fourth", "EARN")).toBe("DRAINING");
    faults.clear();
    await endRun();
    const later = await moved("r4", "fourth", "full");
    expect(later).toContain("[HANDOVER_FAILED]");
    expect(later).toContain(`${of("fourth").processId.slice(0, 8)} keeps serving`);
    await earn("fourth");
    expect(await ask("fourth", "SUM")).toMatchObject({ sum: earned });
  }, 120_000);
});

describe("an old revision that accepts requests although the router moved its traffic, as an earlier version left it", () => {
  /** The router switches, the run does not learn it, and somebody resumes the old revision. */
  async function resumed(release: string, from: string, to: string): Promise<Control> {
    slowFromSwitch(Number.POSITIVE_INFINITY);
    expect(await moved(release, from, to)).toContain("[SWITCH_UNKNOWN]");
    faults.clear();
    await endRun();
    const { scope, network } = stage.common();
    const session = await sessionFor(scope, network);
    const epoch = await session.deployment.epoch();
    const control: Control = async (name, action) => {
      const { processId } = of(name);
      const request = { name: `by-hand-${name}`, generation: 1, processId, action, epoch };
      await asked(session, request, z.looseObject({}), session.budget(30));
    };
    await control(from, "RESUME");
    await earn(from);
    return control;
  }
  type Control = (name: string, action: string) => Promise<void>;

  it("is handed over again if its successor refuses requests: no change is lost", async () => {
    const control = await resumed("r5", "fourth", "fifth");
    await control("fifth", "DRAIN");
    await endRun();
    expect(await moved("r5", "fourth", "fifth")).toBeUndefined();
    expect(await codeOf("fourth", "EARN")).toBe("DRAINING");
    await earn("fifth");
    expect(await ask("fifth", "SUM")).toMatchObject({ sum: earned });
  }, 120_000);

  it("refuses requests from the next run on, which names what is not in its successor", async () => {
    await resumed("r6", "fifth", "sixth");
    await endRun();
    const lines = vi.spyOn(console, "log");
    expect(await moved("r6", "fifth", "sixth")).toBeUndefined();
    const printed = lines.mock.calls.flat().join("\n");
    lines.mockRestore();
    const [from, to] = ["fifth", "sixth"].map((name) => of(name).processId.slice(0, 8));
    expect(printed).toContain(
      `state lost ${from} accepted requests after its state was handed over to ${to}`,
    );
    expect(await codeOf("fifth", "EARN")).toBe("DRAINING");
    await earn("sixth");
    // One request reached the old revision.
    expect(await ask("sixth", "SUM")).toMatchObject({ sum: earned - 1 });
  }, 120_000);

  it("is named and keeps nobody from its successor if it does not answer", async () => {
    slowFromSwitch(Number.POSITIVE_INFINITY);
    expect(await moved("r7", "sixth", "seventh")).toContain("[SWITCH_UNKNOWN]");
    faults.clear();
    await endRun();
    const { processId } = of("sixth");
    faults.add({
      on: "cu.result",
      match: (call) => call.processId === processId,
      fault: { kind: "status", status: 504 },
    });
    const lines = vi.spyOn(console, "log");
    expect(await moved("r7", "sixth", "seventh")).toBeUndefined();
    const printed = lines.mock.calls.flat().join("\n");
    lines.mockRestore();
    expect(printed).toContain(`not repaired ${processId.slice(0, 8)} did not answer`);
    expect(await ask("seventh", "EARN")).toMatchObject({ by: "seventh" });
  }, 120_000);
});

/** A plain aos program whose handler raises an error, behind the generic router, with one caller: on the embedded network, in real aos. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { sessionFor } from "../../providers/run/session.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import type { TrafficOutputs } from "../../providers/traffic/schema.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { historyOf } from "../../src/fleet/history.ts";
import { approvalOf } from "../../src/fleet/releases/approval.ts";
import { fleet as runCli } from "../cli/fakes.ts";
import { newPlayer, type Player } from "../e2e/player.ts";
import { targetOf } from "../providers/fixture.ts";
import { Embedded } from "./embedded.ts";

const ROUTER = `
local fleet = require("fleet")
fleet.process { name = "router", version = "1.0.0", capabilities = { "TRAFFIC_ROUTING" } }
require("fleet.carry").serve()
`;
const token = (balance: string) => `
Handlers.add("Info", "Info", function(msg) msg.reply({ Ticker = "TOK", Data = "a token" }) end)
Handlers.add("Balance", "Balance", function(msg) msg.reply({ Data = ${balance} }) end)
`;

/** The output of a command of the project, for this fleet. */
async function fleet(...words: string[]) {
  const { scope, network } = stage.common();
  const session = await sessionFor(scope, network);
  const members = [router, blue, green].map(({ name, processId, generation, version, bundle }) => ({
    ...{ name, processId, generation, version },
    ...{ sourceHash: bundle.hash, status: "ACTIVE" },
  }));
  const { project, stack } = scope;
  const made: FleetSession = { project, stack, members, session, close: async () => {} };
  return runCli(words, { fleet: made, history: historyOf(made, 30) });
}

let stage: Embedded;
let player: Player;
let router: ProcessOutputs;
let blue: ProcessOutputs;
let green: ProcessOutputs;
let misspelt: ProcessOutputs;
/** The standing that the first rollout left. */
let left: { inputs: Record<string, unknown>; outputs: TrafficOutputs };

beforeAll(async () => {
  stage = await Embedded.open();
  [router, blue, green, misspelt] = await Promise.all([
    stage.make("router", ROUTER),
    stage.make("token-blue", token('"100"')),
    stage.make("token-green", token("msg.Tags.Target .. nil")),
    stage.make("token-misspelt", token('"100"').replace('"Balance", "Balance"', '"Balance", "Balnce"')),
  ]);
  await wiring.create({
    ...stage.common(),
    target: targetOf(router),
    peers: { battle: blue.processId },
  });
  player = await newPlayer(stage.network);
}, 120_000);

afterAll(() => stage.close());

const balance = () => player.say(router.processId, "Balance", "", { Service: "battle" });

test("a revision whose only caller gets no answer does not pass on Info probes: it is held for a person", async () => {
  const inputs = await stage.traffic(router, "r1", { key: "sender", state: "none" }, [blue, green], {
    intervalSeconds: 2,
  });
  const rollout = traffic.create(inputs).then(
    () => Promise.reject(new Error("it came through")),
    (error: Error & { properties: TrafficOutputs }) => error,
  );
  // One request after the other, until one has no answer.
  const calling = (async () => {
    while (await balance().catch(() => undefined));
  })();
  const held = await rollout;
  await calling;
  expect(held.message).toContain(
    `its callers' only request has no answer yet from battle@${green.processId.slice(0, 8)}, for `,
  );
  expect(held.properties).toMatchObject({ phase: "HELD", table: { mode: "held" } });
  expect(held.properties.verdict).toMatch(/^inconclusive: /);
  left = { inputs, outputs: held.properties };
}, 120_000);

test("a caller through the router learns which handler failed, and a trace shows it", async () => {
  const late = await fleet("call", "router", "Balance", "--tag", "Service=battle", "--timeout", "3");
  expect(late.code).toBe(1);
  expect(late.stderr).toContain("[REPLY_LATE]");
  expect(late.stderr).toMatch(
    /it sent Balance\. Balance failed in token-green at slot \d+: .*concatenate a nil value/s,
  );
  const id = /npx fleet trace (\S+) shows/.exec(late.stderr)?.[1] ?? "";
  const traced = await fleet("trace", id);
  expect(traced.code).toBe(1);
  expect(traced.stdout).toMatch(
    /token-green slot \d+ {2}Balance from router \(error\)\n.*concatenate a nil value/,
  );
}, 60_000);

test("a person who promotes it is recorded as the one who approved it, and no output says that it passed", async () => {
  expect(left.outputs).toMatchObject({ approvedBy: null, promoted: [] });
  const promoted = await fleet("promote");
  expect(promoted.stderr).toBe("");
  const lines = vi.spyOn(console, "log");
  const { outs } = await traffic.update("traffic", left.outputs, left.inputs);
  const printed = lines.mock.calls.flat().join("\n");
  lines.mockRestore();
  left.outputs = outs;
  expect(outs).toMatchObject({
    phase: "COMPLETED",
    approvedBy: "person",
    promoted: [{ step: 1, weightBp: 10_000, by: expect.stringMatching(/^[\w-]{43}$/) }],
  });
  expect(outs.promoted[0]?.outcome).not.toBe("pass");
  expect(printed).toMatch(/COMPLETED battle 100 % \S+ \(promoted by hand without a pass: /);
  const { approvedBy, promoted: steps } = outs;
  expect(await approvalOf(outs.scope, outs.release)).toEqual({ approvedBy, promoted: steps });
  // A later run that finds it does not claim it, and forgets nothing.
  const { outs: later } = await traffic.update("traffic", outs, left.inputs);
  expect(later).toMatchObject({ approvedBy: "person", promoted: outs.promoted });
}, 120_000);

test("a revision that refuses every caller while the old one is idle is held for a person, and status shows the refusals", async () => {
  const inputs = await stage.traffic(router, "r2", { key: "sender", state: "none" }, [green, misspelt], {
    intervalSeconds: 2,
  });
  let isOver = false;
  const rollout = traffic
    .update("traffic", left.outputs, inputs)
    .then(
      () => Promise.reject(new Error("it came through")),
      (error: Error & { properties: TrafficOutputs }) => error,
    )
    .finally(() => {
      isOver = true;
    });
  rollout.catch(() => undefined);
  // Nobody calls before the switch: the old one is idle.
  const isSwitched = async () => (await fleet("status")).stdout.includes(`100 %  ${misspelt.processId}`);
  while (!isOver && !(await isSwitched()));
  let answer = "";
  while (!isOver) answer = JSON.stringify((await balance()) ?? null);
  const held = await rollout;
  expect(answer).toContain("UNKNOWN_ACTION");
  expect(held.message).toMatch(
    /refusals of battle is inconclusive: green (\d+) refused in \1 requests? \(100 %\), so no caller was answered; /,
  );
  expect(held.properties).toMatchObject({ phase: "HELD", approvedBy: null, table: { mode: "held" } });
  const { stdout } = await fleet("status");
  expect(stdout).toMatch(new RegExp(`100 % +${misspelt.processId} +\\w+ +([1-9]\\d*) +0 +\\1 +0`));
}, 120_000);

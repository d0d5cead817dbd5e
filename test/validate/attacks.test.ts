/** What a validation tries, against the tables of the real processes: nothing that is closed may be missing from it. */
import { expect, test } from "vitest";
import { GUARDED_ACTIONS, ROUTER_ACTIONS } from "../../src/core/fleet-actions.ts";
import { infoIn } from "../../src/fleet/protocol/info.ts";
import {
  judgeRoles,
  judgeRules,
  ruledAttacks,
  strangersAttacks,
} from "../../src/operations/validate/attacks.ts";
import { type Aos, address, boot, OWNER } from "../processes/aos.ts";

/** Some actions of the guide's processes that a stranger must not reach, besides those of every process. */
const CLOSED: Readonly<Record<string, readonly string[]>> = {
  coordinator: ROUTER_ACTIONS,
  battle: ["CLAIM_PRIZE", "RELEASE_PRIZE", "SETTLE_PRIZE"],
  shop: ["CONSUME_ITEM", "CREDIT", "REFUND", "RETURN_ITEM"],
  pokemon: ["GAIN_EXPERIENCE"],
  security: ["BAN_PLAYER", "RATE_LIMITS", "SET_RULE", "UNBAN_PLAYER"],
  admin: ["GRACEFUL_SHUTDOWN", "HEALTH_THRESHOLD_CONFIG", "MAINTENANCE_MODE", "PERIODIC_HEALTH_CHECK"],
  "deployment-coordinator": ["CONFIG_CHANGED", "DEPLOYMENT_HEALTH_CHECK", "DEPLOY_PROCESS"],
};

const STRANGER = address("a-stranger");

async function tried(p: Aos, isLedger: boolean) {
  const { reply } = await p.send({ Action: "Info" });
  const info = infoIn(JSON.parse(reply?.text ?? ""), "owner");
  if (info === undefined) throw new Error(`${p.name} has no Info`);
  return { roles: strangersAttacks(isLedger, OWNER, info), rules: ruledAttacks(info) };
}

/** The actions that refuse a stranger with FORBIDDEN, asked one by one: what is closed, whatever the process says about itself. */
async function closed(p: Aos): Promise<string[]> {
  const { reply } = await p.send({ Action: "Info" });
  const names: string[] = [];
  for (const action of (reply?.data.actions ?? []) as string[]) {
    const asked = await p.send({ From: STRANGER, Action: action, Epoch: "validation", Data: "no JSON" });
    if (asked.reply?.data.error?.code === "FORBIDDEN") names.push(action);
  }
  return names.sort();
}

test.each(Object.keys(CLOSED))("every closed action of %s is tried, and refused", async (name) => {
  const p = await boot(name);
  const { roles, rules } = await tried(p, name === "deployment-coordinator");
  const names = new Set([...roles, ...rules].map(({ action }) => action));
  const shut = await closed(p);
  expect(shut.filter((action) => !names.has(action))).toEqual([]);
  expect(shut).toEqual(expect.arrayContaining([...GUARDED_ACTIONS, ...(CLOSED[name] ?? [])]));
  for (const attack of [...roles, ...rules]) {
    const { reply } = await p.send({
      ...{ From: STRANGER, Owner: STRANGER, Action: attack.action, Data: attack.data ?? "{}" },
      Tags: { ...attack.tags },
    });
    expect(attack.refusals, `${attack.name}: ${reply?.data.error?.code}`).toContain(
      reply?.data.error?.code ?? "nothing",
    );
  }
  await p.drop();
});

test("of a library that does not list its closed actions, those of a router and of the ledger are tried", () => {
  const own = {
    actions: ["Info", "SET_TRAFFIC", "TRAFFIC_COMMAND"],
    guarded: undefined,
    guardedByRule: undefined,
  };
  const actions = strangersAttacks(true, OWNER, own).map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(["SET_TRAFFIC", "TRAFFIC_COMMAND", "DEPLOY_PROCESS"]));
  expect(actions).not.toContain("PROVE_TARGETS");
});

test("a rule that lets a stranger pass fails, unless the project says that it is open", async () => {
  const p = await boot("ruled", {
    source: `local fleet = require("fleet")
      fleet.process { name = "ruled", processType = "RULED", version = "1.0.0" }
      fleet.on("CREDIT", { who = function() return true end }, function() return {} end)
      fleet.on("JOIN", { who = function() return true end }, function() return {} end)
      fleet.on("DEBIT", { who = function() return false end }, function() return {} end)`,
  });
  const { rules } = await tried(p, false);
  const codes: { action: string; code: string }[] = [];
  for (const { action, tags, data } of rules) {
    const sent = { From: STRANGER, Owner: STRANGER, Action: action, Data: data, Tags: { ...tags } };
    codes.push({ action, code: (await p.send(sent)).reply?.data.error?.code ?? "nothing" });
  }
  expect(codes).toEqual([
    { action: "CREDIT", code: "BAD_JSON" },
    { action: "DEBIT", code: "FORBIDDEN" },
    { action: "JOIN", code: "BAD_JSON" },
  ]);
  expect(judgeRules(codes, ["JOIN"])).toEqual({
    status: "FAIL",
    detail: expect.stringMatching(
      /^a rule of the program lets a stranger pass: CREDIT: BAD_JSON\. Fix the rule/,
    ),
  });
  expect(judgeRules(codes, ["JOIN", "CREDIT"])).toEqual({
    status: "PASS",
    detail: "1 of 3 rules of the program refuse strangers, 2 let them pass, as validation.yaml says",
  });
  await p.drop();
});

test("an action of a process that refuses all requests was not asked, and a rule that raises an error lets nobody pass", () => {
  const pay = { action: "PAY", code: "FORBIDDEN" };
  const stopped = [pay, { action: "CREDIT", code: "DRAINING" }, { action: "DEBIT", code: "GONE" }];
  expect(judgeRules(stopped, [])).toEqual({
    status: "SKIP",
    detail:
      "1 of 3 rules of the program refuse strangers; not asked, because it refuses all requests: CREDIT: DRAINING, DEBIT: GONE",
  });
  const asked = (code: string) => [{ action: "PAY", code, refusals: ["FORBIDDEN"] }];
  expect([asked("FORBIDDEN"), asked("GONE"), asked("ok")].map((one) => judgeRoles(one).status)).toEqual([
    "PASS",
    "SKIP",
    "FAIL",
  ]);
  const broken = [pay, { action: "CREDIT", code: "INTERNAL" }];
  expect(judgeRules(broken, [])).toEqual({
    status: "FAIL",
    detail:
      "a rule of the program, or the handler after it, fails for a stranger: CREDIT: INTERNAL. Fix it; npx fleet logs shows the error",
  });
  // The handler behind a rule that is open on purpose.
  expect(judgeRules(broken, ["CREDIT"])).toMatchObject({ status: "PASS" });
  const both = judgeRules([...broken, { action: "JOIN", code: "ok" }], []).detail;
  expect(both).toMatch(/lets a stranger pass: JOIN: ok\. .*fails for a stranger: CREDIT: INTERNAL/);
});

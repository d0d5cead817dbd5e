/** Commands that read a fleet, on a member without the library (`lib: false`): they use only what aos itself answers. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import type { History } from "../../src/fleet/history.ts";
import { fleetInState } from "../../src/fleet/members/fleet-in-state.ts";
import { knownFleet } from "../../src/fleet/members/known-fleet.ts";
import { recordInManifest } from "../../src/fleet/members/manifest.ts";
import { ScopeSchema } from "../../src/fleet/session/scope.ts";
import { isOpen } from "../../src/monitor/alert-book.ts";
import { readSettings } from "../../src/monitor/settings.ts";
import { openStore } from "../../src/monitor/store.ts";
import { collect } from "../../src/operations/audit/collect.ts";
import { membersNamed, membersWithLibrary } from "../../src/operations/members-named.ts";
import { monitorOf } from "../../src/operations/observe/monitor.ts";
import { memberPlanLines } from "../../src/operations/rollback/plan-lines.ts";
import { planMembers } from "../../src/operations/rollback/plan-members.ts";
import { validateConfiguration } from "../../src/operations/validate/configuration.ts";
import { validateHealth } from "../../src/operations/validate/health.ts";
import { validateIntegration } from "../../src/operations/validate/integration.ts";
import { validatePerformance } from "../../src/operations/validate/performance.ts";
import type { Subject } from "../../src/operations/validate/subject.ts";
import { readProcess } from "../../src/operations/view/processes.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { type Behaviour, fakeAo, fakeFleet, fleet, HASH, idOf, MANIFEST_HEAD, member } from "./fakes.ts";

const CODE = ["HANDLER a1.b2 move", "FUNCTION c3 Transfer"];
const token = member("token", { lib: false, code: CODE });

/** aos with a plain program in it: it runs its owner's Evals and handles nothing else. */
const plain =
  (code: readonly string[] = CODE): Behaviour =>
  ({ action, data }) => {
    const nonce = /"nonce\W+([0-9a-f]{24})/.exec(data)?.[1];
    if (action !== "Eval" || nonce === undefined) return {};
    return { output: JSON.stringify({ fleet: "alive", nonce, code }) };
  };

/** aos that another wallet owns. */
const foreign: Behaviour = () => ({ output: "New Message From abc...def: Action = Eval" });

/** aos whose program fails on every message. */
const failing: Behaviour = () => ({ error: "boom" });

const fleetOf = (behave: Behaviour, members = [token]) => {
  const ao = fakeAo(behave);
  return { ao, session: fakeFleet(ao, members) };
};
const actionsOf = ({ sent }: ReturnType<typeof fakeAo>) => [...new Set(sent.map(({ tags }) => tags.Action))];

test.each([
  ["HEALTHY", plain(), 0, []],
  [
    "UNHEALTHY",
    plain(["HANDLER a1.XX move", "FUNCTION c3 Transfer"]),
    1,
    ["code: handlers were changed: move"],
  ],
  ["UNHEALTHY", foreign, 1, [expect.stringContaining("[NOT_OWNER]")]],
  ["UNHEALTHY", failing, 1, [expect.stringContaining("[PROCESS_ERROR]")]],
])("status reports %s by a signed Eval", async (health, behave, code, reasons) => {
  const { ao, session } = fleetOf(behave);
  const ran = await fleet(["status", "--json"], { fleet: session });
  expect(ran.json()).toMatchObject({ processes: [{ name: "token", health, reasons }] });
  expect([ran.code, actionsOf(ao)]).toEqual([code, ["Eval"]]);
});

test.each([
  ["HEALTHY", plain(), 0],
  ["UNHEALTHY", plain(["FUNCTION c3 Transfer"]), 1],
  ["UNKNOWN", foreign, 1],
  ["UNKNOWN", () => ({}), 1],
  ["UNHEALTHY", failing, 1],
] as const)("status --quick is %s by a dry run, and signs nothing", async (health, behave, code) => {
  const { ao, session } = fleetOf(behave);
  const ran = await fleet(["status", "--quick", "--json"], { fleet: session });
  expect([ran.code, ao.sent]).toEqual([code, []]);
  const [row] = ran.json<{ processes: { health: string; reasons: string[] }[] }>().processes;
  expect(row?.health).toBe(health);
  if (health === "UNKNOWN")
    expect(row?.reasons.join()).toContain("it runs without the fleet's library (lib: false)");
});

/** The last of the monitor's four rounds: enough for a silent process to be OFFLINE. */
async function watched(behave: Behaviour, { session, ao } = fleetOf(behave)) {
  const store = openStore(":memory:");
  const clock = { now: () => 1, ticks: () => 1, sleep: async () => {} };
  const settings = readSettings("", "monitoring.yaml", {});
  const monitor = await monitorOf({
    ...{ fleet: session, history: undefined, store, settings, clock, env: {} },
    commits: async () => [],
    notify: false,
  });
  let result = await monitor.round();
  for (let n = 0; n < 3; n += 1) result = await monitor.round();
  const alerts = store
    .book()
    .alerts.filter(isOpen)
    .map(({ type }) => type);
  store.close();
  const [process] = result.report.processes;
  return {
    state: process?.state,
    alerts,
    version: process?.version,
    counts: result.report.fleet,
    sent: ao.sent,
  };
}

test("monitor reads it by dry runs: healthy, changed by hand, or unknown, which is not an alert", async () => {
  expect(await watched(plain())).toMatchObject({
    ...{ state: "HEALTHY", alerts: [], version: "1.0.0", sent: [] },
    counts: { state: "HEALTHY", passed: true },
  });
  expect(await watched(plain([]))).toMatchObject({
    state: "UNHEALTHY",
    alerts: expect.arrayContaining(["PROCESS_UNHEALTHY"]),
  });
  expect(await watched(foreign)).toMatchObject({
    ...{ state: "UNKNOWN", alerts: [], sent: [] },
    counts: { state: "UNKNOWN", passed: false },
  });
});

/** A HyperBEAM node runs dry runs in the name of a stranger, to whom aos answers nothing. */
const onNode = (members: (typeof token)[], behave: Behaviour = () => ({})) => {
  const { ao, session } = fleetOf(behave, members);
  const node: typeof session.session.ao = { ...session.session.ao, dryRunner: "stranger" };
  return { ao, session: { ...session, session: { ...session.session, ao: node } } };
};

test("on a node, what only a signed read can tell is UNKNOWN and counts neither for nor against the fleet", async () => {
  const info = { success: true, name: "shop", status: "ACTIVE", version: "1.0.0", sourceHash: HASH };
  const shop = member("shop");
  const alone = await fleet(["status", "--quick", "--json"], { fleet: onNode([token]).session });
  expect([alone.code, alone.json()]).toMatchObject([
    1,
    { success: false, processes: [{ health: "UNKNOWN", code: "NEEDS_SIGNED_READ" }] },
  ]);
  expect(alone.json<{ processes: { reasons: string[] }[] }>().processes[0]?.reasons.join()).toContain(
    "npx fleet status reads it by a signed message [NEEDS_SIGNED_READ]",
  );
  const answers: Behaviour = ({ action, data }) => {
    if (action !== "HEALTH_CHECK") return action === "Info" ? { reply: info } : {};
    const { nonce } = JSON.parse(data).healthCheck;
    return { reply: { ...info, healthStatus: "HEALTHY", checks: [], epoch: 0, release: "deploy-1", nonce } };
  };
  const { ao, session } = onNode([shop, token], answers);
  const both = await fleet(["status", "--quick", "--json"], { fleet: session });
  expect([both.code, ao.sent, both.json()]).toMatchObject([
    0,
    [],
    { success: true, processes: [{ health: "ACTIVE" }, { health: "UNKNOWN" }] },
  ]);
  expect(await watched(answers, onNode([shop, token], answers))).toMatchObject({
    ...{ state: "HEALTHY", alerts: [], sent: [] },
    counts: { state: "HEALTHY", passed: true, counts: { HEALTHY: 1, UNKNOWN: 1, total: 2 } },
  });
  expect((await watched(answers, onNode([token]))).counts).toMatchObject({ state: "UNKNOWN", passed: false });
});

test("the dashboard reads it by a dry run", async () => {
  const look = async (behave: Behaviour) =>
    (await readProcess(fleetOf(behave).session, token, { dependsOn: [], explorer: null, node: null })).view;
  expect(await look(plain())).toMatchObject({ health: "HEALTHY", sourceHash: HASH, reasons: [] });
  expect(await look(plain([]))).toMatchObject({ health: "UNHEALTHY" });
  expect(await look(foreign)).toMatchObject({ health: "UNKNOWN" });
});

/** The order of a process that gets one message between two reads. */
function historyOf(): History {
  let latest = 4;
  return { latest: async () => latest++, range: async () => [] } as unknown as History;
}

function subjectOf(session: FleetSession, members = session.members): Subject {
  const declare = ({ name, version, sourceHash, lib }: (typeof members)[number]) => ({
    ...{ entry: "process.lua", sourceHash, version, module: "aos", dependsOn: [], config: {}, bytes: 1 },
    ...{ peers: name === "shop" ? ["token"] : [], modules: { process: "x" } },
    ...(lib === false ? { lib } : {}),
  });
  const declaration = Object.fromEntries(members.map((each) => [each.name, declare(each)]));
  const release = {
    deploymentId: "deploy-1",
    releaseHash: "",
    releasedAt: "",
    declaration,
    members: {},
    scope: {},
  };
  return {
    ...{
      fleet: session,
      members,
      release,
      budget: budgetOf(30),
      performanceSeconds: 1,
      rate: 5,
      patience: 5,
    },
    thresholds: { minSuccessRate: 95, maxAverageMs: 1e6, maxRegression: 2, maxResponseMs: 1e6 },
    ...{ retries: { most: 0, seconds: 0 }, history: historyOf(), projectDir: "/nowhere", note: () => {} },
  };
}

test("validate passes what aos answers, and lists as skipped what needs the library", async () => {
  const { ao, session } = fleetOf(plain());
  const results = async (validate: typeof validateHealth) =>
    Object.fromEntries(
      (await validate(subjectOf(session))).findings.map(({ test, status }) => [test, status]),
    );
  expect(await results(validateHealth)).toEqual({
    ...{ health_startup: "SKIP", health_readiness: "SKIP", health_performance: "SKIP", health_info: "SKIP" },
    ...{ health_version: "SKIP", health_capabilities: "SKIP", health_code: "PASS", health_liveness: "PASS" },
    ...{ health_response: "PASS", health_slots: "PASS", health_shares: "PASS" },
  });
  expect(await results(validateConfiguration)).toEqual({
    ...{ configuration_declaration: "PASS", configuration_settings: "SKIP", configuration_peers: "SKIP" },
    ...{ configuration_source: "PASS", configuration_owner: "PASS" },
  });
  expect(await results(validatePerformance)).toEqual({ performance_load: "SKIP" });
  expect(actionsOf(ao)).toEqual(["Eval"]);
});

test("validate fails on changed code and on a process that does not answer its owner", async () => {
  const failed = async (behave: Behaviour) =>
    (await validateHealth(subjectOf(fleetOf(behave).session))).findings
      .filter(({ status, process }) => status === "FAIL" && process === "token")
      .map(({ test, detail }) => `${test}: ${detail}`);
  expect(await failed(plain([]))).toEqual([
    "health_code: code: handlers are missing: move; code: functions are missing: Transfer",
  ]);
  expect(await failed(() => ({}))).toEqual([expect.stringMatching(/^health_answers: .*\[NO_REPLY\]/)]);
});

test("validate does not make a member call a peer that answers no probe", async () => {
  const { ao, session } = fleetOf(plain(), [member("shop"), token]);
  const { integration } = await validateIntegration(subjectOf(session, [member("shop"), token]));
  expect(integration?.["shop → token"]).toMatchObject({ status: "SKIP" });
  expect(ao.sent).toEqual([]);
});

test("audit and rollback do not read it, and backups skip it", async () => {
  const { ao, session } = fleetOf(plain());
  const notes: string[] = [];
  const options = { reach: 5, seconds: 5, note: (line: string) => notes.push(line) };
  const { members } = await collect(session, historyOf(), options);
  expect(members).toEqual([{ name: "token", processId: idOf("token"), messages: [] }]);
  const { release } = subjectOf(session);
  if (!release) throw new Error("no release");
  const request = {
    target: release,
    only: [],
    restoreState: false,
    silent: [],
    newProcess: new Set<string>(),
  };
  const ways = await planMembers(session, async () => historyOf(), { ...request, emergency: false });
  expect(ways).toMatchObject([{ name: "token", kind: "settings", processId: idOf("token") }]);
  expect(membersWithLibrary(session, [], true, { note: (line) => void notes.push(line) })).toEqual([]);
  expect(() => membersWithLibrary(session, ["token"], false, { note() {} })).toThrow(
    expect.objectContaining({ code: "LIB_REQUIRED" }),
  );
  expect(membersNamed(session, [], true)).toEqual([token]);
  expect(notes).toEqual([
    expect.stringContaining("token: keeps no audit"),
    expect.stringContaining("token is skipped"),
  ]);
  expect(ao.sent).toEqual([]);
});

test("the plan of a rollback does not claim a state that nothing keeps", async () => {
  const shop = member("shop");
  const { session } = fleetOf(plain(), [token, shop]);
  const { release } = subjectOf(session, [{ ...token, sourceHash: "e".repeat(64) }]);
  const request = { only: [], restoreState: false, silent: [], emergency: false };
  const [plan, ...others] = await planMembers(session, async () => historyOf(), {
    ...{ ...request, target: release as NonNullable<typeof release>, newProcess: new Set<string>() },
  });
  expect([plan, others]).toMatchObject([{ kind: "in-place", plain: true }, [{ kind: "left-running" }]]);
  const next = { name: "shop", kind: "next", plain: true, carries: true } as const;
  const [inPlace, , blueGreen, kept] = memberPlanLines([
    ...[plan as NonNullable<typeof plan>, ...others, next],
    { name: "pool", kind: "in-place", to: { version: "1.0.0", sourceHash: HASH } },
  ]);
  expect(inPlace).toContain("without the library, nothing saves or restores its state");
  expect(inPlace).not.toContain("state kept");
  expect(blueGreen).toContain("without the library, no state is carried");
  expect(blueGreen).not.toContain("handed over");
  expect(kept).toContain("state kept");
});

test("settings and statistics are shown for the other members", async () => {
  const { ao, session } = fleetOf(
    ({ action }) => ({
      reply: action === "GET_STATISTICS" ? { success: true, statistics: {} } : { success: true, configs: {} },
    }),
    [member("shop"), token],
  );
  for (const words of [["statistics"], ["config", "show"]]) {
    const ran = await fleet(words, { fleet: session });
    expect([words, ran.code, ran.stderr]).toEqual([words, 0, expect.stringContaining("token is skipped")]);
  }
  expect(new Set(ao.sent.map(({ processId }) => processId))).toEqual(new Set([idOf("shop")]));
});

test("the manifest, or else the state, tells which member has no library", async () => {
  const home = temporaryFolder("bare");
  const scope = ScopeSchema.parse({ project: "p", stack: "s", home, build: join(home, "build") });
  const known = async (state: unknown) => (await knownFleet(scope, async () => fleetInState(state))).members;
  const { name, processId, generation, version } = token;
  const outputs = {
    name,
    processId,
    generation,
    version,
    lib: false,
    revision: { sourceHash: HASH, code: CODE },
  };
  const resource = { type: "pulumi-nodejs:dynamic/ao:Process", outputs };
  expect(await known({ deployment: { resources: [resource] } })).toMatchObject([{ lib: false, code: CODE }]);
  const entry = { processId, status: "ACTIVE", sourceHash: HASH };
  await recordInManifest(scope, MANIFEST_HEAD, { token: { ...entry, lib: false, code: CODE } });
  expect(await known(undefined)).toMatchObject([{ name, lib: false, code: CODE }]);
  // A manifest of an earlier version does not record it: the release does.
  await recordInManifest(scope, MANIFEST_HEAD, { token: { ...entry, lib: undefined, code: undefined } });
  const release = { scope: {}, declaration: { token: { lib: false, sourceHash: HASH } } };
  writeFiles({ "releases/p.s/current.json": JSON.stringify(release) }, home);
  expect(await known(undefined)).toMatchObject([{ name, lib: false }]);
  // Its next load installs the library.
  await recordInManifest(scope, MANIFEST_HEAD, {
    token: { ...entry, sourceHash: "cd", lib: undefined, code: undefined },
  });
  expect(Object.keys((await known(undefined))[0] ?? {})).not.toContain("lib");
  expect(await readFile(join(home, "build/deployment-manifest.json"), "utf8")).not.toContain("HANDLER");
});

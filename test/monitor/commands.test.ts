import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { acquireLock } from "../../src/ao/journal/lock.ts";
import type { DeclaredProcess } from "../../src/fleet/releases/declared.ts";
import { apply, EMPTY_BOOK } from "../../src/monitor/alert-book.ts";
import { metricsOf } from "../../src/monitor/metrics.ts";
import { openStore } from "../../src/monitor/store.ts";
import { storePath } from "../../src/operations/observe/files.ts";
import { rateLimitOf } from "../../src/operations/observe/rate-limit.ts";
import { serveMetrics } from "../../src/operations/observe/server.ts";
import {
  type Behaviour,
  fakeAo,
  fakeFleet,
  fleet,
  HASH,
  idOf,
  MANIFEST_HEAD,
  member,
  projectFolder,
} from "../cli/fakes.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { declaredProcess, releaseOf } from "../kit/release.ts";

/** A process that answers as the fleet's library does; the ledger also knows its runs and alerts. */
const behave =
  (health = "HEALTHY", alerts: unknown[] = []): Behaviour =>
  ({ action, data }) => {
    if (action === "LEDGER")
      return { reply: { success: true, entries: ENTRIES, next: ENTRIES.length, length: ENTRIES.length } };
    if (action === "ALERT_MANAGEMENT") return { reply: { success: true, alerts } };
    if (action === "AUDIT") return { reply: { success: true, entries: [] } };
    const base = { success: true, version: "1.0.0", sourceHash: HASH, epoch: 7, release: "r" };
    const stats = { messages: 10, errors: 0, refused: 0, luaHeapKB: 2048, startedAt: 0 };
    if (action === "Info") return { reply: { ...base, status: "ACTIVE", configVersions: [], stats } };
    const { healthCheck } = JSON.parse(data) as { healthCheck: { nonce: string } };
    return { reply: { ...base, healthStatus: health, checks: [], nonce: healthCheck.nonce } };
  };
const at = Date.now() - 3_600_000;
const ENTRIES = [
  { seq: 1, at, from: "A", kind: "DEPLOYMENT_BEGUN", deploymentId: "d1", epoch: 1 },
  {
    seq: 2,
    at: at + 90_000,
    from: "A",
    kind: "DEPLOYMENT_FINISHED",
    deploymentId: "d1",
    status: "COMPLETED",
  },
  { seq: 3, at, from: "A", kind: "CONFIG_DISTRIBUTED" },
];
const history = {
  latest: async () => 4,
  range: async (_id: string, from: number) => [
    { slot: from, messageId: `m${from}`, timestamp: 0, from: "A", action: "X", tags: {}, data: "" },
  ],
  result: async () => undefined,
};

let cwd: string;
beforeEach(() => {
  cwd = projectFolder();
});
/** The fake fleet, in the project's folder. */
function atHome(behaviour: Behaviour, ledger = true) {
  const ao = fakeAo(behaviour);
  // Results are available at once.
  ao.evaluation = async ({ messageId }) => ({ messageId, output: "", messages: [], spawns: [] });
  const known = fakeFleet(ao, [member("ledger"), member("shop")], ledger ? "ledger" : undefined);
  Object.assign(known.session, {
    scope: { project: "ao-fleet", stack: "dev", home: join(cwd, ".fleet"), build: join(cwd, "build") },
  });
  return { fleet: known, history, cwd, ao };
}

test("monitor --once prints processes, deployments, DORA and alerts, and exits with 0 when the fleet is healthy", async () => {
  const given = atHome(behave());
  const ran = await fleet(["monitor", "--once"], given);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(ran.stdout).toContain("ao-fleet/dev HEALTHY: 2 of 2 healthy, 0 alerts open");
  expect(ran.stdout).toMatch(/shop +HEALTHY +\d+ ms +4 +0 +10 +0 +0 +2048 kB/);
  expect(ran.stdout).toContain("deployments: 1, 0 failed, 90.0 s on average, rollback rate 0.0 %");
  expect(ran.stdout).toContain("DORA, 30 days: 0.03 deployments per day");
  // One round counts messages, and has no rate yet.
  expect(ran.stdout).toMatch(
    /^last hour: \S+ ms per check, messages per minute unknown \(the rate needs two answers of a process\)$/m,
  );
  // Nothing was signed.
  expect(given.ao.sent).toEqual([]);
  const json = await fleet(["monitor", "--once", "--json"], atHome(behave()));
  expect(json.json()).toMatchObject({
    success: true,
    deploymentStatistics: { totalDeployments: 1, averageDeploymentTime: 90, rollbackRate: 0 },
    performanceMetrics: { coordinatorMemoryUsage: 2, coordinatorCpuUsage: null },
    dora: { changeFailureRate: 0 },
    alerts: [],
  });
});

test("monitor --once exits with 1 when the fleet does not pass, and prints the reason to stderr", async () => {
  const ran = await fleet(["monitor", "--once"], atHome(behave("UNHEALTHY")));
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("[ERROR] PROCESS_UNHEALTHY shop: reported by the process (alert-3)");
});

test("alerts of the ledger are adopted, except those that the monitor judges itself", async () => {
  const alert = (type: string, source: string, state = "OPEN") => ({
    ...{ alertId: `alert-${type}`, type, source, message: "m", level: "ERROR", state },
    ...{ count: 1, raisedAt: at },
  });
  const alerts = [
    alert("CONFIG_DISTRIBUTION_FAILED", "PROCESS_CONFIG"),
    alert("ROLLBACK_EXECUTED", "d1", "ACKNOWLEDGED"),
    alert("PROCESS_ERROR", "shop"),
    alert("SECURITY_ALERT", "shop"),
    alert("SECURITY_ALERT", "a player"),
  ];
  const ran = await fleet(["monitor", "--once", "--json"], atHome(behave("HEALTHY", alerts)));
  const { alerts: open } = ran.json<{ alerts: { type: string; source: string }[] }>();
  expect(open.map(({ type, source }) => `${type} ${source}`)).toEqual([
    "CONFIG_DISTRIBUTION_FAILED PROCESS_CONFIG",
    "SECURITY_ALERT a player",
  ]);
  // Alerts that the ledger has forgotten are resolved.
  const after = await fleet(["monitor", "--once", "--json"], atHome(behave("HEALTHY", alerts.slice(4))));
  expect(after.json<{ alerts: unknown[] }>().alerts).toMatchObject([{ type: "SECURITY_ALERT", count: 2 }]);
});

test("a program without the fleet's library is judged by its own health checks", async () => {
  const own =
    (health: string): Behaviour =>
    (request) =>
      request.processId === idOf("shop") && request.action === "Info"
        ? { output: "New Message From …" }
        : behave(request.processId === idOf("shop") ? health : "HEALTHY")(request);
  const well = await fleet(["monitor", "--once", "--json"], atHome(own("HEALTHY")));
  expect(well.json()).toMatchObject({
    success: true,
    processes: [{}, { name: "shop", state: "HEALTHY", version: "1.0.0", messages: null, drift: [] }],
  });
  const unhealthy = await fleet(["monitor", "--once", "--json"], atHome(own("UNHEALTHY")));
  expect(unhealthy.json<{ alerts: { type: string }[] }>().alerts.map(({ type }) => type)).toContain(
    "PROCESS_UNHEALTHY",
  );
});

test("a ledger that does not answer is a note, and a fleet without a ledger is still read", async () => {
  const broken = await fleet(
    ["monitor", "--once"],
    atHome((request) => (request.action === "LEDGER" ? { error: "boom" } : behave()(request))),
  );
  expect(broken).toMatchObject({
    code: 0,
    stderr: "ledger: its entries could not be read [PROCESS_ERROR]\n",
  });
  const none = await fleet(["monitor", "--once", "--json"], atHome(behave(), false));
  expect(none.json()).toMatchObject({ success: true, deploymentStatistics: null, dora: null });
});

test("no alert about processes is raised while the fleet is in maintenance", async () => {
  const working =
    (enabled: boolean): Behaviour =>
    (request) => {
      if (request.action === "SYSTEM_STATUS")
        return { reply: { success: true, maintenance: { enabled, reason: "new disks" } } };
      const answer = behave("UNHEALTHY")(request);
      const capabilities =
        request.action === "Info" && request.processId === idOf("shop") ? ["MAINTENANCE"] : [];
      return { reply: { ...(answer.reply as object), capabilities } };
    };
  const during = await fleet(["monitor", "--once", "--json"], atHome(working(true)));
  expect(during.json()).toMatchObject({
    success: false,
    fleet: { state: "UNHEALTHY" },
    alerts: [],
    notes: ["maintenance (new disks): no alerts about processes"],
  });
  const after = await fleet(["monitor", "--once", "--json"], atHome(working(false)));
  expect(after.json<{ alerts: unknown[] }>().alerts).toHaveLength(3);
});

test("with alerts.ledger each alert raised, acknowledged and resolved here is sent to the ledger in one message", async () => {
  writeFileSync(
    join(cwd, "monitoring.yaml"),
    "alerts: { ledger: true, off: [HEALTH_CHECK_FAILURE_RATE_HIGH] }",
  );
  // A ledger that stores what it receives; the first message is lost.
  const kept: { type: string; source: string; state: string; level: string }[] = [];
  let [health, losses, refused] = ["UNHEALTHY" as "UNHEALTHY" | "HEALTHY", 1, 0];
  const behaviour: Behaviour = (request) => {
    const data = JSON.parse(request.data || "{}");
    if (request.action === "RAISE_ALERT") {
      if (losses-- > 0) return { reply: { success: false, error: { code: "BUSY", message: "later" } } };
      kept.push({ ...data, alertId: `alert-${kept.length + 1}`, state: "OPEN", count: 1, raisedAt: at });
      return { reply: { success: true } };
    }
    if (request.action === "ALERT_MANAGEMENT") {
      const states: Record<string, string> = { acknowledge: "ACKNOWLEDGED", resolve: "RESOLVED" };
      for (const each of kept) each.state = states[data.operation] ?? each.state;
      return { reply: { success: true, alerts: kept } };
    }
    const { reply } = behave(request.processId === idOf("shop") ? health : "HEALTHY")(request) as {
      reply: object;
    };
    const isShop = request.action === "Info" && request.processId === idOf("shop");
    return {
      reply: isShop
        ? { ...reply, stats: { messages: 10, errors: 0, refused, luaHeapKB: 2048, startedAt: 0 } }
        : reply,
    };
  };
  const given = atHome(behaviour);
  // The reply to a signed message is read from its evaluation.
  const ao = fakeAo(behaviour);
  given.ao.send = ao.send;
  given.ao.evaluation = async (ref) =>
    ref.messageId.startsWith("message-")
      ? ao.evaluation(ref, {} as never)
      : { messageId: "", output: "", messages: [], spawns: [] };
  const takeSent = () => ao.sent.splice(0).map(({ tags, data }) => [tags.Action, JSON.parse(data)]);
  const raised = {
    type: "PROCESS_UNHEALTHY",
    source: "shop",
    message: "reported by the process",
    level: "ERROR",
  };
  const of = { type: "PROCESS_UNHEALTHY", source: "shop" };
  const rounds = (n: number) => fleet(["monitor", "--rounds", `${n}`, "--interval", "1"], given);
  await rounds(3);
  expect(takeSent()).toEqual([
    ["RAISE_ALERT", raised],
    ["RAISE_ALERT", raised],
  ]);
  expect((await fleet(["alerts", "acknowledge", "alert-1"], { cwd })).code).toBe(0);
  await rounds(2);
  expect(takeSent()).toEqual([["ALERT_MANAGEMENT", { operation: "acknowledge", ...of }]]);
  health = "HEALTHY";
  await rounds(3);
  expect(takeSent()).toEqual([["ALERT_MANAGEMENT", { operation: "resolve", ...of }]]);
  expect(kept).toMatchObject([{ ...of, state: "RESOLVED" }]);
  // Only the monitor sees what a member refuses, so it tells the ledger.
  refused = 6;
  await rounds(1);
  const attack = { type: "SECURITY_ALERT", source: "shop" };
  expect(takeSent()).toEqual([["RAISE_ALERT", expect.objectContaining(attack)]]);
  await rounds(2);
  expect(takeSent()).toEqual([["ALERT_MANAGEMENT", { operation: "resolve", ...attack }]]);
});

test("options that exclude each other, and invalid settings, are reported before anything is read", async () => {
  expect(await fleet(["monitor", "--json"], atHome(behave()))).toMatchObject({ code: 2 });
  expect((await fleet(["monitor", "--metrics-port", "99999"], atHome(behave()))).code).toBe(2);
  writeFileSync(join(cwd, "monitoring.dev.yaml"), "limits: { errorRate: 7 }");
  const ran = await fleet(["monitor", "--once"], atHome(behave()));
  expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("[SETTINGS_INVALID]") });
  expect((await fleet(["monitor", "--once", "--config", "no.yaml"], atHome(behave()))).stderr).toContain(
    "[SETTINGS_MISSING]",
  );
});

test("alerts are listed, acknowledged, resolved, silenced and sent again", async () => {
  const store = openStore(storePath({ home: join(cwd, ".fleet"), project: "ao-fleet", stack: "dev" }));
  const judgement = { type: "PROCESS_OFFLINE" as const, source: "shop", holds: true, message: "3 checks" };
  store.saveBook(apply(EMPTY_BOOK, [judgement, { ...judgement, source: "bank" }], Date.now()).book);
  const run = (...words: string[]) => fleet(["alerts", ...words], { cwd });
  expect((await run("list")).stdout).toMatch(
    /alert-1 +CRITICAL +OPEN +PROCESS_OFFLINE +shop +1 +\S+ +3 checks/,
  );
  expect((await run("acknowledge", "alert-1", "alert-2")).stdout).toBe(
    "alert-1 ACKNOWLEDGED\nalert-2 ACKNOWLEDGED\n",
  );
  expect(await run("acknowledge", "alert-9")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("[UNKNOWN_ALERT]"),
  });
  expect((await run("resolve", "alert-2", "--json")).json()).toMatchObject({
    alerts: [{ state: "RESOLVED" }],
  });
  expect((await run("acknowledge", "alert-1", "--json")).json()).toMatchObject({
    alerts: [{ alertId: "alert-1", state: "ACKNOWLEDGED" }],
  });
  const silenced = await run("silence", "process_offline", "--source", "shop", "--minutes", "5", "--json");
  expect(silenced.json()).toMatchObject({ success: true, type: "PROCESS_OFFLINE", source: "shop" });
  const listed = (await run("list", "--json")).json<{ alerts: unknown[]; silences: unknown[] }>();
  expect(listed).toMatchObject({
    counts: { CRITICAL: 1 },
    silences: [{ type: "PROCESS_OFFLINE", source: "shop" }],
  });
  expect([listed.alerts.length, listed.silences.length]).toEqual([1, 1]);
  const ended = await run("unsilence", "PROCESS_OFFLINE", "--source", "shop", "--json");
  expect(ended.json()).toEqual({ success: true, type: "PROCESS_OFFLINE", source: "shop" });
  expect((await run("list", "--all", "--json")).json<{ alerts: unknown[] }>()).toMatchObject({
    silences: [],
  });
  expect((await run("silence", "NONSENSE")).stderr).toContain("[UNKNOWN_TYPE]");
  expect((await run("silence", "PROCESS_OFFLINE", "--minutes", "0")).code).toBe(2);
  store.close();
});

test("alerts of a stack that no monitor has watched are unknown, and nothing is silenced there", async () => {
  const path = storePath({ home: join(cwd, ".fleet"), project: "ao-fleet", stack: "dev" });
  const words = [["list"], ["list", "--all"], ["silence", "PROCESS_OFFLINE"], ["acknowledge", "alert-1"]];
  const expectUnknown = async () => {
    for (const each of words)
      expect(await fleet(["alerts", ...each], { cwd })).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringContaining("[MONITOR_NEVER_RAN]"),
      });
  };
  await expectUnknown();
  expect(existsSync(path)).toBe(false);
  // As earlier versions of the commands left it.
  openStore(path).close();
  await expectUnknown();
  await fleet(["monitor", "--once"], atHome(behave()));
  const { lastRound } = (await fleet(["alerts", "list", "--json"], { cwd })).json<{ lastRound: string }>();
  expect(Math.abs(Date.now() - Date.parse(lastRound))).toBeLessThan(60_000);
  expect(await fleet(["alerts", "list"], { cwd })).toMatchObject({
    code: 0,
    stdout: `no open alerts\nlast round of the monitor: ${lastRound}\n`,
  });
  expect(await fleet(["alerts", "list", "--type", "PROCESS_DRIFT"], { cwd })).toMatchObject({
    stdout: `no open alerts of PROCESS_DRIFT\nlast round of the monitor: ${lastRound}\n`,
  });
  expect(await fleet(["alerts", "unsilence", "PROCESS_OFFLINE"], { cwd })).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("[UNKNOWN_SILENCE]"),
  });
});

test("alerts rules prints the active rules without addresses, and alerts test prints which receivers accepted it", async () => {
  const file = join(temporaryFolder("rules"), "m.yaml");
  writeFileSync(
    file,
    "receivers: [{ name: ops, kind: slack, url: 'http://127.0.0.1:9/SECRET' }]\nalerts: { off: [PROCESS_DRIFT] }",
  );
  const rules = await fleet(["alerts", "rules", "--config", file], { cwd });
  expect(rules.stdout).toMatch(/PROCESS_DRIFT +off/);
  expect(rules.stdout).toContain("ops: slack, level WARNING or higher");
  const sent = await fleet(["alerts", "test", "--config", file], { cwd });
  expect(sent).toMatchObject({ code: 1, stdout: "ops: it cannot be reached\n" });
  expect(rules.stdout + sent.stdout + sent.stderr).not.toContain("SECRET");
  expect((await fleet(["alerts", "test", "--config", file, "--json"], { cwd })).json()).toMatchObject({
    receivers: [{ receiver: "ops", ok: false, reason: "it cannot be reached" }],
  });
  expect(
    (await fleet(["alerts", "test", "--receiver", "nobody", "--config", file], { cwd })).stderr,
  ).toContain("[NO_RECEIVER]");
});

test("the endpoint serves metrics, the latest report and whether rounds still run; on loopback only", async () => {
  let fresh = false;
  const metrics = metricsOf({ project: "game", stack: "dev", network: "local" });
  const server = await serveMetrics({ metrics, latest: () => undefined, fresh: () => fresh }, 0);
  const get = (path: string) => fetch(`${server.url}${path}`);
  const shown = await get("/metrics");
  expect(shown.headers.get("content-type")).toContain("text/plain; version=0.0.4");
  expect(await shown.text()).toContain("# TYPE aofleet_process_up gauge");
  expect((await get("/report")).status).toBe(503);
  expect((await get("/healthz")).status).toBe(503);
  fresh = true;
  expect((await get("/healthz")).status).toBe(200);
  const port = Number(new URL(server.url).port);
  await expect(serveMetrics({ metrics, latest: () => undefined, fresh: () => true }, port)).rejects.toThrow(
    "PORT_TAKEN",
  );
  await server.close();
});

test("reads stay below the units' limit per minute", async () => {
  let now = 0;
  const clock = {
    now: () => now,
    ticks: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const pace = rateLimitOf(6, clock);
  const times: number[] = [];
  for (let n = 0; n < 20; n += 1) {
    await pace.turn();
    times.push(now / 1000);
  }
  expect(times).toEqual([...Array(6).fill(0), ...Array(6).fill(60), ...Array(6).fill(120), 180, 180]);
  expect(pace.least(18)).toBe(180_000);
  expect(rateLimitOf(undefined, clock).least(1000)).toBe(0);
});

test("a second monitor of the stack is told who watches it; a dead one is replaced", {
  timeout: 60_000,
}, async () => {
  const given = atHome(behave());
  const path = `${storePath(given.fleet.session.scope)}.lock`;
  openStore(storePath(given.fleet.session.scope)).close();
  const running = await acquireLock(path);
  const refused = await fleet(["monitor", "--once"], given);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("MONITOR_RUNNING");
  expect(refused.stderr).toContain(`process ${process.pid} on `);
  expect(openStore(storePath(given.fleet.session.scope)).book().alerts).toEqual([]);
  await running.release();
  const dead = spawnSync(process.execPath, [
    "--input-type=module",
    "-e",
    `import { acquireLock } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, "../../src/ao/journal/lock.ts")).href)};
     await acquireLock(${JSON.stringify(path)});
     process.kill(process.pid, "SIGKILL");`,
  ]);
  expect(dead.signal).toBe("SIGKILL");
  expect((await fleet(["monitor", "--once"], given)).code).toBe(0);
});

test("a monitor whose lock another one took while it was suspended raises no alert and ends", async () => {
  const store = () => storePath(given.fleet.session.scope);
  const owner = { nonce: "n", pid: 1, born: "", host: "elsewhere", at: "2026-01-01T00:00:00.000Z" };
  const given = atHome((request) => {
    writeFileSync(`${store()}.lock`, JSON.stringify(owner));
    return behave("UNHEALTHY")(request);
  });
  const ran = await fleet(["monitor", "--rounds", "2", "--interval", "1"], given);
  expect(ran.code).not.toBe(0);
  expect(ran.stderr).toContain("MONITOR_LOST");
  expect(openStore(store()).book().alerts).toEqual([]);
});

describe("crons that the monitor drives", () => {
  const tags = { "Cron-Interval": "30-seconds", "Cron-Tag-Action": "TICK" };
  /** The fleet at home on a network, with a release in which shop has a cron. */
  function withCron(
    protocol: "legacy" | "mainnet",
    declared: Partial<DeclaredProcess>,
    behaviour: Behaviour = behave(),
  ) {
    const given = atHome(behaviour);
    const release = releaseOf("d1", 1, { shop: declaredProcess({ tags, ...declared }) });
    writeFiles({ ".fleet/releases/ao-fleet.dev/current.json": JSON.stringify(release) }, cwd);
    const gateway = "http://127.0.0.1:1";
    const node = { nodeUrl: gateway, gatewayUrl: gateway, graphqlUrl: `${gateway}/graphql` };
    Object.assign(
      given.fleet.session.network,
      protocol === "mainnet" ? { protocol, units: node } : { protocol },
    );
    given.ao.monitor = async () => true;
    return given;
  }
  const spawned = (own: Record<string, string>) => async () => [
    { slot: 0, messageId: idOf("shop"), timestamp: Date.now(), from: "A", action: "", tags: own, data: "" },
  ];

  test("are not ticked on a network that drives them too, nor if a process was spawned with its cron there", async () => {
    for (const declared of [{}, { cronDriver: "monitor" as const }]) {
      const given = withCron("legacy", declared);
      given.ao.range = spawned(tags);
      const ran = await fleet(["monitor", "--once", "--tick"], given);
      expect(ran.code).not.toBe(0);
      expect(ran.stderr).toContain("[CRON_DRIVEN_TWICE]");
      expect(given.ao.sent).toEqual([]);
      expect((await fleet(["monitor", "--once"], given)).stderr).not.toContain("[CRON_DRIVEN_TWICE]");
    }
  });

  test.each(["legacy", "mainnet"] as const)("are ticked on %s where nobody else does", async (protocol) => {
    const given = withCron(protocol, { cronDriver: "monitor" });
    given.ao.range = spawned({});
    const ran = await fleet(["monitor", "--once", "--tick"], given);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain("shop: a tick every 30 seconds");
    // The first interval of the process has not passed.
    expect(given.ao.sent).toEqual([]);
  });

  test("are not ticked by a machine that does not know them", async () => {
    const ran = await fleet(["monitor", "--once", "--tick"], atHome(behave()));
    expect(ran.stderr).toContain("[TICK_NO_RELEASE]");
  });

  test("are ticked by the owner only", async () => {
    const given = withCron("mainnet", { cronDriver: "monitor" });
    const manifest = {
      ...MANIFEST_HEAD,
      owner: "B".repeat(43),
      project: "ao-fleet",
      stack: "dev",
      processes: {},
    };
    writeFiles({ "build/deployment-manifest.json": JSON.stringify(manifest) }, cwd);
    const ran = await fleet(["monitor", "--once", "--tick"], given);
    expect(ran.stderr).toContain("[TICK_NOT_OWNER]");
  });

  test("are sent to the process that serves by the router's table of the latest round", async () => {
    const table = { release: "r", step: 1, salt: "s", mode: "steady", at: 1 };
    const routes = [{ processId: idOf("green"), revision: HASH, weightBp: 10_000 }];
    const services = { shop: { key: "sender", routes } };
    const behaviour: Behaviour = (request) =>
      request.action === "GET_TRAFFIC"
        ? { reply: { success: true, table: { ...table, services }, proofs: [], serial: 1, epoch: 1, at: 2 } }
        : behave()(request);
    const every = { tags: { ...tags, "Cron-Interval": "1-second" }, cronDriver: "monitor" as const };
    const given = withCron("mainnet", every, behaviour);
    const entry = { status: "ACTIVE", deploymentTime: "", dependencies: [] };
    const processes = {
      ledger: { ...entry, processId: idOf("ledger") },
      shop: { ...entry, processId: idOf("shop"), router: "ledger" },
    };
    const manifest = { ...MANIFEST_HEAD, project: "ao-fleet", stack: "dev", processes };
    writeFiles({ "build/deployment-manifest.json": JSON.stringify(manifest) }, cwd);
    // Promoted since the monitor started, and no run has written it down.
    Object.assign(given.fleet, { router: "ledger", routed: [] });
    const journal = { open: () => [], settle: async () => {}, void: async () => {}, compact: async () => {} };
    Object.assign(given.fleet.session, { journal });
    given.ao.range = async () =>
      (await spawned({})()).map((each) => ({ ...each, timestamp: Date.now() - 3_600_000 }));
    await fleet(["monitor", "--rounds", "5", "--interval", "1", "--tick"], given);
    const ticked = given.ao.sent.filter(({ tags: own }) => own["Cron-Scheduled"] !== undefined);
    expect(new Set(ticked.map(({ processId }) => processId))).toEqual(new Set([idOf("green")]));
  });

  test("and do not tick are an alert, and are shown by status", async () => {
    const lastTickAt = Date.now() - 600_000;
    const behaviour: Behaviour = (request) => {
      const { reply } = behave()(request) as { reply: { stats?: object } };
      if (request.action === "Info") return { reply: { ...reply, stats: { ...reply.stats, lastTickAt } } };
      return { reply: request.action === "HEALTH_CHECK" ? { ...reply, lastTickAt } : reply };
    };
    const given = withCron("mainnet", { cronDriver: "monitor" }, behaviour);
    const ran = await fleet(["monitor", "--once"], given);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(
      "[ERROR] CRON_MISSED shop: no tick for 20 intervals of 30 seconds, the last one 10 min ago: is fleet monitor --tick running?",
    );
    expect(ran.stdout).toContain("last tick 10 min ago");
    const status = await fleet(["status", "--quick"], given);
    expect(status.stdout).toContain("shop: last tick 10 min ago");
    expect(status.stdout).toContain("shop: no tick for 20 intervals of 30 seconds");
    // What a network's messenger unit drives is shown, and not judged.
    const driven = await fleet(["monitor", "--once"], withCron("legacy", {}, behaviour));
    expect([driven.code, driven.stderr]).toEqual([0, expect.not.stringContaining("[ERROR] CRON_MISSED")]);
  });
});

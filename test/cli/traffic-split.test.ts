/** A steady split: every command that shows or judges health reads each revision with a share of the traffic, and names it. */
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import type { History } from "../../src/fleet/history.ts";
import { servingFleet } from "../../src/fleet/members/serving.ts";
import { ScopeSchema } from "../../src/fleet/session/scope.ts";
import { isOpen } from "../../src/monitor/alert-book.ts";
import { readSettings } from "../../src/monitor/settings.ts";
import { openStore } from "../../src/monitor/store.ts";
import { audit } from "../../src/operations/audit/check.ts";
import { collect } from "../../src/operations/audit/collect.ts";
import { monitorOf } from "../../src/operations/observe/monitor.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { type Behaviour, fakeAo, fakeFleet, HASH, idOf, member, fleet as run } from "./fakes.ts";

const [GATE, OLD, NEW, TESTED, COPY] = ["gate", "old", "new", "tested", "copy"].map(idOf) as [
  string,
  string,
  string,
  string,
  string,
];
const OTHER = "cd".repeat(32);
const half = `calc (${OLD.slice(0, 8)})`;
const tested = `calc (${TESTED.slice(0, 8)})`;

interface Table {
  readonly shares?: Readonly<Record<string, number>>;
  readonly testers?: string;
  readonly mirror?: string;
}

/** A fleet whose router splits `calc` so; the processes in `ill` lack a handler. */
function behaving(
  { shares = { [NEW]: 5000, [OLD]: 5000 }, testers, mirror }: Table,
  unhealthy: readonly string[],
) {
  const behave: Behaviour = ({ processId, action, data }) => {
    if (action === "GET_TRAFFIC") {
      const routes = Object.entries(shares).map(([id, weightBp]) => ({
        ...{ processId: id, weightBp },
        revision: id === NEW ? HASH : OTHER,
      }));
      const calc = {
        key: "sender",
        routes,
        ...(testers === undefined ? {} : { testers: { tag: "T", value: "1", processId: testers } }),
        ...(mirror === undefined ? {} : { mirror }),
      };
      const table = { release: "r", step: 2, salt: "s", mode: "steady", at: 1, services: { calc } };
      return { reply: { success: true, table, proven: table, proofs: [], serial: 1, epoch: 1, at: 2 } };
    }
    const name = processId === GATE ? "gate" : "calc";
    const sourceHash = processId === NEW || processId === GATE ? HASH : OTHER;
    const info = { success: true, name, version: "1.0.0", sourceHash, epoch: 7, release: "r" };
    if (action === "Info")
      return { reply: { ...info, status: "ACTIVE", capabilities: [], handlers: [], allowed: [] } };
    if (action === "AUDIT") return { reply: { success: true, entries: [] } };
    if (action === "GET_STATISTICS")
      return { reply: { success: true, statistics: { messages: processId === OLD ? 40 : 60 } } };
    const isUnhealthy = unhealthy.includes(processId);
    const detail = "code: changed by hand: handlers are missing: Calc";
    const kinds = ["STARTUP", "READINESS", "LIVENESS", "PERFORMANCE"];
    const checks = kinds.map((checkType) => ({ name: "code", checkType, status: "PASS" }));
    const bad = { name: "code", checkType: "READINESS", status: "UNHEALTHY", detail };
    return {
      reply: {
        ...info,
        healthStatus: isUnhealthy ? "UNHEALTHY" : "HEALTHY",
        checks: isUnhealthy ? [...checks, bad] : checks,
        nonce: JSON.parse(data).healthCheck.nonce,
      },
    };
  };
  return behave;
}

let home: string;
beforeEach(() => {
  home = temporaryFolder("split");
});

async function opened(table: Table = {}, unhealthy: readonly string[] = []): Promise<FleetSession> {
  const made = fakeFleet(fakeAo(behaving(table, unhealthy)), [
    member("gate"),
    member("calc", { processId: NEW }),
  ]);
  const scope = ScopeSchema.parse({ project: "p", stack: "dev", home, build: join(home, "build") });
  const session = { ...made.session, scope };
  const old = { processId: OLD, generation: 1, version: "1.0.0", sourceHash: OTHER, health: "HEALTHY" };
  const readState = async () => ({ members: made.members, router: "gate", revisions: { calc: [old] } });
  const known = await servingFleet(session, { readState, note: () => {} });
  return { ...made, ...known, session };
}
const history = { latest: async () => undefined, range: async () => [] } as unknown as History;

describe("the revisions that are read", () => {
  test.each<[string, Table, string[]]>([
    ["are both halves of a split", {}, [half]],
    [
      "include a canary next to the revision with most traffic",
      { shares: { [NEW]: 9500, [OLD]: 500 } },
      [half],
    ],
    [
      "include one that gets testers only, without a share",
      { shares: { [NEW]: 10_000 }, testers: TESTED },
      [tested],
    ],
    ["exclude one without a share", { shares: { [NEW]: 10_000, [OLD]: 0 } }, []],
    ["exclude one whose answers nobody gets", { shares: { [NEW]: 10_000 }, mirror: COPY }, []],
  ])("%s", async (_, table, names) => {
    const { members, sharing = [] } = await opened(table);
    expect(members.map(({ name, processId }) => [name, processId])).toEqual([
      ["gate", GATE],
      ["calc", NEW],
    ]);
    expect(sharing.map(({ name }) => name)).toEqual(names);
    for (const one of sharing) expect([one.of, one.sourceHash === HASH]).toEqual(["calc", false]);
  });

  test("have version and generation from the state", async () => {
    const [one] = (await opened()).sharing ?? [];
    expect(one).toEqual({
      ...{ name: half, of: "calc", processId: OLD, generation: 1, version: "1.0.0" },
      ...{ sourceHash: OTHER, status: "ACTIVE" },
    });
  });
});

describe.each([
  ["the further half", OLD, half],
  ["the member's own", NEW, "calc"],
])("%s lost a handler:", (_, id, name) => {
  test.each([["status"], ["statistics"]])("%s has a row for each half", async (command) => {
    const ran = await run([command, "--json"], { fleet: await opened({}, [id]) });
    const { processes } = ran.json<{ processes: { name: string; processId: string }[] }>();
    expect(processes.map((one) => [one.name, one.processId])).toEqual([
      ["gate", GATE],
      ["calc", NEW],
      [half, OLD],
    ]);
  });

  test("status fails and names it, and succeeds once it is healthy", async () => {
    const ran = await run(["status"], { fleet: await opened({}, [id]) });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain(
      `${name}: code is UNHEALTHY: code: changed by hand: handlers are missing: Calc`,
    );
    expect((await run(["status"], { fleet: await opened() })).code).toBe(0);
  });

  test("validate --types health fails", async () => {
    const words = ["validate", "--types", "health", "--health-retries", "0", "--json"];
    const of = async (unhealthy: readonly string[]) =>
      (await run(words, { fleet: await opened({}, unhealthy), history, cwd: home })).json<{
        success: boolean;
        findings: { process: string; test: string; status: string }[];
      }>();
    const failed = (await of([id])).findings.filter(({ status }) => status === "FAIL");
    expect(failed).toContainEqual(expect.objectContaining({ process: name, test: "health_readiness" }));
    expect((await of([])).findings.filter(({ status }) => status === "FAIL")).toEqual([]);
  });

  test("monitor counts it and opens an alert for it", async () => {
    const of = async (unhealthy: readonly string[]) => {
      const fleet = await opened({}, unhealthy);
      const store = openStore(":memory:");
      const clock = { now: () => 1e9, ticks: () => 0, sleep: async () => {} };
      const monitor = await monitorOf({
        ...{ fleet, store, clock, env: {}, history: undefined, commits: async () => [] },
        settings: readSettings("", "monitoring.yaml", {}),
      });
      const { report } = await monitor.round();
      const open = store.book().alerts.filter(isOpen);
      store.close();
      return {
        open: open.map(({ type, source }) => `${type} ${source}`),
        states: report.processes.map((one) => [one.name, one.state]),
      };
    };
    const found = await of([id]);
    expect(found.open).toContain(`PROCESS_UNHEALTHY ${name}`);
    expect(found.states.filter(([, state]) => state === "UNHEALTHY")).toEqual([[name, "UNHEALTHY"]]);
    expect((await of([])).states).toEqual([
      ["gate", "HEALTHY"],
      ["calc", "HEALTHY"],
      [half, "HEALTHY"],
    ]);
  });
});

test("a name refers to the member's one process, whatever else has traffic", async () => {
  const fleet = await opened();
  expect((await run(["call", half, "Info"], { fleet })).stderr).toContain("[UNKNOWN_PROCESS]");
  const one = await run(["statistics", "calc", "--json"], { fleet });
  expect(one.json<{ processes: { name: string }[] }>().processes.map(({ name }) => name)).toEqual([
    "calc",
    half,
  ]);
});

test("audit reads every process with traffic, and reports none of them as left over", async () => {
  const fleet = await opened({ mirror: COPY });
  const sources = await collect(fleet, history, { reach: 10, seconds: 10, note: () => {} });
  expect(sources.members.map(({ processId, of }) => [processId, of])).toEqual([
    [GATE, undefined],
    [NEW, undefined],
    [OLD, "calc"],
  ]);
  const spawn = (id: string) => ({
    ...{ key: `p/dev/calc/g1/spawn/x/e1/${id}`, n: 1, kind: "spawn" as const, id, target: "" },
    ...{ signer: "owner", content: "c", at: 0, state: "settled" as const },
  });
  const journal = [OLD, NEW, COPY, "lost"].map(spawn);
  const findings = audit({ ...sources, registered: [GATE, NEW], journal });
  const of = (code: string) => findings.filter((one) => one.code === code).map(({ what }) => what);
  expect(of("PROCESS_LEFT")).toEqual([expect.stringContaining("the process lost was spawned")]);
  expect([of("NOT_REGISTERED"), of("REGISTERED_BESIDE")]).toEqual([[], []]);
});

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { store } from "../../src/bundler/index.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { writeAtomically } from "../../src/fleet/files.ts";
import { HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import type { ReleaseDocument } from "../../src/fleet/releases/document.ts";
import { releasePath } from "../../src/fleet/releases/document.ts";
import { MAX_LOG } from "../../src/operations/cleanup/rotate.ts";
import {
  type Behaviour,
  began,
  ended,
  failed,
  fakeAo,
  fakeEngine,
  fakeFleet,
  fleet,
  idOf,
  member,
  projectFolder,
} from "../cli/fakes.ts";
import { declaredProcess, releaseOf } from "../kit/release.ts";

type MemberPolicy = NonNullable<ReleaseDocument["policies"]>[string];

const LEDGER = "deployment-coordinator";
const bundleOf = (version: string): string => `-- battle ${version}`;
const MAPLESS = { file: "", entry: "", segments: [] } as never;

function release(id: string, day: number, version: string): ReleaseDocument {
  const text = bundleOf(version);
  const entry = "processes/battle/process.lua";
  const battle = declaredProcess({ entry, sourceHash: sha256(text), version, bytes: text.length });
  const member = { processId: idOf("battle"), generation: 1, evalId: `eval-${id}`, stateVersion: "1" };
  return releaseOf(id, day, { battle }, { members: { battle: member }, scope: { ledger: LEDGER } });
}

const one = release("deploy-1", 1, "1.0.0");
const two = release("deploy-2", 2, "2.0.0");

const exported = { schema: 1, stateVersion: "1", states: { battle: { wins: 3 } } };
const STATE = { state: exported, digest: sha256(canonicalJson(exported)) };

let dir = "";
/** The environment of the command; each test breaks one thing in it. */
let world: {
  releases: ReleaseDocument[];
  bundles: string[];
  info: Record<string, unknown>;
  ledger: "answers" | "is silent";
  runs: object[];
  plan: Parameters<typeof began>[];
  locked: boolean;
  /** Whether pulumi cannot read the stack. */
  unreadable: boolean;
  /** Another operator's run is active when `up` starts. */
  occupied: boolean;
  /** Members with a process, besides the ledger. */
  running: string[];
  /** The stack's state. */
  resources: object[];
  /** What runs after an `up`. */
  goal: ReleaseDocument;
  /** The answer to EXPORT_STATE, or to one with these globals. */
  exported: object | ((globals: readonly string[] | undefined) => object);
  /** The release that runs. */
  current: ReleaseDocument;
};

beforeEach(() => {
  dir = projectFolder();
  world = {
    releases: [one, two],
    bundles: [bundleOf("1.0.0"), bundleOf("2.0.0")],
    info: { stateVersion: "1" },
    ledger: "answers",
    runs: [],
    plan: [["Process", "battle", "update"]],
    locked: false,
    unreadable: false,
    occupied: false,
    running: ["battle"],
    resources: [],
    goal: one,
    exported: { success: true, ...STATE, slot: 9 },
    current: two,
  };
});

const run = (entry: object, seq: number) => ({ seq, at: Date.parse("2026-01-03"), from: "me", ...entry });

const reports = () =>
  (existsSync(join(dir, "build")) ? readdirSync(join(dir, "build")) : []).filter((name) =>
    name.startsWith("rollback-"),
  );

async function rollback(args: readonly string[], asked: { choose?: number; confirm?: boolean } = {}) {
  const where = { home: join(dir, ".fleet"), project: "ao-fleet", stack: "dev" };
  for (const document of world.releases)
    await writeAtomically(releasePath(where, document.deploymentId), JSON.stringify(document));
  await writeAtomically(releasePath(where, "current"), JSON.stringify(world.current));
  for (const text of world.bundles)
    await store(join(where.home, "bundles")).put({ hash: sha256(text), text, map: MAPLESS });
  if (world.locked) {
    const owner = {
      pid: process.pid,
      username: "ann",
      hostname: hostname(),
      timestamp: new Date().toISOString(),
    };
    const lock = join(where.home, ".pulumi/locks/organization/ao-fleet/dev/lock.json");
    await writeAtomically(lock, JSON.stringify(owner));
  }
  let code = two.declaration.battle;
  const behave: Behaviour = ({ processId, action, data }) => {
    if (processId === idOf(LEDGER) && world.ledger === "is silent") return {};
    if (action === "LEDGER") {
      const entries = world.runs.map(run);
      return { reply: { success: true, entries, next: entries.length, length: entries.length } };
    }
    if (action === "DEPLOYMENT_ROLLBACK") return { reply: { success: true, requestId: "rollback-1" } };
    if (action === "DEPLOYMENT_STATUS") return { reply: { success: true } };
    const { sourceHash, version } = code ?? {};
    const same = { success: true, status: "ACTIVE", sourceHash, version, epoch: 4 };
    if (action === "Info") return { reply: { ...same, ...world.info } };
    if (action === "EXPORT_STATE") {
      const { exported } = world;
      return { reply: typeof exported === "function" ? exported(JSON.parse(data).globals) : exported };
    }
    if (action !== "HEALTH_CHECK") return {};
    const { nonce } = JSON.parse(data).healthCheck;
    return { reply: { ...same, healthStatus: "HEALTHY", checks: [], nonce, release: "deploy-3" } };
  };
  const gone = new FleetError({ code: "NOT_FOUND", what: "There is no such message.", remedy: "None." });
  const ao = Object.assign(fakeAo(behave), { data: () => Promise.reject(gone) });
  const opened = fakeFleet(
    ao,
    [...world.running, LEDGER].map((name) => member(name)),
    LEDGER,
  );
  Object.assign(opened.session.scope, { home: where.home });
  const engine = fakeEngine(async ({ kind, say }) => {
    if (kind === "up" && world.occupied) {
      const other = new FleetError({
        code: "DEPLOYMENT_IN_PROGRESS",
        what: "ann deploys now.",
        remedy: "Wait.",
      });
      for (const event of failed("Process", "battle", other.message)) say(event);
      return { ok: false };
    }
    for (const step of kind === "preview" ? world.plan : [["Process", "battle", "update"] as const]) {
      say(began(...(step as Parameters<typeof began>)));
      say(ended(...(step as Parameters<typeof began>)));
    }
    if (kind === "up") code = world.goal.declaration.battle;
    return { ok: true };
  });
  const set: string[] = [];
  const ran = await fleet(["rollback", ...args], {
    cwd: dir,
    fleet: opened,
    engine,
    backend: `file://${where.home}`,
    history: { latest: async () => 9, range: async () => [] } as never,
    tty: asked.choose !== undefined || asked.confirm !== undefined,
    ...asked,
    async pulumi(_workspace, words) {
      const [command, verb, key, value] = words;
      if (command === "config") {
        set.push([verb, key].join(" "));
        const settings = join(dir, "Pulumi.dev.yaml");
        const others = readFileSync(settings, "utf8")
          .split("\n")
          .filter((line) => !line.includes(`:${key}:`));
        const line = verb === "set" ? [`  ao-fleet:${key}: ${value}`] : [];
        writeFileSync(settings, [...others.filter((one) => one !== ""), ...line, ""].join("\n"));
      }
      if (command === "stack" && world.unreadable)
        return { code: 1, stdout: "", output: "error: the backend is down" };
      const state = JSON.stringify({ deployment: { resources: world.resources } });
      const stdout = words[1] === "history" ? "[]" : state;
      return { code: 0, stdout, output: "" } as never;
    },
  });
  const epochs = ao.sent.filter(({ tags }) => tags.Epoch !== undefined);
  const touched = engine.runs.some(({ kind }) => kind === "up") || set.length > 0 || epochs.length > 0;
  return { ...ran, touched, set, runs: engine.runs, sent: ao.sent.map(({ tags }) => tags.Action) };
}

const newer: ReleaseDocument = { ...one, deploymentId: "deploy-0" };
const refusals: [string, () => void, string[], string, number][] = [
  ["an unknown release", () => {}, ["--to", "77"], "UNKNOWN_RELEASE", 1],
  ["the release that already runs", () => {}, ["--to", "deploy-2"], "ALREADY_RUNNING", 1],
  ["an unknown deployment", () => {}, ["--deployment-id", "deploy-x"], "UNKNOWN_DEPLOYMENT", 1],
  ["to leave the first release", () => {}, ["--deployment-id", "deploy-1"], "NOTHING_TO_RETURN_TO", 1],
  [
    "a member that the release does not have",
    () => {},
    ["--to", "1", "--only", "battel"],
    "UNKNOWN_PROCESS",
    1,
  ],
  [
    "two ways to choose a release",
    () => {},
    ["--to", "1", "--deployment-id", "deploy-2"],
    "OPTIONS_CLASH",
    2,
  ],
  ["nothing at all", () => {}, [], "NOT_CHOSEN", 2],
  [
    "a release whose bundle is gone",
    () => {
      world.bundles = [bundleOf("2.0.0")];
    },
    ["--to", "1"],
    "BUNDLE_GONE",
    1,
  ],
  [
    "a release that is damaged on this machine",
    () => {
      world.releases.push({ ...newer, releaseHash: "0".repeat(64) });
    },
    ["--to", "deploy-0"],
    "UNKNOWN_RELEASE",
    1,
  ],
  [
    "a release that only the ledger's list names",
    () => {
      world.runs = [
        { kind: "DEPLOYMENT_BEGUN", deploymentId: "deploy-0", epoch: 1 },
        { kind: "DEPLOYMENT_FINISHED", deploymentId: "deploy-0", status: "COMPLETED", releaseHash: "ab" },
      ];
    },
    ["--to", "deploy-0"],
    "RELEASE_GONE",
    1,
  ],
  [
    "a release older than a migration without `down`",
    () => {
      world.info = { stateVersion: "2", migrations: [{ from: "1", to: "2", down: false }] };
    },
    ["--to", "1"],
    "ROLLBACK_IMPOSSIBLE",
    1,
  ],
  ["a state that was never kept", () => {}, ["--to", "1", "--restore-state"], "SNAPSHOT_GONE", 1],
  [
    "a coordinator that does not answer",
    () => {
      world.ledger = "is silent";
    },
    ["--to", "1"],
    "LEDGER_SILENT",
    1,
  ],
  [
    "a plan that would replace a process",
    () => {
      world.plan = [["Process", "battle", "replace"]];
    },
    ["--to", "1"],
    "UNEXPECTED_STEP",
    1,
  ],
  [
    "a plan that would retire a process",
    () => {
      world.plan = [["Process", "battle", "delete"]];
    },
    ["--to", "1"],
    "UNEXPECTED_STEP",
    1,
  ],
  [
    "a stack that pulumi cannot read",
    () => {
      world.unreadable = true;
    },
    ["--to", "1"],
    "STATE_UNREADABLE",
    1,
  ],
  [
    "to keep the state and to replace it",
    () => {},
    ["--to", "1", "--preserve-state", "--restore-state"],
    "OPTIONS_CLASH",
    2,
  ],
  [
    "a stack with another operation in progress",
    () => {
      world.locked = true;
    },
    ["--to", "1"],
    "STACK_LOCKED",
    5,
  ],
];

describe("fleet rollback refuses, without any change,", () => {
  it.each(refusals)("%s", async (_what, spoil, args, code, exit) => {
    spoil();
    const ran = await rollback([...args, "--yes", "--json"]);
    expect(ran.json()).toMatchObject({ success: false, error: { code } });
    expect(ran.code).toBe(exit);
    expect(ran.touched).toBe(false);
    expect(reports()).toEqual([]);
  });

  it.each([[[]], [["--manual"]]])("a stack with only one release: %j", async (words) => {
    world.releases = [two];
    const ran = await rollback([...words, "--yes"]);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("[NOTHING_TO_RETURN_TO]")]);
    expect(ran.stderr).toContain("This stack has one release, deploy-2");
    expect(ran.touched).toBe(false);
  });

  it("to guess a release without a terminal, and lists the existing ones", async () => {
    const ran = await rollback(["--yes", "--json"]);
    const problems = [{ expected: expect.stringContaining("2 (deploy-2), 1 (deploy-1)") }];
    expect([ran.code, ran.json()]).toMatchObject([2, { error: { code: "NOT_CHOSEN", problems } }]);
  });

  it("to continue without a terminal and without --yes", async () => {
    const ran = await rollback(["--to", "1", "--json"]);
    const problems = [{ what: "Not a terminal: pass --yes to confirm." }];
    expect([ran.code, ran.json()]).toMatchObject([2, { error: { code: "NOT_CONFIRMED", problems } }]);
    expect(ran.touched).toBe(false);
  });
});

describe("fleet rollback without an option", () => {
  it("lets a person choose, shows what changes, and changes nothing on a no", async () => {
    // The newest is the first in the list.
    const ran = await rollback(["--json"], { choose: 1, confirm: false });
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining("Nothing was changed.")]);
    expect(ran.json()).toEqual({ success: true, stack: "dev", declined: true });
    expect(ran.stderr).toContain("to release 1 deploy-1");
    expect(ran.stderr).toMatch(/battle +Eval of the stored bundle in place, 2\.0\.0 \w{8} → 1\.0\.0 \w{8}/);
    expect(ran.stderr).toMatch(/~ update process +battle/);
    expect(ran.touched).toBe(false);
  });

  it("continues on a yes: pins the stack, runs up, validates, tells the ledger, writes report and log", async () => {
    const ran = await rollback([], { choose: 1, confirm: true });
    expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringContaining("[")]);
    expect(ran.stdout).toContain("Rolled back to deploy-1");
    expect(ran.set).toEqual(["set release"]);
    expect(readFileSync(join(dir, "Pulumi.dev.yaml"), "utf8")).toContain("ao-fleet:release: deploy-1");
    expect(ran.runs.map(({ kind, env }) => [kind, JSON.parse(env.FLEET_PIN ?? "{}").release])).toEqual([
      ["preview", "deploy-1"],
      ["up", "deploy-1"],
    ]);
    expect(ran.sent.filter((action) => action === "DEPLOYMENT_ROLLBACK")).toHaveLength(5);
    const [report] = reports();
    expect(JSON.parse(readFileSync(join(dir, "build", report ?? ""), "utf8"))).toMatchObject({
      status: "COMPLETED",
      requestId: "rollback-1",
      from: "deploy-2",
      to: { deploymentId: "deploy-1", number: 1 },
      validation: [{ name: "battle", status: "HEALTHY" }],
    });
    expect(readFileSync(join(dir, "build/logs/rollback_output.txt"), "utf8")).toContain("COMPLETED deploy-2");
  });

  it.each([
    ["has the release before", { outputs: { ...one } }],
    ["has a release that failed", { outputs: { ...two }, initErrors: ["its pulumi was killed"] }],
  ])("runs up for the running release if the stack's state %s", async (_, more) => {
    world.resources = [{ type: "pulumi-nodejs:dynamic/ao:Release", ...more }];
    world.goal = two;
    const { code, runs } = await rollback(["--to", "deploy-2", "--yes"]);
    expect([code, runs.map(({ kind }) => kind)]).toEqual([0, ["preview", "up"]]);
  });

  it("removes its pin if another operator's run is active, and reports no failure to the ledger", async () => {
    world.occupied = true;
    const ran = await rollback(["--to", "1", "--yes", "--json"]);
    expect([ran.code, ran.json()]).toMatchObject([5, { status: "CANCELLED" }]);
    expect(ran.stderr).toContain("ann deploys now. [DEPLOYMENT_IN_PROGRESS]");
    expect(ran.stderr).toContain("Nothing was changed.");
    expect(ran.set).toEqual(["set release", "rm release"]);
  });

  it("creates a member again that no longer runs, with the last state of its process", async () => {
    world.running = [];
    world.plan = [["Process", "battle", "create"]];
    const ran = await rollback(["--to", "1", "--yes", "--json"]);
    // Nothing creates it in this test, so the rollback is not complete.
    const { status, members } = ran.json<{ status: string; members: object[] }>();
    expect([ran.code, status]).toEqual([1, "PARTIAL"]);
    expect(members[0]).toMatchObject({ name: "battle", kind: "new", snapshot: { digest: STATE.digest } });
    expect(ran.stderr).toMatch(/battle +new process with imported state of /);
    const { restore } = JSON.parse(ran.runs[1]?.env.FLEET_PIN ?? "{}");
    expect(restore).toMatchObject({ states: { battle: STATE.digest } });
  });

  it("rotates a long log before it writes to it", async () => {
    const log = join(dir, "build/logs/rollback_output.txt");
    await writeAtomically(log, "x".repeat(MAX_LOG + 1));
    expect((await rollback(["--to", "1", "--yes"])).code).toBe(0);
    expect(readFileSync(log, "utf8")).toMatch(/^\S+ rollback-\S+ COMPLETED .*\n$/);
    const [away = ""] = readdirSync(join(dir, "build/logs")).filter((name) => name.endsWith(".gz"));
    expect(gunzipSync(readFileSync(join(dir, "build/logs", away)))).toHaveLength(MAX_LOG + 1);
  });

  it("asks nothing and previews nothing in an emergency, and tells the ledger at the end", async () => {
    const ran = await rollback(["--to", "deploy-1", "--emergency"]);
    expect([ran.code, ran.runs.map(({ kind }) => kind)]).toEqual([0, ["up"]]);
    expect(ran.sent).not.toContain("LEDGER");
    const reportedAt = ran.sent.indexOf("DEPLOYMENT_ROLLBACK");
    expect(reportedAt).toBeGreaterThan(ran.sent.indexOf("HEALTH_CHECK"));
    expect(ran.stderr).toContain("Callers were not switched before the run: this fleet has no router.");
    const cleared = await rollback(["--clear"]);
    expect([cleared.code, cleared.set]).toEqual([0, ["rm release"]]);
  });

  it("says in an emergency that no router is known if the stack's state cannot be read", async () => {
    world.unreadable = true;
    const ran = await rollback(["--to", "deploy-1", "--emergency"]);
    expect([ran.code, ran.runs.map(({ kind }) => kind)]).toEqual([0, ["up"]]);
    expect(ran.stderr).toMatch(
      /could not switch callers before the run: Cannot read the state of the stack dev\. \[STATE_UNREADABLE\]\n {2}got: +error: the backend is down/,
    );
  });
});

describe("state that cannot be saved before the code is changed", () => {
  const upOf = (runs: Awaited<ReturnType<typeof rollback>>["runs"]) =>
    runs.find(({ kind }) => kind === "up")?.env;
  const code = { items: [{ kind: "MODULE", name: "bank" }], count: 1, notCompared: [] };
  const globals = { carried: ["Index"], left: [], unknown: ["Index"], waiting: 0 };
  const refusal = { success: false, error: { code: "INTERNAL", message: "no memory left" } };
  const kinds: [string, object, string][] = [
    [
      "BACKUP_FAILED",
      refusal,
      "battle: its state cannot be backed up: battle refused EXPORT_STATE: no memory",
    ],
    ["STATE_IN_CODE", { success: true, ...STATE, code }, "creates it again: module bank"],
    ["STATE_NOT_COMPARED", { success: true, ...STATE, globals }, "may be lost: Index"],
  ];

  it.each(kinds)(
    "%s is named, and nothing is changed without a terminal and a flag",
    async (kind, reply, words) => {
      world.exported = reply;
      const ran = await rollback(["--to", "1", "--yes", "--json"]);
      expect([ran.code, ran.json()]).toMatchObject([
        4,
        { success: false, error: { code: kind }, unsaved: [{ name: "battle", code: kind }] },
      ]);
      expect(ran.stderr).toContain(words);
      expect(ran.touched).toBe(false);
      expect(reports()).toEqual([]);
    },
  );

  it.each(kinds)("%s is in the plan of a dry run", async (kind, reply, words) => {
    world.exported = reply;
    const ran = await rollback(["--to", "1", "--dry-run", "--json"]);
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      { dryRun: true, unsaved: [{ name: "battle", code: kind }] },
    ]);
    expect(ran.stderr).toContain(words);
    expect(ran.touched).toBe(false);
  });

  it.each(kinds)("%s is a question on a terminal: a no changes nothing", async (kind, reply, words) => {
    world.exported = reply;
    const ran = await rollback(["--to", "1"], { confirm: false });
    expect([ran.code, ran.touched]).toEqual([4, false]);
    expect(ran.stderr).toContain(words);
    expect(ran.stderr).toContain(`[${kind}]`);
    expect((await rollback(["--to", "1"], { confirm: true })).code).toBe(0);
  });

  it.each([
    ["--without-backup", ["--to", "1", "--yes", "--without-backup"]],
    ["an emergency", ["--to", "deploy-1", "--emergency"]],
  ])("%s continues, and the summary and the report name it", async (_, args) => {
    world.exported = refusal;
    const ran = await rollback([...args, "--json"]);
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      { success: true, unsaved: [{ name: "battle", code: "BACKUP_FAILED" }] },
    ]);
    expect(ran.stderr).toContain("not saved before the rollback: battle: its state cannot be backed up");
    expect(upOf(ran.runs)).toMatchObject({ FLEET_WITHOUT_BACKUP: "1" });
  });

  it.each<[string, Partial<MemberPolicy>, number]>([
    ["lists the globals that are state", { globals: ["Wins"] }, 1],
    ["gives the state up", { state: "none" }, 1],
    ["says nothing", {}, 0],
  ])("that cannot be exported is no loss to the run if the declaration %s", async (_, more, none) => {
    const message = "Log has a metatable and cannot be moved";
    const refused = { success: false, error: { code: "EXPORT_UNSUPPORTED", message } };
    world.exported = (globals) => (globals === undefined ? refused : { success: true, ...STATE });
    const policy = { healthCheck: HealthPolicySchema.parse({}), timeoutSeconds: 60, ...more };
    world.current = { ...two, policies: { battle: policy } };
    const ran = await rollback(["--to", "1", "--dry-run", "--json"]);
    expect(ran.code).toBe(0);
    const { unsaved = [] } = ran.json<{ unsaved?: object[] }>();
    expect(unsaved).toHaveLength(1 - none);
    expect(ran.stderr.includes(message)).toBe(none === 0);
  });

  it("ends the run if it is found only then: a plan that named no loss accepted none", async () => {
    const ran = await rollback(["--to", "1", "--yes"]);
    expect(ran.code).toBe(0);
    expect(upOf(ran.runs)).not.toHaveProperty("FLEET_WITHOUT_BACKUP");
  });

  it("is accepted for the run by a yes on the terminal", async () => {
    world.exported = refusal;
    const ran = await rollback(["--to", "1"], { confirm: true });
    expect([ran.code, upOf(ran.runs)]).toMatchObject([0, { FLEET_WITHOUT_BACKUP: "1" }]);
  });

  it("continues if the stack's setting withoutBackup says so", async () => {
    world.exported = refusal;
    const settings = join(dir, "Pulumi.dev.yaml");
    writeFileSync(
      settings,
      `${readFileSync(settings, "utf8").trimEnd()}\n  ao-fleet:withoutBackup: "true"\n`,
    );
    expect((await rollback(["--to", "1", "--yes"])).code).toBe(0);
  });

  it("is no decision if the declaration has no state", async () => {
    world.exported = { success: true, ...STATE, code, globals };
    const healthCheck = { timeoutSeconds: 60, intervalSeconds: 1 } as never;
    const policies = { battle: { healthCheck, timeoutSeconds: 60, state: "none" as const } };
    world.releases = [{ ...one, policies } as ReleaseDocument, two];
    expect((await rollback(["--to", "1", "--yes"])).code).toBe(0);
  });
});

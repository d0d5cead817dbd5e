import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chosenMembers, isReversed } from "../../components/plan-pinned.ts";
import type { ReleaseOutputs } from "../../providers/release/schema.ts";
import { FleetError } from "../../src/core/errors.ts";
import { FLEET_ACTIONS } from "../../src/core/fleet-actions.ts";
import { sha256 } from "../../src/core/hash.ts";
import { bundleIn, composeProgram } from "../../src/fleet/code/program.ts";
import type { History } from "../../src/fleet/history.ts";
import type { Manifest } from "../../src/fleet/members/manifest.ts";
import type { LedgerEntry } from "../../src/fleet/protocol/ledger.ts";
import type { DeclaredProcess } from "../../src/fleet/releases/declared.ts";
import {
  documentOf,
  type ReleaseDocument,
  verifiedRelease,
  withoutOversizedRelease,
} from "../../src/fleet/releases/document.ts";
import { PIN_KEYS, type Pin, pinSettings, readPin } from "../../src/fleet/releases/pin.ts";
import { readRunRequest } from "../../src/fleet/session/run-request.ts";
import type { Snapshot } from "../../src/fleet/snapshot/store.ts";
import {
  bundlesOf,
  modulesOf,
  releasesToKeep,
  snapshotsToKeep,
} from "../../src/operations/cleanup/retention.ts";
import { describeChanges } from "../../src/operations/rollback/changes.ts";
import { entryText, historyOfStack } from "../../src/operations/rollback/entries.ts";
import { checkGlobals, globalsProblem } from "../../src/operations/rollback/globals.ts";
import { type LedgerRun, runsOf } from "../../src/operations/rollback/ledger.ts";
import { countLostMessages } from "../../src/operations/rollback/lost-messages.ts";
import { isReachable } from "../../src/operations/rollback/migrations.ts";
import { heldInState, mergeReleases, releaseInState } from "../../src/operations/rollback/releases.ts";
import { pastStates } from "../../src/operations/rollback/stack.ts";
import { targetOf } from "../../src/operations/rollback/target.ts";
import { assertExpectedSteps } from "../../src/operations/rollback/unexpected-steps.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { declaredProcess, releaseOf as release } from "../kit/release.ts";

const declared = (code: string, more: Partial<DeclaredProcess> = {}) =>
  declaredProcess({ sourceHash: sha256(code), ...more });
const DAY = 86_400_000;
const at = (day: number): string => new Date(Date.UTC(2026, 0, day)).toISOString();
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof FleetError) return error.code;
    throw error;
  }
  return "none";
};

const one = release("d1", 1, { a: declared("a1"), b: declared("b1", { dependsOn: ["a"] }) });
const two = release("d2", 2, { a: declared("a2"), b: declared("b1", { dependsOn: ["a"] }) });
const three = release("d3", 3, { ...two.declaration, c: declared("c1") });
const back = release("d4", 4, one.declaration, { pinned: { deploymentId: "d1", releasedAt: at(1) } });
const run = (deploymentId: string, more: Partial<LedgerRun> = {}): LedgerRun => ({
  deploymentId,
  startedAt: Date.parse(at(9)),
  status: "FAILED",
  from: "me",
  interrupted: false,
  rolledBack: false,
  ...more,
});

describe("the messages that a reset loses", () => {
  it("are those of clients: none of the library's own actions counts", async () => {
    const actions = [...FLEET_ACTIONS, "Eval", "BUY"];
    const history = {
      latest: async () => actions.length,
      range: async () => actions.map((action) => ({ action })),
    } as unknown as History;
    expect(await countLostMessages(history, { processId: "p", slot: 0 })).toEqual({
      messages: 1,
      byAction: { BUY: 1 },
    });
  });
});

describe("a pin", () => {
  const pins: Pin[] = [
    { release: "d1", only: [] },
    { release: "d1", only: ["a", "b"], restore: { id: "r", states: { a: "0".repeat(64) } } },
  ];
  it.each(pins)("is read as it was written: %o", (pin) => {
    const settings = pinSettings(pin);
    expect(readPin((key) => settings[key], {})).toEqual(pin);
    expect(readPin(() => undefined, readRunRequest({ FLEET_PIN: JSON.stringify(pin) }))).toEqual(pin);
    expect(readPin((key) => settings[key], readRunRequest({ FLEET_PIN: "" }))).toBeUndefined();
  });
  it("is empty without a release, and an error if it cannot be read", () => {
    expect(readPin(() => undefined, {})).toBeUndefined();
    expect(codeOf(() => readPin((key) => (key === PIN_KEYS[2] ? "{" : "d1"), {}))).toBe("PIN_INVALID");
  });
});

describe("the members of a pinned fleet", () => {
  it("are the release's, with later ones in addition", () => {
    const { members, warm } = chosenMembers(one, three, []);
    expect(members).toEqual(one.declaration);
    expect(Object.keys(warm)).toEqual(["c"]);
  });
  it("are the named ones, with the others as they run", () => {
    const { members } = chosenMembers(one, three, ["a"]);
    expect(members.a).toEqual(one.declaration.a);
    expect(members.c).toEqual(three.declaration.c);
  });
  it("are refused by name if the release lacks them or a dependency does not run", () => {
    expect(codeOf(() => chosenMembers(one, three, ["aa"]))).toBe("UNKNOWN_PROCESS");
    const alone = release("d9", 9, { c: declared("c1") });
    expect(codeOf(() => chosenMembers(one, alone, ["b"]))).toBe("DEPENDENCY_NOT_RUNNING");
  });
  it("are ordered dependents first in a rollback only, unless one must be created", () => {
    const names = [{ name: "a" }, { name: "b" }];
    expect(isReversed(one, two, names)).toBe(true);
    expect(isReversed(two, back, names)).toBe(false);
    expect(isReversed(one, back, names)).toBe(true);
    expect(isReversed(one, release("d8", 8, { a: declared("a8") }), names)).toBe(false);
    expect(isReversed(one, undefined, names)).toBe(false);
  });
});

describe("a release", () => {
  it("is rejected if its declaration does not match its hash", () => {
    expect(verifiedRelease(one)).toMatchObject({ deploymentId: "d1" });
    expect(verifiedRelease({ ...one, declaration: two.declaration })).toBeUndefined();
    expect(verifiedRelease("text")).toBeUndefined();
  });
  it("is found in a state, unless it failed", () => {
    const type = "pulumi-nodejs:dynamic/ao:Release";
    expect(releaseInState([{ type, outputs: one }, { type: "other" }])).toHaveLength(1);
    expect(releaseInState([{ type, outputs: one, initErrors: ["no"] }])).toEqual([]);
  });
  it("is omitted from a message that is too small for it", () => {
    const manifest = { processes: {} } as unknown as Manifest;
    const outputs = { ...one, scope: { project: "p", stack: "s", home: "h", build: "b" } };
    const document = documentOf(outputs as unknown as ReleaseOutputs);
    expect(withoutOversizedRelease({ ...manifest, release: document })).toHaveProperty("release");
    const large = { ...document, evidence: "x".repeat(500_000) };
    expect(withoutOversizedRelease({ ...manifest, release: large })).not.toHaveProperty("release");
  });
});

describe("a bundle", () => {
  const commit = { process: "a", release: "d", version: "1", epoch: 3 };
  it.each(["return 1", "a\nb\nc", "", "-- é\n\n"])("is found in the text of its load: %j", (text) => {
    const sourceHash = sha256(text);
    const plain = composeProgram(text, { ...commit, sourceHash });
    const stated = composeProgram(text, { ...commit, sourceHash }, { text: '{"a":"\n"}', digest: "d" });
    expect(bundleIn(plain.text, sourceHash)).toBe(text);
    expect(bundleIn(stated.text, sourceHash)).toBe(text);
    expect(bundleIn(plain.text, sha256("other"))).toBeUndefined();
  });
});

describe("the list of changes", () => {
  it("is by member", () => {
    expect(describeChanges(undefined, one)).toEqual(["a joins", "b joins"]);
    expect(describeChanges(one, three)).toEqual(["a code", "c joins"]);
    expect(describeChanges(three, one)).toEqual(["a code", "c leaves"]);
    const other = release("x", 9, {
      a: declared("a1", { version: "2", config: { X: { y: 1 } }, peers: ["b"] }),
    });
    expect(describeChanges(release("y", 8, { a: declared("a1") }), other)).toEqual([
      "a version 1.0.0 → 2, config, peers",
    ]);
    expect(describeChanges("unknown", one)).toEqual([]);
  });
});

describe("migrations", () => {
  const steps = [
    { from: "1", to: "2", down: true },
    { from: "2", to: "3", down: false },
  ];
  it.each([
    ["1", "1", true],
    ["1", "3", true],
    ["2", "1", true],
    ["3", "2", false],
    ["3", "1", false],
    ["1", "9", false],
  ])("from %s to %s: %s", (from, to, expected) => expect(isReachable(steps, from, to)).toBe(expected));
});

describe("the release to return to", () => {
  const known = mergeReleases([three, one, two, back], [], "d4");
  it("is found by number and by id", () => {
    expect(known.map(({ number, deploymentId }) => [number, deploymentId])).toEqual([
      [1, "d1"],
      [2, "d2"],
      [3, "d3"],
      [4, "d4"],
    ]);
    expect(targetOf(known, [], { to: "2" }).deploymentId).toBe("d2");
    expect(targetOf(known, [], { to: "d3" }).deploymentId).toBe("d3");
    expect(codeOf(() => targetOf(known, [], { to: "5" }))).toBe("UNKNOWN_RELEASE");
  });
  it("is the one before the deployment that is left, skipping rolled-back ones", () => {
    expect(targetOf(known, [], { leave: "d3" }).deploymentId).toBe("d2");
    expect(targetOf(known, [run("d2", { rolledBack: true })], { leave: "d3" }).deploymentId).toBe("d1");
    expect(targetOf(known, [run("d3", { rolledBack: true })], { leave: "d4" }).deploymentId).toBe("d3");
    expect(targetOf(known, [run("d9")], { leave: "d9" }).deploymentId).toBe("d4");
    expect(codeOf(() => targetOf(known, [], { leave: "d1" }))).toBe("NOTHING_TO_RETURN_TO");
    expect(codeOf(() => targetOf(known, [], { leave: "d7" }))).toBe("UNKNOWN_DEPLOYMENT");
  });
});

describe("the history", () => {
  const entry = (seq: number, kind: string, more: Partial<LedgerEntry>): LedgerEntry => ({
    seq,
    at: Date.parse(at(seq)),
    from: "owner",
    kind,
    deploymentId: undefined,
    status: undefined,
    strategy: undefined,
    reason: undefined,
    cause: undefined,
    releaseHash: undefined,
    ...more,
  });
  it("has runs from the ledger's entries", () => {
    const runs = runsOf([
      entry(1, "DEPLOYMENT_BEGUN", { deploymentId: "d1", epoch: 1 }),
      entry(1, "DEPLOYMENT_FINISHED", {
        deploymentId: "d1",
        status: "COMPLETED",
        releaseHash: one.releaseHash,
      }),
      entry(2, "DEPLOYMENT_BEGUN", { deploymentId: "d2", epoch: 2 }),
      entry(3, "DEPLOYMENT_FINISHED", {
        deploymentId: "d2",
        status: "FAILED",
        ...{ reason: "it never finished; began after it: d3", cause: "UNFINISHED" },
      }),
      entry(4, "ROLLBACK_PHASE", { deploymentId: "d1", status: "COMPLETED" }),
      entry(5, "DEPLOYMENT_BEGUN", { deploymentId: "d5", epoch: 3 }),
    ]);
    expect(runs).toMatchObject([
      { deploymentId: "d1", status: "COMPLETED", rolledBack: true },
      { deploymentId: "d2", status: "FAILED" },
      { deploymentId: "d5", status: "RUNNING" },
    ]);
    const held = run("d6", { status: "HELD" });
    expect(historyOfStack([], [held], []).map(({ result }) => result)).toEqual(["held"]);
    const lines = historyOfStack(mergeReleases([], runs, undefined), runs, []);
    expect(lines.map(({ deploymentId, result, number }) => [deploymentId, result, number])).toEqual([
      ["d5", "running", undefined],
      ["d2", "interrupted", undefined],
      ["d1", "rolled-back", 1],
    ]);
  });
  it.each([
    ["interrupted", { reason: "taken over by d3", cause: "TAKEN_OVER" }],
    ["interrupted", { reason: "it is not written any more", cause: "UNFINISHED" }],
    // Written by coordinators of version 0.1.0.
    ["interrupted", { reason: "taken over by d3" }],
    ["interrupted", { reason: "it never finished; began after it: d3" }],
    ["failed", { reason: "battle is taken over by somebody else: it never finished" }],
    ["failed", {}],
  ] as const)("takes a failed run for %s: %j", (result, more) => {
    const runs = runsOf([
      entry(1, "DEPLOYMENT_BEGUN", { deploymentId: "d2", epoch: 1 }),
      entry(2, "DEPLOYMENT_FINISHED", { deploymentId: "d2", status: "FAILED", ...more }),
    ]);
    expect(historyOfStack([], runs, []).map((line) => line.result)).toEqual([result]);
  });
  it("reports a release that a person approved without a passing verdict, with the verdict", () => {
    const verdict = "errorRate of calc is inconclusive: 0 requests";
    const promoted = [{ step: 2, weightBp: 10_000, by: "ann", outcome: "inconclusive" as const, verdict }];
    const documents = [
      { ...one, approval: { approvedBy: "judge" as const, promoted: [] } },
      { ...two, approval: { approvedBy: "person" as const, promoted } },
    ];
    // A run that only the ledger has carries the verdict in words.
    const runs = runsOf([
      entry(5, "DEPLOYMENT_FINISHED", {
        ...{ deploymentId: "d5", status: "COMPLETED", releaseHash: "5" },
        reason: "promoted by hand without a pass: fail: no",
      }),
    ]);
    const lines = historyOfStack(mergeReleases(documents, runs, "d5"), runs, []);
    expect(lines.map(({ result, approvedBy, reason }) => [result, approvedBy, reason])).toEqual([
      ["succeeded", undefined, "promoted by hand without a pass: fail: no"],
      ["succeeded", "person", `promoted by hand without a pass: inconclusive: ${verdict}`],
      ["succeeded", "judge", undefined],
    ]);
    expect(lines.slice(1).map(entryText)).toEqual([
      expect.stringMatching(/^promoted by hand without a pass: inconclusive: .*; \w/),
      expect.not.stringContaining("by hand"),
    ]);
  });
  it("joins each release with the update that made it, and keeps failed updates", () => {
    const update = (day: number, result: string, kind = "update") => ({
      kind,
      startTime: at(day),
      endTime: at(day),
      message: `day ${day}`,
      environment: { "git.head": "0123456789", "git.author": "Ann", "git.dirty": "true" },
      result,
      version: 0,
      resourceChanges: { update: 1 },
    });
    const updates = [update(5, "succeeded", "destroy"), update(4, "failed"), update(1, "succeeded")];
    const destroys = [update(6, "succeeded", "destroy"), update(7, "failed", "destroy")];
    expect(historyOfStack([], [], destroys).map((line) => [line.result, entryText(line)])).toEqual([
      ["failed", "destroy"],
      ["succeeded", "destroyed"],
    ]);
    const lines = historyOfStack(mergeReleases([one], [], "d1"), [], updates);
    expect(lines.map(({ kind, result, who, git }) => [kind, result, who, git])).toEqual([
      ["destroy", "succeeded", "Ann", "01234567+"],
      ["deploy", "failed", "Ann", "01234567+"],
      ["deploy", "succeeded", "Ann", "01234567+"],
    ]);
  });
  it("marks an update as held if its rollout waits, even without a ledger", () => {
    const traffic = (phase: string, modified: string, initErrors: string[] = ["it waits"]) => ({
      ...{ type: "pulumi-nodejs:dynamic/ao:Traffic", modified, initErrors },
      outputs: { phase },
    });
    const broken = { type: "pulumi-nodejs:dynamic/ao:Process", initErrors: ["no"], modified: at(4) };
    const states = [
      [traffic("HELD", at(2))],
      // The next update failed before it reached the traffic.
      [traffic("HELD", at(2)), { ...broken, modified: at(3) }],
      [traffic("HELD", at(4)), broken],
      [traffic("ROLLED_BACK", at(5))],
      [traffic("HELD", at(6), [])],
    ];
    const update = (day: number, result = "failed") => ({
      ...{ kind: "update", startTime: at(day), endTime: at(day), message: "", environment: {} },
      ...{ result, version: 0, resourceChanges: { update: 1 } },
    });
    const updates = [7, 6, 5, 4, 3, 2].map((day) => update(day));
    const lines = historyOfStack([], [], updates, states.flatMap(heldInState));
    expect(lines.map(({ at: time, result }) => [time, result])).toEqual([
      [at(7), "failed"],
      [at(6), "failed"],
      [at(5), "failed"],
      [at(4), "failed"],
      [at(3), "failed"],
      [at(2), "held"],
    ]);
  });
  it("reads held updates from the checkpoints of a file backend", async () => {
    const folder = temporaryFolder("history");
    const history = join(folder, ".pulumi", "history", "game", "dev");
    await mkdir(history, { recursive: true });
    const checkpoint = (phase: string, modified: string) => ({
      version: 3,
      checkpoint: {
        latest: {
          resources: [
            {
              ...{ type: "pulumi-nodejs:dynamic/ao:Traffic", outputs: { phase }, initErrors: ["it waits"] },
              modified,
            },
          ],
        },
      },
    });
    const put = (name: string, value: unknown) => writeFile(join(history, name), JSON.stringify(value));
    await put("dev-1.checkpoint.json", checkpoint("HELD", at(1)));
    await put("dev-2.checkpoint.json", checkpoint("COMPLETED", at(2)));
    await writeFile(join(history, "dev-3.checkpoint.json"), "{");
    const past = await pastStates(
      {
        host: { pulumi: async () => ({ code: 1, stdout: "", stderr: "", output: "" }) },
        workspace: { projectDir: folder, env: { PULUMI_BACKEND_URL: `file://${folder}` } } as never,
        ...{ project: "game", stack: "dev" },
      },
      [],
    );
    expect(past).toEqual({ releases: [], heldAt: [at(1)] });
  });
  it("marks what a rollback left, even without a ledger", () => {
    const lines = historyOfStack(mergeReleases([one, two, three, back], [], "d4"), [], []);
    expect(lines.map(({ deploymentId, result, kind }) => [deploymentId, result, kind])).toEqual([
      ["d4", "succeeded", "rollback"],
      ["d3", "rolled-back", "deploy"],
      ["d2", "succeeded", "deploy"],
      ["d1", "succeeded", "deploy"],
    ]);
  });
});

describe("an unexpected plan", () => {
  const step = (op: string, name: string, kind: "process" | "wiring" = "process") => ({
    op,
    name,
    kind,
    differs: [],
  });
  const ways = [
    { name: "a", kind: "in-place" as const },
    { name: "n", kind: "new" as const },
  ];
  it.each([
    ["update", "a", "none"],
    ["create", "n", "none"],
    ["create", "a", "UNEXPECTED_STEP"],
    ["replace", "a", "UNEXPECTED_STEP"],
    ["delete", "a", "UNEXPECTED_STEP"],
    ["delete", "left-by-a-failure", "none"],
  ])("%s %s: %s", (op, name, code) =>
    expect(codeOf(() => assertExpectedSteps([step(op, name)], ways, one))).toBe(code),
  );
  it("checks processes only", () => {
    expect(codeOf(() => assertExpectedSteps([step("delete", "a-wiring", "wiring")], ways, one))).toBe("none");
  });
});

describe("cleanup keeps", () => {
  const retention = { since: Date.parse(at(3)), releases: 1, snapshots: 1 };
  it("releases of the window, the latest, what runs and what is pinned", () => {
    const keep = (current: ReleaseDocument | undefined, pinned: string | undefined, since: number) =>
      releasesToKeep([one, two, three, back], current, pinned, { ...retention, since })
        .map(({ deploymentId }) => deploymentId)
        .sort();
    expect(keep(undefined, undefined, Date.parse(at(30)))).toEqual(["d4"]);
    expect(keep(undefined, undefined, Date.parse(at(3)))).toEqual(["d3", "d4"]);
    expect(keep(two, undefined, Date.parse(at(30)))).toEqual(["d2", "d4"]);
    expect(keep(back, "d2", Date.parse(at(30)))).toEqual(["d1", "d2", "d4"]);
    expect(bundlesOf([one]).size).toBe(2);
    const own = declared("own", { module: `wasm:${"ab".repeat(32)}` });
    expect([...modulesOf([{ ...one, declaration: { ...one.declaration, a: own } }])]).toEqual([
      "ab".repeat(32),
    ]);
  });
  it("snapshots of the window, the latest, and the last under each code that is needed", () => {
    const snapshot = (day: number, code: string): Snapshot => ({
      member: "a",
      processId: "p",
      generation: 1,
      digest: sha256(String(day)),
      slot: day,
      takenAt: new Date(Date.parse(at(1)) + (day - 1) * DAY).toISOString(),
      reason: "upgrade",
      deploymentId: "d",
      sourceHash: code,
      stateVersion: "1",
      bytes: 1,
    });
    const all = [snapshot(1, "x"), snapshot(2, "x"), snapshot(3, "y"), snapshot(20, "z")];
    const days = (since: number) =>
      [...snapshotsToKeep(all, new Set(["x"]), { ...retention, since })].map(({ slot }) => slot).sort();
    expect(days(Date.parse(at(30)))).toEqual([2, 20]);
    expect(days(Date.parse(at(3)))).toEqual([2, 20, 3].sort());
  });
});

describe("a state in globals", () => {
  it("cannot return to a release whose library accepts none, which is reported before any change", async () => {
    expect(globalsProblem("token", ["Balances", "Minted"])).toMatchObject({
      code: "ROLLBACK_IMPOSSIBLE",
      got: "Balances, Minted",
    });
    expect(globalsProblem("shop", [])).toBeUndefined();
    // A release whose library hands over globals is not checked.
    const fleet = undefined as never;
    const then = { modules: { "fleet.globals": "1" } };
    expect(await checkGlobals(fleet, undefined as never, "id", then)).toBeUndefined();
  });
});

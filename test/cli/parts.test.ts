import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { UNKNOWN } from "../../providers/run/inputs.ts";
import { failureLines } from "../../src/cli/deploy/report.ts";
import { treeLines } from "../../src/cli/deploy/tree.ts";
import { findProject } from "../../src/cli/project.ts";
import { stackHint } from "../../src/cli/stack-hint.ts";
import { shownLine, styled } from "../../src/cli/styled.ts";
import { table } from "../../src/cli/table.ts";
import { brief } from "../../src/core/brief.ts";
import { formatProblem, type Problem } from "../../src/core/errors.ts";
import { CONFIG_TYPES } from "../../src/fleet/config/types.ts";
import { fleetInState } from "../../src/fleet/members/fleet-in-state.ts";
import { knownFleet } from "../../src/fleet/members/known-fleet.ts";
import { configName } from "../../src/fleet/members/resource-names.ts";
import type { StepEvent } from "../../src/fleet/session/progress.ts";
import { ScopeSchema } from "../../src/fleet/session/scope.ts";
import { isStepPhase, STEP_PHASES, type StepPhase, stepText } from "../../src/fleet/session/step-phases.ts";
import type { EngineEvent } from "../../src/operations/deploy/engine.ts";
import { failuresOf, parseProblems } from "../../src/operations/deploy/failure.ts";
import { Progress } from "../../src/operations/deploy/progress.ts";
import { followSteps, readSteps } from "../../src/operations/deploy/steps.ts";
import { memberOf, resourceOf } from "../../src/operations/deploy/urn.ts";
import { networkOf, readStackConfig } from "../../src/operations/workspace/stack-config.ts";
import { packageDir } from "../../src/toolchain/paths.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { began, ended, failed, MANIFEST_HEAD, projectFolder, urn } from "./fakes.ts";

test.each([
  ["Run npx fleet logs shop.", true],
  ["Fix the name.", false],
  ["Finish it: npx fleet move --stack dev --to mainnet", false],
  [
    "If it was killed: npx pulumi config rm movingTo --stack dev, then npx pulumi up --refresh --stack dev.",
    false,
  ],
  ["Deploy it: npx pulumi up --stack mainnet. Or see npx fleet status.", true],
])("the stack is named after the remedy %j: %s", (remedy, isNamed) => {
  const lines = stackHint(" --stack prod", [{ code: "X", what: "x", remedy }]);
  expect(lines).toHaveLength(isNamed ? 1 : 0);
  expect(stackHint("", [{ code: "X", what: "x", remedy }])).toEqual([]);
});

test("problems are parsed back as they were written, several and with long values", () => {
  const problems: Problem[] = [
    {
      code: "A_B",
      what: "It broke.",
      at: "x.lua:1:2",
      got: "one\n   two",
      expected: "three",
      remedy: "Fix it.",
    },
    { code: "CD", what: "That too.", remedy: "Look." },
  ];
  expect(parseProblems(problems.map(formatProblem).join("\n"))).toEqual(problems);
  for (const lost of ["error reading from server: EOF", "error: transport is closing"])
    expect(parseProblems(lost)).toMatchObject([{ code: "PROVIDER_ENDED" }]);
  expect(parseProblems("plain words")).toMatchObject([{ code: "ENGINE", what: "plain words" }]);
});

test.each([
  [urn("Process", "battle"), "process", "battle", "battle"],
  [
    urn("ConfigBundle", "deployment-coordinator-process-config"),
    "config",
    "deployment-coordinator-process-config",
    "deployment-coordinator",
  ],
  [
    urn("ConfigBundle", "deployment-coordinator-services"),
    "config",
    "deployment-coordinator-services",
    "deployment-coordinator",
  ],
  [urn("Wiring", "battle-wiring"), "wiring", "battle-wiring", "battle"],
  [urn("Wiring", "battle-wiring-new"), "wiring", "battle-wiring-new", "battle"],
  [urn("Release", "pokerogue-release"), "release", "pokerogue-release", "release"],
  ["urn:pulumi:dev::ao-fleet::pulumi:pulumi:Stack::ao-fleet-dev", "other", "ao-fleet-dev", "ao-fleet-dev"],
])("%s", (text, kind, name, member) => {
  expect(resourceOf(text)).toEqual({ kind, name });
  expect(memberOf(resourceOf(text))).toBe(member);
});

test("a config's name leads to its member, whatever the type", () => {
  for (const member of ["battle", "deployment-coordinator", "a-b-c"])
    for (const type of Object.keys(CONFIG_TYPES))
      expect(memberOf({ name: configName(member, type), kind: "config" }), type).toBe(member);
});

test.each([
  ["of a custom type", "config", { configType: "GAME_RULES" }, "battle"],
  ["with a name of its own", "config", { configType: "SERVICES", targets: [{ name: "shop" }] }, "shop"],
  ["for several members", "config", { targets: [{ name: "a" }, { name: "b" }] }, "battle-game-rules"],
  ["of a wiring", "wiring", { target: { name: "shop" } }, "shop"],
  ["of a wiring whose target is not known yet", "wiring", { target: UNKNOWN }, "battle-game-rules"],
] as const)("a resource %s is about the member that its inputs name", (_what, kind, inputs, member) => {
  expect(memberOf({ name: "battle-game-rules", kind }, inputs)).toBe(member);
});

test("a step's phase is a code, and is shown in the words that the guide greps for", () => {
  for (const phase of Object.values(STEP_PHASES).flat()) {
    expect(isStepPhase(phase)).toBe(true);
    expect(phase).toMatch(/^([a-z-]+|[A-Z_]+)$/);
  }
  expect(isStepPhase("handed over")).toBe(false);
  expect(stepText("loaded", "44 kB")).toBe("loaded 44 kB");
  expect(stepText("released", "deploy-1")).toBe("deployment phase completed deploy-1");
  expect(stepText("handed-over", "state 1a2b3c4d")).toBe("handed over state 1a2b3c4d");
  expect(stepText("not-repaired")).toBe("not repaired");
  expect(stepText("state-lost")).toBe("state lost");
});

test("steps are followed in their order; a line of another version, with a phase that is not known here, is passed over", async () => {
  const path = join(projectFolder(), "events.jsonl");
  const lines = ["loaded", "handed over", "ready"].map((phase) =>
    JSON.stringify({ at: "now", deploymentId: "d", name: "a", phase, detail: "" }),
  );
  writeFileSync(path, `${lines.join("\n")}\n`);
  const seen: string[] = [];
  await followSteps(path, { onStep: ({ phase }) => seen.push(phase) }).stop();
  expect(seen).toEqual(["loaded", "ready"]);
});

test("events that cannot be read are read later, and do not fail the run that is followed", async () => {
  const path = join(projectFolder(), "events.jsonl");
  mkdirSync(path);
  await readSteps(path, {});
  await followSteps(path, {}).stop();
  await new Promise<void>((resolve) => {
    const steps = followSteps(path, { onStep: () => resolve(steps.stop()) });
    rmdirSync(path);
    const step = { at: "now", deploymentId: "d", name: "a", phase: "ready", detail: "" };
    writeFileSync(path, `${JSON.stringify(step)}\n`);
  });
});

test("a torn line of events is passed over, and a step counts without problems that cannot be read", async () => {
  const path = join(projectFolder(), "events.jsonl");
  const step = { at: "now", deploymentId: "d", name: "a", phase: "failed", detail: "", code: "LUA_ERROR" };
  const lines = [
    '{"at":"now","deploymentId":"d","na',
    JSON.stringify({ ...step, problems: [{ code: 7 }] }),
    JSON.stringify({ at: "now", member: "a", problems: [{ code: 7 }] }),
    JSON.stringify({ ...step, phase: "ready" }),
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
  const steps: StepEvent[] = [];
  const failures: unknown[] = [];
  const listener = {
    onStep: (event: StepEvent) => steps.push(event),
    onFailure: (event: unknown) => failures.push(event),
  };
  await followSteps(path, listener).stop();
  expect(steps).toEqual([step, { ...step, phase: "ready" }]);
  expect(failures).toEqual([]);
});

describe("a secret that pulumi hides in a diagnostic", () => {
  const problem = (address: string): Problem => ({
    code: "UNIT_DOWN",
    what: `The compute unit at ${address} cannot be reached.`,
    got: "ECONNREFUSED",
    remedy: "Look.",
  });
  const [raw, hidden] = [problem("http://x/key-5d1/cu"), problem("[secret]/cu")];
  const diagnostic = (problems: readonly Problem[]) => ({
    severity: "error" as const,
    member: "a",
    text: problems.map(formatProblem).join("\n"),
  });

  test.each([
    ["and the provider did not is shown as pulumi shows it, once", raw, hidden, hidden],
    ["as the provider did is shown once", hidden, hidden, hidden],
    [
      "but the provider hid more is shown as the provider shows it, once",
      problem("[secret]"),
      raw,
      problem("[secret]"),
    ],
  ])("%s", (_case, reported, printed, shown) => {
    expect(failuresOf([diagnostic([printed])], [{ member: "a", problems: [reported] }])).toEqual([
      { member: "a", problems: [shown] },
    ]);
  });

  test("does not stand for another problem", () => {
    const other = { ...raw, code: "UNIT_SLOW" };
    const failures = failuresOf([diagnostic([hidden])], [{ member: "a", problems: [other] }]);
    expect(failures).toEqual([{ member: "a", problems: [other, hidden] }]);
  });
});

describe("progress", () => {
  const step = (name: string, phase: StepPhase, detail = "", seconds = 1) => ({
    at: "",
    deploymentId: "d",
    name,
    phase,
    detail,
    seconds,
  });
  const events = () => {
    const progress = new Progress();
    progress.expect(["a", "b", "c"]);
    progress.apply({ sequence: 0, timestamp: 0, ...began("Process", "a") }, 0);
    progress.step(step("a", "loaded", "44 kB"), 1000);
    progress.apply({ sequence: 0, timestamp: 0, ...began("Process", "b", "same") }, 0);
    progress.apply({ sequence: 0, timestamp: 0, ...ended("Process", "b", "same") }, 0);
    return progress;
  };

  test("knows which member runs, is unchanged or waits, and the steps of each", () => {
    const progress = events();
    expect(progress.busy()).toEqual([{ name: "a", phase: "loaded" }]);
    expect(progress.rows().map(({ name, state }) => `${name} ${state}`)).toEqual([
      "a running",
      "b same",
      "c waiting",
    ]);
    progress.step({ ...step("a-game-rules", "configured", "v1"), member: "a" }, 1500);
    progress.apply({ sequence: 0, timestamp: 0, ...ended("Process", "a") }, 2000);
    expect(progress.rows()[0]).toMatchObject({
      state: "done",
      took: 2000,
      phases: [{ phase: "loaded" }, { phase: "configured" }],
    });
    for (const event of failed("Wiring", "c-wiring", "no [X]\n  fix:      y")) {
      progress.apply({ sequence: 0, timestamp: 0, ...event }, 2500);
    }
    expect(progress.rows()[2]).toMatchObject({ name: "c", state: "failed" });
  });

  test("shows a config under its member, with its message", () => {
    const progress = new Progress();
    progress.expect(["deployment-coordinator"]);
    const name = "deployment-coordinator-game-rules";
    const { resourcePreEvent } = began("ConfigBundle", name);
    const metadata = {
      ...resourcePreEvent?.metadata,
      new: { inputs: { configType: "GAME_RULES", targets: [{ name: "deployment-coordinator" }] } },
    };
    const events = [{ resourcePreEvent: { metadata } }, ...failed("ConfigBundle", name, "no [X]")];
    for (const event of events) progress.apply({ sequence: 0, timestamp: 0, ...event } as EngineEvent, 0);
    expect(progress.rows().map((row) => [row.name, row.state])).toEqual([
      ["deployment-coordinator", "failed"],
    ]);
    expect(progress.diagnostics).toMatchObject([{ member: "deployment-coordinator" }]);
  });

  type Told = ["begin" | "end", string, string?] | ["step", StepPhase];
  const rowAfter = (...told: Told[]) => {
    const progress = new Progress();
    progress.expect(["a"]);
    for (const one of told) {
      if (one[0] === "step") progress.step(step("a", one[1]), 0);
      else {
        const [what, type, op = "update"] = one;
        const event = (what === "begin" ? began : ended)(type, type === "Process" ? "a" : "a-wiring", op);
        progress.apply({ sequence: 0, timestamp: 0, ...event }, 0);
      }
    }
    return progress.rows()[0]?.state;
  };
  const readBack: Told[] = [
    ["begin", "Process", "refresh"],
    ["end", "Process", "refresh"],
  ];

  test.each<[string, string, Told[]]>([
    ["only read", "waiting", readBack],
    ["read, with a cron that was requested again", "waiting", [...readBack, ["step", "cron"]]],
    [
      "read, and as declared",
      "same",
      [...readBack, ["begin", "Process", "same"], ["end", "Process", "same"]],
    ],
    [
      "updated in the stack's state only, because its code already ran",
      "same",
      [
        ["begin", "Process"],
        ["step", "ready"],
        ["end", "Process"],
      ],
    ],
    [
      "updated in the state only, with a late step event",
      "same",
      [
        ["begin", "Process"],
        ["end", "Process"],
        ["step", "ready"],
      ],
    ],
    [
      "loaded",
      "done",
      [
        ["begin", "Process"],
        ["step", "loaded"],
        ["step", "ready"],
        ["end", "Process"],
      ],
    ],
    [
      "loaded, with late step events",
      "done",
      [
        ["begin", "Process"],
        ["end", "Process"],
        ["step", "loaded"],
        ["step", "ready"],
      ],
    ],
    [
      "rewired, with unchanged code",
      "done",
      [
        ["end", "Process", "same"],
        ["begin", "Wiring"],
        ["step", "wired"],
        ["end", "Wiring"],
      ],
    ],
    ["read, and then started", "running", [...readBack, ["begin", "Process"]]],
  ])("a member that was %s is %s", (_what, state, told) => {
    expect(rowAfter(...told)).toBe(state);
  });

  test("is drawn as a tree that fits the terminal", () => {
    const style = (_style: unknown, text: string) => text;
    const lines = treeLines("deploying", events(), { now: 3000, columns: 60, rows: 24, style });
    expect(lines[0]).toBe("deploying");
    expect(lines[1]).toMatch(/^├─ . a {13}loaded 44 kB +3\.0 s$/);
    expect(lines[3]).toMatch(/^└─ · c +waiting$/);
    for (const line of lines) expect([...line].length).toBeLessThan(60);
    const small = treeLines("deploying", events(), { now: 0, columns: 60, rows: 5, style });
    expect(small).toHaveLength(4);
    expect(small[1]).toContain(" a ");
    expect(small[3]).toContain("and 1 more");
  });
});

test.each([
  ["shop could not be loaded.", "shop could not be loaded."],
  ["shop's state was not saved.", "shop's state was not saved."],
  ["shopper could not be loaded.", "shop: shopper could not be loaded."],
  ["shop-2 could not be loaded.", "shop: shop-2 could not be loaded."],
  ["shop.lua has a syntax error.", "shop: shop.lua has a syntax error."],
  ["The load failed.", "shop: The load failed."],
])("a failure of the member shop is told with its name once: %s", (what, line) => {
  const problems = [{ code: "X", what, remedy: "Look." }];
  expect(failureLines({ member: "shop", problems })[0]?.split(" [X]")[0]).toBe(line);
});

test("tables align by visible characters, not by colour codes", () => {
  vi.stubEnv("FORCE_COLOR", "1");
  vi.stubEnv("NO_COLOR", undefined);
  const rows = [
    [styled("green", "long", process.stdout), "a"],
    ["b", "c"],
  ];
  vi.unstubAllEnvs();
  expect(table(["x", "name"], rows).map(shownLine)).toEqual([
    "x     name",
    "\x1b[32mlong\x1b[39m  a",
    "b     c",
  ]);
  expect(brief("one\ntwo", 20)).toBe("one…");
  expect(brief("x".repeat(30), 10)).toHaveLength(10);
});

test("the project is the nearest folder with a Pulumi.yaml, else this package", () => {
  const folder = projectFolder();
  mkdirSync(join(folder, "a", "b"), { recursive: true });
  expect(findProject(join(folder, "a", "b"))).toBe(folder);
  expect(findProject("/")).toBe(packageDir);
});

test("a stack's settings override the project's defaults; secrets are not strings", () => {
  const folder = projectFolder();
  writeFileSync(
    join(folder, "Pulumi.prod.yaml"),
    "config:\n  ao-fleet:network: legacy\n  ao-fleet:muUrl: http://mu\n  ao-fleet:wallet:\n    secure: abc\n",
  );
  const dev = readStackConfig(folder, "dev");
  expect(dev.get("walletPath")).toBe("wallet.json");
  expect(networkOf(dev, folder)).toEqual({ kind: "local", dir: join(folder, ".fleet/localnet") });
  const prod = readStackConfig(folder, "prod");
  expect(prod.get("wallet")).toBeUndefined();
  expect(prod.isSecret("wallet")).toBe(true);
  expect(networkOf(prod, folder)).toMatchObject({ kind: "legacy", muUrl: "http://mu" });
  expect(networkOf(prod, folder)).not.toHaveProperty("uploadUrl");
  writeFileSync(
    join(folder, "Pulumi.staging.yaml"),
    "config:\n  ao-fleet:network: legacy\n  ao-fleet:uploadUrl: http://up\n  ao-fleet:maxMessageBytes: 50000\n",
  );
  expect(networkOf(readStackConfig(folder, "staging"), folder)).toMatchObject({
    uploadUrl: "http://up",
    maxMessageBytes: 50_000,
  });
  writeFileSync(
    join(folder, "Pulumi.signed.yaml"),
    "config:\n  ao-fleet:signer:\n    command: [./sign, key-1]\n",
  );
  const signed = readStackConfig(folder, "signed");
  // As pulumi passes an object on to the program and its providers.
  expect([signed.get("signer"), signed.isSecret("signer")]).toEqual([
    '{"command":["./sign","key-1"]}',
    false,
  ]);
  writeFileSync(join(folder, "Pulumi.bad.yaml"), "config:\n  ao-fleet:network: moon\n");
  expect(() => networkOf(readStackConfig(folder, "bad"), folder)).toThrow("NETWORK_INVALID");
});

test("a stack's settings are read where Pulumi reads them: Pulumi.yml, and the folder of stackConfigDir", () => {
  const folder = temporaryFolder("stack-files");
  mkdirSync(join(folder, "stacks"));
  writeFileSync(join(folder, "Pulumi.yml"), "name: game\nstackConfigDir: stacks\n");
  writeFileSync(join(folder, "stacks", "Pulumi.prod.yaml"), "config:\n  game:muUrl: http://mu\n");
  writeFileSync(join(folder, "Pulumi.prod.yaml"), "config:\n  game:muUrl: http://elsewhere\n");
  const prod = readStackConfig(folder, "prod");
  expect([prod.project, prod.get("muUrl")]).toEqual(["game", "http://mu"]);
});

test("members come from this stack's manifest, else from its state", async () => {
  const folder = projectFolder();
  const scope = ScopeSchema.parse({
    project: "ao-fleet",
    stack: "dev",
    home: join(folder, ".fleet"),
    build: join(folder, "build"),
  });
  const outputs = {
    name: "battle",
    processId: "p",
    generation: 3,
    version: "2",
    health: { status: "HEALTHY" },
  };
  const state = {
    deployment: { resources: [{ type: "pulumi-nodejs:dynamic/ao:Process", outputs }, { type: "other" }] },
  };
  const battle = {
    name: "battle",
    processId: "p",
    generation: 3,
    version: "2",
    sourceHash: "",
    status: "ACTIVE",
  };
  expect(await knownFleet(scope, async () => fleetInState(state))).toEqual({ members: [battle] });
  expect(await knownFleet(scope, async () => fleetInState(undefined))).toEqual({ members: [] });

  const manifest = {
    ...MANIFEST_HEAD,
    project: "ao-fleet",
    stack: "dev",
    processes: {
      "deployment-coordinator": {
        processId: "q",
        status: "ACTIVE",
        deploymentTime: "",
        dependencies: [],
        version: "1",
      },
      unborn: { status: "UNKNOWN", deploymentTime: "", dependencies: [] },
    },
  };
  mkdirSync(scope.build);
  const write = (stack: string) =>
    writeFileSync(join(scope.build, "deployment-manifest.json"), JSON.stringify({ ...manifest, stack }));
  write("dev");
  expect(await knownFleet(scope, async () => fleetInState(state))).toMatchObject({
    // The state has what an unfinished run's manifest does not name yet.
    members: [{ name: "deployment-coordinator", processId: "q", generation: 1 }, battle],
    ledger: "deployment-coordinator",
  });
  write("prod");
  expect(await knownFleet(scope, async () => fleetInState(state))).toEqual({ members: [battle] });
});

test.each([
  ["a merge conflict", "<<<<<<< HEAD\nconfig:\n=======\nconfig:\n>>>>>>> other\n", /:\d+:\d+$/],
  ["no map", "- walletPath\n", /\.yaml$/],
])("a stack's settings file with %s is named, and is not empty settings", (_, text, at) => {
  const folder = projectFolder();
  const file = join(folder, "Pulumi.prod.yaml");
  writeFileSync(file, text);
  expect(() => readStackConfig(folder, "prod")).toThrow("[PROJECT_UNREADABLE]");
  const error = caught(() => readStackConfig(folder, "prod"));
  expect(error).toMatchObject({ problems: [{ at: expect.stringMatching(at) }] });
  writeFileSync(file, "");
  expect(readStackConfig(folder, "prod").get("network")).toBe("local");
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

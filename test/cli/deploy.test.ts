import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FleetError, formatProblem, type Problem } from "../../src/core/errors.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import {
  type Answer,
  began,
  ended,
  failed,
  fakeAo,
  fakeEngine,
  fakeFleet,
  fleet,
  HASH,
  idOf,
  MANIFEST_HEAD,
  member,
  projectFolder,
  type Script,
} from "./fakes.ts";

afterEach(() => vi.unstubAllEnvs());

const summary = (changes: Record<string, number>) => ({
  summaryEvent: { maybeCorrupt: false, durationSeconds: 1, resourceChanges: changes, policyPacks: {} },
});
const UNIT_DOWN = [
  "1 error occurred:\n\t* The compute unit at http://x cannot be reached [UNIT_DOWN]",
  "  got:      ECONNREFUSED",
  "  expected: a server that answers",
  "  fix:      Check the network's address.",
].join("\n");
const LUA_ERROR =
  "battle could not be loaded: oops [LUA_ERROR]\n  at:       processes/battle/process.lua:3:4\n  fix:      Fix the line.\n";

/** What the providers report about a step that failed. */
const reported = (
  { env }: Parameters<Script>[0],
  name: string,
  code: string | undefined,
  transient: boolean,
  phase = "failed",
  problems?: readonly Problem[],
): void => {
  const event = { at: "now", deploymentId: "d", name, phase, detail: "", code, transient, problems };
  appendFileSync(env.FLEET_EVENTS ?? "", `${JSON.stringify(event)}\n`);
};

const good: Script = async ({ say, env }) => {
  say(began("Process", "battle"));
  const step = {
    at: "now",
    deploymentId: env.FLEET_DEPLOYMENT_ID,
    name: "battle",
    phase: "ready",
    detail: "HEALTHY",
  };
  if (env.FLEET_EVENTS) appendFileSync(env.FLEET_EVENTS, `${JSON.stringify({ ...step, seconds: 0.5 })}\n`);
  say(ended("Process", "battle"));
  say(summary({ create: 1 }));
  return { ok: true, text: "what pulumi printed" };
};

/** The manifest of the run before: each member with its process, all active. */
function writeManifest(cwd: string, ids: Readonly<Record<string, string>>): void {
  const manifest = {
    ...{ ...MANIFEST_HEAD, project: "ao-fleet", stack: "dev" },
    processes: Object.fromEntries(
      Object.entries(ids).map(([name, processId]) => [
        name,
        { processId, status: "ACTIVE", deploymentTime: "now", dependencies: [] },
      ]),
    ),
  };
  mkdirSync(join(cwd, "build"), { recursive: true });
  writeFileSync(join(cwd, "build/deployment-manifest.json"), JSON.stringify(manifest));
}

/** A fleet of these members, all healthy unless an answer says otherwise. */
function answering(names: readonly string[], answers: Readonly<Record<string, Answer>> = {}) {
  const well = { success: true, status: "ACTIVE", sourceHash: HASH };
  const ao = fakeAo(({ processId }) => answers[processId] ?? { reply: well });
  return fakeFleet(
    ao,
    names.map((name) => member(name)),
  );
}

/** The same, of which the node computes no slot of one member. */
function stuckIn(name: string) {
  const found = answering(["battle", "token"]);
  const { ao } = found.session;
  const dryrun: typeof ao.dryrun = async (input, budget) => {
    if (input.processId !== idOf(name)) return ao.dryrun(input, budget);
    const problem = { code: "PROCESS_STUCK", what: "It is not computed.", remedy: "Wait." };
    throw new FleetError(problem, { transient: true });
  };
  return { ...found, session: { ...found.session, ao: { ...ao, dryrun } } };
}

async function deploy(words: readonly string[], script: Script, more: Parameters<typeof fleet>[1] = {}) {
  const cwd = projectFolder();
  const engine = fakeEngine(script);
  const ran = await fleet(["deploy", ...words], { engine, cwd, ...more });
  return { ...ran, engine, cwd };
}

describe("fleet deploy", () => {
  test("runs up, reports every step, writes a log, and exits with 0", async () => {
    const { code, stderr, stdout, engine, cwd } = await deploy(["--yes"], good);
    expect(code).toBe(0);
    expect(stderr).toMatch(/\d s {2}battle +ready HEALTHY {2}0\.5 s/);
    expect(stdout).toMatch(/Deployed in [\d.]+ s: create 1\./);
    const id = engine.runs[0]?.env.FLEET_DEPLOYMENT_ID;
    expect(readFileSync(join(cwd, "build", "logs", `${id}.log`), "utf8")).toContain("what pulumi printed");
  });

  test("prints one document about the run with --json", async () => {
    const ran = await deploy(["--yes", "--json"], good);
    expect(ran.json()).toMatchObject({
      success: true,
      status: "succeeded",
      stack: "dev",
      attempts: 1,
      changes: { create: 1 },
      failures: [],
      manifest: "build/deployment-manifest.json",
      log: expect.stringMatching(/^build\/logs\/deploy-\d{8}T\d{6}Z?-[0-9a-f]{6}\.log$/),
    });
    expect(ran.stderr).toBe("");
  });

  test("passes --replace on, to the preview too", async () => {
    const { engine } = await deploy(["--yes", "--replace", "battle, shop"], good);
    expect(engine.runs[0]?.env).toMatchObject({ FLEET_REPLACE: "battle shop" });
    const { engine: looks } = await deploy(["--dry-run", "--replace", "battle"], good);
    expect(looks.runs[0]).toMatchObject({ kind: "preview", env: { FLEET_REPLACE: "battle" } });
    const { engine: plain } = await deploy(["--yes"], good);
    expect(plain.runs[0]?.env).not.toHaveProperty("FLEET_REPLACE");
  });

  test("passes --only and --timeout to the program and the providers, and selects no targets", async () => {
    const { engine } = await deploy(["--yes", "--only", "coordinator, battle", "--timeout", "600"], good);
    expect(engine.runs[0]?.env).toMatchObject({ FLEET_ONLY: "coordinator battle", FLEET_TIMEOUT: "600" });
    const { engine: plain } = await deploy(["--yes"], good);
    expect(plain.runs[0]?.env).not.toHaveProperty("FLEET_ONLY");
    expect(plain.runs[0]?.env).not.toHaveProperty("FLEET_TIMEOUT");
  });

  test("names what failed and why, what is deployed and what to do next", async () => {
    const cwd = projectFolder();
    writeManifest(cwd, { battle: "b" });
    const failing: Script = async ({ say }) => {
      say(began("Process", "coordinator"));
      say(ended("Process", "coordinator"));
      say(began("Process", "battle"));
      for (const event of failed("Process", "battle", LUA_ERROR)) say(event);
      say({ diagnosticEvent: { severity: "error", message: "update failed\n", color: "never" } });
      return { ok: false };
    };
    const found = answering(["coordinator", "battle"]);
    const { code, stderr } = await fleet(["deploy", "--yes"], {
      ...{ engine: fakeEngine(failing), cwd, fleet: found },
    });
    expect(code).toBe(1);
    expect(stderr).toContain(
      "battle could not be loaded: oops [LUA_ERROR]\n  at:       processes/battle/process.lua:3:4",
    );
    expect(stderr).toMatch(/failed: +battle\n/);
    expect(stderr).toMatch(/deployed in this run: +coordinator\n/);
    expect(stderr).toContain("npx fleet logs battle --errors");
    expect(stderr).not.toContain("update failed [ENGINE]");
  });

  test("counts as deployed what this run changed, and not what it read or found unchanged", async () => {
    const cwd = projectFolder();
    writeManifest(cwd, { calc: "c", notes: "n", token: "t", battle: "b" });
    const script: Script = async (run) => {
      const { say } = run;
      for (const name of ["calc", "notes", "token", "battle"]) {
        say(began("Process", name, "refresh"));
        say(ended("Process", name, "refresh"));
      }
      // A run that died had loaded it: only the stack's state did not record that.
      say(began("Process", "notes", "update"));
      reported(run, "notes", undefined, false, "ready");
      say(ended("Process", "notes", "update"));
      say(began("Process", "token", "update"));
      reported(run, "token", undefined, false, "loaded");
      reported(run, "token", undefined, false, "ready");
      say(ended("Process", "token", "update"));
      for (const event of failed("Process", "battle", LUA_ERROR)) say(event);
      return { ok: false };
    };
    const found = answering(["calc", "notes", "token", "battle"]);
    const { stderr } = await fleet(["deploy", "--yes", "--refresh"], {
      ...{ engine: fakeEngine(script), cwd, fleet: found },
    });
    expect(stderr).toMatch(/deployed in this run: +token\n/);
    expect(stderr).toMatch(/running as before: +notes, calc\n/);
    expect(stderr).toMatch(/failed: +battle\n/);
  });

  describe("reports each unchanged member by its own answer", () => {
    const names = ["calc", "token", "shop", "notes", "router"];
    /** A run that ends in the traffic's step, in a folder with the manifest of the run before. */
    async function inTraffic(found: FleetSession | FleetError, words: readonly string[] = []) {
      const cwd = projectFolder();
      writeManifest(cwd, Object.fromEntries(names.map((name) => [name, idOf(name)])));
      const engine = fakeEngine(async ({ say }) => {
        say(began("Traffic", "rolling-traffic", "update"));
        return { ok: false, killedBy: "SIGKILL" };
      });
      return fleet(["deploy", "--yes", ...words], {
        ...{ engine, cwd },
        fleet: found,
      });
    }
    const reply = (status: string, sourceHash = HASH): Answer => ({
      reply: { success: true, status, sourceHash },
    });

    test("who refuses requests, who changed, who did not answer", async () => {
      const found = answering(names, {
        [idOf("token")]: reply("DRAINING"),
        [idOf("shop")]: reply("ACTIVE", "cd".repeat(32)),
        [idOf("notes")]: {},
      });
      const { code, stderr } = await inTraffic(found);
      expect(code).toBe(1);
      expect(stderr).toMatch(/running as before: +calc, router\n/);
      expect(stderr).toMatch(
        /refusing requests: +token \(DRAINING\)\. .* a deploy that succeeds completes or reverts it/,
      );
      expect(stderr).toMatch(/differs from before: +shop \(it runs code cdcdcdcd instead of abababab\)\n/);
      expect(stderr).toMatch(/unknown: +notes \(NO_REPLY\); npx fleet status asks again\n/);
      expect(stderr).toMatch(/unfinished: +traffic\n/);
      const { standing } = (await inTraffic(found, ["--json"])).json<{ standing: object }>();
      expect(standing).toEqual({
        ...{ failed: [], held: [], done: [], unfinished: ["traffic"], notYet: [] },
        asBefore: ["calc", "router"],
        refusing: ["token"],
        otherwise: [{ name: "shop", why: "it runs code cdcdcdcd instead of abababab" }],
        unknown: [{ name: "notes", why: "NO_REPLY" }],
      });
    });

    test("after a run that left a member as it is: a dead one is named with what helps, and is no success", async () => {
      for (const [found, code, said] of [
        [answering(["battle", "token"]), 0, /token +\S+ +ACTIVE/],
        [stuckIn("token"), 1, /token +\S+ +UNKNOWN \(PROCESS_STUCK\)/],
      ] as const) {
        const cwd = projectFolder();
        writeManifest(cwd, { battle: idOf("battle"), token: idOf("token") });
        const run = (words: readonly string[] = []) =>
          fleet(["deploy", "--yes", ...words], { engine: fakeEngine(good), cwd, fleet: found });
        const ran = await run();
        expect([ran.code, ran.stdout]).toEqual([code, expect.stringMatching(said)]);
        // The run itself checked this one.
        expect(ran.stdout).toMatch(/battle +\S+ +ACTIVE/);
        if (code === 1) expect(ran.stderr).toMatch(/token: stuck: .* npx fleet deploy --replace token/);
        expect((await run(["--json"])).json()).toMatchObject({ success: code === 0, status: "succeeded" });
      }
    });
    test.each(["STACK_MOVING", "STACK_MOVED"])(
      "and promises no deployment that completes anything if this one is refused: %s",
      async (refusal) => {
        const cwd = projectFolder();
        writeManifest(cwd, Object.fromEntries(names.map((name) => [name, idOf(name)])));
        const engine = fakeEngine(async ({ say }) => {
          const message = `Its fleet is moved. [${refusal}]\n  fix:      Wait for the move to end.`;
          say({ diagnosticEvent: { severity: "error", message, color: "never" } });
          return { ok: false };
        });
        const found = answering(names, { [idOf("token")]: reply("DRAINING") });
        const { code, stderr } = await fleet(["deploy", "--yes"], { engine, cwd, fleet: found });
        expect(code).toBe(1);
        expect(stderr).toMatch(/refusing requests: +token \(DRAINING\), because of the move\n/);
        expect(stderr).toMatch(
          /next: +see the fix above: until then, every deployment to this stack is refused\n/,
        );
        expect(stderr).not.toMatch(/completes|npx fleet deploy|continues/);
      },
    );

    test("from every process with traffic, and from none if the router does not name them", async () => {
      const half = { ...member("token (half)"), processId: idOf("half"), of: "token" };
      const found = answering(names, { [idOf("half")]: reply("DRAINING") });
      const split = { ...found, sharing: [half], router: "router", routed: [idOf("token"), idOf("half")] };
      expect((await inTraffic(split)).stderr).toMatch(/refusing requests: +token \(DRAINING\)/);
      const { stderr } = await inTraffic({ ...found, router: "router" });
      expect(stderr).not.toContain("running as before");
      expect(stderr).toMatch(/unknown: +calc \(NO_TABLE\), token \(NO_TABLE\), /);
    });

    test("and claims nothing if the fleet cannot be opened", async () => {
      const error = new FleetError({ code: "LOCALNET_START", what: "No.", expected: "one", remedy: "Look." });
      const { code, stderr } = await inTraffic(error);
      expect(code).toBe(1);
      expect(stderr).not.toContain("running as before");
      expect(stderr).toMatch(/unknown: +calc \(LOCALNET_START\), /);
    });
  });

  test("prints pulumi's output when nothing else explains the failure", async () => {
    const { code, stderr } = await deploy(["--yes"], async () => ({
      ok: false,
      text: "…\nerror: incorrect passphrase",
    }));
    expect(code).toBe(1);
    expect(stderr).toContain("error: incorrect passphrase [ENGINE]");
  });

  test("reports that pulumi was killed instead of its cut output, in a plan too", async () => {
    const script: Script = async ({ say }) => {
      say(began("Traffic", "rolling-traffic", "update"));
      return {
        ok: false,
        killedBy: "SIGKILL",
        text: " ~ pulumi-nodejs:dynamic/ao:Traffic … @ updating......",
      };
    };
    const { code, stderr } = await deploy(["--yes"], script);
    expect(code).toBe(1);
    expect(stderr).toContain("Pulumi was killed by SIGKILL before its run finished. [ENGINE_KILLED]\n");
    expect(stderr).toMatch(/next: +npx fleet deploy: it continues where this run stopped\n/);
    expect(stderr).not.toContain("updating...");
    const plan = await deploy(["--dry-run"], script);
    expect(plan).toMatchObject({ code: 1, stderr: expect.stringContaining("[ENGINE_KILLED]") });
  });

  test("keeps the remedy of a failure that happened before pulumi was killed", async () => {
    const { stderr } = await deploy(["--yes"], async ({ say }) => {
      for (const event of failed("Process", "battle", LUA_ERROR)) say(event);
      return { ok: false, killedBy: "SIGKILL" };
    });
    expect(stderr).toContain("[ENGINE_KILLED]");
    expect(stderr).toContain("battle could not be loaded: oops [LUA_ERROR]");
    expect(stderr).toMatch(/next: +fix it, then run npx fleet deploy again/);
  });

  test("reports that a provider ended in a step, and offers no fix", async () => {
    const { code, stderr } = await deploy(["--yes"], async ({ say }) => {
      for (const event of failed("Traffic", "rolling-traffic", "error reading from server: EOF")) say(event);
      return { ok: false };
    });
    expect(code).toBe(1);
    expect(stderr).toContain("ended in the middle of this step. [PROVIDER_ENDED]");
    expect(stderr).toMatch(/next: +npx fleet deploy: it continues where this run stopped\n/);
  });

  test("runs again with --retries after a temporary failure only", async () => {
    const passing: Script = async (run) => {
      if (run.attempt > 1) return good(run);
      reported(run, "battle", "UNIT_DOWN", true);
      for (const event of failed("Process", "battle", UNIT_DOWN)) run.say(event);
      return { ok: false };
    };
    const again = await deploy(["--yes", "--retries", "1", "--json"], passing);
    expect(again.code).toBe(0);
    expect(again.json()).toMatchObject({ attempts: 2 });
    expect(new Set(again.engine.runs.map(({ env }) => env.FLEET_DEPLOYMENT_ID)).size).toBe(2);
    expect((await deploy(["--yes"], passing)).engine.runs).toHaveLength(1);
    const lasting = await deploy(["--yes", "--retries", "3", "--json"], async (run) => {
      const { say } = run;
      reported(run, "shop", "UNIT_DOWN", true);
      reported(run, "battle", "LUA_ERROR", false);
      for (const event of [
        ...failed("Process", "shop", UNIT_DOWN),
        ...failed("Process", "battle", LUA_ERROR),
      ])
        say(event);
      return { ok: false };
    });
    expect(lasting.engine.runs).toHaveLength(1);
    expect(lasting.json()).toMatchObject({
      failures: [
        { member: "shop", problems: [{ code: "UNIT_DOWN", got: "ECONNREFUSED" }] },
        { member: "battle", problems: [{ code: "LUA_ERROR" }] },
      ],
    });
  });

  test("does not retry a failure that no step reported, whatever its code", async () => {
    const { engine } = await deploy(["--yes", "--retries", "3"], async (run) => {
      reported(run, "shop", "UNIT_SLOW", true);
      for (const event of failed("Process", "battle", UNIT_DOWN)) run.say(event);
      return { ok: false };
    });
    expect(engine.runs).toHaveLength(1);
  });

  test("names another operator's run once, with exit code 5; --retries waits for its end, --take-over does not", async () => {
    const words = [
      "deployment-coordinator refused DEPLOY_PROCESS: deploy-1 of operator op-2 is in progress [DEPLOYMENT_IN_PROGRESS]",
      "  fix:      Wait until it ends. If it is dead, take over: npx fleet deploy --take-over",
    ].join("\n");
    const otherRun: Script = async (run) => {
      if (run.env.FLEET_TAKE_OVER === "1" || run.attempt > 1) return good(run);
      for (const name of ["battle", "shop"]) {
        reported(run, name, "DEPLOYMENT_IN_PROGRESS", true);
        for (const event of failed("Process", name, words)) run.say(event);
      }
      return { ok: false };
    };
    const refused = await deploy(["--yes"], otherRun);
    expect(refused.code).toBe(5);
    expect(refused.stderr.split("[DEPLOYMENT_IN_PROGRESS]")).toHaveLength(2);
    expect(refused.stderr).toContain("npx fleet deploy --take-over");
    expect(await deploy(["--yes", "--retries", "1", "--json"], otherRun)).toMatchObject({ code: 0 });
    const taken = await deploy(["--yes", "--take-over"], otherRun, { backend: "file://./.fleet" });
    expect(taken.code).toBe(0);
    expect(taken.engine.runs).toHaveLength(1);
  });

  test("decides by the problems that a step reports, and does not read their text", async () => {
    // As text, the last line of `got` is another problem, of a rollout that failed.
    const gate = {
      code: "GATE",
      what: "The rollout waits.",
      got: "shop has errors:\nit could not be loaded [LUA_ERROR]",
      remedy: "Look.",
    };
    const waiting = await deploy(["--yes", "--json"], async (run) => {
      reported(run, "traffic", "GATE", false, "waiting", [gate]);
      for (const event of failed("Traffic", "rolling-traffic", formatProblem(gate))) run.say(event);
      return { ok: false };
    });
    expect(waiting.code).toBe(4);
    expect(waiting.json()).toMatchObject({ failures: [{ member: "traffic", problems: [gate] }] });
    const busy = { ...gate, code: "DEPLOYMENT_IN_PROGRESS" };
    const occupied = await deploy(["--yes"], async (run) => {
      const event = { at: "now", member: "battle", problems: [busy] };
      appendFileSync(run.env.FLEET_EVENTS ?? "", `${JSON.stringify(event)}\n`);
      for (const one of failed("Process", "battle", "the text is lost")) run.say(one);
      return { ok: false };
    });
    expect(occupied.code).toBe(5);
  });

  test("ends the run at --timeout and names what was in progress, with exit code 124", async () => {
    const { code, stderr, json } = await deploy(
      ["--yes", "--timeout", "0.2", "--json"],
      ({ say, signal }) => {
        say(began("Process", "battle"));
        return new Promise((resolve) =>
          signal.addEventListener("abort", () => resolve({ ok: false, text: "error: update canceled" })),
        );
      },
    );
    expect(code).toBe(124);
    expect(stderr).toMatch(/The run timed out after [\d.]+ s\. \[TIMEOUT\]\n {2}got: +still running: battle/);
    expect(stderr).not.toContain("canceled");
    expect(json()).toMatchObject({ status: "timeout", stillGoingOn: [{ name: "battle", phase: "started" }] });
  });

  test("names who holds a locked stack, with exit code 5", async () => {
    const text =
      "error: the stack is currently locked by 1 lock(s). Either wait …\n  file:///x.json: created by ann@laptop (pid 4711) at 2026-01-02T03:04:05Z";
    const { code, stderr } = await deploy(["--yes"], async () => ({ ok: false, locked: true, text }));
    expect(code).toBe(5);
    expect(stderr).toContain("locked by ann@laptop (pid 4711) at 2026-01-02T03:04:05Z");
    expect(stderr).toContain("npx pulumi cancel --stack dev");
  });

  test.each([
    ["HELD", "promote"],
    ["GATE", "promote"],
    ["PAUSED", "resume"],
  ])(
    "reports a rollout that waits (%s) with exit code 4, as no failure, to continue after fleet %s",
    async (held, command) => {
      const waiting: Script = async (run) => {
        const { say } = run;
        say(began("Process", "battle"));
        say(ended("Process", "battle"));
        reported(run, "traffic", held, false, "waiting");
        for (const event of failed(
          "Traffic",
          "rolling-traffic",
          `The rollout waits. [${held}]\n  fix:      Look.`,
        ))
          say(event);
        return { ok: false };
      };
      const named = await deploy(["--yes", "--stack", "prod"], waiting, { fleet: answering(["battle"]) });
      expect(named.stderr).toMatch(
        new RegExp(
          `next: +npx fleet ${command} --stack prod, then npx fleet deploy --stack prod continues,.*; npx fleet abort --stack prod ends the rollout instead\n`,
        ),
      );
      const ran = await deploy(["--yes"], waiting, { fleet: answering(["battle"]) });
      expect(ran.code).toBe(4);
      expect(ran.stderr).not.toContain("failed");
      expect(ran.stderr).toMatch(/waiting: +traffic\n/);
      expect(ran.stderr).toMatch(/deployed in this run: +battle\n/);
      expect(ran.stderr).toMatch(
        new RegExp(
          `next: +npx fleet ${command}, then npx fleet deploy continues, or rolls back if a check fails by then \\(onFailure: rollback\\); npx fleet abort ends the rollout instead\n`,
        ),
      );
    },
  );

  test("suggests no command that cannot work: a member without a process has no logs", async () => {
    for (const [type, name] of [
      ["Traffic", "rolling-traffic"],
      ["Process", "never-spawned"],
    ] as const) {
      const { code, stderr } = await deploy(["--yes"], async ({ say }) => {
        for (const event of failed(type, name, "No. [X]\n  fix:      Look.")) say(event);
        return { ok: false };
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/next: +fix it, then run npx fleet deploy again: it continues from here\n/);
    }
  });

  const plan: Script = async ({ say, kind }) => {
    expect(kind).toBe("preview");
    say(began("Process", "battle", "update"));
    say({ diagnosticEvent: { severity: "info", message: "battle: the code changes\n\n", color: "never" } });
    say(summary({ update: 1, same: 3 }));
    return { ok: true };
  };

  test("shows the plan and changes nothing with --dry-run; changes exit with 3 with --expect-no-changes", async () => {
    const look = await deploy(["--dry-run"], plan);
    expect(look.code).toBe(0);
    expect(look.stdout).toContain("~ update process  battle");
    expect(look.stdout).toContain("battle: the code changes");
    expect((await deploy(["--expect-no-changes"], plan)).code).toBe(3);
    const idle = await deploy(["--expect-no-changes", "--json"], async ({ say }) => {
      say(summary({ same: 4 }));
      return { ok: true };
    });
    expect(idle.code).toBe(0);
    expect(idle.json()).toMatchObject({ success: true, dryRun: true, steps: [], changes: { same: 4 } });
  });

  test("asks for confirmation after the plan without --yes, and needs a terminal for that", async () => {
    const both: Script = async (run) => (run.kind === "preview" ? plan(run) : good(run));
    const no = await deploy([], both, { tty: true, confirm: false });
    expect(no).toMatchObject({ code: 0, stderr: expect.stringContaining("Nothing was changed.") });
    expect(no.engine.runs).toHaveLength(1);
    const yes = await deploy([], both, { tty: true, confirm: true });
    expect(yes.engine.runs.map(({ kind }) => kind)).toEqual(["preview", "up"]);
    const nobody = await deploy([], both);
    expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining("[NOT_CONFIRMED]") });
    expect(nobody.engine.runs).toHaveLength(0);
  });

  test("fails in the plan, before it asks, when the program has a problem", async () => {
    const { code, stderr } = await deploy(
      [],
      async ({ say }) => {
        const message =
          "Members depend on each other. [DEPENDENCY_CYCLE]\n  got:      a → b → a\n  fix:      Remove one.\n";
        say({ diagnosticEvent: { severity: "error", message, color: "never" } });
        return { ok: false };
      },
      { tty: true, confirm: true },
    );
    expect(code).toBe(1);
    expect(stderr).toContain("[DEPENDENCY_CYCLE]\n  got:      a → b → a");
  });

  test("takes the program's problems in a plan as data", async () => {
    const problems = [
      { code: "BAD_VALUE", what: "Invalid value for a.", got: "one\nof these [OLD]", remedy: "Fix it." },
    ];
    const { code, json } = await deploy(["--dry-run", "--json"], async ({ say, env }) => {
      appendFileSync(env.FLEET_EVENTS ?? "", `${JSON.stringify({ at: "now", problems })}\n`);
      const message = problems.map(formatProblem).join("\n");
      say({ diagnosticEvent: { severity: "error", message, color: "never" } });
      return { ok: false };
    });
    expect(code).toBe(1);
    expect(json<{ failures: unknown[] }>().failures).toEqual([{ problems }]);
  });
});

describe("the events of a plan", () => {
  const oops: Script = async ({ say, env }) => {
    if (env.FLEET_EVENTS) writeFileSync(env.FLEET_EVENTS, '{"at":"now","problems":[{"co\n');
    const message = "Members depend on each other. [DEPENDENCY_CYCLE]\n  fix:      Remove one.\n";
    say({ diagnosticEvent: { severity: "error", message, color: "never" } });
    return { ok: false };
  };
  const cycle = { code: "DEPENDENCY_CYCLE", what: "Members depend on each other.", remedy: "Remove one." };

  test("may have a torn line, and leave no folder", async () => {
    const cwd = projectFolder();
    const temporary = join(cwd, "tmp");
    mkdirSync(temporary);
    vi.stubEnv("TMPDIR", temporary);
    const { code, json } = await fleet(["deploy", "--dry-run", "--json"], { engine: fakeEngine(oops), cwd });
    expect([code, json()]).toMatchObject([1, { failures: [{ problems: [cycle] }] }]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  test("are not needed if there is no folder for temporary files", async () => {
    const cwd = projectFolder();
    vi.stubEnv("TMPDIR", join(cwd, "none"));
    const { code, json } = await fleet(["deploy", "--dry-run", "--json"], { engine: fakeEngine(oops), cwd });
    expect([code, json()]).toMatchObject([1, { failures: [{ problems: [cycle] }] }]);
  });
});

describe("a state that cannot be kept", () => {
  const stoppedBy = (code: string) =>
    `The state of battle cannot be kept, so its code was not changed. [${code}]\n  got:      slow\n  fix:      Run it again.\n`;
  const keptBy =
    (code: string): Script =>
    async (run) => {
      if (run.kind === "preview") {
        run.say(began("Process", "battle", "update"));
        run.say(summary({ update: 1 }));
        return { ok: true };
      }
      if (run.env.FLEET_WITHOUT_BACKUP === "1") return good(run);
      run.say(began("Process", "battle"));
      for (const event of failed("Process", "battle", stoppedBy(code))) run.say(event);
      return { ok: false, text: "failed" };
    };

  const kept = keptBy("BACKUP_FAILED");

  test.each(["BACKUP_FAILED", "STATE_IN_CODE", "STATE_NOT_COMPARED"])(
    "is a question at a terminal, and the answer decides (%s)",
    async (code) => {
      const yes = await deploy([], keptBy(code), { tty: true, confirm: true });
      expect(yes.code).toBe(0);
      const ups = yes.engine.runs.filter(({ kind }) => kind === "up");
      expect(ups.map(({ env }) => env.FLEET_WITHOUT_BACKUP)).toEqual([undefined, "1"]);
    },
  );

  test("ends the run with its code without a terminal; a flag continues", async () => {
    const stopped = await deploy(["--yes"], kept);
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain("[BACKUP_FAILED]");
    expect(stopped.engine.runs).toHaveLength(1);
    const forced = await deploy(["--yes", "--without-backup"], kept);
    expect(forced.code).toBe(0);
    expect(forced.engine.runs[0]?.env.FLEET_WITHOUT_BACKUP).toBe("1");
  });
});

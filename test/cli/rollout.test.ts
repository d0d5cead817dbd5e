import { describe, expect, test } from "vitest";
import { AFTER_APPROVAL } from "../../src/delivery/index.ts";
import { type Behaviour, fakeAo, fakeFleet, fleet, HASH, idOf, member } from "./fakes.ts";

const GREEN = idOf("green");
const BLUE = idOf("blue");
const table = (mode: string, more: object = {}) => ({
  release: "abcdef0123456789",
  step: 2,
  salt: "s",
  mode,
  at: 1000,
  services: {
    battle: {
      key: "sender",
      routes: [
        { processId: GREEN, revision: "new-code", weightBp: 500 },
        { processId: BLUE, revision: "old-code", weightBp: 9500 },
      ],
    },
  },
  ...more,
});

/** A coordinator with a rollout in progress. */
function rollout(
  change: object = {},
  modeAfter = (command: string) => (command === "abort" ? "steady" : "held"),
): {
  behave: Behaviour;
  state: Record<string, unknown>;
  commands: unknown[];
} {
  const commands: unknown[] = [];
  const state: Record<string, unknown> = {
    success: true,
    table: table("rollout"),
    lease: { untilMs: 61_000, revertTo: "old" },
    metrics: {
      release: "abcdef0123456789",
      step: 2,
      since: 0,
      services: { battle: { [GREEN]: { requests: 12, answered: 11, errors: 1, refused: 0, latencies: [] } } },
    },
    proofs: [],
    serial: 4,
    epoch: 7,
    at: 31_000,
    ...change,
  };
  const behave: Behaviour = ({ action, data }) => {
    if (action === "GET_TRAFFIC") return { reply: state };
    if (action === "TRAFFIC_COMMAND") {
      const said = JSON.parse(data);
      commands.push(said);
      const mode = modeAfter(said.command);
      return { reply: { success: true, release: "abcdef0123456789", step: 2, mode } };
    }
    const nonce = data === "" || data === "{}" ? "" : (JSON.parse(data).healthCheck?.nonce ?? "");
    return {
      reply: {
        success: true,
        healthStatus: "HEALTHY",
        status: "ACTIVE",
        checks: [],
        nonce,
        version: "1.0.0",
        sourceHash: HASH,
        epoch: 7,
        release: "r",
      },
    };
  };
  return { behave, state, commands };
}

/** A stack whose state has these resources. */
const stateOf = (resources: readonly object[]) => {
  const stdout = JSON.stringify({ deployment: { resources } });
  return async () => ({ code: 0, stdout, output: stdout });
};
const trafficIn = (name: string) => ({
  type: "pulumi-nodejs:dynamic/ao:Traffic",
  outputs: { router: { name, processId: idOf(name), generation: 1 }, services: {} },
});
const fleetMembers = [member("coordinator"), member("battle")];
const run = (words: string[], behave: Behaviour, members = fleetMembers, router = "coordinator") =>
  fleet(words, { fleet: fakeFleet(fakeAo(behave), members), pulumi: stateOf([trafficIn(router)]) });

test.each([
  ["promote", `Promoted: release abcdef012345, step 2.\nNext: npx fleet deploy ${AFTER_APPROVAL}.\n`],
  [
    "pause",
    `Paused: release abcdef012345, step 2.\nNext: npx fleet resume, then npx fleet deploy ${AFTER_APPROVAL}.\n`,
  ],
  ["resume", `Resumed: release abcdef012345, step 2.\nNext: npx fleet deploy ${AFTER_APPROVAL}.\n`],
  [
    "abort",
    "Aborted, all traffic returned: release abcdef012345, step 2.\n" +
      "State that the new revision had returns with the run that watches the rollout; until then the old revision refuses those callers (DRAINING). " +
      "If no run watches it, the next npx fleet deploy returns it, of this release or another; the same release starts the rollout again.\n",
  ],
])("%s tells the router, and shows the router's answer", async (command, confirmed) => {
  const { behave, commands } = rollout();
  const ran = await run([command], behave);
  expect(ran.code).toBe(0);
  expect(ran.stdout.startsWith(confirmed)).toBe(true);
  expect(commands).toEqual([{ command }]);
  expect(ran.stdout).toContain(
    "traffic: TRAFFIC_SWITCHING, release abcdef012345, step 2: reverts automatically in 30 s",
  );
  expect(ran.stdout).toMatch(/battle +5 % +green_+ +new-code +12 +1/);
  const one = await run([command, "--release", "abcdef", "--json"], behave);
  expect(one.json()).toMatchObject({
    success: true,
    command,
    mode: command === "abort" ? "steady" : "held",
    traffic: { phase: "TRAFFIC_SWITCHING", step: 2 },
  });
  expect(commands[1]).toEqual({ command, release: "abcdef" });
});

test("abort says that the traffic stays if the router leaves it to the next run", async () => {
  const ran = await run(["abort"], rollout({}, () => "held").behave);
  expect(ran.code).toBe(0);
  expect(ran.stdout).toContain(
    "Abort requested, no traffic returned yet, because the state is with the new revision: release abcdef012345, step 2.\n" +
      "Next: the run that watches the rollout returns state and traffic; it asks the router at least every 30 s. If none does, npx fleet deploy --refresh, of this release or another, tries to.\n",
  );
});

test("the next command acts on the stack that was named", async () => {
  const on = (words: string[]) => run([...words, "--stack", "prod"], rollout({}, () => "held").behave);
  expect((await on(["promote"])).stdout).toContain("Next: npx fleet deploy --stack prod continues");
  expect((await on(["pause"])).stdout).toContain(
    "Next: npx fleet resume --stack prod, then npx fleet deploy --stack prod continues",
  );
  expect((await on(["abort"])).stdout).toContain("If none does, npx fleet deploy --refresh --stack prod, of");
  const failing: Behaviour = () => ({ error: "boom" });
  expect((await run(["abort", "--stack", "prod"], failing)).stderr).toContain(
    "The commands above without --stack act on this stack with --stack prod.",
  );
  expect((await run(["abort"], failing)).stderr).not.toContain("--stack");
  // Its remedy contains no command.
  expect((await on(["abort", "--router", "nobody"])).stderr).not.toContain("--stack");
});

test("a refusal of the router exits with 1, and a missing router is named", async () => {
  const refusing: Behaviour = () => ({
    reply: {
      success: false,
      error: { code: "NO_ROLLOUT", message: "no rollout is under way", remedy: "Begin one." },
    },
  });
  const ran = await run(["abort"], refusing);
  expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("[NO_ROLLOUT]")]);
  expect((await run(["abort"], refusing, [member("battle")])).stderr).toContain("[NO_ROUTER]");
});

test("a held step that a person approved is not shown as waiting for a person", async () => {
  const held = table("held", { reason: "a gate at 10 % waits for fleet promote" });
  const word = (command: string, step: number) => ({
    ...{ command, release: "abcdef0123456789", step, by: "ann", at: 2000 },
  });
  const shown = async (command: object) =>
    (await run(["status"], rollout({ table: held, lease: undefined, command }).behave)).stdout;
  expect(await shown(word("promote", 2))).toContain(
    `step 2: approved by a person: the next deployment ${AFTER_APPROVAL}`,
  );
  for (const other of [word("promote", 1), word("pause", 2)])
    expect(await shown(other)).toContain("step 2: a gate at 10 % waits for fleet promote");
});

test("status shows unanswered requests by age, also of a revision without a share", async () => {
  const figures = { requests: 14, answered: 0, errors: 0, refused: 0, latencies: [] };
  const none = { ...figures, requests: 0 };
  const metrics = (battle: object) => ({
    release: "abcdef0123456789",
    step: 2,
    since: 0,
    services: { battle },
  });
  const rows = async (battle: object, services?: object) => {
    const changed = { metrics: metrics(battle), ...(services ? { table: table("held", { services }) } : {}) };
    return (await run(["status"], rollout(changed).behave)).stdout;
  };
  const open = await rows({ [GREEN]: { ...figures, open: [20_000, 9_000] } });
  expect(open).toMatch(/service +share +id +code +requests +faults +refused +open/);
  expect(open).toMatch(/battle +5 % +green_+ +new-code +14 +0 +0 +14\n/);
  // A router of an earlier version reports no ages.
  expect(await rows({ [GREEN]: figures })).toMatch(/new-code +14 +0 +0 +14\n/);
  const refusing = { ...figures, refused: 10, draining: 4, open: [] };
  expect(await rows({ [GREEN]: refusing })).toMatch(/new-code +14 +0 +14 \(4 told to ask again\) +0\n/);
  const routes = [
    { processId: GREEN, revision: "new-code", weightBp: 10_000 },
    { processId: BLUE, revision: "old-code", weightBp: 0 },
  ];
  const left = { [GREEN]: { ...none, earlier: 2, open: [] }, [BLUE]: { ...none, open: [900] } };
  const after = await rows(left, { battle: { key: "sender", routes } });
  // Faults of an earlier step's requests count in the step in which they became known, as in a verdict.
  expect(after).toMatch(/100 % +green_+ +new-code +2 +2 +0 +0\n/);
  expect(after).toMatch(/0 % +blue_+ +old-code +0 +0 +0 +1\n/);
});

/** A fleet whose router is `gate`: only that one may be told. */
const gated: Behaviour = (request) => {
  const { behave } = rollout();
  if (request.action === "TRAFFIC_COMMAND" && request.processId !== idOf("gate"))
    throw new Error("no router");
  if (request.action === "Info" && request.tags["Fleet-Request"] === "1")
    return {
      reply: { success: true, capabilities: request.processId === idOf("gate") ? ["TRAFFIC_ROUTING"] : [] },
    };
  return behave(request);
};
const blueGreenMember = {
  type: "pulumi-nodejs:dynamic/ao:Process",
  outputs: { name: "battle", strategy: { kind: "new-process", router: "gate" } },
};

test.each([
  ["by its traffic table", stateOf([trafficIn("gate"), blueGreenMember])],
  ["by a blue-green member, before there is a table", stateOf([blueGreenMember])],
  [
    "by its own answer, if no state can be read",
    async () => ({ code: 1, stdout: "", output: "no such stack" }),
  ],
])("the router is found %s, not by a member named coordinator", async (_, pulumi) => {
  const members = [member("coordinator"), member("gate"), member("battle")];
  const ao = fakeAo(gated);
  const ran = await fleet(["abort"], { fleet: fakeFleet(ao, members), pulumi });
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  const sent = ao.sent.filter(({ tags }) => tags.Action === "TRAFFIC_COMMAND");
  expect(sent.map(({ processId }) => processId)).toEqual([idOf("gate")]);
});

test("a fleet whose state names no router has none, even with a member named coordinator", async () => {
  const { behave, commands } = rollout();
  const given = { fleet: fakeFleet(fakeAo(behave), fleetMembers), pulumi: stateOf([]) };
  const ran = await fleet(["abort"], given);
  expect([ran.code, ran.stderr, commands]).toEqual([1, expect.stringContaining("[NO_ROUTER]"), []]);
  expect((await fleet(["status"], given)).stdout).not.toContain("traffic:");
});

test("status shows phase, shares and figures, and shows none without a table", async () => {
  for (const quick of [[], ["--quick"]]) {
    const ran = await run(
      ["status", ...quick],
      rollout({ table: table("held", { reason: "paused by hand" }), lease: undefined }).behave,
    );
    expect(ran.stdout).toContain("traffic: HELD, release abcdef012345, step 2: paused by hand");
    expect(ran.stdout).toMatch(/battle +95 % +blue_+ +old-code +0 +0/);
  }
  const reverted = { release: "bad", step: 3, why: "lease", at: 2000 };
  const back = await run(
    ["status", "--json"],
    rollout({ table: table("steady"), reverted, lease: undefined }).behave,
  );
  expect(back.json()).toMatchObject({
    success: true,
    traffic: {
      phase: "ROLLED_BACK",
      revisions: [{ service: "battle", weightBp: 500, requests: 12 }, { weightBp: 9500 }],
    },
  });
  const none = await run(["status"], rollout({ table: undefined }).behave);
  expect(none.stdout).not.toContain("traffic");
  expect(none.code).toBe(0);
});

describe("status of an old revision that drains", () => {
  const whole = { key: "sender", routes: [{ processId: GREEN, revision: "new-code", weightBp: 10_000 }] };
  const moved = (mode: string) => ({ table: table(mode, { services: { battle: whole } }) });
  const draining =
    (change: object, also: readonly object[] = []): Behaviour =>
    (asked) => {
      const { behave } = rollout(change);
      const answer = behave(asked);
      if (asked.processId !== idOf("battle") || answer.reply === undefined) return answer;
      const checks = [
        { name: "status", checkType: "READINESS", status: "UNHEALTHY", detail: "DRAINING" },
        ...also,
      ];
      return {
        reply: { ...(answer.reply as object), healthStatus: "UNHEALTHY", status: "DRAINING", checks },
      };
    };

  test.each([[[]], [["--quick"]]])(
    "names its successor and is not a failure while the rollout runs %j",
    async (options) => {
      const ran = await run(["status", "--json", ...options], draining(moved("rollout")));
      const { processes } = ran.json<{ processes: Record<string, unknown>[] }>();
      expect(processes.find(({ name }) => name === "battle")).toMatchObject({
        health: "DRAINING",
        replacedBy: GREEN,
        reasons: [`being replaced by ${GREEN}`],
      });
      expect(ran.code).toBe(0);
    },
  );

  test.each<[string, object, readonly object[]]>([
    ["when the rollout is over", { ...moved("steady"), lease: undefined }, []],
    ["when no other revision has traffic", { table: table("rollout", { services: {} }) }, []],
    [
      "when it has other problems too",
      moved("rollout"),
      [{ name: "stock", checkType: "LIVENESS", status: "UNHEALTHY", detail: "no shelf" }],
    ],
  ])("counts as UNHEALTHY %s", async (_, change, also) => {
    const ran = await run(["status", "--json"], draining(change, also));
    const { processes } = ran.json<{ processes: Record<string, unknown>[] }>();
    const battle = processes.find(({ name }) => name === "battle");
    expect(battle).toMatchObject({ health: "UNHEALTHY" });
    expect(ran.code).toBe(1);
    expect(String(battle?.reasons)).toContain("npx fleet deploy completes or reverts it");
  });

  test("shows how to finish it if the deployer died before the router moved any traffic", async () => {
    const routes = [
      { processId: idOf("battle"), revision: "old-code", weightBp: 10_000 },
      { processId: GREEN, revision: "new-code", weightBp: 0 },
    ];
    const none = { table: table("rollout", { services: { battle: { key: "sender", routes } } }) };
    const { stdout, code } = await run(["status"], draining(none));
    expect(stdout).toMatch(/battle: status is UNHEALTHY: DRAINING/);
    expect(stdout).toContain("if no deployment is running: npx fleet deploy completes or reverts it");
    expect(code).toBe(1);
  });

  test("shows how to finish it with --quick too", async () => {
    const over = { ...moved("steady"), lease: undefined };
    const { stdout, code } = await run(["status", "--quick"], draining(over));
    expect(stdout).toContain("battle: it refuses requests, as during a hand-over of its state; if no deploy");
    expect(stdout).toContain("npx fleet deploy completes or reverts it");
    expect(code).toBe(1);
  });
});

describe("status of a process that has sealed keys", () => {
  const id = idOf("battle");
  const AT = Date.parse("2026-01-02T03:04:05.000Z");
  const split = (own: number, salt = "s") => {
    const routes = [
      { processId: GREEN, revision: "new-code", weightBp: 10_000 - own },
      { processId: id, revision: "old-code", weightBp: own },
    ];
    return { table: table("rollout", { salt, services: { battle: { key: "sender", routes } } }) };
  };
  const sealing =
    (change: object): Behaviour =>
    (asked) => {
      const answer = rollout(change).behave(asked);
      if (asked.processId !== id || asked.action === "GET_TRAFFIC") return answer;
      const sealed = { salt: "s", ranges: [{ from: 0, to: 500, at: AT }] };
      return { reply: { ...(answer.reply as object), sealed } };
    };
  const NEXT = "if no deployment is running: npx fleet deploy completes or reverts it";
  const SINCE = "are sealed since 2026-01-02T03:04:05.000Z";

  test.each<[string, object, string]>([
    ["before the router moved them", split(10_000), "5 %"],
    ["and gets a part of them", split(9800), "3 %"],
    ["by an earlier release, in a split", split(9500, "other"), "4.75 %"],
    ["and no rollout has a table", { table: undefined }, "5 %"],
  ])("is degraded, and says what to do, if it gets their requests %s", async (_, change, share) => {
    for (const quick of [[], ["--quick"]]) {
      const { stdout, code } = await run(["status", ...quick], sealing(change));
      expect(stdout).toContain(
        `battle: requests of ${share} of callers are refused, because their keys ${SINCE}`,
      );
      expect(stdout).toContain(NEXT);
      expect([stdout.includes("DEGRADED"), code]).toEqual([true, 1]);
    }
  });

  test("is healthy if another revision gets them", async () => {
    const ran = await run(["status"], sealing(split(9500)));
    expect(ran.stdout).toContain(
      `battle: keys of 5 % of callers ${SINCE}: their state is with another revision`,
    );
    expect([ran.stdout.includes(NEXT), ran.code]).toEqual([false, 0]);
    const { processes } = (await run(["status", "--json"], sealing(split(9500)))).json<{
      processes: object[];
    }>();
    expect(processes).toContainEqual(
      expect.objectContaining({
        name: "battle",
        health: "HEALTHY",
        sealed: { salt: "s", ranges: [{ from: 0, to: 500, since: "2026-01-02T03:04:05.000Z" }] },
        reasons: [],
      }),
    );
  });
});

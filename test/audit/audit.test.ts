import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Intent } from "../../src/ao/journal/index.ts";
import { readCodeEval } from "../../src/fleet/code/read-code-lua.ts";
import { callKey } from "../../src/fleet/session/member-key.ts";
import { audit } from "../../src/operations/audit/check.ts";
import { toAuditedMessage } from "../../src/operations/audit/collect.ts";
import type { Member, Sources } from "../../src/operations/audit/sources.ts";
import { fakeAo, fakeFleet, fleet, member, projectFolder } from "../cli/fakes.ts";
import { type Simulated, simulatedFleet } from "../validate/fleet.ts";

const intent = (more: Partial<Intent>): Intent => ({
  ...{ key: "game/dev/shop/g1/RETIRE/x/e2", n: 1, kind: "message", id: "m1", target: "shop-id" },
  ...{ signer: "owner", content: "c", at: 0, state: "settled" },
  ...more,
});
const run = (deploymentId: string, epoch: number, more: object = {}) => ({
  ...{
    deploymentId,
    epoch,
    startedAt: 0,
    status: "COMPLETED",
    from: "owner",
    interrupted: false,
    rolledBack: false,
  },
  ...more,
});
const whole: Sources = {
  owner: "owner",
  runs: [run("d1", 1, { releaseHash: "h1" }), run("d2", 2, { releaseHash: "h2" })],
  registered: ["shop-id"],
  journal: [
    intent({ kind: "spawn", id: "shop-id", target: "", key: "game/dev/shop/g1/spawn/x/e1/1" }),
    intent({ key: "game/dev/shop/g1/WIRE_PEERS/x/e2" }),
  ],
  releases: [
    { deploymentId: "d1", releaseHash: "h1" },
    { deploymentId: "d2", releaseHash: "h2" },
  ],
  members: [
    {
      name: "shop",
      processId: "shop-id",
      messages: [
        { messageId: "shop-id", action: "(spawn)", from: "owner", slot: 0 },
        { messageId: "m1", action: "WIRE_PEERS", from: "owner", slot: 1 },
      ],
      entries: [{ at: 0, from: "owner", action: "WIRE_PEERS", outcome: "ok", count: 1 }],
      allowed: [],
    },
  ],
  now: 1000,
};
const [shop] = whole.members;
const codes = (sources: Sources, level: string) =>
  audit(sources)
    .filter((finding) => finding.level === level)
    .map(({ code }) => code);

test("reports no problem and no note when ledger, journal, releases and processes agree", () => {
  expect(codes(whole, "problem")).toEqual([]);
  expect(codes(whole, "note")).toEqual([]);
  expect(codes(whole, "ok")).toEqual(["RELEASES", "EPOCHS", "REGISTRATIONS", "MESSAGES"]);
});

describe("reports a contradiction as a problem", () => {
  test.each([
    ["RELEASE_NOT_IN_LEDGER", { runs: [run("d2", 2, { releaseHash: "h2" })] }],
    ["RELEASE_NOT_COMPLETED", { runs: [run("d1", 1, { status: "FAILED" }), run("d2", 2)] }],
    ["RELEASE_DIFFERS", { runs: [run("d1", 1, { releaseHash: "other" }), run("d2", 2)] }],
    ["EPOCH_TWICE", { runs: [run("d1", 2), run("d2", 2)] }],
    ["EPOCH_UNKNOWN", { journal: [intent({ key: "game/dev/shop/g1/DRAIN/x/e9" })] }],
    ["NOT_REGISTERED", { registered: [] }],
    ["MESSAGE_ABSENT", { journal: [intent({ id: "m2" })] }],
    [
      "CHANGED_BY_STRANGER",
      {
        members: [
          {
            ...shop,
            entries: [{ at: 0, from: "eve", action: "WIRE_PEERS", outcome: "ok", count: 1 }],
          },
        ],
      },
    ],
  ])("%s", (code, more) => {
    expect(codes({ ...whole, ...(more as Partial<Sources>) }, "problem")).toContain(code);
  });
});

describe("reports what a person should know as a note", () => {
  test.each([
    ["RUN_UNFINISHED", { runs: [...(whole.runs ?? []), run("d3", 3, { status: "RUNNING" })], now: 1e9 }],
    ["RELEASE_ELSEWHERE", { releases: [] }],
    ["REGISTERED_BESIDE", { registered: ["shop-id", "old"] }],
    ["PROCESS_LEFT", { journal: [intent({ kind: "spawn", id: "lost", target: "" })] }],
    ["PROCESS_RUINED", { journal: [intent({ kind: "spawn", id: "old", target: "" })], ruined: ["old"] }],
    ["INTENTS_OPEN", { journal: [intent({ state: "sent" })] }],
    [
      "STRANGERS_REFUSED",
      {
        members: [
          {
            ...shop,
            entries: [
              { at: 0, from: "eve", action: "DRAIN", outcome: "refused", code: "FORBIDDEN", count: 3 },
            ],
          },
        ],
      },
    ],
    [
      "EVAL_ELSEWHERE",
      { members: [{ ...shop, messages: [{ messageId: "e", action: "Eval", from: "owner", slot: 7 }] }] },
    ],
  ])("%s", (code, more) => {
    const sources = { ...whole, ...(more as Partial<Sources>) };
    expect(codes(sources, "note")).toContain(code);
    expect(codes(sources, "problem")).toEqual([]);
  });

  test("counts all refusals of strangers, of which a process keeps a sample", () => {
    const entries = [
      { at: 0, from: "eve", action: "DRAIN", outcome: "refused", code: "FORBIDDEN", count: 3 },
    ];
    const member: Member = { name: "shop", processId: "shop-id", ...shop, entries, strangersRefused: 5000 };
    const sources: Sources = { ...whole, members: [member] };
    const found = audit(sources).find(({ code }) => code === "STRANGERS_REFUSED");
    expect(found?.what).toBe("5000 messages from 1 stranger were refused: eve");
  });

  test("takes no process for retired because of a name in its key", () => {
    const of = (step: string) => `game/RETIRE/shop/g1/${step}`;
    const journal = [
      intent({ kind: "spawn", id: "lost", target: "", key: of("spawn") }),
      intent({ id: "m1", target: "lost", key: of("WIRE_PEERS/x/e2") }),
    ];
    expect(codes({ ...whole, journal }, "note")).toContain("PROCESS_LEFT");
    for (const key of [
      of("RETIRE/x/e2"),
      callKey({ project: "RETIRE", stack: "dev" }, "shop", "RETIRE", "x"),
    ]) {
      const retired = intent({ id: "m2", target: "lost", key });
      expect(codes({ ...whole, journal: [...journal, retired] }, "note")).not.toContain("PROCESS_LEFT");
    }
    const called = intent({
      id: "m2",
      target: "lost",
      key: callKey({ project: "RETIRE", stack: "dev" }, "shop", "BUY", "x"),
    });
    expect(codes({ ...whole, journal: [...journal, called] }, "note")).toContain("PROCESS_LEFT");
  });

  test.each<[string[] | undefined, string, RegExp]>([
    [undefined, "PROCESS_LEFT", /not retired: kept warm, or lost$/],
    [[], "PROCESS_LEFT", /not retired: the stack does not hold it: .*or lost$/],
    [["old"], "PROCESS_HELD", /^the process old is held by the stack without traffic$/],
  ])("says of a process that stays whether the stack holds it: %j", (held, code, what) => {
    const journal = [intent({ kind: "spawn", id: "old", target: "", key: "game/dev/shop/g1/spawn/x/e1/1" })];
    const findings = audit({ ...whole, journal, ...(held === undefined ? {} : { held }) });
    expect(findings).toContainEqual(
      expect.objectContaining({ code, about: "shop", what: expect.stringMatching(what) }),
    );
    expect(findings.filter(({ code }) => code === "PROCESS_LEFT" || code === "PROCESS_HELD")).toHaveLength(1);
  });

  test("does not report a process that the ledger lists as ruined as kept warm or lost", () => {
    const journal = [intent({ kind: "spawn", id: "old", target: "", key: "game/dev/shop/g1/spawn/x/e1/1" })];
    const findings = audit({ ...whole, journal, ruined: ["old"] });
    expect(findings).toContainEqual(
      expect.objectContaining({
        ...{ code: "PROCESS_RUINED", about: "shop" },
        what: "the process old is ruined and was replaced",
      }),
    );
    expect(findings.map(({ code }) => code)).not.toContain("PROCESS_LEFT");
  });

  describe("an Eval that is in nobody's journal", () => {
    const question = readCodeEval("0123456789abcdef01234567");
    const evals = (data: string, from = "owner") => {
      const tags = { Action: "Eval" };
      const seen = toAuditedMessage({
        slot: 8,
        messageId: "e",
        timestamp: 0,
        from,
        action: "Eval",
        tags,
        data,
      });
      const messages = [...(shop?.messages ?? []), seen];
      return codes({ ...whole, members: [{ ...shop, messages } as Member] }, "note");
    };

    test("is not noted when the owner queries a member without the library", () => {
      expect(evals(question)).toEqual([]);
    });

    test.each([
      ["asks the same from another address", question, "eve"],
      ["runs code before the question", `Balances = {} ${question}`, "owner"],
      ["runs code behind it", `${question} .. tostring(os.exit())`, "owner"],
      ["names other code as the question", `return 1 -- ${question}`, "owner"],
      ["queries in another way", question.replace("Handlers.list", "Handlers.all()"), "owner"],
      ["carries code in the nonce", readCodeEval("\"}') Balances = {} --"), "owner"],
    ])("is noted when it %s", (_, data, from) => {
      expect(evals(data, from)).toEqual(["EVAL_ELSEWHERE"]);
    });
  });

  test("does not count a deployer that the process allows as a stranger", () => {
    const entries = [{ at: 0, from: "ci", action: "WIRE_PEERS", outcome: "ok", count: 1 }];
    const members = [{ name: "shop", processId: "shop-id", entries, allowed: ["ci"], messages: [] }];
    expect(codes({ ...whole, journal: [], members }, "problem")).toEqual([]);
  });
});

test("what could not be read is a note, and a problem if it could not be read of any process", async () => {
  const unread = { audit: "silent did not answer AUDIT. [NO_REPLY]", order: "The unit is down. [UNIT_SLOW]" };
  const silent = { name: "silent", processId: "silent-id", unread };
  const of = (members: readonly object[], level: string) =>
    codes({ ...whole, registered: undefined, journal: [], members } as unknown as Sources, level);
  expect(of([shop as object, silent], "note")).toEqual(["ORDER_UNREAD", "AUDIT_UNREAD"]);
  expect(of([shop as object, silent], "problem")).toEqual([]);
  expect(of([silent], "problem")).toEqual(["ORDER_UNREAD", "AUDIT_UNREAD"]);
});

test.each([
  ["its audit", { AUDIT: true }],
  ["who may change it", { Info: true }],
])("a process that does not show %s fails the audit, in the table and in JSON", async (_what, refuses) => {
  const fleetOf = () => {
    const ao = fakeAo(({ action }) =>
      action in refuses
        ? { error: "boom" }
        : {
            reply: {
              success: true,
              entries: [{ at: 0, from: "eve", action: "X", outcome: "ok" }],
              allowed: ["eve"],
            },
          },
    );
    return fakeFleet(ao, [member("shop")]);
  };
  const history = { latest: async () => undefined, range: async () => [], result: async () => undefined };
  const table = await fleet(["audit"], { fleet: fleetOf(), history, cwd: projectFolder() });
  expect(table.code).toBe(1);
  expect(table.stdout).toMatch(
    /problem +shop +AUDIT_UNREAD +its own audit could not be read: .*\[PROCESS_ERROR\]/,
  );
  const json = await fleet(["audit", "--json"], { fleet: fleetOf(), history, cwd: projectFolder() });
  const { success, findings } = json.json<{ success: boolean; findings: { code: string }[] }>();
  expect(success).toBe(false);
  expect(findings.map(({ code }) => code)).toContain("AUDIT_UNREAD");
  expect(findings.map(({ code }) => code)).not.toContain("CHANGED_BY_STRANGER");
});

describe("fleet audit on a network", () => {
  let here: Simulated;
  beforeAll(async () => {
    here = await simulatedFleet();
  }, 60_000);
  afterAll(() => here.close());

  test("finds no problem after changes by the stack alone", async () => {
    const ran = await here.run("audit", "--json");
    const { findings } = ran.json<{ findings: { level: string; code: string }[] }>();
    expect(findings.filter(({ level }) => level === "problem").map(({ code }) => code)).toEqual([]);
    expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["REGISTRATIONS", "MESSAGES"]));
    expect(ran.code).toBe(0);
    const text = await here.run("audit");
    expect(text.stdout).toMatch(/ok +fleet +REGISTRATIONS +3 members are registered/);
  });
});

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { planFleet } from "../../components/plan.ts";
import * as lifecycle from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import { budgetOf } from "../../src/core/budget.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { stop } from "../../src/localnet/index.ts";
import { failureOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";
import { configureOnce, plannedInputs } from "./fixture.ts";

/** Plain aos programs, in real aos on the embedded network: an operator's changes by hand, and how the tool handles them. */

const network = { kind: "local" as const, dir: ".fleet/localnet" };
const scope = { project: "game", stack: "dev", home: ".fleet", build: "build" };
const FAST = { timeoutSeconds: 30, intervalSeconds: 0.1, retries: 1 };

const TOKEN = `
Balances = Balances or { bank = 100 }
function Transfer(msg) Balances.bank = Balances.bank - 1 msg.reply({ Data = tostring(Balances.bank) }) end
Handlers.add("legacy", { Action = "Legacy" }, function(msg) msg.reply({ Data = "legacy" }) end)
Handlers.add("info", Handlers.utils.hasMatchingTag("Action", "Info"), function(msg)
  msg.reply({ Ticker = "TKN", Denomination = "12", Data = "a token" })
end)
Handlers.add("transfer", { Action = "Transfer" }, function(msg) Transfer(msg) end)
`;

beforeAll(async () => {
  enterFolder("plain");
  writeFiles({ "processes/token/process.lua": TOKEN, "processes/gone/process.lua": TOKEN });
  await configureOnce();
}, 60_000);
afterAll(async () => {
  await endRun();
  await stop(network.dir);
});

const inputs = (name: string, member: Record<string, unknown> = {}) =>
  plannedInputs(scope, network, name, { health: FAST, ...member });

const session = (): Promise<Session> => sessionFor(scope, network);
let sent = 0;

/** A message that the owner sends by hand, as from a console; returns the first reply's data, or the output. */
async function hand(made: ProcessOutputs, tags: Record<string, string>, data = ""): Promise<string> {
  const { ao } = await session();
  const { id } = await ao.send(
    { intent: `hand-${sent++}`, processId: made.processId, tags, data },
    budgetOf(30),
  );
  const done = await ao.evaluation({ processId: made.processId, messageId: id }, budgetOf(30));
  if (done.error !== undefined) throw new Error(done.error);
  return done.messages[0]?.data ?? done.output;
}
const evaluate = (made: ProcessOutputs, lua: string) => hand(made, { Action: "Eval" }, lua);
const refreshed = async (made: ProcessOutputs): Promise<ProcessOutputs> =>
  (await lifecycle.read("game/dev/token", made)).props as ProcessOutputs;

test("the plan warns of an action that both the program and the fleet answer", async () => {
  const { warnings } = await planFleet(
    { network, processes: { token: {} } },
    { home: ".fleet", build: "build" },
    () => undefined,
  );
  expect(warnings).toContainEqual(
    expect.objectContaining({
      code: "LUA_ACTION_SHARED",
      got: 'the handler "info"',
      expected: expect.stringContaining("Fleet.Info"),
      at: "processes/token/process.lua:5:1",
    }),
  );
});

/** What a hand changes: its kind, the Lua that does it, and the finding of a refresh. */
const CHANGED_BY_HAND: [kind: string, lua: string, finding: string][] = [
  [
    "shadowed",
    'Handlers.prepend("hack", { Action = "Legacy" }, function() end)',
    "handlers were added: hack",
  ],
  ["removed", 'Handlers.remove("legacy")', "handlers are missing: legacy"],
  ["overwritten behind its handler", "function Transfer() end", "functions were changed: Transfer"],
];

describe("a plain program that is changed by hand", () => {
  let made: ProcessOutputs;
  beforeAll(async () => {
    made = (await lifecycle.create(await inputs("token"))).outs;
    expect(await hand(made, { Action: "Transfer" })).toBe("99");
  }, 60_000);

  test("has no findings while it is idle; its own use and reading Evals are not changes", async () => {
    for (let n = 0; n < 5; n += 1) expect(await refreshed(made)).toEqual(made);
    await evaluate(made, "return Balances.bank");
    await hand(made, { Action: "Legacy" });
    // Its own Info is its own, for wallets and explorers; the fleet asked for the other one.
    expect(await hand(made, { Action: "Info" })).toBe("a token");
    expect(JSON.parse(await hand(made, { Action: "Fleet.Info" }))).toMatchObject({
      success: true,
      name: "token",
    });
    expect(await refreshed(made)).toEqual(made);
    const { outs } = await lifecycle.update("id", made, await inputs("token"));
    expect(outs.revision).toEqual(made.revision);
  }, 60_000);

  test.each<[string, string, string]>([
    ...CHANGED_BY_HAND,
    [
      "wrapped",
      'for _, h in ipairs(Handlers.list) do if h.name == "legacy" then h.handle = function() end end end',
      "handlers were changed: legacy",
    ],
    [
      "without the fleet's first handler",
      'Handlers.remove("ao-fleet.first")',
      "the fleet's handlers are missing or hidden",
    ],
    [
      "without the fleet's handlers",
      'Handlers.remove("ao-fleet.first") Handlers.remove("ao-fleet.last")',
      "the fleet's handlers are missing or hidden",
    ],
    [
      "behind a handler that takes every message except Evals",
      'Handlers.prepend("all", function(m) return m.Action ~= "Eval" end, function(m) m.reply({ Data = "hack" }) end)',
      "the fleet's handlers are missing or hidden",
    ],
    [
      "behind a handler that answers in its own shape",
      'Handlers.prepend("all", function(m) return m.Action ~= "Eval" end, function(m) m.reply({ Action = m.Action .. "-Response" }) end)',
      "another handler answers the fleet's probes",
    ],
  ])(
    "%s: the refresh names it, the next update repairs it, and the state remains",
    async (_, lua, words) => {
      await evaluate(made, lua);
      const found = await refreshed(made);
      expect(found.drift).toEqual([words]);
      expect(["UNHEALTHY", "OFFLINE"]).toContain(found.health.status);
      const news = await inputs("token");
      expect((await lifecycle.diff("id", found, news)).changes).toBe(true);
      const { outs } = await lifecycle.update("id", found, news);
      expect(outs).toMatchObject({ processId: made.processId, health: { status: "HEALTHY" }, drift: [] });
      expect(outs.revision?.evalId).not.toBe(made.revision?.evalId);
      made = outs;
      expect(await hand(made, { Action: "Legacy" })).toBe("legacy");
      const before = Number(await evaluate(made, "return Balances.bank"));
      expect(Number(await hand(made, { Action: "Transfer" }))).toBe(before - 1);
      expect(await refreshed(made)).toEqual(made);
    },
    60_000,
  );

  test("is repaired by an update with other changes, even without a refresh before", async () => {
    await evaluate(made, 'Handlers.remove("legacy")');
    const { outs } = await lifecycle.update("id", made, await inputs("token"));
    expect(outs.health.status).toBe("HEALTHY");
    made = outs;
    expect(await hand(made, { Action: "Legacy" })).toBe("legacy");
  }, 60_000);
});

describe("a plain program with more data than a load can compare", () => {
  const words = (first: string) => `
Aaa = { "${first}" } for i = 2, 210000 do Aaa[i] = i end
Zz = Zz or { n = 0 }
Handlers.add("hit", { Action = "Legacy" }, function(msg) Zz.n = Zz.n + 1 msg.reply({ Data = Aaa[1] .. Zz.n }) end)
`;

  test("is refused an edit of that data by name until the declaration says what is state; then the edit arrives", async () => {
    writeFiles({ "processes/words/process.lua": words("old") });
    const made = (await lifecycle.create(await inputs("words"))).outs;
    expect(await hand(made, { Action: "Legacy" })).toBe("old1");
    writeFiles({ "processes/words/process.lua": words("new") });
    const error = await failureOf(lifecycle.update("id", made, await inputs("words")));
    for (const part of [
      "[STATE_NOT_COMPARED]",
      "got:      Aaa\n",
      "state: { globals: [...] }",
      "--without-backup",
    ])
      expect(String((error as Error).message)).toContain(part);
    expect(await hand(made, { Action: "Legacy" })).toBe("old2");
    const declared = await inputs("words", { state: { globals: ["Zz"] } });
    const { outs } = await lifecycle.update("id", made, declared);
    expect(outs.health.status).toBe("HEALTHY");
    expect(await hand(outs, { Action: "Legacy" })).toBe("new3");
  }, 60_000);
});

describe("a plain program that keeps state in a module", () => {
  const bank = (edition: number) => ({
    "processes/bank/ledger.lua":
      "local M = {} M.sum = 0 function M.add() M.sum = M.sum + 1 return M.sum end return M",
    "processes/bank/process.lua": `local ledger, edition = require("ledger"), ${edition}
Handlers.add("add", { Action = "Legacy" }, function(msg) msg.reply({ Data = tostring(ledger.add()) }) end)
`,
  });

  test("is refused other code that would lose it, by the module's name; the run may accept that", async () => {
    writeFiles(bank(1));
    const made = (await lifecycle.create(await inputs("bank"))).outs;
    expect(await hand(made, { Action: "Legacy" })).toBe("1");
    writeFiles(bank(2));
    const error = await failureOf(lifecycle.update("id", made, await inputs("bank")));
    for (const part of ["[STATE_IN_CODE]", "got:      module ledger\n", "--without-backup"])
      expect(String((error as Error).message)).toContain(part);
    expect(await hand(made, { Action: "Legacy" })).toBe("2");
    await endRun();
    process.env.FLEET_WITHOUT_BACKUP = "1";
    try {
      const { outs } = await lifecycle.update("id", made, await inputs("bank"));
      expect(outs.health.status).toBe("HEALTHY");
      expect(await hand(outs, { Action: "Legacy" })).toBe("1");
    } finally {
      delete process.env.FLEET_WITHOUT_BACKUP;
      await endRun();
    }
  }, 60_000);
});

describe("a plain program with a global that has a metatable", () => {
  const pool = (edition: number) => ({
    "processes/pool/process.lua": `Account = Account or {} Account.__index = Account
function Account:add(n) self.sum = self.sum + n return self.sum end
Accounts, Total = Accounts or {}, Total or 0
Handlers.add("add", { Action = "Legacy" }, function(msg)
  Accounts[msg.From] = Accounts[msg.From] or setmetatable({ sum = 0 }, Account)
  Total = Total + 1
  msg.reply({ Data = "${edition}:" .. Accounts[msg.From]:add(1) .. ":" .. Total })
end)
`,
  });
  const NAMED = /Accounts\S+ has a metatable and cannot be moved/;
  const REMEDIES = ["--without-backup", "processes.pool.state: { globals: [...] }", "Keep plain data"];

  /** An update to the next edition, with what its preview and its run print. */
  async function updated(made: ProcessOutputs, edition: number, member = {}) {
    writeFiles(pool(edition));
    const news = await inputs("pool", member);
    const print = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      const { changes } = await lifecycle.diff("id", made, news);
      const preview = print.mock.calls.flat().join("\n");
      print.mockClear();
      const done = await lifecycle.update("id", made, news).catch((error: unknown) => error as Error);
      return { changes, preview, run: print.mock.calls.flat().join("\n").replace(/ +/g, " "), done };
    } finally {
      print.mockRestore();
    }
  }
  const outsOf = ({ done }: Awaited<ReturnType<typeof updated>>): ProcessOutputs => {
    if (done instanceof Error) throw done;
    return done.outs;
  };

  test("is refused new code by that global, in the preview too; each remedy that both name works and keeps the state", async () => {
    writeFiles(pool(1));
    let made = (await lifecycle.create(await inputs("pool"))).outs;
    expect(await hand(made, { Action: "Legacy" })).toBe("1:1:1");

    const refused = await updated(made, 2);
    expect(refused.changes).toBe(true);
    const error = String((refused.done as Error).message);
    for (const text of [refused.preview, error]) {
      expect(text).toContain("[BACKUP_FAILED]");
      expect(text).toMatch(NAMED);
      for (const remedy of REMEDIES) expect(text).toContain(remedy);
    }
    expect(error).not.toContain("Run the deployment again");
    expect(await hand(made, { Action: "Legacy" })).toBe("1:2:2");

    // The globals that are state, without it.
    const declared = await updated(made, 3, { state: { globals: ["Total"] } });
    expect(declared.preview).not.toContain("BACKUP_FAILED");
    expect(declared.run).toMatch(
      /saved state \w{8}, 1 global \(Total\), \d+ bytes; not included.*: Accounts/,
    );
    expect(declared.run).toContain("kept 1 global (Total): unchanged");
    made = outsOf(declared);
    expect(await hand(made, { Action: "Legacy" })).toBe("3:3:3");

    // Without a backup. The code that runs lists its state, so its successor is the first to meet the global again.
    made = outsOf(await updated(made, 4));
    await endRun();
    process.env.FLEET_WITHOUT_BACKUP = "1";
    try {
      const consented = await updated(made, 5);
      expect(consented.preview).not.toContain("BACKUP_FAILED");
      expect(consented.run).toMatch(/saved no state: .*\[EXPORT_UNSUPPORTED\]/);
      expect(consented.run).toContain("kept 2 globals (Accounts, Total): unchanged");
      made = outsOf(consented);
    } finally {
      delete process.env.FLEET_WITHOUT_BACKUP;
      await endRun();
    }
    expect(await hand(made, { Action: "Legacy" })).toBe("5:4:4");

    // A declaration that gives the state up needs no backup of it.
    const stateless = await updated(made, 6, { state: "none" });
    expect(stateless.preview).not.toContain("BACKUP_FAILED");
    expect(await hand(outsOf(stateless), { Action: "Legacy" })).toBe("6:5:5");
  }, 60_000);
});

describe("a member without the library", () => {
  const BARE = { lib: false };
  const bare = () => inputs("bare", BARE);
  const seen = async (from: ProcessOutputs): Promise<ProcessOutputs> =>
    (await lifecycle.read("game/dev/bare", from)).props as ProcessOutputs;
  let made: ProcessOutputs;

  beforeAll(async () => {
    writeFiles({ "processes/bare/process.lua": TOKEN });
    made = (await lifecycle.create(await bare())).outs;
  }, 60_000);

  test("contains nothing of the fleet, and is healthy by aos' own answers", async () => {
    expect(made).toMatchObject({ lib: false, health: { status: "HEALTHY", reasons: [] } });
    expect(made.revision?.handlers).toEqual(["legacy", "info", "transfer"]);
    expect(await evaluate(made, "return tostring(Fleet) .. tostring(ao.outbox ~= nil)")).toBe("niltrue");
    expect(await hand(made, { Action: "Info" })).toBe("a token");
    expect(await hand(made, { Action: "Transfer" })).toBe("99");
  }, 60_000);

  test("has no findings while it is idle; an update without changes loads nothing, and other code keeps the state", async () => {
    expect(await seen(made)).toEqual(made);
    expect((await lifecycle.diff("id", made, await bare())).changes).toBe(false);
    const idle = await lifecycle.update("id", made, await bare());
    expect(idle.outs.revision).toEqual(made.revision);
    writeFiles({ "processes/bare/process.lua": TOKEN.replace('"legacy" })', '"newer" })') });
    made = (await lifecycle.update("id", made, await bare())).outs;
    expect(await hand(made, { Action: "Legacy" })).toBe("newer");
    expect(await hand(made, { Action: "Transfer" })).toBe("98");
    writeFiles({ "processes/bare/process.lua": TOKEN });
    made = (await lifecycle.update("id", made, await bare())).outs;
    expect(await hand(made, { Action: "Legacy" })).toBe("legacy");
    expect(await hand(made, { Action: "Transfer" })).toBe("97");
    expect(await seen(made)).toEqual(made);
  }, 60_000);

  test.each<[string, string, string]>([
    ...CHANGED_BY_HAND,
    [
      "wrapped",
      'for _, h in ipairs(Handlers.list) do if h.name == "legacy" then local f = h.handle h.handle = function(m) return f(m) end end end',
      "handlers were changed: legacy",
    ],
  ])(
    "%s: the refresh names it, the next update repairs it",
    async (_, lua, words) => {
      await evaluate(made, lua);
      const found = await seen(made);
      expect(found).toMatchObject({ drift: [words], health: { status: "UNHEALTHY" } });
      const print = vi.spyOn(console, "log").mockImplementation(() => {});
      const { outs } = await lifecycle.update("id", found, await bare());
      const lines = print.mock.calls.map(([line]) => String(line));
      print.mockRestore();
      expect(outs).toMatchObject({ processId: made.processId, health: { status: "HEALTHY" }, drift: [] });
      expect(lines.filter((line) => line.includes("repaired"))).toEqual([
        expect.stringContaining(`repaired changed by hand: ${words}`),
      ]);
      made = outs;
      expect(await hand(made, { Action: "Legacy" })).toBe("legacy");
      expect(await seen(made)).toEqual(made);
    },
    60_000,
  );

  test("shows an error of a load at the user's own line, and keeps running unchanged", async () => {
    writeFiles({ "processes/bare/process.lua": `${TOKEN}local t = nil\nt.x = 1\n` });
    const error = await failureOf(lifecycle.update("id", made, await bare()));
    expect(String((error as Error).message)).toContain("processes/bare/process.lua:10:1");
    writeFiles({ "processes/bare/process.lua": TOKEN });
    expect(await hand(made, { Action: "Legacy" })).toBe("legacy");
  }, 60_000);

  test("can lose the library and get it back", async () => {
    const withLibrary = (await lifecycle.update("id", made, await inputs("bare"))).outs;
    expect(await evaluate(withLibrary, "return type(Fleet)")).toBe("table");
    expect(withLibrary.health.status).toBe("HEALTHY");
    made = (await lifecycle.update("id", withLibrary, await bare())).outs;
    expect(made.health).toEqual({ status: "HEALTHY", reasons: [] });
    expect(await evaluate(made, "return type(Fleet)")).toBe("nil");
    expect(made.revision?.handlers).toEqual(["legacy", "info", "transfer"]);
    expect(await seen(made)).toEqual(made);
  }, 60_000);

  test("keeps its state when it gets the library, also if Pulumi's state was lost", async () => {
    const assigned = TOKEN.replace("Balances or ", "");
    writeFiles({ "processes/kept/process.lua": assigned });
    for (const olds of ["known", "lost"]) {
      const bareKept = (await lifecycle.create(await inputs("kept", BARE))).outs;
      expect(await hand(bareKept, { Action: "Transfer" })).toBe("99");
      await endRun();
      const next = await inputs("kept");
      const { outs } =
        olds === "known" ? await lifecycle.update("id", bareKept, next) : await lifecycle.create(next);
      expect(outs.processId).toBe(bareKept.processId);
      expect(await hand(outs, { Action: "Transfer" })).toBe("98");
      await lifecycle.remove("id", outs);
    }
  }, 60_000);

  test("keeps its state in the second attempt of such a load, after the first one failed", async () => {
    const assigned = TOKEN.replace("Balances or ", "");
    writeFiles({ "processes/again/process.lua": assigned });
    const bareAgain = (await lifecycle.create(await inputs("again", BARE))).outs;
    expect(await hand(bareAgain, { Action: "Transfer" })).toBe("99");
    // Pulumi's state is lost, and the load is undone once by what the process has.
    await evaluate(bareAgain, "BLOCK = 1");
    writeFiles({
      "processes/again/process.lua": `${assigned}\nif BLOCK then BLOCK = nil error("not now") end\n`,
    });
    await endRun();
    await expect(lifecycle.create(await inputs("again"))).rejects.toThrow(/not now/);
    await evaluate(bareAgain, "BLOCK = nil");
    await endRun();
    const { outs } = await lifecycle.create(await inputs("again"));
    expect(outs.processId).toBe(bareAgain.processId);
    expect(await hand(outs, { Action: "Transfer" })).toBe("98");
    await lifecycle.remove("id", outs);
  }, 60_000);

  test("belongs to the owner that it reports, even if the state names another wallet: in the plan, and after a refresh", async () => {
    const elsewhere = "o".repeat(43);
    const given = { ...made, owner: elsewhere };
    expect(await lifecycle.diff("id", given, await bare())).toMatchObject({ changes: true });
    expect(await seen(given)).toEqual(made);
    // The previous wallet refreshed it.
    const reasons = ["bare does not accept an Eval from this wallet."];
    const refused: ProcessOutputs = { ...given, health: { status: "OFFLINE", reasons, code: "NOT_OWNER" } };
    expect(await lifecycle.diff("id", refused, await bare())).toMatchObject({ changes: true });
    expect((await lifecycle.update("id", refused, await bare())).outs).toEqual(made);
  }, 60_000);

  test("is reported with its id in the preview if it was given to a wallet that the stack does not have", async () => {
    const { outs: other } = await lifecycle.create(await inputs("gone", BARE));
    await evaluate(other, `Owner = "${"o".repeat(43)}"`);
    const found = await seen(other);
    expect(found).toMatchObject({ health: { status: "OFFLINE", code: "NOT_OWNER" }, drift: [] });
    for (const state of [found, { ...other, owner: "o".repeat(43) }])
      await expect(lifecycle.diff("id", state, await inputs("gone", BARE))).rejects.toMatchObject({
        code: "WRONG_WALLET",
        problems: [
          {
            got: `the wallet ${made.owner}`,
            expected: expect.stringContaining(`gone: ${other.processId}`),
            remedy: expect.stringContaining(`npx fleet rotate-wallet --to ${made.owner}`),
          },
        ],
      });
  }, 60_000);

  test("keeps answering after it is retired, and is never adopted again", async () => {
    await lifecycle.remove("id", made);
    await lifecycle.remove("id", made);
    expect(await hand(made, { Action: "Legacy" })).toBe("legacy");
    const next = (await lifecycle.create(await bare())).outs;
    expect(next.generation).toBe(2);
    expect(next.processId).not.toBe(made.processId);
  }, 60_000);

  test("is refused by the plan with everything that only the library does, all at once", async () => {
    const plan = planFleet(
      {
        network,
        ledger: "token",
        config: { PROCESS_CONFIG: { requestTimeout: 7 } },
        processes: {
          token: {
            lib: false,
            peers: ["bare"],
            allowed: ["bare"],
            config: { PROCESS_CONFIG: { requestTimeout: 5 } },
          },
          bare: BARE,
        },
      },
      { home: ".fleet", build: "build" },
      () => undefined,
    );
    const problems = await plan.then(
      () => [],
      (error: { problems: { code: string; at: string }[] }) => error.problems,
    );
    expect(problems.map(({ code, at }) => `${code} ${at}`)).toEqual([
      "LIB_REQUIRED processes.token.config",
      "LIB_REQUIRED processes.token.peers",
      "LIB_REQUIRED processes.token.allowed",
      "LIB_REQUIRED processes.token.lib",
    ]);
  });
});

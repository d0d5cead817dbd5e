import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Evaluation, Scheduled } from "../../src/ao/port.ts";
import { FleetError } from "../../src/core/errors.ts";
import { parseJson } from "../../src/core/json.ts";
import type { History } from "../../src/fleet/history.ts";
import { temporaryFolder } from "../kit/folder.ts";
import {
  ADDRESS,
  type Answer,
  type Behaviour,
  fakeAo,
  fakeFleet,
  fleet,
  HASH,
  idOf,
  member,
  TIMEOUT_OF_ANOTHER,
  toUs,
} from "./fakes.ts";

/** A process that answers as the fleet's library does. */
const healthy =
  (health = "HEALTHY", sourceHash = HASH): Behaviour =>
  ({ action, data }) => {
    if (action === "Info") {
      return {
        reply: {
          success: true,
          status: "ACTIVE",
          version: "1.0.0",
          sourceHash,
          epoch: 7,
          release: "deploy-1",
        },
      };
    }
    const { healthCheck } = JSON.parse(data) as { healthCheck: { nonce: string } };
    const checks =
      health === "HEALTHY"
        ? []
        : [{ name: "peers", checkType: "READINESS", status: health, detail: "no shop" }];
    return {
      reply: {
        success: true,
        healthStatus: health,
        checks,
        nonce: healthCheck.nonce,
        version: "1.0.0",
        sourceHash,
        epoch: 7,
        release: "deploy-1",
      },
    };
  };

const two = [member("battle"), member("shop", { generation: 2 })];

test("call shows every digit of a reply, as text and as JSON", async () => {
  const reply = parseJson('{"balance":9007199254740993,"supply":340282366920938463463374607431768211455}');
  const ao = fakeAo(() => ({ reply }));
  const shown = await fleet(["call", "battle", "X"], { fleet: fakeFleet(ao, two) });
  expect(shown.stdout).toContain('"balance": 9007199254740993,');
  const json = await fleet(["call", "battle", "X", "--json"], { fleet: fakeFleet(ao, two) });
  expect(json.stdout).toMatch(/"supply": ?340282366920938463463374607431768211455/);
});

test("status shows every process by its own answer, and succeeds when all are HEALTHY", async () => {
  const ao = fakeAo(healthy());
  const ran = await fleet(["status", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.code).toBe(0);
  expect(ran.json()).toEqual({
    success: true,
    stack: "dev",
    processes: ["battle", "shop"].map((name, index) => ({
      name,
      processId: idOf(name),
      health: "HEALTHY",
      version: "1.0.0",
      sourceHash: HASH,
      generation: index + 1,
      epoch: 7,
      release: "deploy-1",
      responseMs: expect.any(Number),
      reasons: [],
      // The embedded network has neither an explorer nor, on its legacy units, published state.
      explorer: null,
      node: null,
    })),
  });
  expect(ao.sent.map(({ tags }) => tags.Action)).toEqual(["HEALTH_CHECK", "HEALTH_CHECK"]);
  // All check types: a change by hand fails a check of another type than liveness.
  expect(ao.sent.map(({ data }) => JSON.parse(data).healthCheck.checkType)).toEqual(["ALL", "ALL"]);
  const text = await fleet(["status"], { fleet: fakeFleet(ao, two) });
  expect(text.stdout).toContain(
    `shop     ${idOf("shop")}  HEALTHY  1.0.0    ${HASH.slice(0, 8)}  2    7      deploy-1`,
  );
});

test("status exits with 1 and the reason when a process is not HEALTHY", async () => {
  const behave: Behaviour = (request) =>
    healthy(request.processId === idOf("shop") ? "DEGRADED" : "HEALTHY")(request);
  const ran = await fleet(["status"], { fleet: fakeFleet(fakeAo(behave), two) });
  expect(ran.code).toBe(1);
  expect(ran.stdout).toContain("shop: peers is DEGRADED: no shop");
});

test("status shows a silent process as OFFLINE and other code as drift, and still reads the others", async () => {
  const behave: Behaviour = (request) =>
    request.processId === idOf("shop") ? {} : healthy("HEALTHY", "cd".repeat(32))(request);
  const ran = await fleet(["status", "--json"], { fleet: fakeFleet(fakeAo(behave), two) });
  expect(ran.code).toBe(1);
  expect(ran.json()).toMatchObject({
    processes: [
      { name: "battle", health: "HEALTHY", reasons: ["it runs code cdcdcdcd instead of abababab"] },
      { name: "shop", health: "OFFLINE", epoch: null, reasons: [expect.stringContaining("[NO_REPLY]")] },
    ],
  });
});

test("status shows UNKNOWN and the last known values for a process whose compute unit is slow or down", async () => {
  let slow = false;
  const down = new FleetError(
    { code: "UNIT_SLOW", what: "The compute unit at http://cu did not answer in time.", remedy: "Wait." },
    { transient: true },
  );
  const behave: Behaviour = (request) => {
    if (slow && request.processId === idOf("shop")) throw down;
    return healthy()(request);
  };
  const known = fakeFleet(fakeAo(behave), two);
  const home = temporaryFolder("status");
  Object.assign(known.session.scope, { home });
  const shown = async () => {
    const ran = await fleet(["status", "--json"], { fleet: known });
    return { code: ran.code, shop: (ran.json() as { processes: Record<string, unknown>[] }).processes[1] };
  };
  slow = true;
  expect(await shown()).toMatchObject({
    code: 1,
    shop: {
      health: "UNKNOWN",
      code: "UNIT_SLOW",
      version: "",
      reasons: [expect.stringMatching(/^unknown: .*\[UNIT_SLOW\]$/)],
    },
  });
  slow = false;
  expect((await shown()).code).toBe(0);
  slow = true;
  expect(await shown()).toMatchObject({
    code: 1,
    shop: {
      ...{
        health: "UNKNOWN",
        code: "UNIT_SLOW",
        version: "1.0.0",
        sourceHash: HASH,
        epoch: 7,
        release: "deploy-1",
      },
      lastKnown: { health: "HEALTHY", at: expect.any(String) },
      reasons: [expect.stringMatching(/^unknown: .*\[UNIT_SLOW\]; it was HEALTHY \d+ s ago$/)],
    },
  });
  const text = await fleet(["status"], { fleet: known });
  expect(text.stdout).toContain("UNKNOWN");
  expect(text.stdout).not.toContain("OFFLINE");
});

test("status --quick signs nothing", async () => {
  const ao = fakeAo(healthy());
  const ran = await fleet(["status", "--quick", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.code).toBe(0);
  expect(ran.json()).toMatchObject({ processes: [{ health: "ACTIVE", epoch: 7 }, { health: "ACTIVE" }] });
  expect(ao.sent).toEqual([]);
});

test("status --watch repeats until it is ended", async () => {
  const ao = fakeAo(healthy());
  let rounds = 0;
  const pause = async () => {
    rounds += 1;
    if (rounds === 3) throw new FleetError({ code: "ENOUGH", what: "The test ends.", remedy: "None." });
  };
  const ran = await fleet(["status", "--watch", "1"], { fleet: fakeFleet(ao, [member("battle")]), pause });
  expect(ran.stderr).toContain("[ENOUGH]");
  expect(ao.sent).toHaveLength(3);
  expect((await fleet(["status", "--watch", "--json"])).code).toBe(2);
});

test("discover lists what is registered in the ledger", async () => {
  const processes = {
    [idOf("battle")]: {
      processType: "BATTLE",
      version: "1.0.0",
      capabilities: ["BATTLE_PROCESSING"],
      metadata: { name: "battle" },
    },
  };
  const ao = fakeAo(() => ({ reply: { success: true, processes, count: 1 } }));
  const known = fakeFleet(ao, [member("ledger")], "ledger");
  const ran = await fleet(["discover", "--type", "BATTLE", "--json"], { fleet: known });
  expect(ran.code).toBe(0);
  expect(ran.json()).toMatchObject({ count: 1, processes: [{ name: "battle", processType: "BATTLE" }] });
  expect(ao.sent[0]?.tags).toMatchObject({ Action: "PROCESS_DISCOVERY", "Process-Type": "BATTLE" });
  const empty = fakeFleet(
    fakeAo(() => ({ reply: { success: true, processes: [], count: 0 } })),
    [member("ledger")],
    "ledger",
  );
  expect((await fleet(["discover", "--json"], { fleet: empty })).json()).toMatchObject({ count: 0 });
  const none = await fleet(["discover"], { fleet: fakeFleet(ao, two) });
  expect(none.stderr).toContain("[NO_LEDGER]");
});

test("call prints the reply, and sends data, tags and epoch unchanged", async () => {
  const ao = fakeAo(({ action, data }) =>
    action === "Info"
      ? { reply: { success: true, epoch: 7 } }
      : { reply: { success: true, echo: JSON.parse(data) } },
  );
  const words = [
    "call",
    "battle",
    "DRAIN",
    "--data",
    '{"a":1}',
    "--tag",
    "X=1",
    "--tag",
    "Y=a=b",
    "--control",
  ];
  const ran = await fleet([...words, "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.code).toBe(0);
  expect(ran.json()).toMatchObject({
    success: true,
    action: "DRAIN-Response",
    messageId: "message-1",
    data: { echo: { a: 1 } },
  });
  expect(ao.sent[1]).toMatchObject({
    processId: idOf("battle"),
    data: '{"a":1}',
    tags: { Action: "DRAIN", X: "1", Y: "a=b", Epoch: "7", "Content-Type": "application/json" },
  });
  expect(ao.sent[1]?.tags["Correlation-Id"]).toMatch(/./);
});

test("call names the message whose outcome is unknown, and how to finish exactly that one", async () => {
  const lost = new FleetError(
    { code: "NOT_ARRIVED", what: "It may still be in transit.", remedy: "Try again later." },
    { transient: true },
  );
  const known = fakeFleet({ ...fakeAo(() => ({})), send: () => Promise.reject(lost) }, two);
  const unsigned = await fleet(["call", "battle", "X"], { fleet: known });
  expect(unsigned.stderr).toMatch(/Try again later\.$/m);
  Object.assign(known.session.journal, { signed: () => ({ id: idOf("m") }) });
  const ran = await fleet(["call", "battle", "Mint it", "--stack", "prod"], { fleet: known });
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain(`npx fleet call battle 'Mint it' --continue ${idOf("m")} --stack prod`);
  const changed = await fleet(["call", "battle", "X", "--continue", idOf("m"), "--data", "{}"], {
    fleet: known,
  });
  expect([changed.code, changed.stderr]).toEqual([2, expect.stringContaining("cannot be used with")]);
});

describe("a call that a signal ends", () => {
  const never = () => new Promise<never>(() => {});
  /** Runs it until `at`, where it waits without end, then interrupts it. */
  async function interrupted(at: "send" | "post" | "evaluation" | "results", words: readonly string[]) {
    let interrupt = () => {};
    let listens = 0;
    const asks = () => ({ messages: [{ target: idOf("shop"), tags: { Action: "PRICE" }, data: "" }] });
    const plain = fakeAo(asks);
    const stop = () => {
      queueMicrotask(interrupt);
      return never();
    };
    const ao = {
      ...plain,
      send: async (...input: Parameters<typeof plain.send>) => {
        if (at === "send") {
          await Promise.race([stop(), new Promise((done) => setImmediate(done))]);
          return plain.send(...input);
        }
        const sent = await plain.send(...input);
        return at === "post" ? stop() : sent;
      },
      ...(at === "evaluation" ? { evaluation: stop } : {}),
      ...(at === "results" ? { results: stop } : {}),
    };
    const ran = await fleet(["call", "battle", "Mint it", "--stack", "prod", ...words], {
      fleet: fakeFleet(ao, two),
      interrupts: (onInterrupt, signals) => {
        expect(signals).toEqual(["SIGINT", "SIGTERM", "SIGHUP"]);
        interrupt = () => onInterrupt(false);
        listens += 1;
        return () => {
          listens = 0;
        };
      },
    });
    await new Promise((done) => setImmediate(done));
    return { ...ran, listens, sent: plain.sent.length };
  }
  const FINISH = "npx fleet call battle 'Mint it' --continue message-0 --stack prod";

  test.each(["post", "evaluation"] as const)("prints how to finish its message: %s", async (at) => {
    const ran = await interrupted(at, []);
    expect([ran.code, ran.listens]).toEqual([130, 0]);
    expect(ran.stderr).toContain(`message message-0; if no result follows: ${FINISH}\n`);
    expect(ran.stderr).toContain("[CALL_INTERRUPTED]");
    expect(ran.stderr.split(FINISH)).toHaveLength(3);
    const silent = await interrupted(at, ["--quiet", "--json"]);
    expect(silent.stderr.split(FINISH)).toHaveLength(2);
    expect(silent.json()).toMatchObject({
      error: { code: "CALL_INTERRUPTED", problems: [{ got: "message-0" }] },
    });
  });

  test("sends nothing afterwards if it had signed nothing", async () => {
    const ran = await interrupted("send", []);
    expect([ran.code, ran.sent]).toEqual([130, 0]);
    expect(ran.stderr).toContain("nothing was sent");
    expect(ran.stderr).not.toContain("--continue");
  });

  test("promises no continuation of a message whose result is known", async () => {
    const ran = await interrupted("results", ["--quiet"]);
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain("npx fleet trace message-0 --stack prod");
    expect(ran.stderr).not.toContain("--continue");
  });
});

test("call sends the bytes of a file or of stdin as they are, or refuses them", async () => {
  const cwd = temporaryFolder("call-data");
  const ao = fakeAo(() => ({ reply: { success: true } }));
  const call = (...words: string[]) =>
    fleet(["call", "battle", "X", "--data", ...words], { fleet: fakeFleet(ao, two), cwd, stdin: "\ufeff✓" });
  writeFileSync(join(cwd, "latin1"), Buffer.from([0x22, 0xe9, 0x22]));
  for (const words of [["@latin1"], ["@latin1", "--raw"]]) {
    const ran = await call(...words);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("[TEXT_NOT_UTF8]")]);
  }
  expect(ao.sent).toEqual([]);
  writeFileSync(join(cwd, "utf8"), "\ufeffé\u0000");
  await call("@utf8", "--raw");
  await call("-", "--raw");
  expect(ao.sent.map(({ data }) => data)).toEqual(["\ufeffé\u0000", "\ufeff✓"]);
});

test("call refuses words of its command line that are not UTF-8, which Node replaces", async () => {
  const ao = fakeAo(() => ({ reply: { success: true } }));
  // Node decodes the bytes of an argument like this.
  const broken = Buffer.from([0x22, 0xe9, 0x22]).toString();
  for (const [words, at] of [
    [["X", "--data", broken], "--data"],
    [["X", "--data", broken, "--raw"], "--data"],
    [["X", "--tag", `A=${broken}`], "--tag"],
    [["X", "--tag", `${broken}=A`], "--tag"],
    [[broken], "<action>"],
  ] as const) {
    const ran = await fleet(["call", "battle", ...words], { fleet: fakeFleet(ao, two) });
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("[TEXT_NOT_UTF8]")]);
    expect(ran.stderr).toMatch(new RegExp(`at: +${at}$`, "m"));
  }
  expect(ao.sent).toEqual([]);
  await fleet(["call", "battle", "Grüße", "--data", "é", "--raw", "--tag", "ä=ö"], {
    fleet: fakeFleet(ao, two),
  });
  expect(ao.sent).toMatchObject([{ data: "é", tags: { Action: "Grüße", ä: "ö" } }]);
});

test("call exits with 1 when the reply has success: false", async () => {
  const ao = fakeAo(() => ({ reply: { success: false, error: { code: "NOPE", message: "no" } } }));
  const ran = await fleet(["call", "battle", "X"], { fleet: fakeFleet(ao, two) });
  expect(ran.code).toBe(1);
  expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "NOPE" } });
});

test("call waits for a reply that comes after the process asked a peer", async () => {
  const ao = fakeAo(() => ({ messages: [{ target: idOf("shop"), tags: { Action: "PRICE" }, data: "" }] }));
  const ran = await fleet(["call", "battle", "BUY", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.json()).toMatchObject({ success: true, data: { late: true } });
});

test("call does not take the answer to another message for its own", async () => {
  const notice = toUs({ Action: "Error", "Fleet-Notice": "Error" }, '{"name":"battle"}');
  const ao = fakeAo(({ tags }) => ({
    messages: [
      TIMEOUT_OF_ANOTHER,
      notice,
      toUs({ "X-Reference": "77", Action: "Move-Response" }, "another's"),
      toUs({ "X-Reference": tags.Reference ?? "" }, '{"moves":222}'),
    ],
  }));
  const ran = await fleet(["call", "battle", "Move", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.json()).toMatchObject({ success: true, data: { moves: 222 } });
  expect(ran.code).toBe(0);
  const alone = fakeAo(() => ({ messages: [TIMEOUT_OF_ANOTHER, notice] }));
  const late = await fleet(["call", "battle", "Move", "--timeout", "1"], { fleet: fakeFleet(alone, two) });
  expect(late).toMatchObject({ code: 1, stderr: expect.stringContaining("[REPLY_LATE]") });
});

test.each([
  ["a string", toUs({}, "moved"), 0, "moved"],
  ["digits", toUs({ Action: "Moved" }, "222"), 0, "222"],
  ["digits beyond a double", toUs({}, "12345678901234567890"), 0, "12345678901234567890"],
  ["null", toUs({}, "null"), 0, "null"],
  ["a list", toUs({}, "[1,2]"), 0, [1, 2]],
  ["a tag Error", toUs({ Error: "no such place" }), 1, ""],
  ["an action that ends in -Error", toUs({ Action: "Move-Error" }, "no"), 1, "no"],
])("call shows a plain program's own reply: %s", async (_what, message, code, data) => {
  const ao = fakeAo(() => ({ messages: [message] }));
  const ran = await fleet(["call", "battle", "Move", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.json()).toMatchObject({ success: code === 0, data, text: message.data });
  expect(ran.code).toBe(code);
});

test("call shows why a plain token refused, whether or not the reply has an action, and no empty line", async () => {
  for (const tags of [
    { Action: "Transfer-Error", Error: "Insufficient Balance!" },
    { Error: "Insufficient Balance!" },
  ]) {
    const ran = await fleet(["call", "battle", "Transfer"], {
      fleet: fakeFleet(
        fakeAo(() => ({ messages: [toUs(tags)] })),
        two,
      ),
    });
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain("an error from battle: Insufficient Balance!");
    expect(ran.stderr.includes("Transfer-Error from battle")).toBe("Action" in tags);
  }
  const told = await fleet(["call", "battle", "Transfer"], {
    fleet: fakeFleet(
      fakeAo(() => ({ messages: [toUs({ Error: "no" }, "the balance is 3")] })),
      two,
    ),
  });
  expect(told).toMatchObject({ code: 1, stdout: "the balance is 3\n" });
});

test("call shows what came back when there is no reply, an error, or only an output", async () => {
  const silent = await fleet(["call", "battle", "X"], {
    fleet: fakeFleet(
      fakeAo(() => ({ output: "New Message From AAA...AAA: Action = X" })),
      two,
    ),
  });
  expect(silent).toMatchObject({ code: 1, stderr: expect.stringContaining("[NO_REPLY]") });
  const broken = await fleet(["call", "battle", "X"], {
    fleet: fakeFleet(
      fakeAo(() => ({ error: '[string "aos"]:1: no' })),
      two,
    ),
  });
  expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining("[PROCESS_ERROR]") });
  // A process on lua@5.3a keeps what ran before the error.
  expect(broken.stderr).toContain("battle failed: ");
  const evaluated = await fleet(["call", "battle", "Eval", "--raw", "--data", "return 2"], {
    fleet: fakeFleet(
      fakeAo(({ data }) => ({ output: `ran ${data}` })),
      two,
    ),
  });
  expect(evaluated).toMatchObject({ code: 0, stdout: "ran return 2\n" });
});

/** aos that belongs to this wallet: it runs Evals, and in dry runs those that reverse a string. */
const ours =
  (answer: Answer = {}): Behaviour =>
  ({ data }) => {
    const nonce = /string\.reverse\("([0-9a-f]+)"\)/.exec(data)?.[1];
    return nonce === undefined ? answer : { output: [...nonce].reverse().join("") };
  };
const ordered: History = {
  latest: async () => 12,
  range: async () => [
    { slot: 12, messageId: "message-0", timestamp: 0, from: ADDRESS, action: "Eval", tags: {}, data: "" },
  ],
  result: async () => undefined,
};
const spawnedBy = (owner: string, behave: Behaviour) => {
  const ao = fakeAo(behave);
  return Object.assign(ao, {
    find: async () => [{ id: idOf("battle"), owner, recipient: "", tags: {} }],
  });
};
const assignment = ["call", "battle", "Eval", "--raw", "--data", "Limit = 5"];

test("call reports an Eval that returns nothing as evaluated, with its slot", async () => {
  const given = { fleet: fakeFleet(fakeAo(ours()), two), history: ordered };
  expect(await fleet(assignment, given)).toMatchObject({
    code: 0,
    stdout: "evaluated at slot 12: no output, no error\n",
  });
  const json = await fleet([...assignment, "--json"], given);
  expect(json.json()).toMatchObject({ success: true, data: "" });
  // Not found in the order: no slot is reported.
  const elsewhere = { ...ordered, range: async () => [] };
  const ran = await fleet(assignment, {
    ...given,
    fleet: fakeFleet(fakeAo(ours()), two),
    history: elsewhere,
  });
  expect(ran).toMatchObject({ code: 0, stdout: "evaluated: no output, no error\n" });
  const dry = await fleet([...assignment, "--dry-run"], { fleet: fakeFleet(fakeAo(ours()), two) });
  expect(dry).toMatchObject({ code: 0, stdout: "evaluated in a dry run: no output, no error\n" });
});

test("call does not wait for a reply to an Eval that sends something to others", async () => {
  const sends = ours({
    output: "sent",
    messages: [{ target: idOf("shop"), tags: { Action: "X" }, data: "" }],
  });
  const ran = await fleet(assignment, { fleet: fakeFleet(fakeAo(sends), two) });
  expect(ran).toMatchObject({ code: 0, stdout: "sent\n" });
});

test("call reports an Eval by the process' spawner as evaluated, even if the unit evaluates none in dry runs", async () => {
  const mine = {
    fleet: fakeFleet(
      spawnedBy(ADDRESS, () => ({})),
      two,
    ),
    history: ordered,
  };
  expect((await fleet(assignment, mine)).code).toBe(0);
  // The owner is unknown.
  const unknown = await fleet(assignment, {
    fleet: fakeFleet(
      fakeAo(() => ({})),
      two,
    ),
    history: ordered,
  });
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining("[NO_REPLY]") });
});

test.each([
  ["went to the inbox", { output: "New Message From AAA...AAA: Action = Eval" }],
  ["vanished without an answer", {}],
])("call names the owner and the wallet when another wallet's Eval %s", async (_, answer) => {
  const owner = "O".repeat(43);
  const ran = await fleet(assignment, {
    fleet: fakeFleet(
      spawnedBy(owner, () => answer),
      two,
    ),
  });
  expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("[NOT_OWNER]") });
  for (const address of [owner, ADDRESS]) expect(ran.stderr).toContain(address);
});

test("call --control sends the library's epoch, and refuses a member without the library before sending", async () => {
  const ao = fakeAo(({ action }) => ({
    reply: { success: true, ...(action === "Info" ? { epoch: 7 } : {}) },
  }));
  expect((await fleet(["call", "battle", "DRAIN", "--control"], { fleet: fakeFleet(ao, two) })).code).toBe(0);
  expect(ao.sent.map(({ tags }) => [tags.Action, tags["Fleet-Request"]])).toEqual([
    ["Info", "1"],
    ["DRAIN", undefined],
  ]);
  const bare = fakeFleet(ao, [member("token", { lib: false })]);
  const refused = await fleet(["call", "token", "DRAIN", "--control"], { fleet: bare });
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("[LIB_REQUIRED]") });
  expect(ao.sent).toHaveLength(2);
});

test("call reads data from stdin and from a file, and refuses invalid JSON before sending", async () => {
  const ao = fakeAo(({ data }) => ({ reply: { success: true, data } }));
  const given = { fleet: fakeFleet(ao, two), stdin: '{"from":"stdin"}' };
  expect((await fleet(["call", "battle", "X", "--data", "-", "--json"], given)).json()).toMatchObject({
    data: { data: '{"from":"stdin"}' },
  });
  for (const [data, code] of [
    ["{a:1}", "BAD_DATA"],
    ["@/no/such/file", "DATA_UNREADABLE"],
  ] as const) {
    const ran = await fleet(["call", "battle", "X", "--data", data], given);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(code) });
  }
  expect(ao.sent).toHaveLength(1);
});

test("a process is named by member or AO id; a misspelt name gets the nearest suggestion", async () => {
  const ao = fakeAo(() => ({ reply: { success: true } }));
  const stranger = "z".repeat(43);
  await fleet(["call", stranger, "Info"], { fleet: fakeFleet(ao, two) });
  await fleet(["call", idOf("shop"), "Info"], { fleet: fakeFleet(ao, two) });
  expect(ao.sent.map(({ processId }) => processId)).toEqual([stranger, idOf("shop")]);
  const ran = await fleet(["call", "batle", "Info"], { fleet: fakeFleet(ao, two) });
  expect(ran.stderr).toContain('Fix the name: "battle"?');
});

/** Messages at slots 0, 1, …, each with its result. */
function historyOf(messages: { action: string; data?: string; result?: Partial<Evaluation> }[]) {
  const scheduled = messages.map(
    ({ action, data = "" }, slot): Scheduled => ({
      slot,
      messageId: `m${slot}`,
      timestamp: 1000 * slot,
      from: ADDRESS,
      action,
      tags: {},
      data,
    }),
  );
  return {
    latest: async () => (messages.length === 0 ? undefined : messages.length - 1),
    range: async (_process: string, from: number, to: number) => scheduled.slice(from, to + 1),
    async result(_process: string, messageId: string) {
      const result = messages[Number(messageId.slice(1))]?.result;
      return result && { messageId, output: "", messages: [], spawns: [], ...result };
    },
  };
}

test("logs shows the newest messages by slot with their results", async () => {
  const history = historyOf([
    { action: "(spawn)", result: {} },
    {
      action: "Info",
      result: { messages: [{ target: idOf("shop"), tags: { Action: "Info-Response" }, data: "{}" }] },
    },
    { action: "Eval", data: "return 1", result: { output: "1" } },
    { action: "X" },
  ]);
  const ran = await fleet(["logs", "battle", "-n", "3"], {
    fleet: fakeFleet(
      fakeAo(() => ({})),
      two,
    ),
    history,
  });
  expect(ran.code).toBe(0);
  expect(ran.stdout.split("\n")).toEqual([
    "#1 1970-01-01T00:00:01.000Z Info from AAAAAAAAAAA…  m1",
    "    sent   Info-Response to shop  {}",
    "#2 1970-01-01T00:00:02.000Z Eval from AAAAAAAAAAA…  m2",
    "    data   return 1",
    "    output 1",
    "#3 1970-01-01T00:00:03.000Z X from AAAAAAAAAAA…  m3",
    "    no result could be read",
    "",
  ]);
});

test("logs and query of a process that the network does not have are an error, and trace names such a member", async () => {
  const history: History = { ...historyOf([]), latest: async () => undefined };
  const known = fakeFleet(
    fakeAo(() => ({})),
    two,
  );
  for (const words of [
    ["logs", idOf("nobody")],
    ["logs", "battle", "--errors"],
    ["query", "battle"],
  ]) {
    const ran = await fleet(words, { fleet: known, history });
    expect([ran.code, ran.stdout]).toEqual([1, ""]);
    expect(ran.stderr).toContain("[PROCESS_UNKNOWN]");
  }
  const one = historyOf([{ action: "A", result: {} }]);
  const half: History = {
    ...one,
    latest: async (id) => (id === idOf("battle") ? undefined : one.latest()),
  };
  const traced = await fleet(["trace", "m0"], { fleet: known, history: half });
  expect([traced.code, traced.stdout]).toEqual([1, expect.stringContaining("slot 0")]);
  expect(traced.stderr).toMatch(/^battle: the network of this stack has no process .* \[PROCESS_UNKNOWN\]$/m);
});

test("logs shows which messages a stuck process did not compute, and the command that finds out", async () => {
  for (const code of ["PROCESS_STUCK", "PROCESS_RUINED"]) {
    const history: History = {
      ...historyOf([{ action: "A", result: {} }, { action: "B" }]),
      stopped: () => code,
    };
    const ran = await fleet(["logs", "battle"], {
      fleet: fakeFleet(
        fakeAo(() => ({})),
        two,
      ),
      history,
    });
    expect(ran.stdout).toMatch(
      new RegExp(`#0 .* A from .*\\n#1 .* B from .*\\n {4}not computed \\[${code}\\]\\n`),
    );
    expect(ran.stderr).toMatch(
      new RegExp(`^battle: .* \\[${code}\\].* npx fleet deploy --replace battle`, "m"),
    );
  }
});

test("logs --errors searches back for failures and refusals, and names the code they came from", async () => {
  const load = `local x\nreturn Fleet.commit({ process = "battle", sourceHash = "${HASH}", version = "1", epoch = __epoch })`;
  const fine = { action: "Info", result: {} };
  const history = historyOf([
    { action: "A", result: { error: "before any load" } },
    {
      action: "Eval",
      data: load,
      result: { output: JSON.stringify({ fleet: "committed", sourceHash: HASH }) },
    },
    { action: "B", result: { error: "after it" } },
    ...Array.from({ length: 60 }, () => fine),
    {
      action: "C",
      result: {
        messages: [{ target: ADDRESS, tags: { Action: "Error-Response", Status: "error" }, data: "" }],
      },
    },
    fine,
  ]);
  const ran = await fleet(["logs", "battle", "--errors", "--json"], {
    fleet: fakeFleet(
      fakeAo(() => ({})),
      two,
    ),
    history,
  });
  const { messages } = ran.json<{ messages: Record<string, unknown>[] }>();
  expect(messages.map(({ action, source, explained }) => ({ action, source, explained }))).toEqual([
    { action: "A", source: undefined, explained: "before any load" },
    { action: "B", source: HASH, explained: "after it" },
    { action: "C", source: HASH, explained: undefined },
  ]);
});

test.each([
  [["logs", "battle", "--errors"], 25],
  [["query", "battle", "--status", "error"], 50],
  [["query", "battle", "--action", "Error"], 119],
])("%s fails if no result could be read, and does not say that there are no errors", async (words, asked) => {
  const history = historyOf(Array.from({ length: 120 }, () => ({ action: "X" })));
  const known = fakeFleet(
    fakeAo(() => ({})),
    two,
  );
  const ran = await fleet(words, { fleet: known, history });
  expect(ran).toMatchObject({ code: 1, stdout: "" });
  expect(ran.stderr).toContain(`${asked} of ${asked} results could not be read`);
  expect(ran.stderr).not.toContain("no errors found");
  const json = await fleet([...words, "--json"], { fleet: known, history });
  expect(json.json()).toMatchObject({ success: false, searched: asked, unread: asked, messages: [] });
});

test("logs --errors says how many results could not be read, and query shows received messages without theirs", async () => {
  const history = historyOf([{ action: "A", result: {} }, { action: "B" }]);
  const known = fakeFleet(
    fakeAo(() => ({})),
    two,
  );
  const logs = await fleet(["logs", "battle", "--errors"], { fleet: known, history });
  expect([logs.code, logs.stderr]).toEqual([0, "1 of 2 results could not be read: errors may be missing\n"]);
  const query = await fleet(["query", "battle", "--action", "B"], { fleet: known, history });
  expect(query).toMatchObject({ code: 0, stdout: expect.stringMatching(/ B$/m) });
  expect(query.stderr).toContain("1 of 2 results could not be read");
});

test("logs --follow continues with new messages", async () => {
  const messages: Parameters<typeof historyOf>[0] = [{ action: "Old", result: {} }];
  const history = {
    latest: () => historyOf(messages).latest(),
    range: (...input: [string, number, number]) => historyOf(messages).range(...input),
    result: (...input: [string, string]) => historyOf(messages).result(...input),
  };
  const pause = async () => {
    if (messages.length === 3)
      throw new FleetError({ code: "ENOUGH", what: "The test ends.", remedy: "None." });
    messages.push({ action: `New${messages.length}`, result: {} });
  };
  const ran = await fleet(["logs", "battle", "--follow"], {
    fleet: fakeFleet(
      fakeAo(() => ({})),
      two,
    ),
    history,
    pause,
  });
  expect(ran.stdout.match(/Old|New\d/g)).toEqual(["Old", "New1", "New2"]);
});

test("localnet shows where every unit is, and who the node is", async () => {
  const nodeAddress = "n".repeat(43);
  const url = (port: number) => `http://127.0.0.1:${port}`;
  const info = {
    ...{ pid: 1, dir: "/x", startedAt: "now", modules: { aos: "m".repeat(43) } },
    ...{
      gatewayUrl: url(1),
      graphqlUrl: url(1),
      muUrl: url(2),
      cuUrl: url(3),
      suUrl: url(4),
      nodeUrl: url(5),
    },
    ...{ scheduler: "s".repeat(43), authority: "a".repeat(43), nodeAddress },
  };
  const localnet = { start: async () => info, status: async () => ({ running: true, info }) };
  for (const command of ["start", "status"]) {
    const ran = await fleet(["localnet", command], { localnet });
    expect(ran.stdout).toMatch(new RegExp(`^ +node +${url(5)} +${nodeAddress}$`, "m"));
    expect((await fleet(["localnet", command, "--json"], { localnet })).json()).toEqual({
      success: true,
      running: true,
      network: info,
    });
  }
});

test("localnet uses the embedded network of the stack's folder", async () => {
  const dirs: string[] = [];
  const note = (dir: string) => {
    dirs.push(dir);
  };
  const localnet = {
    status: async (dir: string) => {
      note(dir);
      return { running: false };
    },
    stop: async () => true,
    reset: async (dir: string) => note(dir),
    logs: async (_dir: string, lines?: number) => `last ${lines}`,
  };
  const status = await fleet(["localnet", "status", "--json"], { localnet });
  expect(status).toMatchObject({ code: 1 });
  expect(status.json()).toEqual({ success: false, running: false });
  expect(dirs[0]).toMatch(/\.fleet\/localnet$/);
  expect((await fleet(["localnet", "stop"], { localnet })).stdout).toBe("stopped\n");
  expect((await fleet(["localnet", "logs", "--lines", "7"], { localnet })).stdout).toBe("last 7\n");
  expect((await fleet(["localnet", "stop", "--json"], { localnet })).json()).toEqual({
    success: true,
    stopped: true,
  });
  expect((await fleet(["localnet", "logs", "--json"], { localnet })).json()).toEqual({
    success: true,
    lines: ["last 100"],
  });
  expect(await fleet(["localnet", "reset", "--dir", "/x"], { localnet })).toMatchObject({ code: 2 });
  expect(dirs).toHaveLength(1);
  expect(await fleet(["localnet", "reset", "--dir", "/x", "--yes"], { localnet })).toMatchObject({ code: 0 });
  expect(dirs[1]).toBe("/x");
  const again = await fleet(["localnet", "reset", "--dir", "/x", "--yes", "--json"], { localnet });
  expect(again.json()).toEqual({ success: true, dir: "/x" });
});

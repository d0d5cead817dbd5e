import { describe, expect, test } from "vitest";
import { hashOf } from "../../src/core/hash.ts";
import { evaluate } from "./model.ts";
import type { ModelMessage, ModelProcess, ModelResult, ProcessState } from "./state.ts";
import { tagOf } from "./state.ts";

const OWNER = "owner".padEnd(43, "o");
const STRANGER = "stranger".padEnd(43, "s");
const AUTHORITY = "authority".padEnd(43, "a");

/** A process that needs no network. */
function processOf(tags: ModelProcess["tags"] = [{ name: "Authority", value: AUTHORITY }]) {
  const process: ModelProcess = { id: "process".padEnd(43, "p"), owner: OWNER, tags };
  let state: ProcessState | null = null;
  let n = 0;
  const send = (input: {
    from?: string;
    owner?: string;
    data?: string;
    tags?: Record<string, string>;
  }): ModelResult => {
    const from = input.from ?? OWNER;
    n += 1;
    const message: ModelMessage = {
      id: `message${n}`.padEnd(43, "m"),
      from,
      owner: input.owner ?? from,
      data: input.data ?? "",
      tags: Object.entries(input.tags ?? {}).map(([name, value]) => ({ name, value })),
      timestamp: 1_700_000_000_000 + n,
      blockHeight: 1000 + n,
      slot: n,
    };
    const evaluated = evaluate(state, process, message);
    state = evaluated.state;
    return evaluated.result;
  };
  send({});
  return {
    process,
    send,
    eval: (data: string, from = OWNER) => send({ data, from, tags: { Action: "Eval" } }),
    /** Sends an action and parses the reply's JSON. */
    ask(action: string, data: unknown = {}, more: { from?: string; tags?: Record<string, string> } = {}) {
      const result = send({ ...more, data: JSON.stringify(data), tags: { Action: action, ...more.tags } });
      const [reply] = result.Messages;
      return {
        result,
        action: reply && tagOf(reply.Tags, "Action"),
        correlation: reply && tagOf(reply.Tags, "Correlation-Id"),
        status: reply && tagOf(reply.Tags, "Status"),
        to: reply?.Target,
        body: reply ? JSON.parse(reply.Data) : undefined,
      };
    },
  };
}

/** The text of a deploy's Eval. */
function program(options: { name?: string; epoch?: number; version?: string; body?: string } = {}): string {
  const { name = "battle", epoch = 1, version = "1.0.0", body = "" } = options;
  return [
    `local __e = ${epoch}; if Fleet and Fleet.guard then local refused = Fleet.guard(__e) if refused then return refused end end`,
    `fleet.process{ name="${name}", processType="BATTLE", version="${version}", capabilities={"DAMAGE_CALCULATION"} }`,
    `fleet.on("START_BATTLE", { who="anyone" }, function(data, msg) return {} end)`,
    body,
    `return Fleet.commit({ release="r${epoch}", sourceHash="h${version}", version="${version}", epoch=${epoch}, process="${name}" })`,
  ].join("\n");
}

describe("aos rules", () => {
  test("an Eval returns, keeps globals, and a failing one changes nothing", () => {
    const p = processOf();
    expect(p.eval("return 1 + 1").Output?.data).toBe("2");
    expect(p.eval('X = "a" .. "b"').Output?.data).toBe("");
    const failed = p.eval('X = "lost"\nerror("boom")');
    expect(failed.Error).toContain('[string "aos"]:2: boom');
    expect(failed.Output).toBeUndefined();
    expect(p.eval("X").Output?.data).toBe("ab");
    expect(p.eval("x x x").Error).toBe("[string \"aos\"]:1: syntax error near 'x'");
  });

  test("a stranger's Eval lands in the inbox without an error", () => {
    const p = processOf();
    const result = p.eval("X = 1", STRANGER);
    expect(result.Error).toBeUndefined();
    expect(result.Output?.data).toMatch(/New Message From .*str\.\.\.sss.*Action = .*Eval/);
    expect(p.eval("return X").Output?.data).toBe("");
  });

  test("a push is accepted from an authority only", () => {
    const p = processOf();
    p.eval('Handlers.add("ping", "Ping", function(m) m.reply({ Action = "Pong", Data = m.Data }) end)');
    const pushed = p.send({
      from: STRANGER,
      owner: AUTHORITY,
      data: "hi",
      tags: { Action: "Ping", Reference: "7" },
    });
    expect(pushed.Messages[0]).toMatchObject({ Target: STRANGER, Data: "hi" });
    expect(tagOf(pushed.Messages[0]?.Tags ?? [], "X-Reference")).toBe("7");
    const forged = p.send({ from: AUTHORITY, owner: STRANGER, data: "hi", tags: { Action: "Ping" } });
    expect(forged.Messages).toEqual([]);
    expect(forged.Output?.data).toContain("Message is not trusted!");
  });

  test("On-Boot: Data runs the spawn's code", () => {
    const p = processOf([{ name: "On-Boot", value: "Data" }]);
    expect(p.eval("return X").Output?.data).toBe("");
  });

  test("a failing handler is an error and leaves the memory unchanged", () => {
    const p = processOf();
    p.eval('Handlers.add("bad", "Bad", function(m) X = 1 error("oops") end)');
    expect(p.send({ tags: { Action: "Bad" } }).Error).toContain("handling message with Action = Bad");
    expect(p.eval("return X").Output?.data).toBe("");
  });
});

describe("a deploy's program", () => {
  test("commits, and a smaller epoch is refused by value and counted", () => {
    const p = processOf();
    const committed = JSON.parse(p.eval(program({ epoch: 3 })).Output?.data ?? "");
    expect(committed).toMatchObject({
      fleet: "committed",
      sourceHash: "h1.0.0",
      epoch: 3,
      handlers: ["ao-fleet.first", "ao-fleet.last"],
    });
    expect(committed.actions).toContain("START_BATTLE");
    const late = p.eval(program({ epoch: 2, version: "9.9.9" }));
    expect(JSON.parse(late.Output?.data ?? "")).toEqual({ fleet: "refused", code: "STALE_EPOCH", epoch: 3 });
    const { body } = p.ask("Info");
    expect(body).toMatchObject({
      success: true,
      version: "1.0.0",
      epoch: 3,
      status: "ACTIVE",
      processType: "BATTLE",
    });
    expect(body.stats.refused).toBe(1);
  });

  test.each([
    ["a top-level error", 'error("bad module")', "bad module"],
    ["a scripted one", '--[[sim:{"evalError":"no memory"}]]', "no memory"],
  ])("%s fails the whole Eval and keeps the earlier release", (_, body, message) => {
    const p = processOf();
    p.eval(program());
    expect(p.eval(program({ version: "2.0.0", epoch: 2, body })).Error).toContain(message);
    expect(p.ask("Info").body).toMatchObject({ version: "1.0.0", epoch: 1 });
  });

  test("a bundle without the library commits by its marker", () => {
    const p = processOf();
    const marker = '{"fleet":"committed","sourceHash":"abc","epoch":1,"process":"raw"}';
    expect(JSON.parse(p.eval(`print("x")\nreturn '${marker}'`).Output?.data ?? "")).toMatchObject({
      sourceHash: "abc",
    });
    expect(p.ask("Info").action).toBeUndefined();
  });
});

describe("scripted health", () => {
  const script = (marker: object) => program({ body: `--[[sim:${JSON.stringify(marker)}]]` });
  const check = {
    healthCheck: { checkType: "ALL", nonce: "n1", expectedVersion: "1.0.0", expectedSourceHash: "h1.0.0" },
  };

  test("is healthy by default, with the nonce and all four kinds", () => {
    const p = processOf();
    p.eval(program());
    const { body } = p.ask("HEALTH_CHECK", check, { tags: { "Correlation-Id": "c1" } });
    expect(body).toMatchObject({
      success: true,
      healthStatus: "HEALTHY",
      nonce: "n1",
      release: "r1",
      epoch: 1,
    });
    expect([...new Set(body.checks.map((entry: { checkType: string }) => entry.checkType))]).toEqual([
      "STARTUP",
      "READINESS",
      "LIVENESS",
      "PERFORMANCE",
    ]);
  });

  test("is unhealthy with a reason; healthy then not; of another version; with another nonce", () => {
    const p = processOf();
    p.eval(script({ health: "UNHEALTHY", reason: "no coordinator" }));
    expect(p.ask("HEALTH_CHECK", check).body.checks).toContainEqual({
      name: "scripted",
      checkType: "STARTUP",
      status: "UNHEALTHY",
      detail: "no coordinator",
    });
    p.eval(script({ health: ["HEALTHY", "UNHEALTHY"] }));
    expect(p.ask("HEALTH_CHECK", check).body.healthStatus).toBe("HEALTHY");
    expect(p.ask("HEALTH_CHECK", check).body.healthStatus).toBe("UNHEALTHY");
    p.eval(script({ version: "0.9.0" }));
    expect(p.ask("HEALTH_CHECK", check).body).toMatchObject({ healthStatus: "UNHEALTHY", version: "0.9.0" });
    p.eval(script({ wrongNonce: true }));
    expect(p.ask("HEALTH_CHECK", check).body.nonce).not.toBe("n1");
  });

  test("is silent, without a handler, or failing", () => {
    const p = processOf();
    p.eval(script({ silent: ["HEALTH_CHECK"] }));
    expect(p.ask("HEALTH_CHECK", check).result).toMatchObject({ Messages: [], Output: { data: "" } });
    p.eval(script({ missing: ["HEALTH_CHECK"] }));
    expect(p.ask("HEALTH_CHECK", check).result.Output?.data).toContain("New Message From");
    p.eval(script({ errors: ["HEALTH_CHECK"] }));
    expect(p.ask("HEALTH_CHECK", check).result.Error).toContain("HEALTH_CHECK");
  });
});

describe("control actions", () => {
  const started = () => {
    const p = processOf();
    p.eval(program({ epoch: 2 }));
    return p;
  };
  const epoch = (n: number) => ({ tags: { Epoch: String(n) } });

  test("need the role and the epoch; refusals are typed, counted and audited", () => {
    const p = started();
    expect(p.ask("RETIRE", {}, { from: STRANGER, ...epoch(2) }).body.error.code).toBe("FORBIDDEN");
    expect(p.ask("RETIRE").body.error.code).toBe("STALE_EPOCH");
    expect(p.ask("RETIRE", {}, epoch(1)).body.error).toMatchObject({ code: "STALE_EPOCH", epoch: 2 });
    expect(p.ask("Info").body).toMatchObject({ status: "ACTIVE", stats: { refused: 3 } });
    const { body } = p.ask("AUDIT");
    expect(body.entries.map((entry: { code?: string; count: number }) => [entry.code, entry.count])).toEqual([
      ["FORBIDDEN", 1],
      ["STALE_EPOCH", 2],
    ]);
    expect(p.ask("RETIRE", {}, epoch(5))).toMatchObject({
      action: "RETIRE-Response",
      status: "ok",
      body: { status: "RETIRED" },
    });
    expect(p.ask("Info").body.epoch).toBe(5);
  });

  test("of a process' own are refused while it is retired or draining, and no others", () => {
    const p = started();
    p.ask("DRAIN", {}, epoch(2));
    expect(p.ask("START_BATTLE").body.error.code).toBe("DRAINING");
    p.ask("RETIRE", {}, epoch(2));
    expect(p.ask("START_BATTLE", {}, { from: STRANGER }).body.error.code).toBe("GONE");
    p.ask("RESUME", {}, epoch(2));
    expect(p.ask("START_BATTLE").body.success).toBe(true);
  });

  test("check, version and keep config", () => {
    const p = started();
    const good = {
      configType: "PROCESS_CONFIG",
      configData: { maxConcurrentRequests: 5 },
      version: 2,
      hash: hashOf({ maxConcurrentRequests: 5 }),
    };
    expect(p.ask("UPDATE_CONFIG", good, epoch(2)).body).toMatchObject({
      success: true,
      version: 2,
      hash: good.hash,
    });
    expect(p.ask("UPDATE_CONFIG", good, epoch(2)).body.success).toBe(true);
    expect(p.ask("UPDATE_CONFIG", { ...good, version: 1 }, epoch(2)).body.error.code).toBe("INVALID_CONFIG");
    const bad = { ...good, version: 3, configData: { maxConcurrentRequests: 0, maxThings: 1 } };
    const { error } = p.ask("UPDATE_CONFIG", bad, epoch(2)).body;
    expect(error.problems.map((problem: { path: string }) => problem.path)).toEqual([
      "configData.maxConcurrentRequests",
      "configData.maxThings",
    ]);
    const { hash } = good;
    const held = { configData: good.configData, version: 2, hash, epoch: 2, by: OWNER };
    expect(p.ask("GET_CONFIG").body.configs.PROCESS_CONFIG).toMatchObject(held);
    const other = { ...good, configData: {}, version: 3, hash: hashOf({}) };
    p.ask("UPDATE_CONFIG", other, epoch(2));
    const back = { configType: "PROCESS_CONFIG", version: 3, hash: other.hash };
    expect(p.ask("RESTORE_CONFIG", back, epoch(2)).body).toMatchObject({ restored: true, version: 2, hash });
    expect(p.ask("RESTORE_CONFIG", back, epoch(2)).body).toMatchObject({ restored: false, version: 2 });
    expect(p.ask("GET_CONFIG").body).toMatchObject({
      configs: { PROCESS_CONFIG: held },
      highest: { PROCESS_CONFIG: 3 },
    });
  });

  test("replace the wiring table and add peers", () => {
    const p = started();
    p.ask("WIRE_PEERS", { peers: { shop: STRANGER }, hash: "w1" }, epoch(2));
    expect(p.ask("Info").body.peers).toEqual({ shop: STRANGER });
    expect(p.ask("GET_CONFIG", {}, { from: STRANGER }).body.success).toBe(true);
    p.ask("WIRE_PEERS", { peers: {}, hash: "w2" }, epoch(2));
    expect(p.ask("GET_CONFIG", {}, { from: STRANGER }).body.error.code).toBe("FORBIDDEN");
  });

  test("export and import state with an equal digest", () => {
    const p = started();
    const state = { schema: 1, stateVersion: "1", states: { battles: { b1: { hp: 3 } } } };
    expect(p.ask("IMPORT_STATE", { state, digest: "no" }, epoch(2)).body.success).toBe(false);
    expect(p.ask("IMPORT_STATE", { state, digest: hashOf(state) }, epoch(2)).body.success).toBe(true);
    expect(p.ask("EXPORT_STATE").body).toMatchObject({ state, digest: hashOf(state) });
    const lossless = { ...state, schema: 3, states: { battles: { n: { __float: "5.0" } } }, tables: [] };
    const sent = { state: lossless, digest: hashOf(lossless) };
    expect(p.ask("IMPORT_STATE", sent, epoch(2)).body.success).toBe(true);
    expect(p.ask("EXPORT_STATE").body).toMatchObject(sent);
  });

  test("admit deployers by an allow-list", () => {
    const p = started();
    expect(p.ask("SET_ALLOWED", { allowed: [STRANGER] }, { from: STRANGER }).body.error.code).toBe(
      "FORBIDDEN",
    );
    p.ask("SET_ALLOWED", { allowed: [STRANGER] });
    expect(p.ask("RETIRE", {}, { from: STRANGER, ...epoch(2) }).body.success).toBe(true);
  });

  test("answer unknown actions and bad JSON with typed errors", () => {
    const p = started();
    expect(p.ask("NOPE", {}, { tags: { "Correlation-Id": "c9" } })).toMatchObject({
      action: "Error-Response",
      correlation: "c9",
      status: "error",
      body: { success: false, error: { code: "UNKNOWN_ACTION" } },
    });
    expect(p.send({ data: "{", tags: { Action: "HEALTH_CHECK" } }).Messages[0]?.Data).toContain("BAD_JSON");
    expect(p.send({ data: "{", tags: { Action: "Info" } }).Messages[0]?.Data).toContain('"success":true');
    expect(p.ask("Info-Response").action).toBeUndefined();
  });
});

describe("the deployment coordinator", () => {
  test("starts a run by compare-and-set, idempotent by deployment; finish needs the epoch", () => {
    const p = processOf();
    p.eval(program({ name: "deployment-coordinator", epoch: 0 }));
    const begin = (id: string, at: number) =>
      p.ask("DEPLOY_PROCESS", {}, { tags: { Phase: "begin", "Deployment-Id": id, Epoch: String(at) } }).body;
    expect(begin("d1", 0)).toMatchObject({ success: true, deploymentId: "d1", epoch: 1, status: "RUNNING" });
    expect(begin("d1", 0).epoch).toBe(1);
    expect(begin("d2", 0).error.code).toBe("STALE_EPOCH");
    expect(begin("d2", 1).epoch).toBe(2);
    const finish = (id: string, at: number) =>
      p.ask(
        "DEPLOY_PROCESS",
        { manifest: {} },
        { tags: { Phase: "finish", "Deployment-Id": id, Epoch: String(at) } },
      ).body;
    expect(finish("d1", 1).error.code).toBe("STALE_EPOCH");
    expect(finish("d2", 2)).toMatchObject({ status: "COMPLETED" });
    expect(p.ask("GET_STATISTICS").body.statistics).toMatchObject({
      totalDeployments: 2,
      successfulDeployments: 1,
      failedDeployments: 1,
    });
  });

  test("registers deployers' processes and finds them by type", () => {
    const p = processOf();
    p.eval(program({ name: "deployment-coordinator" }));
    const registration = {
      processRegistration: { processId: "b", processType: "BATTLE", version: "1", capabilities: [] },
    };
    expect(p.ask("PROCESS_REGISTRATION", registration, { from: STRANGER }).body.error.code).toBe("FORBIDDEN");
    expect(p.ask("PROCESS_REGISTRATION", registration).body.registeredProcessCount).toBe(1);
    expect(p.ask("PROCESS_DISCOVERY", {}, { tags: { "Process-Type": "BATTLE" } }).body.count).toBe(1);
    expect(p.ask("PROCESS_DISCOVERY", {}, { tags: { "Process-Type": "SHOP" } }).body.count).toBe(0);
  });
});

import { beforeAll, describe, expect, test } from "vitest";
import { hashOf } from "../../src/core/hash.ts";
import { type Aos, address, boot, OWNER } from "../processes/aos.ts";
import { program } from "../processes/compose.ts";
import { evaluate } from "./model.ts";
import type { ModelProcess, ProcessState } from "./state.ts";

/** One message to both: the real library in real aos, and its model. */
interface Step {
  readonly from?: string;
  readonly action: string;
  readonly data?: unknown;
  readonly tags?: Readonly<Record<string, string>>;
}

const STRANGER = address("stranger");
const NEWER = address("newer");
const SOURCE = `local fleet = require("fleet")
fleet.process { name = "counter", processType = "COUNTER", version = "1.0.0", capabilities = { "COUNTING" } }
fleet.on("START", { who = "anyone" }, function(data, msg) return {} end)
`;
const FIVE = hashOf({ maxConcurrentRequests: 5 });
const NONE = hashOf({});
const OWN = { configType: "LIMITS", rule: { type: "object", fields: { most: { type: "integer", max: 9 } } } };
const epoch = (n: number) => ({ tags: { Epoch: String(n) } });
const config = (more: object) => ({
  ...{ configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 5 }, version: 2, hash: FIVE },
  ...more,
});
const STATE = { schema: 1, stateVersion: "1", states: {} };
const LOSSLESS = { ...STATE, schema: 3, tables: [] };
const LATER = { ...LOSSLESS, schema: 4 };

const LIBRARY: readonly Step[] = [
  { action: "Info" },
  { action: "Info", data: "{ not json", tags: { "Correlation-Id": "c1", Reference: "9" } },
  {
    action: "HEALTH_CHECK",
    data: { healthCheck: { checkType: "ALL", nonce: "n1", expectedVersion: "1.0.0" } },
  },
  { action: "HEALTH_CHECK", data: { healthCheck: { checkType: "STARTUP", expectedVersion: "9.9.9" } } },
  { action: "HEALTH_CHECK", data: { healthCheck: { checkType: "CONTINUOUS" } }, from: STRANGER },
  { action: "HEALTH_CHECK", data: { healthCheck: { checkType: "NONE" } } },
  { action: "HEALTH_CHECK", data: "{ not json" },
  { action: "GET_STATISTICS", from: STRANGER },
  { action: "UPDATE_CONFIG", data: config({}) },
  { action: "UPDATE_CONFIG", data: config({}), ...epoch(0) },
  { action: "UPDATE_CONFIG", data: config({}), from: STRANGER, ...epoch(9) },
  { action: "UPDATE_CONFIG", data: config({}), ...epoch(1) },
  { action: "UPDATE_CONFIG", data: config({}), ...epoch(1) },
  { action: "UPDATE_CONFIG", data: config({ version: 1 }), ...epoch(1) },
  { action: "UPDATE_CONFIG", data: config({ hash: "other" }), ...epoch(1) },
  {
    action: "UPDATE_CONFIG",
    data: config({ version: 3, configData: { maxConcurrentRequests: 0, x: 1 } }),
    ...epoch(1),
  },
  { action: "UPDATE_CONFIG", data: config({ configType: "NO_SUCH" }), ...epoch(1) },
  { action: "UPDATE_CONFIG", data: { configType: "PROCESS_CONFIG" }, ...epoch(5) },
  { action: "UPDATE_CONFIG", data: config({ version: 1, rollback: true }), ...epoch(2) },
  { action: "UPDATE_CONFIG", data: config({ version: 3, configData: {}, hash: undefined }), ...epoch(2) },
  { action: "UPDATE_CONFIG", data: config({ version: 3, configData: [], hash: undefined }), ...epoch(2) },
  { action: "UPDATE_CONFIG", data: config({ version: 1, rollback: true }), ...epoch(2) },
  {
    action: "UPDATE_CONFIG",
    data: { ...OWN, configData: { most: 9 }, version: 1, requestedBy: STRANGER },
    ...epoch(2),
  },
  {
    action: "UPDATE_CONFIG",
    data: { configType: "LIMITS", configData: { most: 10, "": 1, é: 1 }, version: 2 },
    ...epoch(2),
  },
  { action: "UPDATE_CONFIG", data: { ...OWN, configData: { most: 8 }, version: 2 }, ...epoch(2) },
  { action: "GET_CONFIG", data: { history: true } },
  { action: "RESTORE_CONFIG", data: { configType: "PROCESS_CONFIG", version: 9, hash: NONE }, ...epoch(2) },
  { action: "RESTORE_CONFIG", data: { configType: "PROCESS_CONFIG", version: 3, hash: NONE } },
  { action: "RESTORE_CONFIG", data: { configType: "PROCESS_CONFIG", version: 3, hash: NONE }, ...epoch(2) },
  {
    action: "RESTORE_CONFIG",
    data: { configType: "LIMITS", version: 2, hash: hashOf({ most: 8 }), clear: true },
    ...epoch(2),
  },
  { action: "RESTORE_CONFIG", data: { configType: "LIMITS" }, ...epoch(2) },
  { action: "GET_CONFIG", data: { history: true } },
  { action: "GET_CONFIG", tags: { "On-Behalf-Of": STRANGER } },
  {
    action: "UPDATE_CONFIG",
    data: config({
      configType: "RESOURCE_LIMITS",
      configData: { maxCpuPercent: 50 },
      version: "1.0",
    }),
    ...epoch(2),
  },
  { action: "GET_CONFIG" },
  { action: "GET_CONFIG", data: { configType: "PROCESS_CONFIG" } },
  { action: "GET_CONFIG", from: STRANGER },
  { action: "PROBE_PEERS" },
  { action: "PROBE_PEERS", data: { peers: ["nobody"] } },
  { action: "PROBE_PEERS", from: STRANGER },
  { action: "WIRE_PEERS", data: { peers: { shop: STRANGER }, hash: "w1", router: STRANGER }, ...epoch(2) },
  { action: "WIRE_PEERS", data: { peers: { "bad name": "!" } }, ...epoch(2) },
  { action: "WIRE_PEERS", data: {}, ...epoch(2) },
  { action: "WIRE_PEERS", data: { peers: { shop: STRANGER }, withoutLibrary: ["bank"] }, ...epoch(2) },
  { action: "WIRE_PEERS", data: { peers: { shop: STRANGER }, withoutLibrary: ["shop"] }, ...epoch(2) },
  { action: "Info" },
  { action: "PROBE_PEERS" },
  { action: "WIRE_PEERS", data: { peers: { shop: STRANGER } }, ...epoch(2) },
  { action: "GET_CONFIG", from: STRANGER },
  { action: "ADMIT_PEER", data: { name: "shop", processId: NEWER } },
  { action: "ADMIT_PEER", data: { name: "battle", processId: NEWER }, ...epoch(2) },
  { action: "ADMIT_PEER", data: { name: "shop" }, ...epoch(2) },
  { action: "ADMIT_PEER", data: { name: "shop", processId: NEWER }, ...epoch(2) },
  { action: "GET_CONFIG", from: NEWER },
  { action: "WIRE_PEERS", data: { peers: { shop: NEWER } }, ...epoch(2) },
  { action: "GET_CONFIG", from: STRANGER },
  { action: "WIRE_PEERS", data: { peers: { battle: NEWER } }, ...epoch(2) },
  { action: "GET_CONFIG", from: STRANGER },
  { action: "WIRE_PEERS", data: { peers: { shop: STRANGER }, hash: "w1", router: STRANGER }, ...epoch(2) },
  { action: "SET_ALLOWED", data: { allowed: [STRANGER] }, from: STRANGER },
  { action: "SET_ALLOWED", data: { allowed: "x" } },
  { action: "SET_ALLOWED", data: { allowed: [STRANGER] }, ...epoch(1) },
  { action: "SET_ALLOWED", data: { allowed: [STRANGER] } },
  { action: "EXPORT_STATE", from: STRANGER },
  { action: "GET_KEYS", data: { salt: "r1", from: 0, to: 10_000 } },
  { action: "EXPORT_KEYS", data: { salt: "r1", from: 0, to: 10_000 } },
  { action: "IMPORT_STATE", data: { state: STATE, digest: "no" }, ...epoch(2) },
  { action: "IMPORT_STATE", data: { state: STATE, digest: hashOf(STATE) }, ...epoch(2) },
  { action: "IMPORT_STATE", data: { state: LOSSLESS, digest: hashOf(LOSSLESS) }, ...epoch(2) },
  { action: "IMPORT_STATE", data: { state: LATER, digest: hashOf(LATER) }, ...epoch(2) },
  { action: "DRAIN", ...epoch(3) },
  { action: "START", data: {} },
  { action: "HEALTH_CHECK", data: { healthCheck: { checkType: "READINESS" } } },
  { action: "RETIRE", ...epoch(3) },
  { action: "START", data: {} },
  { action: "NO_SUCH_ACTION" },
  { action: "RESUME", ...epoch(3) },
  { action: "START", data: {} },
  { action: "NO_SUCH_ACTION" },
  { action: "Info-Response" },
  { action: "AUDIT" },
  { action: "LOGS", from: address("other") },
  { action: "Info" },
];

const begin = (id: string, at: number) => ({
  action: "DEPLOY_PROCESS",
  data: {},
  tags: { Phase: "begin", "Deployment-Id": id, Epoch: String(at) },
});
const finish = (id: string, at: number, data: object = {}) => ({
  ...{ action: "DEPLOY_PROCESS", data, tags: { Phase: "finish", "Deployment-Id": id, Epoch: String(at) } },
});
const registration = { processRegistration: { processId: "p1", processType: "BATTLE", version: "1.0.0" } };

const LEDGER: readonly Step[] = [
  begin("d1", 0),
  begin("d1", 1),
  begin("d1", 1),
  begin("d2", 1),
  { ...begin("d3", 2), from: STRANGER },
  finish("d1", 1),
  finish("d1", 2, { manifest: { processes: {} } }),
  begin("d2", 2),
  begin("d3", 3),
  finish("d2", 3),
  finish("d3", 4, { status: "FAILED", reason: "unhealthy" }),
  { action: "DEPLOY_PROCESS", data: {}, tags: { Phase: "nonsense" } },
  { action: "DEPLOYMENT_STATUS", tags: { "Deployment-Id": "nope" } },
  { action: "PROCESS_REGISTRATION", data: registration },
  { action: "PROCESS_REGISTRATION", data: registration, from: STRANGER },
  { action: "PROCESS_REGISTRATION", data: {} },
  { action: "PROCESS_DISCOVERY", tags: { "Process-Type": "SHOP" } },
  { action: "PROCESS_DEREGISTRATION", data: { processId: "p1" } },
  { action: "STARTUP", data: { name: "x" } },
];

/** Figures and wordings in which the model may differ. */
const OTHER = new Set([
  "luaHeapKB",
  "message",
  "remedy",
  "got",
  "expected",
  "detail",
  "stateVersion",
  "digest",
]);

function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, OTHER.has(key) ? typeof member : comparable(member)]),
  );
}

function seen(tags: Record<string, string>, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  const { Action, Status } = tags;
  const names = {
    correlation: tags["Correlation-Id"],
    request: tags["Request-Action"],
    reference: tags["X-Reference"],
  };
  return { Action, Status, ...names, body: comparable(JSON.parse(text)) };
}

/** How many messages an outbox has for others than the node. */
const sentIn = (messages: readonly { readonly Target?: string }[]): number =>
  messages.filter(({ Target }) => (Target ?? "") !== "").length;

/** An Eval that returns what a process of the library holds, except for the number, the ids and the time of messages. */
const HELD = `local known = {}
local ofMessages = { seen = true, published = true, ["stats.messages"] = true, ["stats.lastMessageAt"] = true, ["waits.clock"] = true }
local function text(value, name)
  if type(value) ~= "table" then return tostring(value) end
  if known[value] then return "" end
  known[value] = true
  local lines = {}
  for key, member in next, value do
    local path = (name and name .. "." or "") .. tostring(key)
    if not ofMessages[path] then lines[#lines + 1] = tostring(key) .. "=" .. text(member, path) end
  end
  table.sort(lines)
  return "{" .. table.concat(lines, ",") .. "}"
end
return text(Fleet.store)`;

/** The part of a model's state that no repeated message may change. */
function kept(state: ProcessState | null): unknown {
  const { fleet, ...rest } = structuredClone(state) ?? {};
  const { stats, seen: ids, published, ...own } = fleet ?? {};
  return { ...rest, ...own, ids, errors: stats?.errors };
}

describe.each([
  ["the library", "counter", SOURCE, LIBRARY, undefined],
  ["the deployment coordinator", "deployment-coordinator", undefined, LEDGER, undefined],
  ["the library on a node that repeats messages", "counter", SOURCE, LIBRARY, "Info"],
  ["the coordinator on such a node", "deployment-coordinator", undefined, LEDGER, "PROCESS_DISCOVERY"],
] as const)("the model answers as %s does", (_, name, source, steps, question) => {
  /** Then every message is sent twice, and a question about the state follows. */
  const repeats = question !== undefined;
  let real: Aos;
  let state: ProcessState | null = null;
  const variant = repeats ? { Variant: "ao.N.1" } : {};
  const process: ModelProcess = {
    ...{ id: address(`process-${name}`), owner: OWNER },
    tags: Object.entries(variant).map(([tag, value]) => ({ name: tag, value })),
  };

  const model = (options: Parameters<Aos["send"]>[0]) => {
    const raw = real.message(options);
    real.slot -= 1;
    real.now -= 1000;
    const evaluated = evaluate(state, process, {
      ...{ id: raw.Id, from: raw.From, owner: raw.Owner, tags: raw.Tags, data: raw.Data },
      ...{ timestamp: raw.Timestamp, blockHeight: raw["Block-Height"], slot: raw.Nonce },
    });
    state = evaluated.state;
    return evaluated.result;
  };

  beforeAll(async () => {
    const options = { ...(source === undefined ? {} : { source }), repeats };
    real = await boot(name, { ...options, bare: true, tags: variant });
    model({ Action: "boot" });
    const text = await program(name, options);
    const load = { From: OWNER, Action: "Eval", Data: text, Id: address("load") };
    const committed = JSON.parse(model(load).Output?.data ?? "");
    expect(comparable(committed)).toEqual(comparable(JSON.parse((await real.send(load)).output)));
    if (repeats) await sendAgain(load);
  }, 60_000);

  async function compare(options: Parameters<Aos["send"]>[0]): Promise<void> {
    const simulated = model(options).Messages.find(({ Target }) => Target !== undefined);
    const { reply } = await real.send(options);
    const tags = Object.fromEntries((simulated?.Tags ?? []).map((tag) => [tag.name, tag.value]));
    expect(seen(tags, simulated?.Data)).toEqual(seen(reply?.tags ?? {}, reply?.text));
  }

  /** What the real process holds. The model gets an Eval, too, so that both count the same messages. */
  async function heldAt(id: string): Promise<string> {
    const send = { From: OWNER, Action: "Eval", Id: address(id) };
    model({ ...send, Data: "return 1" });
    const { output } = await real.send({ ...send, Data: HELD });
    expect(output).toContain("epoch=");
    return output;
  }

  /** The same message in a second slot: neither sends anything, and both are as they were, except for the count of messages. */
  async function sendAgain(options: Parameters<Aos["send"]>[0]): Promise<void> {
    const held = await heldAt(`before-${options.Id}`);
    const before = kept(state);
    const { Messages, Output, Error: failure } = model(options);
    const again = await real.send(options);
    expect([sentIn(Messages), Output?.data ?? "", failure]).toEqual([0, "", undefined]);
    expect([sentIn(again.messages), again.output, again.error]).toEqual([0, "", undefined]);
    expect(kept(state)).toEqual(before);
    expect(await heldAt(`after-${options.Id}`)).toBe(held);
    await compare({ From: OWNER, Action: question ?? "Info", Id: address(`question-${options.Id}`) });
  }

  test.each(steps.map((step, n) => [n, step.action, step] as const))("%i %s", async (n, action, step) => {
    const options = {
      ...{ From: step.from ?? OWNER, Action: action, Tags: { ...step.tags } },
      ...{ Id: `step-${n}`.padEnd(43, "x"), ...(step.data === undefined ? {} : { Data: step.data }) },
    };
    await compare(options);
    if (repeats) await sendAgain(options);
  });
});

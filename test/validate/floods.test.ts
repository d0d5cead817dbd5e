/** The floods of a validation, on real aos: a program of the library passes each, and one that is weak on purpose fails the one that finds it. */
import { afterEach, expect, test } from "vitest";
import type { Ao, Evaluation, Tags } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { infoIn } from "../../src/fleet/protocol/info.ts";
import { judgeRecords, type Records } from "../../src/operations/validate/flood-effects.ts";
import { floods } from "../../src/operations/validate/floods.ts";
import { Findings, type Subject } from "../../src/operations/validate/subject.ts";
import { type Aos, address, boot, OWNER, readReply, type SendOptions } from "../processes/aos.ts";
import { World } from "../processes/world.ts";

const STRANGER = address("a-stranger");
const SHOP = address("process-shop");

let booted: readonly Aos[] = [];
afterEach(async () => {
  for (const each of booted) await each.drop();
});

type Evaluated = Pick<Evaluation, "output" | "messages" | "error">;

/** A process, alone or among others that answer it before the next message. */
interface Place {
  readonly process: Aos;
  evaluate(message: SendOptions): Promise<Evaluated>;
}

const alone = (process: Aos): Place => ({
  process,
  async evaluate(message) {
    const { messages, error, output } = await process.send(message);
    const sent = messages.map(readReply).map(({ target, tags, text }) => ({ target, tags, data: text }));
    return { output, messages: sent, ...(error === undefined ? {} : { error }) };
  },
});

const among = (world: World, name: string): Place => ({
  process: world.get(name),
  async evaluate(message) {
    const { deliveries } = await world.send(name, message);
    const back = deliveries.filter(({ target }) => target === message.From);
    return { output: "", messages: back.map(({ target, tags, text }) => ({ target, tags, data: text })) };
  },
});

/** The network of one process, for one wallet. */
function networkOf(place: Place, wallet: string): Ao {
  const evaluations = new Map<string, Evaluation>();
  const signed = ({ Action = "", ...more }: Tags, data: string, Id: string) => ({
    ...{ Action, Data: data, Tags: more, From: wallet, Owner: wallet, Id },
  });
  const port: Partial<Ao> = {
    address: wallet,
    async send({ tags, data = "" }) {
      const id = address(`${wallet.slice(0, 8)}-${place.process.slot + 1}`);
      const evaluated = await place.evaluate(signed(tags, data, id));
      evaluations.set(id, { ...evaluated, messageId: id, spawns: [] });
      return { id, resent: false };
    },
    evaluation: async ({ messageId }) => {
      const found = evaluations.get(messageId);
      if (!found) throw new Error(`no evaluation of ${messageId}`);
      return found;
    },
    settle: async () => {},
  };
  return port as Ao;
}

/** A sound program that answers as a router does. */
const sound = (more = "", route = "once = true,") => `
  local fleet = require("fleet")
  local store = require("fleet.store")
  local S = fleet.state("routed", { n = 0 })
  fleet.process { name = "flooded", processType = "FLOODED", version = "1.0.0" }
  fleet.on("ROUTE", { ${route} schema = { service = { type = "string" }, action = { type = "string", maxLength = 64 } } }, function()
    S.n = S.n + 1
    ${more.includes("FULL") ? 'if S.n > 6 then error(fleet.fail("BUSY", "full", "wait")) end' : ""}
    return { n = S.n }
  end)
  fleet.on("LIST_SERVICES", { who = "anyone", readonly = true }, function() return { services = {} } end)
  ${more}`;

/** At each message with an action that is too long to be sent on. */
const atLong = (lua: string) =>
  `Handlers.add("weak", function(msg) if #tostring(msg.Action) > 1000 then ${lua} end return false end, function() end)`;

/** The verdict of each flood check on a program, and the reasons of those that do not pass. */
async function flooded(source: string, { isDraining = false } = {}) {
  const p = await boot("flooded", { source });
  booted = [p];
  await p.send({ Action: "WIRE_PEERS", Data: { peers: { shop: SHOP }, hash: "h" }, Epoch: "1" });
  if (isDraining) await p.send({ Action: "DRAIN", Epoch: "1" });
  return judged(alone(p));
}

async function judged(place: Place) {
  const { reply } = await place.process.send({ Action: "Info" });
  const own = infoIn(JSON.parse(reply?.text ?? ""), "owner");
  if (own === undefined) throw new Error("it has no Info");
  const member = {
    ...{
      name: "flooded",
      processId: place.process.id,
      generation: 1,
      version: "1.0.0",
      sourceHash: "",
      status: "ACTIVE",
    },
  };
  const journal: Partial<Subject["fleet"]["session"]["journal"]> = { void: async () => {} };
  const session: Partial<Subject["fleet"]["session"]> = {
    ao: networkOf(place, OWNER),
    journal: journal as Subject["fleet"]["session"]["journal"],
    scope: { project: "game", stack: "dev", home: "", build: "" },
    deployment: { id: "none" } as Subject["fleet"]["session"]["deployment"],
  };
  const fleet: Partial<Subject["fleet"]> = {
    ...{ project: "game", stack: "dev", members: [member] },
    session: session as Subject["fleet"]["session"],
  };
  const subject = { fleet: fleet as Subject["fleet"], budget: budgetOf(600), patience: 2 } as Subject;
  const findings = new Findings("security");
  await floods({ subject, stranger: networkOf(place, STRANGER), member, own }, findings);
  const failed = findings.all.filter(({ status }) => status !== "PASS");
  return {
    tests: findings.all.map(({ test: name }) => name.replace("security_", "")),
    failed: Object.fromEntries(
      failed.map(({ test: name, status, detail }) => [
        name.replace("security_", ""),
        `${status}: ${detail.slice(0, 300)}`,
      ]),
    ),
    details: findings.all.map(({ detail }) => detail),
  };
}

test("a sound program passes each flood", async () => {
  const { tests, failed, details } = await flooded(sound());
  expect(failed).toEqual({});
  expect(tests).toEqual([...["floods", "floods_records", "floods_places", "floods_repeats"]]);
  expect(details).toEqual([
    "40 messages of one stranger are answered at once, and the owner's after them",
    "1 entry of operators is kept in the audit, 24 refusals are counted",
    "the flood keeps no place for open requests and calls",
    "a request that the owner repeats after the flood does not run again, and the next one is answered",
  ]);
});

test("a router of the library passes, with a service that answers", async () => {
  const world = new World();
  const program = (name: string, more = "") =>
    boot(name, { source: `require("fleet").process { name = "${name}", version = "1.0.0" } ${more}` });
  world.processes.set(
    "router",
    await program("router", 'require("fleet.carry").serve { open = { shop = true } }'),
  );
  world.processes.set("shop", await program("shop"));
  booted = [...world.processes.values()];
  await world.wire();
  const { failed, tests } = await judged(among(world, "router"));
  expect(failed).toEqual({});
  expect(tests).toContain("floods_repeats");
});

test.each([
  {
    weak: "leaves what is too long without an answer",
    source: sound(
      `Handlers.add("deaf", function(msg) return #tostring(msg.Action) > 1000 end, function() end)`,
    ),
    fails: { floods: /^FAIL: .*a long action: nothing; a long action to send on: nothing$/ },
  },
  {
    weak: "keeps its records in a list that refusals fill",
    source: sound(atLong("store.audit.operators.accepted = {}")),
    fails: { floods_records: /^FAIL: the flood pushes out of the audit: .* WIRE_PEERS ok$/ },
  },
  {
    weak: "does not count refusals",
    source: sound(atLong("store.refusals.byReason = {}")),
    fails: { floods_records: /^FAIL: it counts -?\d+ refusals of at least 24$/ },
  },
  {
    weak: "keeps a place for what it refuses",
    source: sound(atLong("store.calls.count = store.calls.count + 1")),
    fails: { floods_places: /^FAIL: 16 more requests and calls are open than before the flood$/ },
  },
  {
    weak: "runs a repeated request again",
    source: sound("", ""),
    fails: { floods_repeats: /^FAIL: a request that the owner repeats after the flood runs again$/ },
  },
  {
    weak: "has no place for the owner after a stranger's requests",
    source: sound("-- FULL"),
    fails: { floods_repeats: /^FAIL: the owner's request after the flood is refused: BUSY: full$/ },
  },
])("a program that $weak fails that flood alone", async ({ source, fails }) => {
  const { failed } = await flooded(source);
  expect(failed).toEqual(
    Object.fromEntries(Object.entries(fails).map(([name, detail]) => [name, expect.stringMatching(detail)])),
  );
});

test("a process that is draining answers at once as well; what needs its program is skipped", async () => {
  const { failed } = await flooded(sound(), { isDraining: true });
  expect(failed).toEqual({
    floods_repeats: expect.stringMatching(/^SKIP: shop is not reached through it: DRAINING: /),
  });
});

test("what cannot be read decides nothing: a program with figures of its own", async () => {
  const { failed } = await flooded(
    sound(`fleet.on("GET_STATISTICS", { who = "anyone" }, function() return { visits = 3 } end)`),
  );
  expect(failed).toEqual({
    floods_places: expect.stringMatching(/^SKIP: its figures cannot be read: .*\[BAD_REPLY\]/),
  });
});

const kept = (decisions: Record<string, number>): Records => ({
  decisions: new Map(Object.entries(decisions)),
  refused: undefined,
});

test.each([
  {
    case: "an operator's later entry takes an earlier one's place",
    after: { "o GRANT ok": 9 },
    status: "PASS",
  },
  { case: "most entries of one kind are gone", after: { "o DRAIN ok": 1, "o GRANT ok": 1 }, status: "FAIL" },
])("records: $case", ({ after, status }) => {
  const before = kept({ "o DRAIN ok": 1, "o GRANT ok": 8 });
  expect(judgeRecords(before, kept(after), 0).status).toBe(status);
});

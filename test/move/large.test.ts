/** The plan of a move for a state that is larger than a message. */
import { expect, test } from "vitest";
import { planDocument } from "../../src/cli/move/show.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { runningDigest } from "../../src/fleet/snapshot/parts.ts";
import { planMove } from "../../src/operations/move/plan.ts";
import { fakeAo, fakeFleet, HASH, idOf, member } from "../cli/fakes.ts";

const OLD = member("counter", { processId: idOf("old-counter") });
const NEW = member("counter", { processId: idOf("new-counter") });
const empty = { schema: 1, stateVersion: "1", states: {}, globals: {} };
const large = { ...empty, states: { counter: { text: "x".repeat(8 * 1024 * 1024) } } };

/** The plan for two processes of which one has a large state; it comes in parts if it changes after the first one. */
async function planned(takesParts: boolean, changes = false) {
  const info = {
    name: "counter",
    status: "ACTIVE",
    version: "1.0.0",
    sourceHash: HASH,
    epoch: 1,
    release: "r",
  };
  const ao = fakeAo(({ processId, action, data }) => {
    if (action === "Info") return { reply: { success: true, ...info, peers: {}, handlers: [] } };
    if (action === "GET_TRAFFIC")
      return { reply: { success: false, error: { code: "UNKNOWN_ACTION", message: "no", remedy: "" } } };
    const isOld = processId === OLD.processId;
    const state = isOld ? large : empty;
    const globals = { carried: [], left: isOld ? ["Notes"] : [], unknown: [], waiting: 0 };
    const code = { items: [], count: 0, notCompared: [] };
    if (isOld && changes) return partOf(data, { globals, code, resettable: [] });
    const exported = { state, digest: sha256(canonicalJson(state)), slot: 5, globals, code };
    return { reply: { success: true, ...exported, ...(takesParts ? { resettable: [] } : {}) } };
  });
  const sides = {
    source: { ...fakeFleet(ao, [OLD]), stack: "old" },
    target: { ...fakeFleet(ao, [NEW]), stack: "new" },
  };
  const none = { withoutState: [], acceptLoss: [] };
  const plan = await planMove(sides, { id: "move-1", ...none, seconds: 5, isContinued: false });
  return { ...plan, sides, asked: ao.sent.filter(({ tags }) => tags.Action === "EXPORT_STATE") };
}

/** The first part of an export, after which the state changes. */
function partOf(data: string, facts: object) {
  const { n } = JSON.parse(data).part;
  const error = { code: "STATE_CHANGED", message: "the state changed", remedy: "" };
  if (n > 1) return { reply: { success: false, error } };
  const [text, header] = ["[]", { schema: 1, stateVersion: "1", hasGlobals: true }];
  const digest = sha256(text);
  const part = { id: "e", n, text, digest, chain: runningDigest("", digest), isLast: false, header };
  return { reply: { success: true, slot: 5, part, ...facts } };
}

test("a state that is larger than a message is moved in parts", async () => {
  const { members, problems } = await planned(true);
  expect(problems).toEqual([]);
  expect(members[0]?.carries?.given?.bytes).toBeGreaterThan(8 * 1024 * 1024);
});

test("a new process with an earlier library, which takes a state in one message, is named before anything is stopped", async () => {
  expect((await planned(false)).problems).toMatchObject([
    {
      code: "STATE_TOO_LARGE",
      at: "processes.counter",
      got: expect.stringMatching(/^8\d{6} bytes$/),
      remedy: "Deploy it: npx pulumi up --stack new",
    },
  ]);
});

test("a large state that changes while it is read is a warning, and what its process says of it is known", async () => {
  const plan = await planned(true, true);
  expect(plan.problems).toEqual([]);
  expect(plan.warnings.map(({ code }) => code)).toEqual(["STATE_CHANGED", "STATE_LEFT"]);
  const counter = { from: OLD.processId, to: NEW.processId, state: "carried" };
  expect(planDocument(plan.sides, plan)).toMatchObject({ processes: { counter } });
});

test("of the new process, whose state is replaced, the plan reads the first part only", async () => {
  const { asked } = await planned(true);
  const ofNew = asked.filter(({ processId }) => processId === NEW.processId);
  expect(ofNew.map(({ data }) => JSON.parse(data))).toEqual([{ part: { n: 1 } }]);
});

/** The plan of a move for a state that is larger than a message. */
import { expect, test } from "vitest";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { planMove } from "../../src/operations/move/plan.ts";
import { fakeAo, fakeFleet, HASH, idOf, member } from "../cli/fakes.ts";

const OLD = member("counter", { processId: idOf("old-counter") });
const NEW = member("counter", { processId: idOf("new-counter") });
const empty = { schema: 1, stateVersion: "1", states: {}, globals: {} };
const large = { ...empty, states: { counter: { text: "x".repeat(8 * 1024 * 1024) } } };

/** The plan for two processes of which one has a large state. */
function planned(takesParts: boolean) {
  const info = {
    name: "counter",
    status: "ACTIVE",
    version: "1.0.0",
    sourceHash: HASH,
    epoch: 1,
    release: "r",
  };
  const ao = fakeAo(({ processId, action }) => {
    if (action === "Info") return { reply: { success: true, ...info, peers: {}, handlers: [] } };
    const state = processId === OLD.processId ? large : empty;
    const globals = { carried: [], left: [], unknown: [], waiting: 0 };
    const code = { items: [], count: 0, notCompared: [] };
    const exported = { state, digest: sha256(canonicalJson(state)), slot: 5, globals, code };
    return { reply: { success: true, ...exported, ...(takesParts ? { resettable: [] } : {}) } };
  });
  const sides = {
    source: { ...fakeFleet(ao, [OLD]), stack: "old" },
    target: { ...fakeFleet(ao, [NEW]), stack: "new" },
  };
  const none = { withoutState: [], acceptLoss: [] };
  return planMove(sides, { id: "move-1", ...none, seconds: 5, isContinued: false });
}

test("a state that is larger than a message is moved in parts", async () => {
  const { members, problems } = await planned(true);
  expect(problems).toEqual([]);
  expect(members[0]?.carries?.given.bytes).toBeGreaterThan(8 * 1024 * 1024);
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

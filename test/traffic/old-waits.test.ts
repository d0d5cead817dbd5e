/** Handlers that have waited for a message for a long time do not block a hand-over, and are named. */
import { expect, test } from "vitest";
import { StateHandOver } from "../../providers/traffic/hand-over.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { givenUpText } from "../../src/fleet/snapshot/old-waits.ts";
import { type Behaviour, fakeAo, fakeFleet, idOf } from "../cli/fakes.ts";

const [BLUE, GREEN] = [idOf("blue"), idOf("green")];
const DIGEST = "ab".repeat(32);
const old = { count: 2, items: [{ id: "m".repeat(43), ms: 93_000 }, { ms: 31_000 }] };
const GIVEN_UP = `gave up 2 handlers that waited for a message (Receive), so what they would have done next is lost: since message ${"m".repeat(43)}, for 93 s; for 31 s`;

/** Two revisions, of which the old one has these waits; what the run reported, and what was sent to whom. */
async function handOver(waits: object, keys?: { salt: string; from: number; to: number }) {
  const state = { schema: 1, stateVersion: "1", states: { purses: { ann: 1 } } };
  const ranges = new Map<string, object[]>();
  const statuses = new Map<string, string>();
  const behave: Behaviour = ({ processId, action, data }) => {
    const answer = (more: object) => ({ reply: { success: true, ...more } });
    if (action === "DRAIN" || action === "RESUME")
      statuses.set(processId, action === "DRAIN" ? "DRAINING" : "ACTIVE");
    const status = statuses.get(processId) ?? "ACTIVE";
    if (action === "SEAL_KEYS") ranges.set(processId, [JSON.parse(data)]);
    const sealed = ranges.get(processId) ?? [];
    if (action === "GET_KEYS") return answer({ ...waits, salt: "s", sealed, states: ["purses"] });
    if (action === "GET_STATISTICS") return answer({ statistics: { openCalls: 0 } });
    const globals = keys ? undefined : { carried: [], left: [], unknown: [], ...waits };
    const code = { items: [], count: 0, notCompared: [] };
    return answer({ status, sealed, digest: DIGEST, slot: 7, state, globals, code, reset: [] });
  };
  const ao = fakeAo(behave);
  const { session } = fakeFleet(ao, []);
  Object.assign(session.deployment, { epoch: async () => 7 });
  const reports: string[] = [];
  const moves = new StateHandOver(
    session,
    () => budgetOf(5),
    async (_name, detail) => {
      reports.push(detail);
    },
    () => undefined,
  );
  const standings = await moves.transfer([
    { name: "shop", from: BLUE, to: GREEN, ...(keys ? { keys } : {}) },
  ]);
  const imported = ao.sent.filter(({ tags }) => String(tags.Action).startsWith("IMPORT_"));
  return { standings, reports, imported: imported.map(({ processId }) => processId) };
}

test.each([
  ["of a whole state", { waiting: 2, old }, undefined],
  ["of keys", { open: 2, old }, { salt: "s", from: 0, to: 1000 }],
])("a hand-over %s names the handlers that it gives up", async (_, waits, keys) => {
  const { standings, reports, imported } = await handOver(waits, keys);
  expect(standings).toMatchObject([{ processId: BLUE, state: "refuses" }]);
  expect(imported).toEqual([GREEN, GREEN]);
  expect(reports).toEqual([expect.stringContaining("equal by digest")]);
  expect(reports[0]?.endsWith(`; ${GIVEN_UP}`)).toBe(true);
});

test("a report names nothing if nothing was given up, and at most those that the process lists", () => {
  expect([givenUpText(undefined), givenUpText({ count: 0, items: [] })]).toEqual(["", ""]);
  expect(givenUpText({ count: 3, items: [{ id: "a", ms: 31_000 }] })).toBe(
    "; gave up 3 handlers that waited for a message (Receive), so what they would have done next is lost: since message a, for 31 s; … 2 more",
  );
});

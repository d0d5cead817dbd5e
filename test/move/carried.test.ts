/** Whether a state is a router's, which stays with its fleet, and which reads of a state serve as snapshots. */
import { expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { exportState } from "../../src/fleet/snapshot/take.ts";
import { containsRouter, readCarried } from "../../src/operations/move/carried.ts";
import { type Answer, fakeAo, fakeFleet, HASH, member } from "../cli/fakes.ts";
import { failureOf } from "../kit/failure.ts";

const TEXT = JSON.stringify({ stateVersion: "", states: { traffic: { serial: 7 } } });
const look = (answer: Answer, text = TEXT) =>
  containsRouter(
    fakeFleet(
      fakeAo(() => answer),
      [],
    ),
    member("entry"),
    text,
    budgetOf(1),
  );
const refusing = (code: string): Answer => ({
  reply: { success: false, error: { code, message: "no", remedy: "none" } },
});

test("a process that answers with a table, or does not know the action, shows whether it has a router", async () => {
  const table = { success: true, proofs: [], serial: 1, epoch: 1, at: 2 };
  expect(await look({ reply: table })).toBe(true);
  expect(await look(refusing("UNKNOWN_ACTION"))).toBe(false);
  expect(await look({}, JSON.stringify({ stateVersion: "", states: {} }))).toBe(false);
});

test.each([
  ["no answer", {}, "NO_REPLY"],
  ["an error of the evaluation", { error: "boom" }, "PROCESS_ERROR"],
  ["a refusal", refusing("FORBIDDEN"), "FORBIDDEN"],
])("%s shows nothing: the table could be carried to another fleet", async (_, answer, code) => {
  expect(await failureOf(look(answer))).toMatchObject({ code });
});

test("a state that is only read, or a part of one, has no tags by which another machine finds it as a backup", async () => {
  const state = { schema: 1, stateVersion: "1", states: {} };
  const ao = fakeAo(() => ({ reply: { success: true, state, digest: sha256(canonicalJson(state)) } }));
  const fleet = fakeFleet(ao, []);
  const place = member("counter");
  const read = (more: { reason?: "backup" | "restore" }) =>
    readCarried(fleet, place, { id: "move-1", sourceHash: HASH, ...more }, false, budgetOf(1));
  for (const more of [{}, { reason: "backup" }, { reason: "restore" }] as const) await read(more);
  const occasion = { reason: "upgrade", sourceHash: HASH, deploymentId: "d" } as const;
  const named = { globals: ["Notes"] };
  for (const extent of [{}, named, { states: ["notes"] }, { ...named, isSnapshot: true }])
    await exportState(fleet.session, place, occasion, budgetOf(1), extent);
  expect(ao.sent.map(({ tags }) => tags["Snapshot-Reason"])).toEqual([
    ...[undefined, "backup", "restore"],
    ...["upgrade", undefined, undefined, "upgrade"],
  ]);
  expect([ao.sent[0]?.tags["Source-Hash"], ao.sent[1]?.tags["Source-Hash"]]).toEqual([undefined, HASH]);
});

/** Which saved states `fleet restore` lists and takes: those of this machine and those on the network. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/core/hash.ts";
import { savedStates, snapshotsFor } from "../../src/operations/backup/find.ts";
import { fleet as fleetCommand, idOf } from "../cli/fakes.ts";
import { at, digestOf, inParts, notes, search, stateOf, whole } from "../fleet/exports.ts";

const RESTORE = { "Snapshot-Reason": "restore" };
type World = Awaited<ReturnType<typeof search>>;
const chosen = (
  { fleet }: World,
  which: { digest?: string; before?: string } = {},
  note?: (line: string) => void,
) => snapshotsFor(fleet, [notes], which, note);
const cut = ({ home }: World, text: string) =>
  writeFileSync(join(home, "snapshots", `${digestOf(text)}.json.gz`), "cut");
const UNREAD = "the exports on the network: The unit is down. [UNIT_DOWN]";

test("the newest backup is that of the network if it is later, and never a state that a restore saved", async () => {
  const world = await search([[5, "old"]], [whole(12, "replaced", RESTORE), ...inParts(8, "new", 3)]);
  const expected = { snapshot: { digest: digestOf("new"), slot: 8 }, from: "the network", unread: [] };
  expect(await chosen(world)).toMatchObject([{ ...expected, text: canonicalJson(stateOf("new")) }]);
  // It is stored, so that its digest chooses it from now on.
  const again = await chosen(world, { digest: digestOf("new").slice(0, 12) });
  expect(again).toMatchObject([{ snapshot: { slot: 8 }, from: "this machine" }]);
});

test("what may be a later backup and cannot be read is named with the one that is taken", async () => {
  const world = await search([[5, "old"]], "down");
  expect(await chosen(world)).toMatchObject([
    { snapshot: { slot: 5 }, from: "this machine", unread: [UNREAD] },
  ]);
});

test("a named state of another machine is found behind others", async () => {
  const newer = Array.from({ length: 60 }, (_, i) => whole(10 + i, `newer ${i}`));
  const first = whole(3, "first", { "Deployment-Id": "deploy-1", ...RESTORE });
  const world = await search([], [...newer, first]);
  const expected = [
    { snapshot: { digest: digestOf("first"), deploymentId: "deploy-1" }, from: "the network" },
  ];
  const byDeployment = await search([], [...newer, first]);
  expect(await chosen(byDeployment, { before: "deploy-1" })).toMatchObject(expected);
  expect(byDeployment.read).toEqual([3]);
  expect(await chosen(world, { digest: digestOf("first").slice(0, 10) })).toMatchObject(expected);
});

test("for a named state that this machine has, the network is not asked", async () => {
  const world = await search([[5, "here"]], [whole(9, "new")]);
  const found = await chosen(world, { digest: digestOf("here").slice(0, 8) });
  expect(found).toMatchObject([{ snapshot: { slot: 5 }, from: "this machine" }]);
  expect(world.read).toEqual([]);
});

test.each([[""], [digestOf("one").slice(0, 7)], ["not-hexadecimal"], ["a".repeat(65)]])(
  "the digits %j are refused, because they may begin several digests, or none",
  async (digest) => {
    const world = await search([[5, "one"]], [whole(6, "two")]);
    await expect(chosen(world, { digest })).rejects.toMatchObject({ code: "DIGEST_INVALID" });
    expect(world.read).toEqual([]);
  },
);

test("the search for a named state that nobody has tells how far it is, and ends", async () => {
  const world = await search(
    [],
    Array.from({ length: 400 }, (_, i) => whole(1 + i, `state ${i}`)),
  );
  const lines: string[] = [];
  const missing = chosen(world, { digest: "0".repeat(12) }, (line) => lines.push(line));
  await expect(missing).rejects.toMatchObject({
    code: "SNAPSHOT_GONE",
    problems: [
      {
        got: expect.stringContaining(
          "the exports on the network before the latest 320: the search ended there",
        ),
        remedy: expect.stringContaining("--before <deployment>"),
      },
    ],
  });
  expect(world.read).toHaveLength(320);
  expect(lines).toEqual(
    [20, 80].map(
      (read) => `notes: not among the latest ${read} exports on the network, searching further back`,
    ),
  );
});

test("with --yes, a state that may not be the newest is not restored unless it is named", async () => {
  const { fleet } = await search([[5, "old"]], "down");
  const ran = await fleetCommand(["restore", "notes", "--yes", "--json"], { fleet });
  expect([ran.code, ran.json()]).toMatchObject([
    1,
    { success: false, error: { code: "SNAPSHOT_UNREAD", problems: [{ got: `not readable: ${UNREAD}` }] } },
  ]);
  expect(ran.stderr).toContain(`npx fleet restore notes --digest ${digestOf("old").slice(0, 12)} --yes`);
});

test.each([
  ["the newest", {}],
  ["the named", { digest: digestOf("new").slice(0, 8) }],
])("%s state whose file is damaged is named, with what to do, and no other is taken", async (_, which) => {
  const world = await search(
    [
      [5, "new"],
      [3, "old"],
    ],
    "down",
  );
  cut(world, "new");
  const digest = digestOf("new");
  const problem = {
    what: `The saved state ${digest.slice(0, 12)} of notes, of ${at(5)}, cannot be read.`,
    got: `the state ${digest.slice(0, 12)} of ${at(5)} on this machine: its file is missing or damaged; ${UNREAD}`,
    expected: `its text in .fleet/snapshots/${digest}.json.gz or on the network`,
    remedy: expect.stringMatching(/^Copy that file .*npx fleet restore notes --list .*--digest/),
  };
  await expect(chosen(world, which)).rejects.toMatchObject({ code: "SNAPSHOT_GONE", problems: [problem] });
});

test("a damaged file is replaced by the network's copy, also by an earlier one of the same state", async () => {
  const world = await search(
    [
      [7, "new"],
      [5, "new"],
    ],
    [whole(5, "new")],
  );
  cut(world, "new");
  expect(await chosen(world)).toMatchObject([{ snapshot: { slot: 5 }, from: "the network", unread: [] }]);
});

test("a state that nobody has is no damaged one", async () => {
  const world = await search([[5, "here"]], [whole(6, "there")]);
  const got = "1 saved state on this machine, none matches";
  await expect(chosen(world, { digest: "0".repeat(8) })).rejects.toMatchObject({
    code: "SNAPSHOT_GONE",
    problems: [{ got, what: "notes has no such saved state." }],
  });
});

test("the list has the states of this machine and those on the network, each once", async () => {
  const messages = [whole(9, "new", RESTORE), { slot: 8, fails: true } as const, whole(5, "here")];
  const world = await search([[5, "here"]], messages);
  const { snapshots, unread } = await savedStates(world.fleet, [notes]);
  expect(snapshots).toMatchObject([
    { slot: 9, from: "the network", reason: "restore", takenAt: at(9) },
    { slot: 5, from: "this machine" },
  ]);
  expect(unread).toEqual([expect.stringMatching(/^notes: the export by message .*UNIT_DOWN/)]);
  // A list stores nothing.
  expect(await world.store.list()).toHaveLength(1);
  const { fleet } = await search([[5, "here"]], "down");
  const ran = await fleetCommand(["restore", "--list"], { fleet });
  expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining(digestOf("here").slice(0, 16))]);
  expect(ran.stderr).toContain(`not listed: notes: ${UNREAD}`);
});

test("the list has the network's copy of a state whose file is damaged, and names one that has none", async () => {
  const world = await search(
    [
      [7, "lost"],
      [5, "here"],
      [3, "new"],
    ],
    [whole(3, "new")],
  );
  for (const text of ["lost", "new"]) cut(world, text);
  const { snapshots, unread } = await savedStates(world.fleet, [notes]);
  expect(snapshots).toMatchObject([
    { slot: 5, from: "this machine" },
    { slot: 3, from: "the network", digest: digestOf("new") },
  ]);
  expect(unread).toEqual([
    `notes: the state ${digestOf("lost").slice(0, 12)} of ${at(7)} on this machine: its file is missing or damaged`,
  ]);
});

test("the list has the network's copy of a state that an earlier process of the member had as well", async () => {
  const world = await search([[5, "same"]], [whole(5, "same")]);
  const [here] = await world.store.list();
  if (here === undefined) throw new Error("nothing is kept");
  await world.store.put({ ...here, processId: idOf("earlier") }, canonicalJson(stateOf("same")));
  const { snapshots } = await savedStates(world.fleet, [notes]);
  expect(snapshots.map(({ processId, from }) => [processId, from]).sort()).toEqual(
    [
      [idOf("earlier"), "this machine"],
      [notes.processId, "the network"],
    ].sort(),
  );
});

test("the list says that earlier states on the network are not in it, and that the network was not read without a wallet", async () => {
  const many = Array.from({ length: 30 }, (_, i) => whole(10 + i, `state ${i}`));
  const { fleet } = await search([], many);
  const listed = await savedStates(fleet, [notes]);
  expect([listed.snapshots.length, listed.unread]).toEqual([
    20,
    ["notes: earlier exports on the network are not listed"],
  ]);
  const { ao } = fleet.session;
  const session = { ...fleet.session, ao: { ...ao, address: "0".repeat(43), find: async () => [] } };
  expect((await savedStates({ ...fleet, session }, [notes])).unread).toEqual([
    "the exports on the network: the stack's wallet, which sent them, cannot be read",
  ]);
});

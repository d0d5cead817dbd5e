/** Which snapshot of a process is the last one: on this machine or on the network, whole or in parts, as far as it can be read. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Ao, FoundItem } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { lastSnapshot } from "../../src/fleet/snapshot/find.ts";
import { runningDigest } from "../../src/fleet/snapshot/parts.ts";
import { type Snapshot, snapshotStore } from "../../src/fleet/snapshot/store.ts";
import { ADDRESS, fakeAo, fakeFleet, HASH, idOf, member } from "../cli/fakes.ts";
import { temporaryFolder } from "../kit/folder.ts";

const notes = member("notes");
/** When the process got the message of a slot, and the time of its block. */
const timeOf = (slot: number) => Date.UTC(2026, 0, 1, 0, slot);
const at = (slot: number) => new Date(timeOf(slot)).toISOString();
const stateOf = (text: string) => ({ schema: 1, stateVersion: "1", states: { notes: { text } } });
const digestOf = (text: string) => sha256(canonicalJson(stateOf(text)));
const unitDown = () => new FleetError({ code: "UNIT_DOWN", what: "The unit is down.", remedy: "" });

type Message = { readonly slot: number; readonly reply?: object; readonly fails?: true };
const whole = (slot: number, text: string): Message => ({
  slot,
  reply: { success: true, slot, state: stateOf(text), digest: digestOf(text) },
});
/** An export of `count` parts, whose last part has the text. */
function inParts(slot: number, text: string, count: number): Message[] {
  let chain = "";
  return Array.from({ length: count }, (_, i) => {
    const isLast = i === count - 1;
    const part = isLast ? `[["s",["notes"],[["text","${text}"]]]]` : "[]";
    const digest = sha256(part);
    chain = runningDigest(chain, digest);
    const header = i === 0 ? { header: { schema: 1, stateVersion: "1", hasGlobals: false } } : {};
    const reply = { id: `export-${slot}`, n: i + 1, text: part, digest, chain, isLast, ...header };
    return { slot: slot + i, reply: { success: true, slot: slot + i, part: reply } };
  });
}

/** A machine with some snapshots, and a network with some messages. */
async function search(
  local: readonly (readonly [slot: number, text: string])[],
  messages: readonly Message[] | "down",
) {
  const home = temporaryFolder("last-snapshot");
  const scope = { project: "ao-fleet", stack: "dev", home, build: join(home, "build") };
  const store = snapshotStore(scope);
  for (const [slot, text] of local) {
    const bytes = canonicalJson(stateOf(text));
    const known: Snapshot = {
      ...{
        member: "notes",
        processId: notes.processId,
        generation: 1,
        digest: sha256(bytes),
        slot,
        takenAt: at(slot),
      },
      ...{ reason: "backup", deploymentId: "d", sourceHash: HASH, stateVersion: "1", bytes: bytes.length },
    };
    await store.put(known, bytes);
  }
  const items = messages === "down" ? [] : [...messages].sort((a, b) => b.slot - a.slot);
  const asFound = ({ slot }: Message): FoundItem => ({
    ...{ id: idOf(`slot-${slot}`), owner: ADDRESS, recipient: notes.processId, action: "EXPORT_STATE" },
    tags: { "Snapshot-Reason": "backup", "Deployment-Id": "d" },
    block: { height: slot, timestamp: timeOf(slot) / 1000 },
  });
  const read: number[] = [];
  const ao: Ao = {
    ...fakeAo(() => ({})),
    find: async ({ limit = 0 }) => {
      if (messages === "down") throw unitDown();
      return items.slice(0, limit).map(asFound);
    },
    evaluation: async ({ messageId }) => {
      const message = items.find(({ slot }) => idOf(`slot-${slot}`) === messageId);
      if (message === undefined || message.fails) throw unitDown();
      read.push(message.slot);
      const tags = { Action: "EXPORT_STATE-Response" };
      const answers = message.reply ? [{ target: ADDRESS, tags, data: JSON.stringify(message.reply) }] : [];
      return { messageId, output: "", spawns: [], messages: answers };
    },
  };
  const known = fakeFleet(ao, [notes]).session;
  const find = () => lastSnapshot({ ...known, scope }, notes, HASH, budgetOf(60));
  return { find, home, store, read };
}

const NETWORK = "the network";
const MACHINE = "this machine";

test.each<[string, [number, string][], Message[], string, string]>([
  ["a later one on the network", [[5, "old"]], [whole(9, "new"), whole(4, "older")], "new", NETWORK],
  [
    "a later one on this machine",
    [
      [9, "new"],
      [3, "old"],
    ],
    [whole(4, "older")],
    "new",
    MACHINE,
  ],
  ["the same one on both", [[9, "new"]], [whole(9, "new")], "new", MACHINE],
  ["a later one in parts", [], [whole(3, "old"), ...inParts(7, "new", 2)], "new", NETWORK],
  ["a later one in more parts than a look has messages", [[3, "old"]], inParts(7, "new", 50), "new", NETWORK],
  ["one after a refused export", [], [whole(3, "new"), { slot: 5 }], "new", NETWORK],
])("%s is the last one", async (_name, local, messages, text, from) => {
  const { find, store } = await search(local, messages);
  expect(await find()).toMatchObject({
    snapshot: { digest: digestOf(text), reason: "backup" },
    from,
    unread: [],
  });
  expect(await store.text(digestOf(text))).toBe(canonicalJson(stateOf(text)));
});

test("the messages from before the one that this machine has are not read", async () => {
  const { find, read } = await search(
    [[8, "here"]],
    [whole(9, "new"), whole(7, "old"), whole(6, "old"), whole(5, "old")],
  );
  expect(await find()).toMatchObject({ snapshot: { slot: 9 }, from: NETWORK });
  expect(read).toEqual([9, 7]);
});

test("what may be later and cannot be read is named, with the one that was chosen instead", async () => {
  const [, second] = inParts(15, "lost", 2);
  const messages: Message[] = [
    second as Message,
    { slot: 12, fails: true },
    whole(9, "new"),
    { slot: 4, fails: true },
  ];
  const { find } = await search([[3, "old"]], messages);
  expect(await find()).toMatchObject({
    snapshot: { slot: 9, takenAt: at(9) },
    from: NETWORK,
    unread: [
      `the export by message ${idOf("slot-12")}: The unit is down. [UNIT_DOWN]`,
      "the export in parts of slot 16: it is not complete",
    ],
  });
});

test("a network that does not answer is named, and so is a damaged file of this machine", async () => {
  const { find, home } = await search(
    [
      [5, "new"],
      [4, "cut"],
      [3, "old"],
    ],
    "down",
  );
  rmSync(join(home, "snapshots", `${digestOf("new")}.json.gz`));
  const cut = join(
    home,
    "snapshots/ao-fleet.dev/notes",
    `20260101T000400.000Z-${digestOf("cut").slice(0, 12)}.json`,
  );
  writeFileSync(cut, "{");
  expect(await find()).toMatchObject({
    snapshot: { slot: 3 },
    from: MACHINE,
    unread: [
      `${cut}: it is damaged`,
      `the state ${digestOf("new").slice(0, 12)} of ${at(5)} on this machine: its file is missing or damaged`,
      "the exports on the network: The unit is down. [UNIT_DOWN]",
    ],
  });
});

test("a damaged text on this machine is replaced by that of the network", async () => {
  const { find, home, store } = await search([[5, "new"]], [whole(5, "new")]);
  writeFileSync(join(home, "snapshots", `${digestOf("new")}.json.gz`), "cut");
  expect(await find()).toMatchObject({ snapshot: { slot: 5 }, from: NETWORK, unread: [] });
  expect(await store.text(digestOf("new"))).toBe(canonicalJson(stateOf("new")));
});

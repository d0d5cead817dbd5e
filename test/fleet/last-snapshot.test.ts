/** Which snapshot of a process is the last one: on this machine or on the network, whole or in parts, as far as it can be read. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/core/hash.ts";
import { idOf } from "../cli/fakes.ts";
import { at, digestOf, inParts, type Message, search, stateOf, whole } from "./exports.ts";

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

import { describe, expect, test } from "vitest";
import { looksLikeInbox } from "../../src/ao/inbox.ts";
import type { OutMessage, Tags } from "../../src/ao/port.ts";
import { relationOf, replyAmong, replyElsewhere } from "../../src/ao/replies.ts";

const US = "us".padEnd(43, "_");
const asked = {
  address: US,
  messageId: "m1",
  tags: { Action: "Move", "Correlation-Id": "c1", Reference: "7" },
};
const outMessage = (tags: Tags, target = US, data = ""): OutMessage => ({ target, tags, data });

describe("the relation of an outbox message to a request", () => {
  test.each([
    ["the library's reply", outMessage({ "Correlation-Id": "c1", Action: "Move-Response" }), "ours"],
    ["a reply that names the request's id", outMessage({ "Correlation-Id": "m1" }), "ours"],
    ["aos' msg.reply", outMessage({ "X-Reference": "7", Reference: "12" }), "ours"],
    ["a message that names nothing", outMessage({ Reference: "12" }), "unnamed"],
    [
      "a message that names nothing, with empty tags",
      outMessage({ "Correlation-Id": "", "X-Reference": "" }),
      "unnamed",
    ],
    ["a reply to another call", outMessage({ "Correlation-Id": "c2", Action: "Error-Response" }), "other"],
    ["aos' reply to another message", outMessage({ "X-Reference": "8" }), "other"],
    ["a message to somebody else", outMessage({ "Correlation-Id": "c1" }, "them"), "other"],
    ["a notice of the library", outMessage({ Action: "Error", "Fleet-Notice": "Error" }), "other"],
  ] as const)("%s", (_what, message, relation) => {
    expect(relationOf(message, asked)).toBe(relation);
  });

  test("falls back to the request's id without a Correlation-Id, and to neither without a Reference", () => {
    const plain = { ...asked, tags: { Action: "Move" } };
    expect(relationOf(outMessage({ "Correlation-Id": "m1" }), plain)).toBe("ours");
    expect(relationOf(outMessage({ "X-Reference": "7" }), plain)).toBe("other");
  });
});

test("a reply that names the request is preferred in the request's own evaluation, and required in any other", () => {
  const timeout = outMessage({ "Correlation-Id": "c0", Action: "Error-Response" });
  const plain = outMessage({ Action: "Debit-Notice" });
  const named = outMessage({ "X-Reference": "7" });
  expect(replyAmong([timeout, plain, named], asked)).toBe(named);
  expect(replyAmong([timeout, plain], asked)).toBe(plain);
  expect(replyAmong([timeout], asked)).toBeUndefined();
  expect(replyElsewhere([timeout, plain], asked, false)).toBeUndefined();
});

describe("in any other evaluation, a reply that names the request is the answer only if it was sent for it", () => {
  const named = { "Correlation-Id": "c1", "X-Reference": "7" };
  const sentFor = (value: string) => outMessage({ ...named, "Fleet-Sent-For": value });
  const they = "they".padEnd(43, "_");
  test.each([
    ["by what the library says", sentFor(`${US} 7 m1`), true, true],
    ["by the library, which was given no number", sentFor(`${US} - m9`), true, true],
    ["not for a request of somebody else", sentFor(`${they} 7 m2`), false, false],
    ["not for another request of ours", sentFor(`${US} 8 m3`), false, false],
    ["not by a tag that is cut off", sentFor(US), false, false],
    [
      "without the library, only where no network names the chain of messages",
      outMessage(named),
      false,
      true,
    ],
  ])("%s", (_what, message, isWithChains, isWithout) => {
    expect(replyElsewhere([message], asked, true) !== undefined).toBe(isWithChains);
    expect(replyElsewhere([message], asked, false) !== undefined).toBe(isWithout);
  });
});

describe("in the request's own evaluation, what the library says was sent for another request is no answer", () => {
  const ids = { "Correlation-Id": "c1", "X-Reference": "7" };
  const they = "they".padEnd(43, "_");
  test.each<[string, Tags, Partial<typeof asked & { lib: false }>, boolean]>([
    [
      "a handler of somebody else that waited for any message, with our ids",
      { ...ids, "Fleet-Sent-For": `${they} 9 m0` },
      {},
      false,
    ],
    ["the same without any id", { "Fleet-Sent-For": `${they} 9 m0` }, {}, false],
    ["an answer to another request of ours", { "Fleet-Sent-For": `${US} 8 m0` }, {}, false],
    ["sent for ours", { "Fleet-Sent-For": `${US} 7 m1` }, {}, true],
    [
      "sent for ours, by a library that was given no number",
      { ...ids, "Fleet-Sent-For": `${US} - m1` },
      {},
      true,
    ],
    [
      "a program without the library that copied the tag",
      { ...ids, "Fleet-Sent-For": `${they} 9 m0` },
      { lib: false },
      true,
    ],
    [
      "a dry run, which a node evaluates for a stranger",
      { ...ids, "Fleet-Sent-For": `${they} 7 m0` },
      { messageId: "" },
      true,
    ],
  ])("%s", (_what, tags, more, isAnswer) => {
    const message = outMessage(tags);
    expect(replyAmong([message], { ...asked, ...more })).toBe(isAnswer ? message : undefined);
  });
});

test("of several replies the one with the expected action is used", () => {
  const first = outMessage({ Action: "Debit-Notice", "X-Reference": "7" });
  const answer = outMessage({ Action: "Move-Response", "X-Reference": "7" });
  expect(replyAmong([first, answer], asked)).toBe(answer);
  expect(replyAmong([first], asked)).toBe(first);
});

test("only aos' own announcement of the sender's message counts as the inbox", () => {
  const output = `New Message From us_..._ _: Action = Move`;
  expect(looksLikeInbox({ output: "New Message From us_...___: Action = Move" }, US)).toBe(true);
  expect(looksLikeInbox({ output: "New Message From abc...xyz: Action = Move" }, US)).toBe(false);
  expect(looksLikeInbox({ output: "printed: New Message From us_...___: Action = Move" }, US)).toBe(false);
  expect(looksLikeInbox({ output: "New Message From us_...___: Data = x" }, US)).toBe(true);
  expect(looksLikeInbox({ output }, US)).toBe(false);
});

/** What a stranger writes into a message, or has a plain program send, is not taken for the effect of the operator's message. */
import { describe, expect, test } from "vitest";
import { proveProbe } from "../../providers/wiring/probes.ts";
import type { Ao, Evaluation, Scheduled, Tags } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { call } from "../../src/fleet/protocol/call.ts";
import { ADDRESS, fakeAo, fakeFleet, idOf, member, toUs } from "../cli/fakes.ts";

const battle = member("battle");
const shop = member("shop");
const STRANGER = idOf("stranger");
/** Every message of the test's process asks its peer, and is answered later if at all. */
const asksShop = () => ({ messages: [{ target: shop.processId, tags: { Action: "PRICE" }, data: "" }] });

interface Later {
  /** Messages of a later evaluation of the process. */
  readonly said?: (request: Tags) => Tags;
  /** An entry of the order of the process and of its peer, whose evaluation answers and fails. */
  readonly scheduled?: (messageId: string) => Partial<Scheduled>;
  /** What the answer in that evaluation says. */
  readonly inChain?: (request: Tags) => Tags;
  readonly chains?: boolean;
}

function network({ said, scheduled, inChain, chains = true }: Later): Ao {
  const ao = fakeAo(asksShop);
  const evaluation = (messageId: string, messages: Evaluation["messages"], error?: string): Evaluation => ({
    ...{ messageId, output: "", spawns: [], messages },
    ...(error === undefined ? {} : { error }),
  });
  const request = () => ao.sent.at(-1)?.tags ?? {};
  return {
    ...ao,
    chains,
    results: async () => ({
      items: said ? [{ ...evaluation("", [toUs(said(request()), "late")]), cursor: "1" }] : [],
    }),
    latest: async () => 1,
    range: async () => [
      {
        ...{ slot: 1, messageId: "entry", timestamp: 1, from: STRANGER, action: "PRICE", tags: {}, data: "" },
        ...scheduled?.(`message-${ao.sent.length - 1}`),
      },
    ],
    evaluation: async (ref, budget) => {
      if (ref.messageId !== "entry") return ao.evaluation(ref, budget);
      const fails = ref.processId === shop.processId;
      return evaluation(
        "entry",
        fails ? [] : [toUs(inChain?.(request()) ?? {}, "late")],
        fails ? "boom" : undefined,
      );
    },
  };
}

const asked = async (later: Later) => {
  const fleet = fakeFleet(network(later), [battle, shop]);
  const one = { member: battle, action: "BUY", data: "", tags: {}, seconds: 1, wait: true };
  return call(fleet, one).then(
    ({ data }) => data,
    (error: Error & { code: string }) => `${error.code}: ${error.message}`,
  );
};
const ids = ({ "Correlation-Id": correlation = "", Reference = "" }: Tags) => ({
  "Correlation-Id": correlation,
  "X-Reference": Reference,
});
const named = (from: string, tags: Tags) => ({ "Fleet-Sent-For": `${from} ${tags.Reference} entry` });

describe("a call takes a later message for its answer", () => {
  test.each<[string, Later, string]>([
    [
      "if the library says that it was sent for it",
      { said: (tags) => ({ ...ids(tags), ...named(ADDRESS, tags) }) },
      "late",
    ],
    ["not by its ids", { said: ids }, "REPLY_LATE"],
    [
      "not if it was sent for somebody else",
      { said: (tags) => ({ ...ids(tags), ...named(STRANGER, tags) }) },
      "REPLY_LATE",
    ],
    [
      "if its messenger says that it belongs to the chain",
      { scheduled: (id) => ({ pushedFor: id }) },
      "late",
    ],
    [
      "not by a tag that anybody can write",
      { scheduled: (id) => ({ tags: { "Pushed-For": id } }) },
      "REPLY_LATE",
    ],
    [
      "not if its library says that it was sent for somebody else's message, in the same chain or evaluation",
      {
        scheduled: (id) => ({ pushedFor: id }),
        inChain: (tags) => ({ ...ids(tags), ...named(STRANGER, tags) }),
      },
      "REPLY_LATE",
    ],
    ["by its ids, where no network names chains", { said: ids, chains: false }, "late"],
  ])("%s", async (_what, later, outcome) => {
    expect(await asked(later)).toMatch(new RegExp(`^${outcome}`));
  });
});

describe("a fault of a peer is told as the reason of a late answer", () => {
  const unanswered = (tags: Tags) => named(STRANGER, tags);
  const caused = (id: string) => ({ "Fleet-Sent-For": `${ADDRESS} - ${id}` });
  test.each<[string, Later, boolean]>([
    [
      "if the library of the process says that it was asked for it",
      { chains: false, scheduled: (id) => ({ from: battle.processId, tags: caused(id) }) },
      true,
    ],
    [
      "if a member sent it in the chain of the message",
      { inChain: unanswered, scheduled: (id) => ({ from: shop.processId, pushedFor: id }) },
      true,
    ],
    [
      "not if somebody else's process sent it in the chain of the message",
      { inChain: unanswered, scheduled: (id) => ({ pushedFor: id }) },
      false,
    ],
    [
      "not if the library of the process says that it was sent for another request",
      {
        inChain: unanswered,
        scheduled: (id) => ({
          ...{ from: battle.processId, pushedFor: id },
          tags: { "Fleet-Sent-For": `${STRANGER} 4 ${id}` },
        }),
      },
      false,
    ],
    [
      "not if a stranger writes the same",
      { scheduled: (id) => ({ tags: { ...caused(id), "Pushed-For": id } }) },
      false,
    ],
  ])("%s", async (_what, later, isTold) => {
    expect((await asked(later)).includes("boom")).toBe(isTold);
  });
});

test("a probe does not take for the answer what a stranger has the process send with its ids", async () => {
  const place = { name: "battle", generation: 1, processId: battle.processId };
  const probe = { action: "BUY", data: {}, expect: {} };
  const prove = (said: (tags: Tags) => Tags) => {
    const { session } = fakeFleet(network({ said, chains: false }), [battle, shop]);
    return proveProbe(session, place, probe, budgetOf(1));
  };
  await prove((tags) => ({ ...ids(tags), ...named(ADDRESS, tags) }));
  await expect(prove(ids)).rejects.toMatchObject({ code: "PROBE_UNANSWERED" });
});

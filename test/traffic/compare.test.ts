/** Requests that green failed are asked of blue without effect, and what that costs. */
import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { comparedBy } from "../../providers/traffic/compare.ts";
import { unitSlow } from "../../src/ao/errors.ts";
import type { Ao, Evaluation, OutMessage, Tags } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FAULT_CODES } from "../../src/delivery/faults.ts";
import type { Question } from "../../src/delivery/index.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";
import { ADDRESS, fakeAo, idOf } from "../cli/fakes.ts";

const [ROUTER, BLUE, GREEN] = [idOf("router"), idOf("blue"), idOf("green")];
const SENT: Tags = {
  ...{
    Action: "Price",
    Item: "pear",
    "Traffic-Key": "k",
    "On-Behalf-Of": "caller",
    "Correlation-Id": "first",
  },
  ...{ Reference: "7", "Data-Protocol": "ao", Type: "Message", Variant: "ao.TN.1" },
};

type Does = Partial<Evaluation> & { readonly says?: object };
/** A network on which the router has sent one message in each slot, and both revisions do something with it. */
function network(green: Does, blue: Does, more: Partial<Ao> = {}, sent: readonly OutMessage[] = [message()]) {
  const dry: { processId: string; tags: Tags; data?: string; from?: string }[] = [];
  const reads: number[] = [];
  const ao: Ao = {
    ...fakeAo(() => ({})),
    async range({ from }) {
      reads.push(from);
      const tags = { Action: "ROUTE" };
      return [
        { slot: from, messageId: `m${from}`, timestamp: 0, from: "caller", action: "ROUTE", tags, data: "" },
      ];
    },
    evaluation: async () => ({ messageId: "", output: "", spawns: [], messages: [...sent] }),
    async dryrun(input) {
      dry.push(input);
      const { says, ...rest } = input.processId === GREEN ? green : blue;
      const target = more.dryRunner === "stranger" ? ADDRESS : ROUTER;
      const tags = { Action: "Price-Response", "Correlation-Id": input.tags["Correlation-Id"] ?? "" };
      const messages = says === undefined ? [] : [{ target, tags, data: JSON.stringify(says) }];
      return { messageId: "", output: "", spawns: [], messages, ...rest };
    },
    ...more,
  };
  return { ao, dry, reads };
}

const message = (target = GREEN): OutMessage => ({ target, tags: SENT, data: '{"n":1}' });
const failed = (code: string) => ({ says: { success: false, error: { code, message: "m" } } });
const served = { says: { success: true, price: 4 } };
const question = (kind: Question["kind"], code: string, slot = 5): Question => ({
  caller: "c",
  kind,
  slot,
  code,
});

async function outcome(
  asked: Question,
  green: Does,
  blue: Does,
  {
    state = "none",
    ...more
  }: { state?: "none" | "owned"; ao?: Partial<Ao>; sent?: readonly OutMessage[] } = {},
) {
  const { ao, dry } = network(green, blue, more.ao, more.sent);
  const service = { key: "sender", state, green: { processId: GREEN, sourceHash: "n" } };
  const services = { quote: { ...service, blue: { processId: BLUE, sourceHash: "o" } } };
  const wanted = { release: "r", strategy: StrategySchema.parse({ kind: "blue-green" }), services };
  const result = await comparedBy({ ao }, wanted, ROUTER)("quote", [asked], budgetOf(5));
  return { is: result[asked.kind].c, dry };
}

const aFault = question("fault", "INTERNAL");
const aRefusal = question("refusal", "NOPE");

test.each([
  ["blue answers, and green fails again", aFault, failed("INTERNAL"), served, "differs"],
  ["blue refuses what green has a fault with", aFault, failed("INTERNAL"), failed("NOPE"), "differs"],
  ["blue answers what green refuses", aRefusal, failed("NOPE"), served, "differs"],
  ["no answer, though blue has one", question("fault", "TIMEOUT"), {}, served, "differs"],
  ["a program that raises an error", question("fault", "TIMEOUT"), { error: "nil value" }, served, "differs"],
  ["blue has the fault as well", aFault, failed("INTERNAL"), failed("SERVICE_FAULT"), "same"],
  ["blue refuses it as well", aRefusal, failed("NOPE"), failed("NO_SUCH"), "same"],
  ["neither answers", question("fault", "TIMEOUT"), {}, {}, "same"],
  ["green does not fail again: its state has moved on", aFault, served, served, "unknown"],
  ["green fails otherwise", aFault, failed("BAD_REPLY"), served, "unknown"],
  ["blue moves its state", aFault, failed("INTERNAL"), failed("DRAINING"), "again"],
  [
    "nobody can tell: blue moves its state, and green answers now",
    aFault,
    served,
    failed("DRAINING"),
    "unknown",
  ],
  ["blue asks another process first", aFault, failed("INTERNAL"), { messages: [message("peer")] }, "again"],
  ["green was too busy", question("fault", "BUSY"), failed("BUSY"), served, "unknown"],
] as const)("%s", async (_what, asked, green, blue, is) => {
  expect((await outcome(asked, green, blue)).is).toBe(is);
});

it("is asked as the router asked, in its name, but as another request", async () => {
  const { dry } = await outcome(aFault, failed("INTERNAL"), served);
  expect(dry.map(({ processId }) => processId)).toEqual([BLUE, GREEN]);
  for (const { tags, data, from } of dry) {
    expect(from).toBe(ROUTER);
    expect(data).toBe('{"n":1}');
    expect(tags).toMatchObject({
      Action: "Price",
      Item: "pear",
      "Traffic-Key": "k",
      "On-Behalf-Of": "caller",
    });
    expect(tags["Correlation-Id"]).not.toBe("first");
    expect(Object.keys(tags)).not.toContain("Data-Protocol");
  }
});

it("is asked of both alike where dry runs have no name", async () => {
  const ao = { dryRunner: "stranger" as const };
  expect((await outcome(aFault, failed("INTERNAL"), served, { ao })).is).toBe("differs");
  // What a stranger may not do, neither revision does.
  expect((await outcome(aRefusal, failed("FORBIDDEN"), failed("FORBIDDEN"), { ao })).is).toBe("same");
});

test.each([
  ["its state has moved on since blue had it", served, "again", 2],
  ["blue fails it with another code", failed("NO_SUCH"), "again", 2],
  ["blue fails it alike", failed("NOPE"), "same", 1],
] as const)("a service with state: %s", async (_what, blue, is, runs) => {
  const { is: got, dry } = await outcome(aRefusal, failed("NOPE"), blue, { state: "owned" });
  expect([got, dry.length]).toEqual([is, runs]);
});

test.each([
  ["there is no such message", { ao: { range: async () => [] } }],
  ["the router sent nothing to green in it", { sent: [message("other")] }],
  ["the router sent several", { sent: [message(), message()] }],
  ["no unit answers", { ao: { dryrun: () => Promise.reject(unitSlow("compute unit", "http://cu", 1)) } }],
] as const)("a request that is not kept is unknown: %s", async (_what, more) => {
  expect((await outcome(aFault, failed("INTERNAL"), served, more)).is).toBe("unknown");
});

describe("a slow answer", () => {
  /** Answers after this many ms for the request, and for `Info`. */
  type Takes = readonly [request: number, info: number];
  const taking = (green: Takes, blue: Takes) => {
    const asked: string[] = [];
    const ao: Partial<Ao> = {
      async dryrun({ processId, tags }) {
        const [request, info] = processId === GREEN ? green : blue;
        const isInfo = tags.Action === "Info";
        asked.push(`${processId === GREEN ? "green" : "blue"} ${tags.Action}`);
        await new Promise((resolve) => setTimeout(resolve, isInfo ? info : request));
        const answer = { Action: "Price-Response", "Correlation-Id": tags["Correlation-Id"] ?? "" };
        const messages = [{ target: ROUTER, tags: answer, data: "{}" }];
        return { messageId: "", output: "", spawns: [], messages };
      },
    };
    return { asked, ao };
  };
  const slow = question("slow", "");
  test.each([
    ["counts if green takes longer for the same request", [120, 1], [1, 1], "differs"],
    ["does not count if blue takes as long", [1, 1], [1, 1], "same"],
    [
      "is unknown if green has so much to do that it takes longer for Info as well",
      [120, 120],
      [1, 1],
      "unknown",
    ],
    ["is unknown if blue has so much to do that green is not slower", [120, 1], [120, 120], "unknown"],
  ] as const)("%s", async (_what, green, blue, is) => {
    expect((await outcome(slow, {}, {}, { ao: taking(green, blue).ao })).is).toBe(is);
  });
  it("is asked twice of both, with Info in between: six dry runs", async () => {
    const { ao, asked } = taking([1, 1], [1, 1]);
    await outcome(slow, {}, {}, { ao });
    const pair = ["blue Price", "green Price"];
    expect(asked).toEqual([...pair, "blue Info", "green Info", ...pair]);
  });
  it("is unknown if it has no answer", async () => {
    expect((await outcome(slow, {}, served)).is).toBe("unknown");
  });
});

test("costs two reads and at most two dry runs for each request, once in a run", async () => {
  const { ao, dry, reads } = network(failed("INTERNAL"), served);
  const service = { key: "sender", state: "none" as const, green: { processId: GREEN, sourceHash: "n" } };
  const services = { quote: { ...service, blue: { processId: BLUE, sourceHash: "o" } } };
  const wanted = { release: "r", strategy: StrategySchema.parse({ kind: "blue-green" }), services };
  const compare = comparedBy({ ao }, wanted, ROUTER);
  const asked = Array.from({ length: 12 }, (_, i) => ({
    ...question("fault", "INTERNAL", i),
    caller: `c${i}`,
  }));
  for (let verdict = 0; verdict < 3; verdict += 1) {
    const { fault } = await compare("quote", asked, budgetOf(5));
    expect(Object.values(fault)).toEqual(Array(12).fill("differs"));
  }
  expect([reads.length, dry.length]).toEqual([12, 24]);
});

test("the router counts the same codes as faults", () => {
  const lua = readFileSync("src/runtime/fleet/rollout-enums.lua", "utf8");
  for (const code of FAULT_CODES) expect(lua).toContain(`"${code}"`);
});

import { afterEach, expect, test } from "vitest";
import { Bench } from "../ao/port/bench.ts";
import { faceOf } from "../ao/port/suite.ts";
import { type Simnet, type SimnetOptions, startSimnet } from "./index.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A node that receives every post twice, and a process on it that does not recognize what it had. */
async function repeatingNode(options: SimnetOptions): Promise<{ net: Simnet; bench: Bench; id: string }> {
  const net = await startSimnet({ face: "mainnet", ...options });
  const bench = new Bench(await faceOf({ ...net.endpoints, ...net.node }, "mainnet", net));
  open.push(() => bench.close());
  return { net, bench, id: await bench.spawn() };
}

/** What the repeated messages did, once the network is at rest. */
async function effects(net: Simnet): Promise<(string | undefined)[]> {
  await net.settled();
  await net.oracle.quiet();
  return net.oracle.repeats().map(({ effect }) => effect);
}

test("the effect of a repeated message is seen, and that it had none", async () => {
  const { net, bench, id } = await repeatingNode({ repeats: { share: 1 } });
  await bench.run(id, "COUNT = (COUNT or 0) + 1\nreturn COUNT");
  await net.settled();
  await bench.run(id, `Send({ Target = "${id}", Action = "Note" })\nreturn "sent"`);
  await net.settled();
  await bench.run(id, "return COUNT");
  // The spawn, the count, the message, and the question.
  const found = await effects(net);
  expect(found.filter((effect) => effect !== undefined).sort()).toEqual([
    "changed the state",
    expect.stringMatching(/^sent [12] messages$/),
  ]);
  expect([...net.oracle.copies.values()]).toEqual([1, 1, 1, 1]);
});

test("a post that is repeated in front of the client's own has the first slot", async () => {
  const { net, bench, id } = await repeatingNode({
    repeats: { share: 1, when: "before" },
    node: { repeated: "skipped" },
  });
  const { output } = await bench.run(id, 'return "said"');
  expect(output).toBe("said");
  expect(net.oracle.messages(id).map(({ slot }) => slot)).toEqual([2]);
  expect(await effects(net)).toEqual([undefined, undefined]);
});

test("a share of none repeats nothing", async () => {
  const { net, bench, id } = await repeatingNode({});
  await bench.run(id, "return 1");
  expect([await effects(net), net.oracle.copies.size]).toEqual([[], 0]);
});

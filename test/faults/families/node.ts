/** Failures that only a HyperBEAM node has. */
import { answerOf, type Repeats, type Simnet, type SimnetOptions } from "../../simnet/index.ts";
import { type FaultCase, failuresOf } from "../case.ts";
import { Engine } from "../engine.ts";
import { edited, smallFleet } from "../spec.ts";
import { killed, type PHASES } from "./k1.ts";

const ON_A_NODE = {
  on: ["mainnet"],
  why: "legacy units give the same bytes one slot, and their answer to a post does not depend on its evaluation",
} as const;

interface NodeOptions {
  readonly network?: SimnetOptions;
  readonly repeats?: Repeats;
}

/** M1: a first deployment and an update while a node behaves in one way. */
export function nodeThat(
  name: string,
  behaves: (net: Simnet) => unknown,
  { network, repeats }: NodeOptions = {},
): FaultCase {
  return {
    family: "M1",
    name,
    faces: ON_A_NODE,
    ...(repeats === undefined ? {} : { repeats }),
    async run(lab) {
      const net = await lab.network(network);
      const spec = smallFleet(net, await lab.folder(), { timeoutSeconds: 120 });
      behaves(net);
      const first = await new Engine(spec).up();
      const changed = edited(spec, ["battle", "shop"], { slow: 1 });
      const second = await lab.recovering(() => new Engine(changed).up());
      net.faults.clear();
      return [
        ...failuresOf("up", first),
        ...failuresOf("update", second),
        ...(await lab.check(changed, net)),
      ];
    },
  };
}

/** Nodes of two builds behind one address: each serves results at another path. */
function pathsInTurn(net: Simnet): void {
  let reads = 0;
  net.faults.add({
    on: "cu.result",
    name: "the other build",
    fault: {
      kind: "answer",
      with({ path }) {
        reads += 1;
        const gone = Math.floor(reads / 7) % 2 === 0 ? "/results/raw" : "/results/json";
        return path.includes(gone) ? answerOf(404, JSON.stringify({ body: "Not found." })) : undefined;
      },
    },
  });
}

/** M1: a post gets its slot, and its answer never comes: the run fails within its time, and the next one finds the slot. */
export function silentPost(nth: number): FaultCase {
  return {
    family: "M1",
    name: `a slot, then silence, at post ${nth}`,
    faces: ON_A_NODE,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder(), { timeoutSeconds: 8 });
      const end = net.behaviours.slotThenSilence({ nth });
      const first = await new Engine(spec).up();
      end();
      const patient = { ...spec, timeoutSeconds: 60 };
      const back = await lab.recovering(() => new Engine(patient).up());
      return [
        ...(first.errors.length > 0 ? [] : ["the run ended well without its answer"]),
        ...first.errors
          .filter(({ code, message }) => code === "" || !message.includes("fix:"))
          .map((error) => `${error.name} failed without a code or a remedy: ${error.message.slice(0, 200)}`),
        ...failuresOf("recovery", back),
        ...(await lab.check(patient, net)),
      ];
    },
  };
}

/** M1: somebody pushes every slot once more: a node sends its outbox again, each message with another id. */
export function slotsPushedAgain(): FaultCase {
  return {
    family: "M1",
    name: "every slot is pushed again",
    faces: ON_A_NODE,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await new Engine(spec).up();
      const slots = net.oracle
        .processes()
        .flatMap(({ id, slot }) => Array.from({ length: slot + 1 }, (_, at) => ({ id, at })));
      for (const { id, at } of slots)
        await fetch(`${net.node.nodeUrl}/${id}~process@1.0/push&slot=${at}`, { method: "POST" }).then(
          (answer) => answer.text(),
          // The answer about a failed evaluation may be one that `fetch` cannot read.
          () => "",
        );
      await net.oracle.quiet(20);
      lab.counts(slots.length);
      const changed = edited(spec, ["battle", "shop"], { slow: 1 });
      const second = await lab.recovering(() => new Engine(changed).up());
      return [
        ...failuresOf("up", first),
        ...failuresOf("update", second),
        ...(await lab.check(changed, net)),
      ];
    },
  };
}

/** M2: every answer to a post is an error although there is a slot, and the provider dies at a point. */
export function killedInDoubt(phase: keyof typeof PHASES, crashAt: string): FaultCase {
  return {
    family: "M2",
    name: `${phase} ${crashAt}, answers are errors`,
    faces: ON_A_NODE,
    run: (lab) => killed(lab, crashAt, phase, (net) => net.behaviours.slotThenFailure({ broken: true })),
  };
}

/** M2: the node dropped the post, and the provider dies before it learns that. */
export function killedAfterDrop(phase: keyof typeof PHASES, nth: number): FaultCase {
  return {
    family: "M2",
    name: `${phase} ao.before-lookup, post ${nth} was dropped`,
    faces: ON_A_NODE,
    run: (lab) => killed(lab, "ao.before-lookup:1", phase, (net) => net.behaviours.busyNode({ nth })),
  };
}

export function nodeCases(): FaultCase[] {
  const nth = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const everyThird = (count: number) => nth(count).filter((n) => n % 3 === 0);
  const passes = (name: string, numbers: readonly number[]) => numbers.map((n) => `ao.${name}:${n}`);
  const before: Repeats = { share: 1, when: "before" };
  return [
    nodeThat("a slot, then 500", ({ behaviours }) => behaviours.slotThenFailure()),
    nodeThat("a slot, then an error text that breaks the headers", ({ behaviours }) =>
      behaviours.slotThenFailure({ broken: true }),
    ),
    nodeThat("a busy scheduler drops posts", ({ behaviours }) => behaviours.busyNode({ nth: [2, 9, 16] })),
    nodeThat("two posts at once are too many", () => {}, { network: { node: { busyAbove: 1 } } }),
    nodeThat("pages of three slots that lie about the next one", ({ behaviours }) => {
      behaviours.lyingPages();
      behaviours.slotThenFailure();
    }),
    nodeThat("parallel posts arrive in another order", ({ behaviours }) => behaviours.shuffledArrival(200)),
    nodeThat("a node of 2026", () => {}, { network: { node: { repeated: "skipped", results: "raw" } } }),
    nodeThat("two builds behind one address", pathsInTurn, { network: { node: { results: "both" } } }),
    nodeThat("a relay posts first, a node of 2025", () => {}, { repeats: before }),
    nodeThat("a relay posts first, a node of 2026", () => {}, {
      repeats: before,
      network: { node: { repeated: "skipped", results: "raw" } },
    }),
    ...[1, 6, 14].map(silentPost),
    slotsPushedAgain(),
    ...passes("before-lookup", nth(26)).map((at) => killedInDoubt("create", at)),
    ...passes("before-lookup", nth(15)).map((at) => killedInDoubt("update", at)),
    ...["after-send", "after-answer"].flatMap((place) => [
      ...passes(place, everyThird(26)).map((at) => killedInDoubt("create", at)),
      ...passes(place, everyThird(15)).map((at) => killedInDoubt("update", at)),
    ]),
    ...[2, 8, 14, 20].map((post) => killedAfterDrop("create", post)),
    ...[2, 6, 10].map((post) => killedAfterDrop("update", post)),
  ];
}

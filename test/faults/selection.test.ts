import { expect, it } from "vitest";
import { type FaultCase, runCase } from "./case.ts";
import { spoiltJournal } from "./families/disk.ts";
import { badCode } from "./families/health.ts";
import { everyField, luaInjection } from "./families/inputs.ts";
import { killedInCreate, killedInUpdate } from "./families/k1.ts";
import { pushed, sameBytesAgain, strangers, wrongEpochs } from "./families/messages.ts";
import { answersLost, callsFail, gatewayBehind, indexBehind, staleVerdicts } from "./families/network.ts";
import { killedInDoubt, nodeThat, slotsPushedAgain } from "./families/node.ts";
import { randomStory } from "./families/random.ts";
import { changedByHand, givenAway, nothingLeft, olderState, twoOperators } from "./families/states.ts";
import { stopped } from "./families/stopped.ts";

/**
 * A case of each family that needs no pulumi command (`selection-cli.test.ts` has some of the others). `npm run test:faults` runs all
 * cases and writes the report.
 */
const CASES: FaultCase[] = [
  killedInCreate("ao.after-send:12"),
  killedInUpdate("process.loaded:1"),
  stopped("ao.after-journal:3", "update"),
  spoiltJournal(),
  answersLost(1),
  callsFail(5, 2),
  staleVerdicts(20, 2),
  indexBehind(1200),
  gatewayBehind(15),
  sameBytesAgain(1),
  wrongEpochs(),
  pushed("missing"),
  twoOperators(1),
  olderState(),
  strangers("A1"),
  nothingLeft("state and journal"),
  changedByHand("config edited"),
  givenAway(),
  badCode("is unhealthy"),
  everyField("process"),
  luaInjection(100, 2),
  randomStory(2),
];

it.each(CASES.map((fault) => [fault.family, fault.name, fault] as const))(
  "%s %s",
  async (_family, _name, fault) => {
    expect((await runCase(fault)).broken).toEqual([]);
  },
  120_000,
);

/** The same suite on a HyperBEAM node, which receives every post twice: what is different there. */
const ON_A_NODE: FaultCase[] = [
  killedInUpdate("process.loaded:1"),
  killedInDoubt("update", "ao.before-lookup:3"),
  nodeThat("a relay posts first", () => {}, {
    repeats: { share: 1, when: "before" },
    network: { node: { repeated: "skipped", results: "raw" } },
  }),
  nodeThat("short pages", ({ behaviours }) => {
    behaviours.lyingPages();
    behaviours.slotThenFailure({ broken: true });
  }),
  slotsPushedAgain(),
  sameBytesAgain(1),
  gatewayBehind(3),
  staleVerdicts(50, 2),
  pushed("missing"),
];

it.each(ON_A_NODE.map((fault) => [fault.family, fault.name, fault] as const))(
  "on a node: %s %s",
  async (_family, _name, fault) => {
    const { broken, repeats } = await runCase(fault, "mainnet");
    expect(broken).toEqual([]);
    // Each repeated post got a slot of its own, and had no effect there.
    expect(repeats.made).toBeGreaterThan(0);
    expect(repeats.absorbed).toBe(repeats.made);
  },
  120_000,
);

import { expect, it } from "vitest";
import { type FaultCase, runCase } from "./case.ts";
import { attacked } from "./families/attacks.ts";
import { flood } from "./families/floods.ts";
import { money } from "./families/money.ts";
import { FEW, hostileScreen, secretsInBundle } from "./families/screen.ts";

/** A small case of each family of strangers: floods, a judge under attack, the game's money, the operator's screen. */
const CASES: FaultCase[] = [
  flood("mixed", 10, 1, 40),
  attacked("CANARY", "good", "asked", 3, { rollouts: 2, attacks: ["green"] }),
  attacked("CANARY", "broken", "older", 3, { rollouts: 2, attacks: ["praise"] }),
  money(2, 8),
  hostileScreen(1, FEW),
  secretsInBundle(1),
];

it.each(CASES.map((fault) => [fault.family, fault.name, fault] as const))(
  "%s %s",
  async (_family, _name, fault) => {
    expect((await runCase(fault)).broken).toEqual([]);
  },
  120_000,
);

/** On a HyperBEAM node, whose processes get each message a second time. */
const ON_A_NODE: FaultCase[] = [flood("mixed", 10, 1, 20), money(2, 4)];

it.each(ON_A_NODE.map((fault) => [fault.family, fault.name, fault] as const))(
  "on a node: %s %s",
  async (_family, _name, fault) => {
    const { broken, repeats } = await runCase(fault, "mainnet");
    expect(broken).toEqual([]);
    expect(repeats.made).toBeGreaterThan(20);
    expect(repeats.absorbed).toBe(repeats.made);
  },
  120_000,
);

it.each([hostileScreen(1, FEW), secretsInBundle(1)].map((fault) => [fault.name, fault] as const))(
  "on a node: S8 %s",
  async (_name, fault) => {
    expect((await runCase(fault, "mainnet")).broken).toEqual([]);
  },
  120_000,
);

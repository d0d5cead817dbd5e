/** Rollouts under attack: a few of the trials in docs/concepts/rollouts.md, with their seed. */
import { expect, test } from "vitest";
import { ends, type Trial } from "./attackers.ts";

const [ROLLOUTS, SEED] = [25, 29];
const cell = (
  strategy: Trial["strategy"],
  release: Trial["release"],
  attack: Trial["attack"],
  wallets: number,
  blue: Trial["blue"] = "asked",
  more: Pick<Trial, "honest" | "standing"> = {},
): Trial => ({ strategy, release, attack, wallets, blue, ...more });

test.each([
  cell("CANARY", "good", "none", 0),
  cell("CANARY", "good", "loud", 10),
  cell("CANARY", "good", "patient", 100),
  cell("CANARY", "good", "green", 10),
  cell("CANARY", "good", "slow", 10),
])("a good release goes through: $strategy, $attack $wallets", (trial) => {
  const { through, back } = ends(trial, ROLLOUTS, SEED);
  expect(back).toBe(0);
  expect(through / ROLLOUTS).toBeGreaterThanOrEqual(0.9);
});

test.each([
  cell("CANARY", "good", "green", 10, "silent"),
  cell("INSTANT", "good", "patient", 100, "older"),
  cell("INSTANT", "good", "loud", 100, "older"),
  cell("INSTANT", "good", "unpushed", 2, "asked", { honest: 0 }),
  cell("INSTANT", "good", "cover", 100),
  cell("CANARY", "good", "flood", 1),
  cell("CANARY", "stricter", "exploit", 10),
  cell("INSTANT", "stricter", "exploit", 100),
  cell("INSTANT", "stricter", "exploit", 100, "asked", { honest: 40, standing: "after" }),
])(
  "a good release is never condemned, even if nothing can be compared: $strategy, $release, $attack $wallets",
  (trial) => {
    expect(ends(trial, ROLLOUTS, SEED).back).toBe(0);
  },
);

test.each([
  cell("CANARY", "broken", "none", 0),
  cell("INSTANT", "broken", "none", 0),
  cell("INSTANT", "flaky", "none", 0),
  cell("CANARY", "broken", "praise", 100),
  cell("CANARY", "broken", "alone", 100),
  cell("CANARY", "broken", "spoil", 10, "older"),
  cell("CANARY", "flaky", "loud", 10),
  cell("INSTANT", "late", "patient", 10),
  cell("INSTANT", "dead", "green", 100, "silent"),
  cell("INSTANT", "dead", "none", 0, "older"),
  cell("INSTANT", "broken", "cover", 100, "asked", { standing: "before" }),
  cell("INSTANT", "refusing", "cover", 100, "asked", { standing: "before" }),
  cell("INSTANT", "late", "flood", 1),
])("a bad release never gets through: $strategy, $release, $attack $wallets", (trial) => {
  const { through, back } = ends(trial, ROLLOUTS, SEED);
  expect(through).toBe(0);
  if (trial.attack === "none")
    expect(back / ROLLOUTS).toBeGreaterThanOrEqual(trial.release === "flaky" ? 0.8 : 0.9);
});
